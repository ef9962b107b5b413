"""Organization Policy, live: the constraints that are set on one container."""

from typing import Final

from bindwatch.adapters.google_apis import Call, GoogleApis
from bindwatch.adapters.live import read_list
from bindwatch.inventory import Hint, InventoryBuilder, Part
from bindwatch.model.resource import canonical

LIST_ORG_POLICIES: Final = Call(
    "orgpolicy.googleapis.com",
    "google.cloud.orgpolicy_v2:OrgPolicyClient",
    "list_policies",
    ("orgpolicy.policies.list",),
    "roles/orgpolicy.policyViewer",
    "organization, folder or project",
    600,
)
CALLS: Final = (LIST_ORG_POLICIES,)


def read_org_policies(apis: GoogleApis, builder: InventoryBuilder, container: str) -> bool:
    """Read the policies that are set on `projects/p`, `folders/1` or `organizations/2` itself."""
    hint = Hint(resource=canonical(container))
    return read_list(apis, LIST_ORG_POLICIES, {"parent": container, "page_size": 200}, builder, Part.ORG_POLICIES, hint)
