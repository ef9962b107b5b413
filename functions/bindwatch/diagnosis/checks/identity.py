"""The annotation of the Kubernetes service account, and the Google service account it names."""

from datetime import timedelta

from bindwatch.diagnosis.access import workload_access
from bindwatch.diagnosis.binding import WORKLOAD_IDENTITY_USER, binding_of
from bindwatch.diagnosis.case import MINT, Case
from bindwatch.diagnosis.near_miss import distance
from bindwatch.diagnosis.outcome import Clear, Evidence, Fix, Outcome, Unknown, asset, entry, found
from bindwatch.diagnosis.traces import AccountDeed, Refusal
from bindwatch.inventory import Part
from bindwatch.inventory.workloads import GSA_ANNOTATION, RETURN_PRINCIPAL_ANNOTATION
from bindwatch.model.change import (
    AddBinding,
    AnnotateKubernetesServiceAccount,
    Change,
    CreateServiceAccount,
    RemoveBinding,
    SetServiceAccountEnabled,
    UndeleteServiceAccount,
)
from bindwatch.model.resource import display, project_name, project_of_service_account

_RESTORABLE = timedelta(days=30)


def _annotate(case: Case, value: str, annotation: str = GSA_ANNOTATION) -> AnnotateKubernetesServiceAccount:
    previous = case.account.annotation(annotation) if case.account is not None else ""
    return AnnotateKubernetesServiceAccount(
        case.namespace, case.name, annotation, value, previous=previous, context=case.context
    )


def annotation_missing(case: Case) -> Outcome:
    """An account trusts the workload, which is not annotated to use it: calls are made as the workload itself."""
    if case.is_fleet:
        return None
    if case.account is None:
        if case.seen(Part.KUBERNETES_SERVICE_ACCOUNTS, case.scope):
            return None
        return Unknown(case.needs(Part.KUBERNETES_SERVICE_ACCOUNTS))
    if case.annotation:
        return Clear(f"it is annotated with {case.annotation}")
    if not case.email and not case.trusting:
        if not case.seen(Part.POLICIES):
            return Unknown("policies of the service accounts that may trust it")
        return Clear("no account trusts it, so it needs no annotation")
    if case.direct_grants:
        return Clear("it has direct grants, which need no annotation")
    if any(case.traces.succeeded(case.principal.identity, email) for email in case.trusting):
        return Clear("it mints tokens of the account by itself")
    email = case.trusting[0] if case.trusting else case.email
    evidence = [asset(f"{case.title} has no annotation {GSA_ANNOTATION}", case.account.resource)]
    what = "trusts it" if case.trusting else "names it in its policy, with a role that does not let it mint"
    evidence.append(asset(f"{email} {what}", case.inventory.service_account_name(email)))
    evidence += [entry("it was refused as itself", item.ref) for item in case.refusals[:1]]
    return found(
        tuple(evidence),
        Fix(f"Annotate {case.title} with {email}, and restart its pods", (_annotate(case, email),)),
    )


def annotation_shadows(case: Case) -> Outcome:
    """The grants are direct, and a leftover annotation makes every call go through an account."""
    if case.is_fleet:
        return None
    if case.account is None:
        return _without_account(case)
    if not case.annotation:
        return Clear("it is not annotated")
    if not case.direct_grants:
        if not case.seen(Part.POLICIES):
            return Unknown("policies of the resources it uses")
        return Clear("it has no direct grants")
    judgement = binding_of(case)
    works = judgement is not None and not judgement.cause and not judgement.needs
    if works and (case.inventory.grants_of(f"serviceAccount:{case.email}") or not _wants_what_only_it_has(case)):
        return Clear(f"it acts as {case.email} as the annotation says")
    if judgement is not None and judgement.needs and not case.mint_refusals:
        return Unknown(judgement.needs)
    if judgement is not None and judgement.cause and judgement.cause != "binding-missing":
        # Somebody meant to bind it: then the binding is what is broken.
        return Clear(f"a binding on {case.email} was meant for it")
    grant = case.direct_grants[0]
    return found(
        (
            asset(f"{case.title} is annotated with {case.annotation}", case.account.resource),
            asset(f"{grant.member} has {grant.binding.role} on {display(grant.resource)}", grant.resource),
        ),
        Fix("Remove the annotation, so that calls are made as the workload itself", (_annotate(case, ""),)),
    )


def _without_account(case: Case) -> Outcome:
    """What to say where the Kubernetes service account was not seen: it is not there, or nobody looked."""
    seen = case.seen(Part.KUBERNETES_SERVICE_ACCOUNTS, case.scope)
    return None if seen else Unknown(case.needs(Part.KUBERNETES_SERVICE_ACCOUNTS))


def _wants_what_only_it_has(case: Case) -> bool:
    if not case.targets:
        return True
    target = case.targets[0]
    return bool(target.resource) and bool(
        workload_access(case, target.permission or MINT, target.resource, target.named).held
    )


def email_endpoint(case: Case) -> Outcome:
    """The client asks the metadata server for an e-mail and gets the name of the pool."""
    if case.is_fleet:
        return None
    if case.account is None:
        return _without_account(case)
    if case.account.annotation(RETURN_PRINCIPAL_ANNOTATION) == "true":
        return Clear(f"{RETURN_PRINCIPAL_ANNOTATION} is set")
    if case.annotation:
        return Clear("it acts as an account, which has an e-mail")
    text, told = case.said("account-of-pool")
    if text is None and not told:
        return (
            Unknown("logs of its containers") if not case.traces.other_entries else Clear("no such error in the logs")
        )
    evidence = [asset(f"{case.title} lacks {RETURN_PRINCIPAL_ANNOTATION}", case.account.resource)]
    if text is not None:
        evidence.append(entry("a client took the pool's name for an e-mail", text.ref))
    return found(
        tuple(evidence),
        Fix(
            "Let the metadata server answer with the principal",
            (_annotate(case, "true", RETURN_PRINCIPAL_ANNOTATION),),
            risk="Kafka's PLAIN mechanism and signed URLs need a real account all the same: impersonate one for those.",
        ),
    )


# ---- the account ----------------------------------------------------------------------------------------------------


def _deeds(case: Case) -> AccountDeed | None:
    """What was last done to the account's existence."""
    deeds = [item for item in case.traces.deeds_of(case.email) if item.deed in ("created", "deleted", "restored")]
    return deeds[-1] if deeds else None


def _listed(case: Case) -> bool:
    """Whether the accounts of the account's project were all seen."""
    project = case.account_project or project_of_service_account(case.email)
    return bool(project) and bool(case.seen(Part.SERVICE_ACCOUNTS, project_name(project)))


def _old_uids(case: Case) -> list[str]:
    grants = case.inputs.grants.deleted_grants.get(case.email, ())
    return list(dict.fromkeys(principal.uid for _, _, principal in grants if principal.uid))


def _unknown_mints(case: Case) -> list[Refusal]:
    """Its attempts to get a token that failed because Google knew no such account."""
    return [
        item
        for item in case.refusals
        if item.is_mint
        and item.target in ("", case.email)
        and (item.code == 5 or item.symptoms & {"no-such-account", "gsa-unknown", "gsa-gone"})
    ]


def _refused_as_unknown(case: Case) -> list[Evidence]:
    return [
        entry(f"the token service did not know {case.email} at {item.last:%F %T} UTC", item.ref)
        for item in _unknown_mints(case)
    ] + [
        entry(f"the log of {item.pod or 'a container'} says that Google knows no {case.email}", item.ref)
        for item in case.texts
        if item.symptom == "no-such-account"
        and case.email in item.about.split()
        and (case.minted is None or case.minted <= item.last)
    ]  # fmt: skip


def account_deleted(case: Case) -> Outcome:
    """The account was deleted: its entry, or the `deleted:` members it left, show it."""
    if not case.impersonates:
        return Unknown(case.account_unknown) if case.account_unknown else None
    account = case.google_account
    deed = _deeds(case)
    # What is listed counts, unless Google has said since the deletion that it knows no such account.
    lately = deed is not None and deed.deed == "deleted" and any(item.last > deed.time for item in _unknown_mints(case))
    if account is not None and not lately:
        return Clear(f"{case.email} exists")
    old = _old_uids(case)
    evidence: list[Evidence] = []
    if deed is not None and deed.deed == "deleted":
        evidence.append(entry(f"{deed.actor} deleted {case.email} at {deed.time:%F %T} UTC", deed.ref))
    elif not _listed(case):
        unknown = Unknown(
            f"service accounts of project {case.account_project or project_of_service_account(case.email)}"
        )
        # What is left on `deleted:` members tells of the deletion, unless its tokens were minted all the same.
        if not old or case.traces.succeeded(case.principal.identity, case.email):
            return unknown
    if old:
        resource, binding, principal = case.inputs.grants.deleted_grants[case.email][0]
        evidence.append(asset(f"{principal.member} still has {binding.role} on {display(resource)}", resource))
    if not evidence:
        return Clear("nothing shows that it ever existed and was deleted")
    uid = (deed.unique_id if deed is not None else "") or (old[-1] if old else "")
    too_late = deed is not None and case.as_of - deed.time > _RESTORABLE
    if uid and not too_late:
        fix = Fix(
            f"Restore {case.email}: possible for 30 days, its grants come back with it",
            (UndeleteServiceAccount(uid, case.email, case.account_project),),
        )
    else:
        fix = Fix(
            f"Create {case.email} anew and grant it what it had",
            (*_creation(case), *_regrants(case)),
            risk="Bindings that were purged with it must be found and granted again.",
        )
    return found((*evidence, *_refused_as_unknown(case)[:1]), fix)


def _creation(case: Case) -> tuple[Change, ...]:
    resource = case.account_resource
    return (
        CreateServiceAccount(case.email, case.account_project),
        AddBinding(resource, WORKLOAD_IDENTITY_USER, case.member),
    )


def _regrants(case: Case) -> tuple[Change, ...]:
    changes: list[Change] = []
    for resource, binding, principal in case.inputs.grants.deleted_grants.get(case.email, ()):
        changes.append(AddBinding(resource, binding.role, f"serviceAccount:{case.email}", binding.condition))
        changes.append(RemoveBinding(resource, binding.role, principal.member, binding.condition))
    return tuple(changes)


def account_not_found(case: Case) -> Outcome:
    """The annotation names an account that does not exist: mostly a slip of the pen."""
    if not case.impersonates:
        return Unknown(case.account_unknown) if case.account_unknown else None
    if case.google_account is not None:
        if case.account is None and not case.is_fleet and (unseen := _without_account(case)) is not None:
            return unseen
        return Clear(f"{case.email} exists")
    refused = _refused_as_unknown(case)
    deed = _deeds(case)
    gone = _old_uids(case) or (deed is not None and deed.deed == "deleted")
    if deed is not None and deed.deed != "deleted" and not refused:
        return Clear(f"{deed.actor} made {case.email}")
    project = case.account_project or project_of_service_account(case.email)
    misspelt = [email for email in case.trusting if 0 < distance(email, case.email) <= 3]
    if "@" in case.email and project and not _listed(case) and not refused and not misspelt:
        return Unknown(f"service accounts of project {project}")
    if gone:
        return Clear("it did exist: see gsa-deleted")
    near = _nearest(case)
    shown = case.account.resource if case.account is not None else case.account_resource
    evidence = (asset(f"{case.title} is annotated with {case.annotation or case.email}, which does not exist", shown),)
    if case.is_fleet and case.credential_configurations:
        config = case.credential_configurations[0]
        what = f"the credential configuration {config.name} names {case.email}, which does not exist"
        evidence = (asset(what, config.resource),)
        fix = Fix(
            f"Name {near or 'an account that exists'} in ConfigMap {config.namespace}/{config.name}, and restart the"
            " pods",
            outside='the account stands in its "service_account_impersonation_url"',
        )
    elif near:
        fix = Fix(f"Annotate {case.title} with {near}, and restart its pods", (_annotate(case, near),))
    elif not project or "@" not in case.email:
        fix = Fix(
            "Annotate it with the full e-mail of a service account: NAME@PROJECT.iam.gserviceaccount.com",
            outside="which account was meant, the input does not tell",
        )
    else:
        fix = Fix(f"Create {case.email} and let {case.title} act as it", _creation(case))
    return found((*evidence, *refused[:1]), fix)


def _nearest(case: Case) -> str:
    """The account that was probably meant: one that trusts the workload, else one with nearly the same e-mail."""
    name, _, domain = case.email.strip("\"' ").partition("@")
    if others := [email for email in case.trusting if email != case.email]:
        return min(others, key=lambda item: distance(item, case.email))
    candidates = [
        account.email
        for account in case.inventory.service_accounts_of(case.account_project)
        if distance(account.email.partition("@")[0], name) <= 2 or account.email == case.email.strip("\"' ")
    ]
    if not candidates and domain:
        candidates = [
            email
            for email in _accounts_named(case, name)
            if distance(email.partition("@")[2].removesuffix(".iam.gserviceaccount.com"),
                        domain.removesuffix(".iam.gserviceaccount.com")) <= 3
        ]  # fmt: skip
    return candidates[0] if len(candidates) == 1 else ""


def _accounts_named(case: Case, name: str) -> list[str]:
    from bindwatch.inventory.identities import ServiceAccount

    index: dict[str, list[str]] = case.inputs.of_clusters.setdefault(("emails", ""), {})
    if not index:
        for account in case.inventory.all(ServiceAccount):
            index.setdefault(account.email.partition("@")[0], []).append(account.email)
    return index.get(name, [])


def account_disabled(case: Case) -> Outcome:
    """The account is disabled; that rejects the tokens it already has, too."""
    if not case.impersonates:
        return Unknown(case.account_unknown) if case.account_unknown else None
    account = case.google_account
    deeds = [item for item in case.traces.deeds_of(case.email) if item.deed in ("disabled", "enabled", "created")]
    last = deeds[-1] if deeds else None
    refused = [item for item in case.refusals if "gsa-disabled" in item.symptoms]
    evidence: list[Evidence] = []
    if account is not None and account.disabled:
        evidence.append(asset(f"{case.email} is disabled", account.name))
    if last is not None and last.deed == "disabled" and (account is None or account.disabled is not False):
        evidence.append(entry(f"{last.actor} disabled it at {last.time:%F %T} UTC", last.ref))
    if not evidence and refused and (account is None or account.disabled is None):
        evidence.append(entry("a call was refused because the account is disabled", refused[0].ref))
    if evidence:
        return found(
            tuple(evidence),
            Fix(
                f"Enable {case.email}",
                (SetServiceAccountEnabled(case.email, enabled=True, project=case.account_project),),
                risk="Find out first who disabled it and why.",
            ),
        )
    if account is None or account.disabled is None:
        return Unknown(f"whether {case.email} is enabled") if account is not None or not _listed(case) else None
    return Clear(f"{case.email} is enabled")


def account_recreated(case: Case) -> Outcome:
    """The e-mail was given to a new account: what the old one was granted is not the new one's."""
    if not case.impersonates:
        return Unknown(case.account_unknown) if case.account_unknown else None
    account = case.google_account
    if account is None:
        return None if _listed(case) else Unknown(f"service accounts of project {case.account_project}")
    old = [
        (resource, binding, principal)
        for resource, binding, principal in case.inputs.grants.deleted_grants.get(case.email, ())
        if principal.uid != account.unique_id and not _has_again(case, resource, binding.role)
    ]
    if not old:
        if not case.seen(Part.POLICIES):
            return Unknown("policies that may name an earlier account of this e-mail")
        return Clear("no grant is left on an earlier account of this e-mail")
    resource, binding, principal = old[0]
    changes: list[Change] = []
    for where, was, former in old:
        changes.append(AddBinding(where, was.role, f"serviceAccount:{case.email}", was.condition))
        changes.append(RemoveBinding(where, was.role, former.member, was.condition))
    judgement = binding_of(case)
    if judgement is not None and judgement.cause == "binding-missing":
        changes.append(AddBinding(case.account_resource, WORKLOAD_IDENTITY_USER, case.member))
    return found(
        (
            asset(f"{principal.member} has {binding.role} on {display(resource)}", resource),
            asset(
                f"the account of this e-mail now has the unique id {account.unique_id or 'of another'}", account.name
            ),
        ),
        Fix(
            f"Grant the new {case.email} what the old one had, and drop the grants of the old one",
            tuple(changes),
            risk="Make sure that the new account is meant to have all that the old one had.",
        ),
        explains=("binding-missing", "target-role-missing"),
    )


def _has_again(case: Case, resource: str, role: str) -> bool:
    return any(
        where == resource and binding.role == role
        for where, binding in case.inventory.grants_of(f"serviceAccount:{case.email}")
    )
