"""The IAM API, live: what Asset Inventory does not hold (deny policies, access boundaries), and single projects."""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from bindwatch.adapters.google_apis import Call, GoogleApis, NotReadError
from bindwatch.adapters.live import read_list, read_one
from bindwatch.inventory import Hint, InventoryBuilder, Origin, Part, read_inventory_document
from bindwatch.model.resource import canonical, path_of, service_account_name

_IAM: Final = "iam.googleapis.com"
_ADMIN: Final = "google.cloud.iam_admin_v1:IAMClient"
_DENY: Final = "google.cloud.iam_v2:PoliciesClient"
_BOUNDARIES: Final = "google.cloud.iam_v3:PrincipalAccessBoundaryPoliciesClient"
_REVIEWER: Final = "roles/iam.securityReviewer"
_ANY_LEVEL: Final = "organization, folder or project"

# Quotas: IAM v1 reads 6,000 a minute and project; v2 and v3 reads 5 (IAM quotas and limits).
LIST_DENY: Final = Call(
    _IAM, _DENY, "list_policies", ("iam.denypolicies.list",), "roles/iam.denyReviewer", _ANY_LEVEL, 5
)
GET_DENY: Final = Call(_IAM, _DENY, "get_policy", ("iam.denypolicies.get",), "roles/iam.denyReviewer", _ANY_LEVEL, 5)
LIST_BOUNDARIES: Final = Call(
    _IAM,
    _BOUNDARIES,
    "list_principal_access_boundary_policies",
    ("iam.principalaccessboundarypolicies.list",),
    "roles/iam.principalAccessBoundaryViewer",
    "organization",
    5,
)
SEARCH_BOUNDARY_BINDINGS: Final = Call(
    _IAM,
    _BOUNDARIES,
    "search_principal_access_boundary_policy_bindings",
    ("iam.principalaccessboundarypolicies.searchPolicyBindings",),
    "roles/iam.principalAccessBoundaryViewer",
    "organization",
    5,
)
LIST_ACCOUNTS: Final = Call(
    _IAM, _ADMIN, "list_service_accounts", ("iam.serviceAccounts.list",), _REVIEWER, "project", 6000
)
LIST_KEYS: Final = Call(
    _IAM, _ADMIN, "list_service_account_keys", ("iam.serviceAccountKeys.list",), _REVIEWER, "service account", 6000
)
GET_ACCOUNT_POLICY: Final = Call(
    _IAM, _ADMIN, "get_iam_policy", ("iam.serviceAccounts.getIamPolicy",), _REVIEWER, "service account", 6000
)
LIST_ROLES: Final = Call(_IAM, _ADMIN, "list_roles", ("iam.roles.list",), "roles/iam.roleViewer", _ANY_LEVEL, 6000)
CALLS: Final = (
    LIST_DENY,
    GET_DENY,
    LIST_BOUNDARIES,
    SEARCH_BOUNDARY_BINDINGS,
    LIST_ACCOUNTS,
    LIST_KEYS,
    GET_ACCOUNT_POLICY,
    LIST_ROLES,
)


def deny_policies_of(apis: GoogleApis, scope: str) -> list[dict[str, Any]]:
    """The deny policies attached to `scope` (`projects/p`): a list of names, then each with its rules.

    Raises NotReadError.
    """
    attachment = quote(f"cloudresourcemanager.googleapis.com/{scope}", safe="")
    found = apis.items(LIST_DENY, {"parent": f"policies/{attachment}/denypolicies"})
    return [apis.get(GET_DENY, {"name": item["name"]}) for item in found]  # the list leaves the rules out


def take_deny_policies(builder: InventoryBuilder, scope: str, policies: list[Any]) -> None:
    """Put the deny policies of a scope, which are all it has, into a builder."""
    hint = Hint(resource=canonical(scope), part=Part.DENY_POLICIES)
    read_inventory_document(policies, builder, origin=Origin(str(LIST_DENY)), hint=hint)


def read_deny_policies(apis: GoogleApis, builder: InventoryBuilder, scope: str) -> bool:
    """Read the deny policies attached to a scope into a builder; true if they were given."""
    try:
        policies = deny_policies_of(apis, scope)
    except NotReadError as refused:
        builder.could_not_read(Part.DENY_POLICIES, canonical(scope), refused.reason)
        return False
    take_deny_policies(builder, scope, policies)
    return True


def read_boundaries(apis: GoogleApis, builder: InventoryBuilder, organization: str) -> bool:
    """Read the access boundaries of an organization (`organizations/1`), and what each is bound to."""
    hint = Hint(resource=canonical(organization))
    parent = {"parent": f"{organization}/locations/global"}
    try:
        boundaries = list(apis.items(LIST_BOUNDARIES, parent))
    except NotReadError as refused:
        builder.could_not_read(Part.BOUNDARIES, hint.scope, refused.reason)
        builder.could_not_read(Part.BOUNDARY_BINDINGS, hint.scope, refused.reason)
        return False
    origin = Origin(str(LIST_BOUNDARIES))
    whole = Hint(resource=hint.resource, part=Part.BOUNDARIES)
    read_inventory_document(boundaries, builder, origin=origin, hint=whole)
    bindings: list[dict[str, Any]] = []
    try:
        for boundary in boundaries:
            bindings += apis.items(SEARCH_BOUNDARY_BINDINGS, {"name": boundary["name"]})
    except NotReadError as refused:
        builder.could_not_read(Part.BOUNDARY_BINDINGS, hint.scope, refused.reason)
        return False
    whole = Hint(resource=hint.resource, part=Part.BOUNDARY_BINDINGS)
    return read_inventory_document(bindings, builder, origin=Origin(str(SEARCH_BOUNDARY_BINDINGS)), hint=whole)


def read_service_accounts(apis: GoogleApis, builder: InventoryBuilder, project: str) -> tuple[str, ...]:
    """Read the service accounts of a project; their e-mails."""
    try:
        accounts = list(apis.items(LIST_ACCOUNTS, {"name": f"projects/{project}", "page_size": 100}))
    except NotReadError as refused:
        builder.could_not_read(Part.SERVICE_ACCOUNTS, Hint(project=project).scope, refused.reason)
        return ()
    hint = Hint(project=project, part=Part.SERVICE_ACCOUNTS)
    read_inventory_document(accounts, builder, origin=Origin(str(LIST_ACCOUNTS)), hint=hint)
    return tuple(account["email"] for account in accounts if account.get("email"))


def read_service_account(apis: GoogleApis, builder: InventoryBuilder, email: str, project: str) -> bool:
    """Read the keys and the allow policy of one service account."""
    name = service_account_name(email, project)
    path = path_of(name)
    hint = Hint(project=project, resource=name, service_account=email)
    keys = read_one(apis, LIST_KEYS, {"name": path}, builder, Part.KEYS, hint)
    return read_one(apis, GET_ACCOUNT_POLICY, {"resource": path}, builder, Part.POLICIES, hint) and keys


def read_custom_roles(apis: GoogleApis, builder: InventoryBuilder, parent: str) -> bool:
    """Read the custom roles of a project or organization, with their permissions."""
    request = {"parent": parent, "view": "FULL", "page_size": 300, "show_deleted": True}
    return read_list(apis, LIST_ROLES, request, builder, Part.ROLES, Hint(resource=canonical(parent)))


def predefined_roles(apis: GoogleApis) -> Iterator[dict[str, Any]]:
    """Every predefined role with its permissions, for the catalogue. Raises NotReadError."""
    return apis.items(LIST_ROLES, {"parent": "", "view": "FULL", "page_size": 300})
