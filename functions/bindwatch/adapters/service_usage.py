"""Service Usage, live: which APIs a project has switched on."""

from typing import Final

from bindwatch.adapters.google_apis import Call, GoogleApis
from bindwatch.adapters.live import read_list
from bindwatch.inventory import Hint, InventoryBuilder, Part

LIST_SERVICES: Final = Call(
    "serviceusage.googleapis.com",
    "google.cloud.service_usage_v1:ServiceUsageClient",
    "list_services",
    ("serviceusage.services.list",),
    "roles/serviceusage.serviceUsageViewer",
    "project",
    120,
)
CALLS: Final = (LIST_SERVICES,)


def read_services(apis: GoogleApis, builder: InventoryBuilder, project: str) -> bool:
    """Read the enabled APIs of a project."""
    request = {"parent": f"projects/{project}", "filter": "state:ENABLED", "page_size": 200}
    return read_list(apis, LIST_SERVICES, request, builder, Part.ENABLED_SERVICES, Hint(project=project))
