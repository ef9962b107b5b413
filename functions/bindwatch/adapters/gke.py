"""GKE, live: the clusters and node pools of a project as they are now."""

from typing import Final

from bindwatch.adapters.google_apis import Call, GoogleApis, NotReadError
from bindwatch.inventory import Hint, InventoryBuilder, Origin, Part, read_inventory_document

LIST_CLUSTERS: Final = Call(
    "container.googleapis.com",
    "google.cloud.container_v1:ClusterManagerClient",
    "list_clusters",
    ("container.clusters.list",),
    "roles/container.clusterViewer",
    "project",
    3000,
)
CALLS: Final = (LIST_CLUSTERS,)


def read_clusters(apis: GoogleApis, builder: InventoryBuilder, project: str) -> bool:
    """Read the clusters of a project in all locations; a location that did not answer was not seen."""
    hint = Hint(project=project, part=Part.CLUSTERS)
    try:
        answer = apis.get(LIST_CLUSTERS, {"parent": f"projects/{project}/locations/-"})
    except NotReadError as refused:
        builder.could_not_read(Part.CLUSTERS, hint.scope, refused.reason)
        return False
    missing = answer.get("missingZones", [])
    origin = Origin(str(LIST_CLUSTERS))
    if not missing:
        return read_inventory_document({"clusters": answer.get("clusters", [])}, builder, origin=origin, hint=hint)
    for cluster in answer.get("clusters", []):  # one by one: a list would say that these are all
        read_inventory_document(cluster, builder, origin=origin, hint=Hint(project=project))
    builder.could_not_read(Part.CLUSTERS, hint.scope, f"no answer from {', '.join(sorted(missing))}")
    return False
