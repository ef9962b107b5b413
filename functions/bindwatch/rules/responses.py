"""What a responder does next about what a log shows: find the grant behind a call, stop an account, put a policy back.

An entry says what a caller did, mostly not through which grant. Where an inventory is at hand the grant is named and
removed; else the command is the question that finds it, in the folder or organization too (Cloud Asset Inventory).
"""

from bindwatch.model.change import (
    AddBinding,
    Change,
    RemoveBinding,
    Run,
    SetServiceAccountEnabled,
    SetServiceAccountKeyEnabled,
    remedy,
)
from bindwatch.model.finding import Remediation
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.principal import Principal, parse_email
from bindwatch.model.resource import display, project_of_service_account, service_account_name
from bindwatch.rule import Context

_MOST = 20
_ENDS = "Whatever runs as the account fails at once. Disabling also ends the tokens that are out."


def grants_behind(
    permission: str, resource: str, project: str, principal: Principal | None, context: Context
) -> tuple[Change, ...]:
    """How to take a permission on a resource from a principal: the bindings that give it, or the search for them."""
    member = _known_to_policies(principal)
    inventory = context.inventory
    if inventory is not None and member:
        above = frozenset(inventory.ancestors(resource))
        held = tuple(
            RemoveBinding(where, binding.role, member, binding.condition)
            for where, binding in inventory.grants_of(member)
            if where in above and context.catalogue.holds(binding.role, permission)
        )
        if held:
            return held
    if not project or not permission:
        return ()
    words = ["gcloud", "asset", "analyze-iam-policy", f"--project={project}"]
    words += [f"--full-resource-name={resource}"] if resource else []
    words += [f"--identity={member}"] if member else []
    return (Run((*words, f"--permissions={permission}")),)


def credential_misused(email: str, permission: str, entry: LogEntry, context: Context) -> Remediation | None:
    """What ends somebody's use of a service account: their grant on it goes, and the account is disabled."""
    stop = account_disabled(email, entry.project)
    if not stop:
        return None
    account = service_account_name(email, entry.project)
    project = project_of_service_account(email) or entry.project
    return remedy(
        f"If nobody answers for the call: remove the grant that gives {entry.caller_name} {permission}, "
        f"and disable {email}",
        *grants_behind(permission, account, project, entry.caller, context),
        *stop,
        risk=_ENDS,
    )


def account_disabled(email: str, project: str) -> tuple[Change, ...]:
    """The change that disables a service account; none for agents of Google, which nobody but Google can disable."""
    account = parse_email(email) if "@" in email else None
    if account is None or account.is_service_agent:
        return ()
    return (SetServiceAccountEnabled(email, False, project_of_service_account(email) or project),)


def account_stopped(email: str, project: str, why: str) -> Remediation | None:
    """The remediation that disables a service account."""
    stop = account_disabled(email, project)
    return remedy(f"{why}: disable {email}", *stop, risk=_ENDS) if stop else None


def caller_stopped(entry: LogEntry, why: str) -> Remediation | None:
    """The remediation that ends the credential of the call: its key where it signed in with one, else the account.

    None for people, whose sessions end in Workspace, and for identities of pools, which others vouch for.
    """
    caller = entry.caller
    if caller is None or not caller.email:
        return None
    if entry.key_name and (key_id := entry.key_name.rpartition("/keys/")[2]):
        project = project_of_service_account(caller.email) or entry.project
        return remedy(
            f"{why}: disable the key it signed in with",
            SetServiceAccountKeyEnabled(caller.email, key_id, False, project),
            risk="Whatever uses the key fails at once. Tokens that are out last up to an hour: disabling the account"
            " ends them.",
        )
    return account_stopped(caller.email, entry.project, why) if caller.is_user_managed_service_account else None


def right_taken(permission: str, resource: str, entry: LogEntry, context: Context, why: str) -> Remediation | None:
    """The remediation that takes from the caller the grant with which it made the call."""
    steps = grants_behind(permission, resource, entry.project, entry.caller, context)
    if not steps:
        return None
    return remedy(
        f"{why}: remove the grant that gives {entry.caller_name} {permission}",
        *steps,
        risk="" if isinstance(steps[0], Run) else "What else the caller does through the grant fails, too.",
    )


def other_ways(permission: str, entry: LogEntry) -> Remediation | None:
    """The question on what else a caller that was refused has the permission; None where nobody is named."""
    member = _known_to_policies(entry.caller)
    if not member or not entry.project:
        return None
    search = ("gcloud", "asset", "analyze-iam-policy", f"--project={entry.project}", f"--identity={member}")
    return remedy(
        f"If nobody answers for the call: see where {entry.caller_name} does hold {permission}",
        Run((*search, f"--permissions={permission}")),
    )


def _known_to_policies(principal: Principal | None) -> str:
    member = principal.member if principal is not None else ""
    return member if member.startswith(("user:", "serviceAccount:", "principal:")) else ""


def policy_put_back(entry: LogEntry) -> Remediation | None:
    """The remediation that undoes what an entry changed in a policy; None where the entry does not show the change."""
    if entry.shows_whole_policy:
        return None
    resource = entry.resource
    steps: list[Change] = [
        RemoveBinding(resource, grant.role, grant.member, grant.condition) for grant in entry.grants[:_MOST]
    ]
    steps += [AddBinding(resource, grant.role, grant.member, grant.condition) for grant in entry.removed_grants[:_MOST]]
    if not steps:
        return None
    return remedy(
        f"If nobody answers for it: put the policy of {display(resource)} back as it was",
        *steps,
        risk="Whoever works through what was granted loses access at once.",
    )
