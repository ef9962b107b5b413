"""The grants: the binding on the account, the grants on the target, and what takes them away again."""

from bindwatch.access.conditions import evaluate
from bindwatch.diagnosis.access import account_access, circumstances, unseen_policies
from bindwatch.diagnosis.binding import SPREADING, Judgement, binding_of, cause_of, misses, spreading
from bindwatch.diagnosis.boundary import boundary_check
from bindwatch.diagnosis.case import MINT, Case
from bindwatch.diagnosis.federated_services import (
    LISTS_ON_BUCKET,
    limitation,
    limited_method,
    limited_permission,
    limited_role,
)
from bindwatch.diagnosis.near_miss import distance
from bindwatch.diagnosis.outcome import Clear, Evidence, Fix, Outcome, Unknown, asset, entry, found
from bindwatch.diagnosis.target import target_of
from bindwatch.diagnosis.traces import RefusedChange
from bindwatch.inventory import Part
from bindwatch.inventory.hierarchy import DenyPolicy, DenyRule, EnabledService
from bindwatch.inventory.resources import Bucket
from bindwatch.inventory.workloads import GSA_ANNOTATION
from bindwatch.model.change import (
    AddBinding,
    AnnotateKubernetesServiceAccount,
    Change,
    CreateServiceAccount,
    EnableService,
)
from bindwatch.model.cloud_change import ExceptFromDenyPolicy, RelaxOrgPolicy, SetUniformAccess
from bindwatch.model.principal import Principal, PrincipalKind, parse_member
from bindwatch.model.resource import display, path_of, project_name, service_of

CREDENTIALS_API = "iamcredentials.googleapis.com"
TOKEN_CREATOR = "roles/iam.serviceAccountTokenCreator"  # noqa: S105 - a role
_SHORTEST_ID = 6
_MINT_DENIED = "iam.googleapis.com/serviceAccounts.getAccessToken"


def of_binding(case: Case, cause: str) -> Outcome:
    """What the judgement of the binding, or else of the target, says of one cause."""
    judgement = binding_of(case)
    answer = _answer(judgement, cause)
    if isinstance(answer, Clear) or judgement is None:
        second = _answer(_target(case), cause)
        if second is not None and not (isinstance(second, Unknown) and isinstance(answer, Clear)):
            return second
    return answer


def _target(case: Case) -> Judgement | None:
    return target_of(case) if case.targets or not case.impersonates or case.traces.changes else None


def _answer(judgement: Judgement | None, cause: str) -> Outcome:
    if judgement is None:
        return None
    if judgement.cause == cause:
        return judgement.found
    if judgement.cause:
        return Clear(f"what is wrong with the grant is another thing: {judgement.cause}", vacuous=True)
    if judgement.needs:
        return Unknown(judgement.needs)
    return Clear(judgement.reason)


def fleet_pool_of_binding(case: Case) -> Outcome:
    """The binding names the cluster's own pool where the fleet's counts, or the reverse."""
    for judgement in (binding_of(case), target_of(case) if not case.impersonates else None):
        if judgement is not None and judgement.cause == "fleet-pool-mismatch":
            return judgement.found
    return None


def propagation(case: Case) -> Outcome:
    """The last change that the workload needs is younger than ten minutes."""
    for judgement in (binding_of(case), _target(case)):
        if judgement is not None and judgement.cause == "propagation-delay":
            return judgement.found
    for deed in case.traces.deeds_of(case.email) if case.email else ():
        if deed.deed in ("created", "enabled", "restored") and 0 <= (case.as_of - deed.time).total_seconds() < (
            SPREADING.total_seconds()
        ):
            return spreading(case, deed.time, entry(f"{deed.actor} {deed.deed} {case.email}", deed.ref))
    for change in case.traces.service_deeds:
        young = 0 <= (case.as_of - change.time).total_seconds() < SPREADING.total_seconds()
        if change.enabled and change.service == CREDENTIALS_API and young and change.project in _api_projects(case):
            return spreading(case, change.time, entry(f"{change.actor} enabled {change.service}", change.ref))
    if not case.traces and not case.seen(Part.POLICIES):
        return Unknown("policies with their age, or Admin Activity entries of the last ten minutes")
    return Clear("no change it needs is younger than ten minutes")


def of_target(case: Case, cause: str) -> Outcome:
    """What the judgement of the target says of one cause."""
    if cause == "direct-grant-missing" and case.impersonates:
        return None
    return _answer(_target(case) or Judgement(needs="the permission and the resource that are refused to it"), cause)


def project_number(case: Case) -> Outcome:
    """The direct grant has the number of another project, or its id."""
    outcome = of_binding(case, "project-number-wrong")
    told = any(grant.principal.project_number for grant in case.direct_grants)
    if isinstance(outcome, Clear) and not outcome.vacuous and told and not case.pool_number:
        return Unknown(f"the number of project {case.pool_project}")
    return outcome


def target_role(case: Case) -> Outcome:
    """The final identity lacks a permission on the target."""
    return of_target(case, "target-role-missing")


def federated_token_rejected(case: Case) -> Outcome:
    """The service takes no federated tokens: it needs a service account to be impersonated."""
    if case.impersonates:
        return Clear(f"it acts as {case.email}, whose tokens every service takes")
    services = {service_of(target.resource) for target in case.targets if target.resource}
    refusals = [
        item
        for item in case.refusals
        if ("federated-rejected" in item.symptoms or item.code == 16)
        # What was accepted before is accepted: then it is the token that got old.
        and not case.traces.succeeded(case.principal.identity, "sts.googleapis.com")
    ]
    services |= {item.service for item in refusals}
    text, told = case.said("federated-rejected")
    for grant in case.direct_grants:
        services.add(service_of(grant.resource))
    evidence: list[Evidence] = [asset(reason, case.pool_name) for reason in _limitations(case, services)]
    listed = [
        name
        for name in _buckets(case)
        if (bucket := case.inventory.named(name, Bucket)) and bucket.uniform_access is False
    ]
    if listed:
        evidence.append(asset(f"{display(listed[0])} has access control lists: {LISTS_ON_BUCKET}", listed[0]))
    if refusals:
        evidence.append(entry(f"{refusals[0].service} did not accept its token", refusals[0].ref))
    if text is not None:
        evidence.append(entry("a service did not accept its token", text.ref))
    if told:
        evidence.append(Evidence("the error text says that the service did not accept the token"))
    if not evidence:
        if not services and not case.traces.other_entries:
            return Unknown("the service it calls, or logs of its containers")
        unsure = [name for name in _buckets(case) if _has_lists(case, name) is None]
        if unsure:
            return Unknown(f"whether {display(unsure[0])} has uniform bucket-level access")
        return Clear("no service it uses is known to refuse federated tokens")
    if listed and len(evidence) == 1:
        fix = Fix(
            f"Turn on uniform bucket-level access for {display(listed[0])}",
            tuple(SetUniformAccess(name.rpartition("/")[2]) for name in listed),
            risk="Access that was given by access control lists of objects ends.",
        )
        return found(tuple(evidence), fix)
    return found(tuple(evidence), _impersonate_instead(case))


def _limitations(case: Case, services: set[str]) -> list[str]:
    """The documented limits that what the workload uses runs into."""
    reasons = [limitation(service, fleet=case.is_fleet) for service in sorted(services)]
    reasons += [limited_role(grant.binding.role) for grant in case.direct_grants]
    reasons += [limited_permission(target.permission) for target in case.targets]
    reasons += [limited_method(item.method) for item in case.refusals if item.code in (7, 16)]
    return [reason for reason in dict.fromkeys(reasons) if reason]


def _buckets(case: Case) -> list[str]:
    names = [target.resource for target in case.targets] + [grant.resource for grant in case.direct_grants]
    return [name for name in dict.fromkeys(names) if service_of(name) == "storage.googleapis.com"]


def _has_lists(case: Case, name: str) -> bool | None:
    bucket = case.inventory.named(name, Bucket)
    return None if bucket is None or bucket.uniform_access is None else not bucket.uniform_access


def _impersonate_instead(case: Case) -> Fix:
    if case.trusting:
        email = case.trusting[0]
        changes: tuple[Change, ...] = ()
    else:
        email = _free_email(case)
        resource = case.inventory.service_account_name(email)
        changes = (
            CreateServiceAccount(email, case.pool_project),
            AddBinding(resource, "roles/iam.workloadIdentityUser", case.member),
        )
    grants = tuple(
        AddBinding(grant.resource, grant.binding.role, f"serviceAccount:{email}", grant.binding.condition)
        for grant in case.direct_grants
    )
    annotate = AnnotateKubernetesServiceAccount(case.namespace, case.name, GSA_ANNOTATION, email, context=case.context)
    return Fix("Impersonate a service account for this service", (*changes, *grants, annotate))


def _free_email(case: Case) -> str:
    """An account for the workload that is not there yet; ids begin with a letter and have 6 to 30 signs."""
    name = case.name.replace(".", "-")
    name = name if name[0].isalpha() else f"wi-{name}"
    name = name if len(name) >= _SHORTEST_ID else f"{name}-workload"
    ids = (name, f"{case.namespace}-{name}", *(f"{name[:24]}-wi{number}" for number in range(1, 9)))
    emails = [f"{one[:30].rstrip('-')}@{case.pool_project}.iam.gserviceaccount.com" for one in ids]
    return next((email for email in emails if case.inventory.service_account(email) is None), emails[-1])


def delegation(case: Case) -> Outcome:
    """The account may not mint tokens for the next one of its chain."""
    if not case.impersonates:
        return Unknown(case.account_unknown) if case.account_unknown else None
    for target in _next_accounts(case):
        email, evidence = target
        resource = case.inventory.service_account_name(email)
        access = account_access(case, case.email, MINT, resource)
        if access.held:
            continue
        unseen = unseen_policies(case, resource)
        if unseen and evidence.source is None:
            return Unknown(unseen)
        return found(
            (evidence, asset(f"no binding over {email} lets {case.email} mint its tokens", resource)),
            Fix(
                f"Let {case.email} mint tokens of {email}",
                (AddBinding(resource, TOKEN_CREATOR, f"serviceAccount:{case.email}"),),
                risk=f"{TOKEN_CREATOR} allows signing as the account, too.",
            ),
        )
    if not case.traces and not _next_accounts(case):
        return Unknown("GenerateAccessToken entries of the next account, if it uses one")
    return Clear("no next account refuses it")


def _next_accounts(case: Case) -> list[tuple[str, Evidence]]:
    found_accounts: dict[str, Evidence] = {}
    for refusal in case.refusals:
        own = refusal.caller == f"serviceAccount:{case.email}"
        if refusal.is_mint and own and refusal.target and refusal.target != case.email and refusal.code == 7:
            text = f"{case.email} was refused a token of {refusal.target}"
            found_accounts[refusal.target] = entry(text, refusal.ref)
    for runner in case.runners:
        for _, variable in runner.spec.variables("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT"):
            for email in variable.value.split(","):
                if "@" in email and email.strip().lower() != case.email:
                    text = f"{runner.name} is set to impersonate {email.strip()}"
                    found_accounts.setdefault(email.strip().lower(), asset(text, runner.resource))
    return list(found_accounts.items())


# ---- guards --------------------------------------------------------------------------------------


def deny_policy(case: Case) -> Outcome:
    """A deny policy takes away the permission to mint, or the one that is wanted on the target."""
    unknown = ""
    for who, identity, permission, resource in _questions(case):
        for policy in case.inventory.deny_policies_over(resource):
            for rule in policy.rules:
                if not _denies(rule, permission) or not _names(case, rule.denied_principals, who, identity):
                    continue
                if _names(case, rule.exception_principals, who, identity):
                    continue
                if rule.condition is not None and rule.condition.expression:
                    holds = evaluate(rule.condition.expression, circumstances(case, resource))
                    if holds is False:
                        continue
                    if holds is None and not any("deny-policy" in item.symptoms for item in case.refusals):
                        unknown = f"the tags of {display(resource)}, on which deny policy {policy.name} depends"
                        continue
                return found(
                    asset(f"deny policy {policy.display_name or policy.name.rpartition('/')[2]} denies {permission}"
                          f" to {who}", policy.attachment_point),
                    Fix(
                        f"Except {who} from the deny policy",
                        (_exception(case, policy, rule, who, permission),),
                        risk="Whoever wrote the deny policy must agree: it outranks every grant on purpose.",
                    ),
                )  # fmt: skip
    refusal = next((item for item in case.refusals if "deny-policy" in item.symptoms), None)
    text, _ = case.said("deny-policy")
    ref = refusal.ref if refusal is not None else text.ref if text is not None else None
    over = case.account_resource or project_name(case.pool_project)
    wanted = [resource for _, _, _, resource in _questions(case) if resource] or [over]
    if ref is not None and not case.seen(Part.DENY_POLICIES, case.inventory.ancestors(over)[-1]):
        return found(
            entry("a call was refused by a deny policy", ref),
            Fix(
                "Find the deny policy over the resource and except the identity in it",
                outside="the deny policy is not in the input",
            ),
        )
    if unknown:
        return Unknown(unknown)
    homeless = [name for name in wanted if not case.inventory.project_of(name)]
    if homeless:
        return Unknown(f"the project of {display(homeless[0])}, and its deny policies")
    # Deny policies are attached to projects, folders and organizations.
    above = [name for resource in wanted for name in case.inventory.ancestors(resource) if "//cloudresource" in name]
    unseen = [name for name in above if not case.seen(Part.DENY_POLICIES, name)]
    if unseen:
        return Unknown(f"deny policies of {display(unseen[0])}")
    return Clear("no deny policy names it")


def _questions(case: Case) -> list[tuple[str, str, str, str]]:
    """Who asks (member and identity) for which permission on what: minting, then the target."""
    asked = []
    if case.impersonates:
        asked.append((case.direct_member, case.principal.identity, _MINT_DENIED, case.account_resource))
    for target in case.targets:
        if target.permission and target.resource:
            member = case.final_member
            asked.append((member, case.final_identity, _denied_form(target.permission), target.resource))
    if not case.targets:
        grants = case.direct_grants if not case.impersonates else ()
        asked += [(case.direct_member, case.principal.identity, "", grant.resource) for grant in grants[:20]]
    return asked


def _denied_form(permission: str) -> str:
    if "/" in permission:
        return permission
    service, _, rest = permission.partition(".")
    return f"{service}.googleapis.com/{rest}"


def _denies(rule: DenyRule, permission: str) -> bool:
    """Whether a rule denies a permission; '' asks whether it denies anything at all, as a grant is of a role."""
    if not permission:
        return False
    return _listed(rule.denied_permissions, permission) and not _listed(rule.exception_permissions, permission)


def _listed(permissions: tuple[str, ...], wanted: str) -> bool:
    service, _, action = wanted.partition("/")
    kind, _, verb = action.rpartition(".")
    return any(
        item in (wanted, f"{service}/*", f"{service}/{kind}.*", f"{service}/*.{verb}", "*") for item in permissions
    )


def _names(case: Case, principals: tuple[str, ...], member: str, identity: str) -> bool:
    """Whether a list of a deny policy names the identity, by itself or in a set."""
    for text in principals:
        principal = parse_member(text)
        if principal.identity == identity or text in ("allUsers",) or principal.kind is PrincipalKind.PUBLIC:
            return True
        if identity == case.principal.identity and principal.identity in case.identities:
            return True
        if "/type/ServiceAccount" in text and identity.startswith("serviceAccount:") and "@" in identity:
            return _set_holds(case, principal, text)
    return False


def _set_holds(case: Case, principal: Principal, text: str) -> bool:
    _, _, tail = text.partition("cloudresourcemanager.googleapis.com/")
    container = tail.partition("/type/")[0]
    around = case.inventory.ancestors(case.account_resource)
    return any(
        case.inventory.canonical(f"//cloudresourcemanager.googleapis.com/{container}") == name for name in around
    )


def _exception(case: Case, policy: DenyPolicy, rule: DenyRule, who: str, permission: str) -> ExceptFromDenyPolicy:
    principal = parse_member(who)
    member = who
    if principal.kind is PrincipalKind.SERVICE_ACCOUNT:
        member = f"principal://iam.googleapis.com/projects/-/serviceAccounts/{principal.email}"
    elif principal.is_workload:
        member = case.direct_member
    named = next((item for item in rule.denied_permissions if _listed((item,), permission)), permission)
    return ExceptFromDenyPolicy(policy.name, policy.attachment_point.removeprefix("//"), member, named)


def access_boundary(case: Case) -> Outcome:
    """A principal access boundary leaves the resource out of what its principals may reach."""
    return boundary_check(case, [(who, identity, resource) for who, identity, _, resource in _questions(case)])


def org_policy(case: Case) -> Outcome:
    """An organization policy refused the account or the binding that is missing."""
    for change in case.traces.refused_changes:
        about_account = bool(case.email) and (change.about == case.email or case.email in change.about)
        about_workload = any(grant.principal.identity in case.identities for grant in change.grants)
        if not (about_account or about_workload):
            continue
        if about_account and not about_workload and case.google_account is not None and not change.grants:
            continue
        if about_workload and not _lacks(case):
            continue
        return found(
            entry(f"{change.constraint} refused {change.deed.rpartition('.')[2]} of {change.actor}", change.ref),
            _constraint_fix(case, change.constraint, change.project or case.account_project, change),
            explains=("binding-missing", "gsa-not-found", "direct-grant-missing"),
        )
    if case.impersonates and case.google_account is None:
        project = project_name(case.account_project)
        for policy in case.inventory.org_policies_over(project, "iam.disableServiceAccountCreation")[:1]:
            if policy.enforced and not policy.dry_run and case.seen(Part.SERVICE_ACCOUNTS, project):
                return found(
                    asset(f"iam.disableServiceAccountCreation is enforced over {display(project)}", policy.resource),
                    _constraint_fix(case, "iam.disableServiceAccountCreation", case.account_project),
                    explains=("gsa-not-found", "gsa-deleted"),
                )
    if not case.traces and not case.seen(Part.ORG_POLICIES):
        return Unknown("organization policies, or entries of refused changes")
    return Clear("no organization policy refused what it needs")


def _lacks(case: Case) -> bool:
    for judgement in (binding_of(case), target_of(case) if not case.impersonates else None):
        if judgement is not None and (judgement.cause or judgement.needs):
            return True
    return False


def _constraint_fix(case: Case, constraint: str, project: str, refused: RefusedChange | None = None) -> Fix:
    changes: list[Change] = []
    if "MemberDomains" in constraint:
        changes.append(
            RelaxOrgPolicy(
                project,
                constraint,
                "is:principalSet://iam.googleapis.com/" + path_of(case.inventory.ancestors(project_name(project))[-1]),
            )
        )
    else:
        changes.append(RelaxOrgPolicy(project, constraint))
    again = [] if refused is None else [item for item in refused.grants if item.principal.identity in case.identities]
    if refused is not None and again:
        changes += [AddBinding(refused.resource, item.role, item.member, item.condition) for item in again]
    elif case.impersonates:
        if case.google_account is None:
            changes.append(CreateServiceAccount(case.email, case.account_project))
        judgement = binding_of(case)
        if judgement is None or judgement.cause or judgement.needs:
            changes.append(AddBinding(case.account_resource, "roles/iam.workloadIdentityUser", case.member))
    return Fix(
        f"Except project {project} from {constraint}, then make the change again",
        tuple(changes),
        risk="An organization policy is a decision of its owners: ask them.",
    )  # fmt: skip


# ---- APIs ----------------------------------------------------------------------------------------


def _api_projects(case: Case) -> tuple[str, ...]:
    projects = (case.account_project, case.cluster.project if case.cluster is not None else case.pool_project)
    return tuple(dict.fromkeys(project for project in projects if project))


def credentials_api(case: Case) -> Outcome:
    """The API that mints tokens is off in the project of the account or of the cluster."""
    if not case.impersonates:
        if case.account_unknown:
            return Unknown(case.account_unknown)
        return Clear("without impersonation the IAM Service Account Credentials API is not used")
    evidence: list[Evidence] = []
    refusal = next(
        (
            item
            for item in case.refusals
            if "api-disabled" in item.symptoms and (item.is_mint or item.service == CREDENTIALS_API)
        ),
        None,
    )
    text, _ = case.said("api-disabled")
    off, unknown = [], []
    for project in _api_projects(case):
        enabled = case.inventory.enabled(project, CREDENTIALS_API)
        if enabled is False and project in _with_services(case):
            off.append(project)
        elif not enabled:
            unknown.append(project)
    deeds = [item for item in case.traces.service_deeds if item.service == CREDENTIALS_API]
    if deeds:
        last = max(deeds, key=lambda item: item.time)
        if not last.enabled and last.project in unknown:
            off.append(last.project)
            evidence.append(entry(f"{last.actor} disabled it in {last.project}", last.ref))
    evidence += [asset(f"{CREDENTIALS_API} is off in project {project}", project_name(project)) for project in off]
    if (off or unknown) and refusal is not None:
        evidence.append(entry("a call was refused because the API is off", refusal.ref))
    if (off or unknown) and text is not None:
        evidence.append(entry("an error text says that the API is off", text.ref))
    if evidence:
        return found(
            tuple(evidence),
            Fix(
                "Enable the IAM Service Account Credentials API",
                tuple(EnableService(project, CREDENTIALS_API) for project in off or unknown[:1]),
            ),
        )
    if unknown:
        return Unknown(f"enabled services of project {unknown[0]}")
    return Clear(f"{CREDENTIALS_API} is on")


def _with_services(case: Case) -> frozenset[str]:
    """The projects with any enabled API: a list without one belongs to a project whose number nobody mapped."""
    known = case.inputs.of_clusters
    key = "services", ""
    if key not in known:
        known[key] = frozenset(item.project for item in case.inventory.all(EnabledService))
    projects: frozenset[str] = known[key]
    return projects


def quota(case: Case) -> Outcome:
    """The token service refused exchanges because too many were made."""
    refusal = next(
        (item for item in case.refusals if item.code == 8 and item.service in ("sts.googleapis.com", CREDENTIALS_API)),
        None,
    ) or next(
        (
            item
            for item in case.traces.refusals
            if item.code == 8 and item.service == "sts.googleapis.com" and _same_pool(case, item.caller, item.resource)
        ),
        None,
    )
    text, _ = case.said("quota")
    if refusal is None and text is None:
        if not case.traces:
            return Unknown("data-access entries of sts.googleapis.com, or logs of its containers")
        return Clear("no exchange was refused for the quota")
    ref = refusal.ref if refusal is not None else text.ref if text is not None else None
    assert ref is not None
    return found(
        entry("the token service refused an exchange: the quota is used up", ref),
        Fix(
            "Cache tokens in the clients (one client per process), and ask for more quota of token exchanges",
            outside="a quota is raised by request, and the exchanges are the clients' to save",
        ),
    )


def _same_pool(case: Case, caller: str, resource: str) -> bool:
    if case.traces.succeeded(case.principal.identity, "sts.googleapis.com"):
        return False
    return f"/{case.pool}/" in f"{resource}/" or (not caller and case.pool_project in resource)


# ---- sharing -------------------------------------------------------------------------------------


def sameness(case: Case) -> Outcome:
    """The same namespace and name exist in another cluster of the pool, which makes them the same identity."""
    if not case.grants and not case.impersonates:
        return None
    if not case.seen(Part.CLUSTERS):
        return Unknown(case.needs(Part.CLUSTERS))
    clusters = case.inventory.clusters_of_pool(case.pool)
    others = [
        cluster
        for cluster in clusters
        if cluster.name != case.cluster_name and case.inventory.ksa(cluster.name, case.namespace, case.name)
    ]
    if not others:
        if len(clusters) > 1 and any(
            not case.seen(Part.KUBERNETES_SERVICE_ACCOUNTS, cluster.name) for cluster in clusters
        ):
            return Unknown("Kubernetes service accounts of the other clusters of the pool")
        return Clear("no other cluster of the pool has an account of this name")
    if all(grant.principal.selector.startswith("kubernetes.cluster/") for grant in case.grants):
        return Clear("its grants are to this cluster alone")
    if not case.grants:
        return None
    changes: list[Change] = []
    grant = case.grants[0]
    if case.cluster is not None and case.pool_number:
        from bindwatch.model.change import RemoveBinding

        member = (
            f"principalSet://iam.googleapis.com/projects/{case.pool_number}/locations/global/workloadIdentityPools/"
            f"{case.pool}/kubernetes.cluster/{case.cluster.issuer}"
        )
        for grant in case.grants:
            changes.append(AddBinding(grant.resource, grant.binding.role, member, grant.binding.condition))
            changes.append(RemoveBinding(grant.resource, grant.binding.role, grant.member, grant.binding.condition))
    return found(
        (
            asset(f"{others[0].name.rpartition('/')[2]} has the same {case.title}", others[0].name),
            asset(f"both are {grant.member}, with {grant.binding.role} on {display(grant.resource)}", grant.resource),
        ),
        Fix(
            "Grant to this cluster alone, or give the workloads namespaces or projects of their own",
            tuple(changes),
            risk="The set of a cluster holds every workload of the cluster: move other namespaces' access first.",
            outside="" if changes else "the number of the pool's project is not in the input",
        ),
    )


def near(one: str, other: str) -> bool:
    """Whether two names differ by a slip of the pen."""
    return distance(one, other) <= 2


def missed_cause(case: Case) -> str:
    """The cause of the first near miss on the account; '' where there is none."""
    found_misses = misses(case, case.account_resource, minting=True) if case.impersonates else []
    return cause_of(case, found_misses[0]) if found_misses else ""
