"""Rules for groups, administrators and sign-ins of Google Workspace and Cloud Identity."""

import re
from collections.abc import Iterator
from typing import Final

from bindwatch.model.change import Run, remedy
from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.model.principal import parse_email
from bindwatch.rule import Context, Match, log_rule
from bindwatch.rules.weight import weighed
from bindwatch.rules.workspace_event import MEMBERS_ADDED, WorkspaceEvent, admin, events_of, login, members_added

# The groups that Google's own setup guide has every organization make, and what people call such groups.
_NAMED_FOR_POWER: Final = re.compile(
    r"(?i)(?:^|[-_.+])(?:admin(?:istrator)?s?|owners?|root|privileged|break-?glass|superusers?|security|sre|platform)(?:[-_.+]|$)"
)


def _role_of_group(group: str, context: Context) -> str:
    """A role that lets the group's members become others or change policies, as far as the inventory tells."""
    if context.inventory is None:
        return ""
    for _, binding in context.inventory.grants_of(f"group:{group}"):
        if context.catalogue.risk(binding.role):
            return binding.role
    return ""


@log_rule(
    "privileged-group-member-added",
    Severity.MEDIUM,
    Category.THREAT,
    methods=MEMBERS_ADDED,
    techniques=["T1078.004", "T1484.001", "T1098"],
    equivalents=[
        "panther:GCP.User.Added.To.Privileged.Group",
        "csa:2.02",
        "scc:EXTERNAL_MEMBER_ADDED_TO_PRIVILEGED_GROUP",
    ],
)
def privileged_group_member_added(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody was added to a group that holds power, or to a group of another domain's.

    ## Why it matters
    Every role of the group is the new member's at once, and no IAM entry is written.

    ## What to do
    Ask who wanted it; remove the member where nobody did.

    ## Known false positives
    New colleagues. Without an inventory that shows the roles of the group, its name alone decides.

    ## Blind spots
    Groups inside groups, and memberships through a directory that is synchronized. Entries of Cloud Identity are read
    by the fields of its API, without one seen; those that name the group by its number only are not judged.
    """
    for group, member in members_added(entry):
        if not group or not member:
            continue
        role = _role_of_group(group, context)
        domain = member.rpartition("@")[2].lower()
        principal = parse_email(member)
        outside = context.is_trusted_domain(domain)
        external = outside is False or (
            outside is None and principal is not None and principal.is_consumer and domain != group.rpartition("@")[2]
        )
        named = _NAMED_FOR_POWER.search(group.partition("@")[0]) is not None
        if not role and not named and not external:
            continue
        power = f", which holds {role}" if role else ""
        severity = Severity.HIGH if external and (role or named) else Severity.MEDIUM
        yield Match(
            subject=f"{member} in {group}",
            title=f"{member}{', an outsider,' if external else ''} was added to {group}{power}",
            severity=weighed(severity, entry, context),
            confidence=Confidence.HIGH if role else Confidence.MEDIUM,
            resource_name=f"//cloudidentity.googleapis.com/groups/{group}",
            remediation=remedy(
                "Remove the member",
                Run(
                    (
                        *("gcloud", "identity", "groups", "memberships", "delete"),
                        f"--group-email={group}",
                        f"--member-email={member}",
                    ),
                    (
                        *("gcloud", "identity", "groups", "memberships", "add"),
                        f"--group-email={group}",
                        f"--member-email={member}",
                    ),
                ),
            ),
        )


_OPEN_SETTINGS: Final = re.compile(r"(?i)anyone_can_join|all_in_domain_can_join|anyone_can|public|external")


@log_rule(
    "group-opened",
    Severity.MEDIUM,
    Category.OVER_PRIVILEGE,
    methods=admin("changeGroupSetting"),
    techniques=["T1484.001"],
    equivalents=["scc:PRIVILEGED_GROUP_OPENED_TO_PUBLIC"],
)
def group_opened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A group was opened: anybody may join, or members from outside are allowed.

    ## Why it matters
    Whatever IAM roles the group holds, whoever joins has them.

    ## What to do
    Set the group back to invitation only.

    ## Known false positives
    Mailing lists: a group that holds no role and is not named for power weighs little.

    ## Blind spots
    Which roles the group holds is known with an inventory only.
    """
    for event in events_of(entry):
        group = event.text("GROUP_EMAIL")
        setting, value = event.text("SETTING_NAME"), event.text("NEW_VALUE")
        joins = "join" in setting.lower() or "external" in setting.lower()
        if not group or not joins or not (_OPEN_SETTINGS.search(value) or value.lower() == "true"):
            continue
        role = _role_of_group(group, context)
        named = _NAMED_FOR_POWER.search(group.partition("@")[0]) is not None
        severity = Severity.HIGH if role else Severity.MEDIUM if named else Severity.INFO
        yield Match(
            subject=f"{group}: {setting}",
            title=f"{setting} of {group} is now {value}" + (f"; the group holds {role}" if role else ""),
            severity=weighed(severity, entry, context),
            resource_name=f"//cloudidentity.googleapis.com/groups/{group}",
        )


@log_rule(
    "domain-wide-delegation-granted",
    Severity.HIGH,
    Category.THREAT,
    methods=admin("authorizeApiClientAccess"),
    techniques=["T1098", "T1550.001"],
    equivalents=["sigma:gcp_gworkspace_granted_domain_api_access"],
)
def domain_wide_delegation_granted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An API client was allowed to act as every user of the domain.

    ## Why it matters
    Whoever can sign as the service account behind the client reads every mailbox and every file the scopes cover, and
    with the scope of Cloud Platform acts in Google Cloud as any administrator.

    ## What to do
    Remove the client in the Admin console under API controls, unless its owner is known and its scopes are few.

    ## Known false positives
    Backup and archiving products.

    ## Blind spots
    The client is a number: whose service account it is, the inventory tells by its OAuth client id.
    """
    for event in events_of(entry):
        client = event.text("API_CLIENT_NAME") or event.text("CLIENT_ID") or "an API client"
        scopes = event.text("API_SCOPES") or event.text("SCOPES")
        wide = "cloud-platform" in scopes or "https://mail.google.com" in scopes or "admin.directory" in scopes
        yield Match(
            subject=f"client {client}",
            title=f"{client} may act as every user" + (f", for {scopes[:160]}" if scopes else ""),
            severity=weighed(Severity.CRITICAL if wide else Severity.HIGH, entry, context),
        )


_ADMIN_GRANTS: Final = {
    "GRANT_ADMIN_PRIVILEGE": ("was made a super administrator", Severity.HIGH),
    "GRANT_DELEGATED_ADMIN_PRIVILEGES": ("was given delegated administrator privileges", Severity.MEDIUM),
    "ASSIGN_ROLE": ("was given an administrator role", Severity.MEDIUM),
}


@log_rule(
    "workspace-administrator-added",
    Severity.HIGH,
    Category.THREAT,
    methods=admin("grantAdminPrivilege", "grantDelegatedAdminPrivileges", "assignRole"),
    techniques=["T1098", "T1098.003"],
    equivalents=["sigma:gcp_gworkspace_user_granted_admin_privileges"],
)
def workspace_administrator_added(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Somebody became an administrator of the Workspace domain.

    ## Why it matters
    A super administrator can make themselves organization administrator of Google Cloud, reset anybody's password and
    join any group.

    ## What to do
    Ask a second administrator. Super administrators should be few, used rarely, and have keys for the second step.

    ## Known false positives
    New administrators.

    ## Blind spots
    Only events that Workspace shares with Google Cloud are seen.
    """
    for event in events_of(entry):
        what = _ADMIN_GRANTS.get(event.name)
        if what is None:
            continue
        text, severity = what
        user, role = event.text("USER_EMAIL"), event.text("ROLE_NAME")
        if role in ("_SEED_ADMIN_ROLE", "_GROUPS_ADMIN_ROLE", "_USER_MANAGEMENT_ADMIN_ROLE"):
            severity = Severity.HIGH
        yield Match(
            subject=f"{user or 'a user'}: {role or event.name}",
            title=f"{user or 'A user'} {text}" + (f": {role}" if role else ""),
            severity=weighed(severity, entry, context),
        )


@log_rule(
    "workspace-role-changed",
    Severity.LOW,
    Category.THREAT,
    methods=admin("createRole", "deleteRole", "renameRole", "updateRole", "addPrivilege", "removePrivilege"),
    techniques=["T1098", "T1531"],
    equivalents=["sigma:gcp_gworkspace_role_modified_or_deleted", "sigma:gcp_gworkspace_role_privilege_deleted"],
)
def workspace_role_changed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """An administrator role of the Workspace domain was changed.

    ## Why it matters
    A privilege added to a role reaches everybody who has it.

    ## What to do
    Compare the role with what its holders need.

    ## Known false positives
    Ordinary administration: a privilege that is added weighs more than one taken away.

    ## Blind spots
    Only events that Workspace shares with Google Cloud are seen.
    """
    for event in events_of(entry):
        role, privilege = event.text("ROLE_NAME"), event.text("PRIVILEGE_NAME")
        yield Match(
            subject=f"{event.name} {role} {privilege}".rstrip(),
            title=f"The administrator role {role} was changed: {event.name}" + (f" {privilege}" if privilege else ""),
            severity=weighed(Severity.MEDIUM if event.name == "ADD_PRIVILEGE" else Severity.LOW, entry, context),
        )


@log_rule(
    "second-factor-weakened",
    Severity.MEDIUM,
    Category.THREAT,
    methods=(
        *admin(
            "enforceStrongAuthentication",
            "allowStrongAuthentication",
            "changeAllowedTwoStepVerificationMethods",
            "turnOff2StepVerification",
            "unenrollUserFromStrongAuth",
        ),
        *login("2svDisable", "titaniumUnenroll"),
    ),
    techniques=["T1556.006", "T1098"],
    equivalents=[
        "sigma:gcp_gworkspace_mfa_disabled",
        "scc:ENFORCE_STRONG_AUTHENTICATION",
        "scc:2SV_DISABLE",
        "splunk:gcp_multi_factor_authentication_disabled",
    ],
)
def second_factor_weakened(entry: LogEntry, context: Context) -> Iterator[Match]:
    """Two-step verification was switched off, for a user or for the domain.

    ## Why it matters
    A password is all that is left between an account and whoever has read it somewhere.

    ## What to do
    Enforce it again, and look at sign-ins since.

    ## Known false positives
    Users who replace a lost phone: a single user weighs less than the domain.

    ## Blind spots
    A second factor of another identity provider is not seen here.
    """
    for event in events_of(entry):
        value = (event.text("NEW_VALUE") or "false").lower()
        if event.name in ("ENFORCE_STRONG_AUTHENTICATION", "ALLOW_STRONG_AUTHENTICATION") and value in ("true", "on"):
            continue
        user = event.text("USER_EMAIL")
        domain_wide = event.name.startswith(("ENFORCE", "ALLOW", "CHANGE"))
        where = user or event.text("ORG_UNIT_NAME") or ("the domain" if domain_wide else entry.caller_name)
        yield Match(
            subject=f"{event.name}: {where}",
            title=f"Two-step verification was weakened for {where}",
            severity=weighed(Severity.HIGH if domain_wide else Severity.LOW, entry, context),
        )


_WARNINGS: Final = {
    "SUSPICIOUS_LOGIN": ("signed in in a way Google finds suspicious", Severity.MEDIUM),
    "SUSPICIOUS_LOGIN_LESS_SECURE_APP": ("signed in suspiciously with a less secure app", Severity.MEDIUM),
    "SUSPICIOUS_PROGRAMMATIC_LOGIN": ("signed in suspiciously from a program", Severity.MEDIUM),
    "GOV_ATTACK_WARNING": ("is attacked by a government, says Google", Severity.HIGH),
    "ACCOUNT_DISABLED_HIJACKED": ("was disabled by Google: the account is in other hands", Severity.HIGH),
    "ACCOUNT_DISABLED_PASSWORD_LEAK": ("was disabled by Google: the password has leaked", Severity.HIGH),
    "ACCOUNT_DISABLED_GENERIC": ("was disabled by Google", Severity.MEDIUM),
    "ACCOUNT_DISABLED_SPAMMING": ("was disabled by Google for sending spam", Severity.MEDIUM),
    "ACCOUNT_DISABLED_SPAMMING_THROUGH_RELAY": ("was disabled by Google for sending spam", Severity.MEDIUM),
}


@log_rule(
    "suspicious-sign-in",
    Severity.MEDIUM,
    Category.THREAT,
    methods=login(
        "loginSuccess",
        "suspiciousLogin",
        "suspiciousLoginLessSecureApp",
        "suspiciousProgrammaticLogin",
        "govAttackWarning",
        "accountDisabledHijacked",
        "accountDisabledPasswordLeak",
        "accountDisabledGeneric",
        "accountDisabledSpamming",
        "accountDisabledSpammingThroughRelay",
    ),
    techniques=["T1078.004"],
    equivalents=[
        "sigma:gcp_gworkspace_suspicious_login",
        "sigma:gcp_gworkspace_govattack",
        "csa:1.01",
        "scc:SUSPICIOUS_LOGIN",
        "scc:GOV_ATTACK_WARNING",
        "scc:ACCOUNT_DISABLED_HIJACKED",
        "scc:ACCOUNT_DISABLED_PASSWORD_LEAK",
    ],
)
def suspicious_sign_in(entry: LogEntry, _context: Context) -> Iterator[Match]:
    """Google marked a sign-in, or an account, as suspicious.

    ## Why it matters
    Google compares the sign-in with the habits of the account and with what it knows of the address.

    ## What to do
    Ask the person. Sign the account out everywhere, and look at what it did in Google Cloud since.

    ## Known false positives
    Travel and new devices.

    ## Blind spots
    Entries of sign-ins arrive about an hour and a half late.
    """
    for event in events_of(entry):
        text, severity = _WARNINGS.get(event.name, ("", Severity.MEDIUM))
        if event.name == "LOGIN_SUCCESS" and event.text("is_suspicious") == "true":
            text = "signed in in a way Google finds suspicious"
        if not text:
            continue
        who = event.text("affected_email_address") or entry.caller_name
        yield Match(subject=f"{who}: {event.name}", title=f"{who} {text}", principal=who, severity=severity)


_WEAK: Final = frozenset({"password", "none", ""})


@log_rule(
    "sign-in-without-second-factor",
    Severity.INFO,
    Category.HYGIENE,
    methods=login("loginSuccess"),
    techniques=["T1078.004"],
    equivalents=["splunk:gcp_successful_single_factor_authentication"],
)
def sign_in_without_second_factor(entry: LogEntry, _context: Context) -> Iterator[Match]:
    """Somebody signed in with a password alone.

    ## Why it matters
    What one leaked password opens.

    ## What to do
    Enforce two-step verification for everybody who has a role in Google Cloud.

    ## Known false positives
    Google may skip the second step on a device it knows. Hence INFO.

    ## Blind spots
    Sign-ins through another identity provider show as such, whatever it asked for.
    """
    for event in events_of(entry):
        if event.name != "LOGIN_SUCCESS" or event.text("login_type") != "google_password":
            continue
        if _WEAK.issuperset(event.texts("login_challenge_method")):
            yield Match(subject=f"{entry.caller_name}", title=f"{entry.caller_name} signed in with a password alone")


def _failure(event: WorkspaceEvent) -> str:
    methods = [name for name in event.texts("login_challenge_method") if name not in _WEAK]
    return f"at the second step ({', '.join(dict.fromkeys(methods))})" if methods else "at the password"


@log_rule(
    "sign-in-failed",
    Severity.INFO,
    Category.THREAT,
    methods=login("loginFailure", "loginChallenge"),
    techniques=["T1110"],
    equivalents=["splunk:gcp_authentication_failed_during_mfa_challenge"],
)
def sign_in_failed(entry: LogEntry, _context: Context) -> Iterator[Match]:
    """Somebody failed to sign in; at the second step, they knew the password.

    ## Why it matters
    A failure at the second step means that the password is right and in somebody's hands.

    ## What to do
    Ask the person; where it was not them, change the password.

    ## Known false positives
    Everybody mistypes: failures at the password are counted by the window rules, not shown one by one.

    ## Blind spots
    Entries of sign-ins arrive about an hour and a half late.
    """
    for event in events_of(entry):
        if event.name != "LOGIN_FAILURE":
            continue
        where = _failure(event)
        if where != "at the password":
            yield Match(
                subject=f"{entry.caller_name}",
                title=f"{entry.caller_name} failed to sign in {where}",
                severity=Severity.LOW,
            )


RULES: Final = (
    privileged_group_member_added,
    group_opened,
    domain_wide_delegation_granted,
    workspace_administrator_added,
    workspace_role_changed,
    second_factor_weakened,
    suspicious_sign_in,
    sign_in_without_second_factor,
    sign_in_failed,
)
