"""Which resource a Terraform `_iam_…` resource is about, as a full name.

The families and their arguments are those of the google provider 8.7 (https://registry.terraform.io/providers/hashicorp/google).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from bindwatch.model.resource import bucket_name, canonical

_L = "projects/{project}/locations/{location}"
_R = "projects/{project}/regions/{region}"
_Z = "projects/{project}/zones/{zone}"

# family → API, and its name; the last argument named may hold a full or relative name itself.
_PLACES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "project": ("cloudresourcemanager", "projects/{project}"),
        "folder": ("cloudresourcemanager", "folders/{folder}"),
        "organization": ("cloudresourcemanager", "organizations/{org_id}"),
        "billing_account": ("cloudbilling", "billingAccounts/{billing_account_id}"),
        "tags_tag_key": ("cloudresourcemanager", "tagKeys/{tag_key}"),
        "tags_tag_value": ("cloudresourcemanager", "tagValues/{tag_value}"),
        "service_account": ("iam", "projects/-/serviceAccounts/{service_account_id}"),
        "iam_workload_identity_pool": (
            "iam",
            "projects/{project}/locations/global/workloadIdentityPools/{workload_identity_pool_id}",
        ),
        "iam_workforce_pool": ("iam", "locations/{location}/workforcePools/{workforce_pool_id}"),
        "storage_bucket": ("storage", "{bucket}"),
        "storage_managed_folder": ("storage", "{bucket}/managedFolders/{managed_folder}"),
        "bigquery_dataset": ("bigquery", "projects/{project}/datasets/{dataset_id}"),
        "bigquery_table": ("bigquery", "projects/{project}/datasets/{dataset_id}/tables/{table_id}"),
        "bigquery_routine": ("bigquery", "projects/{project}/datasets/{dataset_id}/routines/{routine_id}"),
        "bigquery_connection": ("bigqueryconnection", f"{_L}/connections/{{connection_id}}"),
        "pubsub_topic": ("pubsub", "projects/{project}/topics/{topic}"),
        "pubsub_subscription": ("pubsub", "projects/{project}/subscriptions/{subscription}"),
        "pubsub_schema": ("pubsub", "projects/{project}/schemas/{schema}"),
        "secret_manager_secret": ("secretmanager", "projects/{project}/secrets/{secret_id}"),
        "secret_manager_regional_secret": ("secretmanager", f"{_L}/secrets/{{secret_id}}"),
        "kms_key_ring": ("cloudkms", "{key_ring_id}"),
        "kms_crypto_key": ("cloudkms", "{crypto_key_id}"),
        "kms_ekm_connection": ("cloudkms", f"{_L}/ekmConnections/{{name}}"),
        "compute_instance": ("compute", f"{_Z}/instances/{{instance_name}}"),
        "compute_disk": ("compute", f"{_Z}/disks/{{name}}"),
        "compute_region_disk": ("compute", f"{_R}/disks/{{name}}"),
        "compute_image": ("compute", "projects/{project}/global/images/{image}"),
        "compute_snapshot": ("compute", "projects/{project}/global/snapshots/{name}"),
        "compute_instance_template": ("compute", "projects/{project}/global/instanceTemplates/{name}"),
        "compute_subnetwork": ("compute", f"{_R}/subnetworks/{{subnetwork}}"),
        "compute_storage_pool": ("compute", f"{_Z}/storagePools/{{name}}"),
        "cloud_run_service": ("run", f"{_L}/services/{{service}}"),
        "cloud_run_v2_service": ("run", f"{_L}/services/{{name}}"),
        "cloud_run_v2_job": ("run", f"{_L}/jobs/{{name}}"),
        "cloud_run_v2_worker_pool": ("run", f"{_L}/workerPools/{{name}}"),
        "cloudfunctions_function": (
            "cloudfunctions",
            "projects/{project}/locations/{region}/functions/{cloud_function}",
        ),
        "cloudfunctions2_function": ("cloudfunctions", f"{_L}/functions/{{cloud_function}}"),
        "artifact_registry_repository": ("artifactregistry", f"{_L}/repositories/{{repository}}"),
        "dataproc_cluster": ("dataproc", f"{_R}/clusters/{{cluster}}"),
        "dataproc_job": ("dataproc", f"{_R}/jobs/{{job_id}}"),
        "dataform_repository": ("dataform", "projects/{project}/locations/{region}/repositories/{repository}"),
        "data_fusion_instance": ("datafusion", "projects/{project}/locations/{region}/instances/{name}"),
        "notebooks_instance": ("notebooks", f"{_L}/instances/{{instance_name}}"),
        "workbench_instance": ("notebooks", f"{_L}/instances/{{name}}"),
        "spanner_instance": ("spanner", "projects/{project}/instances/{instance}"),
        "spanner_database": ("spanner", "projects/{project}/instances/{instance}/databases/{database}"),
        "bigtable_instance": ("bigtableadmin", "projects/{project}/instances/{instance}"),
        "bigtable_table": ("bigtableadmin", "projects/{project}/instances/{instance_name}/tables/{table}"),
        "gke_hub_membership": ("gkehub", f"{_L}/memberships/{{membership_id}}"),
        "gke_hub_scope": ("gkehub", "projects/{project}/locations/global/scopes/{scope_id}"),
        "gke_hub_feature": ("gkehub", f"{_L}/features/{{name}}"),
        "gke_backup_backup_plan": ("gkebackup", f"{_L}/backupPlans/{{name}}"),
        "gke_backup_restore_plan": ("gkebackup", f"{_L}/restorePlans/{{name}}"),
        "cloud_tasks_queue": ("cloudtasks", f"{_L}/queues/{{name}}"),
        "cloudbuildv2_connection": ("cloudbuild", f"{_L}/connections/{{name}}"),
        "clouddeploy_delivery_pipeline": ("clouddeploy", f"{_L}/deliveryPipelines/{{name}}"),
        "clouddeploy_target": ("clouddeploy", f"{_L}/targets/{{name}}"),
        "privateca_ca_pool": ("privateca", f"{_L}/caPools/{{ca_pool}}"),
        "dns_managed_zone": ("dns", "projects/{project}/managedZones/{managed_zone}"),
        "sourcerepo_repository": ("source", "projects/{project}/repos/{repository}"),
        "binary_authorization_attestor": ("binaryauthorization", "projects/{project}/attestors/{attestor}"),
        "endpoints_service": ("servicemanagement", "services/{service_name}"),
        "access_context_manager_access_policy": ("accesscontextmanager", "accessPolicies/{name}"),
        "scc_source": ("securitycenter", "organizations/{organization}/sources/{source}"),
        "iap_web": ("iap", "projects/{project}/iap_web"),
        "iap_tunnel": ("iap", "projects/{project}/iap_tunnel"),
        "iap_tunnel_instance": ("iap", "projects/{project}/iap_tunnel/zones/{zone}/instances/{instance}"),
        "iap_web_backend_service": ("iap", "projects/{project}/iap_web/compute/services/{web_backend_service}"),
    }
)
_PARTS: Final = frozenset({"role", "member", "members", "condition", "etag", "id", "policy_data", "project"})


def named(family: str, text: Callable[[str], str], arguments: tuple[str, ...]) -> str:
    """The full name of what an IAM resource of the family is about; '' where an argument it needs is not known.

    `text` gives an argument as a string. A family that is not known here still has a name of its own, by its
    arguments: one resource, whatever it is.
    """
    known = _PLACES.get(family)
    if known is None:
        own = [value for name in arguments if name not in _PARTS and (value := text(name))]
        if not own:
            return ""
        service, _, kind = family.partition("_")
        full = next((value for value in own if value.startswith(("projects/", "organizations/", "folders/"))), "")
        if full:
            return canonical(full, service=f"{service}.googleapis.com")
        head = f"projects/{text('project')}/" if text("project") else ""
        return f"//{service}.googleapis.com/{head}{kind or family}/{'/'.join(own)}"
    service, template = known
    names = [part.partition("}")[0] for part in template.split("{")[1:]]
    last = text(names[-1])
    if not last:
        return ""
    if family == "storage_bucket":
        return bucket_name(last.removeprefix("b/"))
    if family in ("kms_key_ring", "kms_crypto_key"):
        return canonical(_key_path(last, family), service="cloudkms.googleapis.com")
    api = f"{service}.googleapis.com"
    if "/" in last:
        link = last.startswith(("//", "https://"))
        return canonical(last if link else last.removeprefix("/"), service=api)
    values = {name: text(name).rpartition("/")[2] for name in names}
    return "" if "" in values.values() else canonical(f"//{api}/{template.format_map(values)}")


def _key_path(text: str, family: str) -> str:
    """`PROJECT/LOCATION/RING[/KEY]`, which the provider takes too, in full."""
    words = text.split("/")
    wanted = 3 if family == "kms_key_ring" else 4
    if "keyRings" in words or len(words) != wanted:
        return text
    path = f"projects/{words[0]}/locations/{words[1]}/keyRings/{words[2]}"
    return path if wanted == 3 else f"{path}/cryptoKeys/{words[3]}"
