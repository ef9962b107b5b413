"""Projects, folders, organizations, and what is switched on, forbidden and logged in them."""

from collections.abc import Iterator
from urllib.parse import unquote

from bindwatch.inventory.hierarchy import (
    BoundaryRule,
    DenyPolicy,
    DenyRule,
    EnabledService,
    Folder,
    Group,
    LogSink,
    Organization,
    OrgPolicy,
    PolicyBinding,
    PrincipalAccessBoundaryPolicy,
    Project,
    SinkExclusion,
)
from bindwatch.inventory.parsers.place import Place, full_name, last, project_in
from bindwatch.model.document import Document
from bindwatch.model.policy import Condition
from bindwatch.model.resource import canonical, folder_name, organization_name, project_name


def project(doc: Document, at: Place) -> Iterator[Project]:
    """A project, as Resource Manager v1 or v3, an export or a search gives it."""
    name = full_name(doc, at)
    named = last(name) if "/projects/" in name else ""
    number = doc.text("projectNumber") or next((text for text in (named, at.project) if text.isdigit()), "")
    identity = doc.text("projectId") or doc.text("additionalAttributes.projectId")
    if not identity and named and not named.isdigit():
        identity = named
    if not identity and not number:
        return
    display = doc.text("displayName")
    if not display and doc.has("lifecycleState"):
        display = doc.text("name")
    yield Project(
        name=project_name(identity or number),
        id=identity or number,
        number=number,
        display_name=display,
        parent=_parent(doc) or at.parent,
        state=doc.text("state") or doc.text("lifecycleState") or "ACTIVE",
        labels=tuple(doc.pairs("labels")),
        create_time=doc.text("createTime"),
    )


def _parent(doc: Document) -> str:
    above = doc.document("parent")
    if above:
        kind, number = above.text("type"), above.text("id")
        return canonical(f"{kind}s/{number}") if kind in ("folder", "organization") and number else ""
    text = doc.text("parent")
    return canonical(text) if text.startswith(("folders/", "organizations/", "//cloudresourcemanager.")) else ""


def folder(doc: Document, at: Place) -> Iterator[Folder]:
    """A folder."""
    number = last(full_name(doc, at))
    if number:
        yield Folder(
            name=folder_name(number),
            display_name=doc.text("displayName"),
            parent=_parent(doc) or at.parent,
            state=doc.text("state") or doc.text("lifecycleState") or "ACTIVE",
        )


def organization(doc: Document, at: Place) -> Iterator[Organization]:
    """An organization."""
    number = last(full_name(doc, at))
    if number:
        yield Organization(
            name=organization_name(number),
            display_name=doc.text("displayName"),
            customer_id=doc.text("owner.directoryCustomerId") or doc.text("directoryCustomerId"),
            state=doc.text("state") or doc.text("lifecycleState") or "ACTIVE",
        )


def service(doc: Document, at: Place) -> Iterator[EnabledService]:
    """An API of a project, on or off."""
    name = full_name(doc, at)
    api = doc.text("config.name") or last(name)
    where = project_in(name, at) or last(doc.text("parent"))
    if api and where:
        yield EnabledService(project=where, service=api, state=doc.text("state") or "ENABLED")


def org_policy(doc: Document, at: Place) -> Iterator[OrgPolicy]:
    """An organization policy: a v1 policy of the resource it came with, or a v2 policy, which names its own."""
    v2 = doc.text("name") if "/policies/" in doc.text("name") else ""
    constraint = last(v2) or doc.text("constraint").partition("/")[2] or doc.text("constraint")
    resource = canonical(v2.rpartition("/policies/")[0]) if v2 else at.name or at.parent
    if not constraint:
        return
    if v2 or doc.has("spec") or doc.has("dryRunSpec"):
        for field, dry_run in (("spec", False), ("dryRunSpec", True)):
            if doc.has(field):
                yield _spec(doc.document(field), resource, constraint, dry_run=dry_run)
        return
    values = doc.document("listPolicy")
    state = values.text("allValues")
    yield OrgPolicy(
        resource=resource,
        constraint=constraint,
        enforced=bool(doc.flag("booleanPolicy.enforced")) if doc.has("booleanPolicy") else None,
        allow_all=state == "ALLOW" or values.number("allValues") == 1,
        deny_all=state == "DENY" or values.number("allValues") == 2,
        allowed=values.texts("allowedValues"),
        denied=values.texts("deniedValues"),
        inherits=bool(values.flag("inheritFromParent")),
        restores_default=doc.has("restoreDefault"),
    )


def _spec(spec: Document, resource: str, constraint: str, *, dry_run: bool) -> OrgPolicy:
    rules = spec.documents("rules")
    plain = [rule for rule in rules if not rule.text("condition.expression")]
    enforced = [flag for rule in plain if (flag := rule.flag("enforce")) is not None]
    return OrgPolicy(
        resource=resource,
        constraint=constraint,
        enforced=any(enforced) if enforced else None,
        allow_all=any(rule.flag("allowAll") for rule in plain),
        deny_all=any(rule.flag("denyAll") for rule in plain),
        allowed=tuple(value for rule in plain for value in rule.texts("values.allowedValues")),
        denied=tuple(value for rule in plain for value in rule.texts("values.deniedValues")),
        inherits=bool(spec.flag("inheritFromParent")),
        restores_default=bool(spec.flag("reset")),
        dry_run=dry_run,
        conditions=tuple(text for rule in rules if (text := rule.text("condition.expression"))),
    )


def deny_policy(doc: Document, at: Place) -> Iterator[DenyPolicy]:
    """A deny policy; where it is attached is in its name, percent-encoded."""
    name = doc.text("name") or at.name
    attached = unquote(name.partition("policies/")[2].partition("/denypolicies/")[0])
    resource = canonical(f"//{attached}") if attached else at.parent
    if not name or not resource:
        return
    yield DenyPolicy(
        name=name,
        attachment_point=resource,
        display_name=doc.text("displayName"),
        rules=tuple(
            DenyRule(
                denied_principals=rule.texts("deniedPrincipals"),
                exception_principals=rule.texts("exceptionPrincipals"),
                denied_permissions=rule.texts("deniedPermissions"),
                exception_permissions=rule.texts("exceptionPermissions"),
                condition=condition(rule, "denialCondition"),
            )
            for item in doc.documents("rules")
            if (rule := item.document("denyRule"))
        ),
    )


def condition(doc: Document, field: str) -> Condition | None:
    """The condition at a field, None where there is none."""
    found = doc.document(field)
    if not found:
        return None
    return Condition(found.text("expression"), found.text("title"), found.text("description"))


def boundary(doc: Document, at: Place) -> Iterator[PrincipalAccessBoundaryPolicy]:
    """A principal access boundary policy."""
    name = full_name(doc, at)
    if name:
        yield PrincipalAccessBoundaryPolicy(
            name=name,
            display_name=doc.text("displayName"),
            rules=tuple(
                BoundaryRule(resources=rule.texts("resources"), effect=rule.text("effect") or "ALLOW")
                for rule in doc.documents("details.rules")
            ),
            enforcement_version=doc.text("details.enforcementVersion"),
        )


def policy_binding(doc: Document, at: Place) -> Iterator[PolicyBinding]:
    """What binds a boundary to a principal set."""
    name = full_name(doc, at)
    target = doc.text("target.principalSet") or doc.text("target.resource")
    if name and target:
        yield PolicyBinding(
            name=name,
            policy=canonical(doc.text("policy")),
            target=canonical(target),
            policy_kind=doc.text("policyKind") or "PRINCIPAL_ACCESS_BOUNDARY",
            condition=condition(doc, "condition"),
        )


def log_sink(doc: Document, at: Place) -> Iterator[LogSink]:
    """A log sink."""
    destination = doc.text("destination")
    if not destination:
        return
    name = at.name or canonical(doc.text("resourceName")) or f"{at.parent}/sinks/{doc.text('name')}"
    parent = at.parent or canonical(name.removeprefix("//logging.googleapis.com/").rpartition("/sinks/")[0])
    yield LogSink(
        name=name,
        parent=parent,
        destination=destination,
        filter=doc.text("filter"),
        disabled=bool(doc.flag("disabled")),
        include_children=bool(doc.flag("includeChildren")),
        intercept_children=bool(doc.flag("interceptChildren")),
        writer_identity=doc.text("writerIdentity"),
        exclusions=tuple(
            SinkExclusion(name=item.text("name"), filter=item.text("filter"), disabled=bool(item.flag("disabled")))
            for item in doc.documents("exclusions")
        ),
    )


def group(doc: Document, _: Place) -> Iterator[Group]:
    """The members of a group: `{"group": E-MAIL, "members": […]}`; Cloud Identity's `memberships` serve as well."""
    email = doc.text("group")
    if not email:
        return
    members = list(doc.texts("members"))
    for item in doc.documents("memberships"):
        address = item.text("preferredMemberKey.id") or item.text("memberKey.id")
        if address:
            kind = {"SERVICE_ACCOUNT": "serviceAccount", "GROUP": "group"}.get(item.text("type"), "")
            if not kind:
                kind = "serviceAccount" if address.endswith(".gserviceaccount.com") else "user"
            members.append(f"{kind}:{address}")
    yield Group(email=email.lower(), members=tuple(members))
