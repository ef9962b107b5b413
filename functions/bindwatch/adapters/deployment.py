"""What each function of a deployment calls, and why: what `infra/` grants and `docs/permissions.md` explains.

Reading Google's APIs is declared beside each source; what the store and the topics are asked stands here. Tests hold
both to what the functions reach.
"""

from typing import Final

from bindwatch.adapters import asset_inventory, iam_api, resource_manager
from bindwatch.adapters.google_apis import Call

_BIGQUERY: Final = ("bigquery.googleapis.com", "google.cloud.bigquery:Client")
_PUBSUB: Final = ("pubsub.googleapis.com", "google.pubsub_v1:PublisherClient")

# Quotas: BigQuery 100 requests a second and user; Pub/Sub by bytes. Source: quotas and limits of both (read 2026).
START_QUERY: Final = Call(
    *_BIGQUERY, "query_and_wait", ("bigquery.jobs.create",), "roles/bigquery.jobUser", "project of the store", 6000
)
READ_ROWS: Final = Call(
    *_BIGQUERY, "query_and_wait", ("bigquery.tables.getData",), "roles/bigquery.dataViewer", "dataset", 6000
)
APPEND_ROWS: Final = Call(
    *_BIGQUERY, "insert_rows_json", ("bigquery.tables.updateData",), "roles/bigquery.dataEditor", "dataset", 6000
)
PUBLISH: Final = Call(*_PUBSUB, "publish", ("pubsub.topics.publish",), "roles/pubsub.publisher", "topic", 60_000)

BURY: Final = Call(
    *_PUBSUB, "publish", ("pubsub.topics.publish",), "roles/pubsub.publisher", "dead-letter topic", 60_000
)
OPEN_SECRET: Final = Call(
    "secretmanager.googleapis.com",
    "",  # Cloud Run reads it, as the function, before it starts
    "access_secret_version",
    ("secretmanager.versions.access",),
    "roles/secretmanager.secretAccessor",
    "secret",
    90_000,
)

STORE: Final = (START_QUERY, READ_ROWS, APPEND_ROWS)
_LIVE: Final = (
    *asset_inventory.CALLS,
    *resource_manager.CALLS,
    iam_api.LIST_DENY,
    iam_api.GET_DENY,
    iam_api.LIST_BOUNDARIES,
    iam_api.SEARCH_BOUNDARY_BINDINGS,
    iam_api.LIST_ROLES,
)

CALLS: Final[dict[str, tuple[Call, ...]]] = {
    "on_log_entry": (*STORE, PUBLISH, BURY),
    "audit": (*STORE, PUBLISH, *_LIVE),
    "sweep": (*STORE, PUBLISH),
    "hunt": (),
    "notify": (*STORE, BURY, OPEN_SECRET),
}
"""By entry point, every call its identity needs to be allowed; `hunt` judges what it is sent and calls nothing."""
