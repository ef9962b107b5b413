"""Terraform resources that are things an inventory holds, read as the API's own JSON by the parsers of the inventory.

The provider's arguments are the API's fields in snake case, with blocks as lists; where a name differs it is here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from bindwatch.inventory.builder import Entity
from bindwatch.inventory.parsers import kinds
from bindwatch.inventory.parsers.kinds import Kind
from bindwatch.inventory.parsers.place import Place
from bindwatch.model.document import Document
from bindwatch.model.resource import bucket_name, canonical, cluster_name
from bindwatch.proposal.attributes import Attributes, Instance
from bindwatch.proposal.edits import DropEntity, Edit, JoinGroup, PutEntity, SetHome
from bindwatch.proposal.policies import Reading

Text = Callable[[str], str]
Fields = dict[str, Any]
_NEW: Final = "known-after-apply"


@dataclass(frozen=True, slots=True)
class _Source:
    """A resource type: what it is, its arguments as the API's fields, and those without which nothing can be said."""

    kind: Kind
    fields: Callable[[Fields, Text], Fields]
    asset_type: str = ""
    decisive: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntityReader:
    """Reads the instances of one resource type that is a thing of the inventory."""

    type: str
    rank: int = 0

    def read(self, instance: Instance, attributes: Attributes) -> Reading:
        """One side of an instance as edits."""
        if self.type == "google_cloud_identity_group_membership":
            return _membership(instance, attributes)
        source = _SOURCES[self.type]
        assumed: dict[str, None] = {}

        def text(name: str) -> str:
            if name == "project":
                return attributes.project(instance)
            guess = attributes.guess(instance, name)
            if guess is not None and guess.reference:
                assumed[f"{name} is taken to be {guess.value}, by {guess.reference}"] = None
            return guess.value if guess is not None else ""

        values = _plain(instance.values)
        fields = source.fields(values, text)
        place = Place(
            name=fields.pop("__name__", ""),
            asset_type=source.asset_type,
            project=text("project"),
            parent=fields.pop("__parent__", ""),
        )
        entities = list(source.kind.parse(Document(fields), place))
        if self.type == "google_container_cluster":
            entities = [item for item in entities if _is_kept_pool(item, values)]
        reading = Reading(
            doing=(*map(PutEntity, entities), *_homes(entities)),
            undoing=tuple(map(DropEntity, entities)),
            assumed=tuple(assumed),
        )
        if not entities:
            reading.unknown.append(f"too little is known before apply to say what this {self.type} will be")
        reading.unknown += [
            f"{name} is known only after apply"
            for name in source.decisive
            if instance.is_unknown(name) and not text(name)
        ]
        return reading


def reader_of(kind: str) -> EntityReader | None:
    """The reader of a resource type; None where it is nothing an inventory holds."""
    return EntityReader(kind) if kind in _SOURCES or kind == "google_cloud_identity_group_membership" else None


def _homes(entities: list[Entity]) -> Iterator[Edit]:
    for entity in entities:
        project = getattr(entity, "project", "")
        if project and str(getattr(entity, "name", "")).startswith("//storage."):
            yield SetHome(str(getattr(entity, "name", "")), project)


def _plain(value: Any) -> Any:
    """A value without what is absent: nulls, empty texts and lists; a block of one as the object it is."""
    if isinstance(value, Mapping):
        return {name: plain for name, item in value.items() if (plain := _plain(item)) not in (None, "", [], {})}
    if isinstance(value, list):
        items = [_plain(item) for item in value]
        if len(items) == 1 and isinstance(items[0], dict):
            return items[0]
        return items
    return value


def _is_kept_pool(entity: Entity, values: Fields) -> bool:
    return not (values.get("remove_default_node_pool") and type(entity).__name__ == "NodePool")


def _membership(instance: Instance, attributes: Attributes) -> Reading:
    """A member of a group. The group is known by its id, whose e-mail only another resource of the plan tells."""
    values = _plain(instance.values)
    member = Document(values).text("preferred_member_key.id")
    group = ""
    for guess in attributes.guesses(instance, "group"):
        group = guess.value if "@" in guess.value else group
    told = instance.values.get("group")
    if isinstance(told, str) and "@" in told:
        group = told.rpartition("/")[2]
    if not group or not member:
        return Reading(
            unknown=[f"{member or 'somebody'} joins a group whose e-mail the plan does not tell: not judged"]
        )
    kind = "serviceAccount" if member.endswith("gserviceaccount.com") else "user"
    who = f"{kind}:{member}"
    return Reading(doing=(JoinGroup(group.lower(), who),), undoing=(JoinGroup(group.lower(), who, leaves=True),))


# The arguments of each type as the API's fields


def _get(values: Fields, *path: str) -> Any:
    value: Any = values
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _account(values: Fields, text: Text) -> Fields:
    project, account = text("project"), text("account_id")
    domain, scoped, name = project.partition(":")
    host = f"{name}.{domain}" if scoped else project
    email = text("email") or (f"{account}@{host}.iam.gserviceaccount.com" if account and project else "")
    return {**values, "email": email, "project_id": project}


def _key(values: Fields, text: Text) -> Fields:
    account = text("service_account_id")
    name = account if account.startswith("projects/") else f"projects/-/serviceAccounts/{account}"
    return {
        **values,
        "name": text("name") or (f"{name}/keys/{_NEW}" if account else ""),
        "key_type": "USER_MANAGED",
        "key_origin": "USER_PROVIDED" if values.get("public_key_data") else "GOOGLE_PROVIDED",
        "valid_after_time": values.get("valid_after", ""),
        "valid_before_time": values.get("valid_before", ""),
    }


def _role(owner: str, argument: str) -> Callable[[Fields, Text], Fields]:
    def fields(values: Fields, text: Text) -> Fields:
        home = text(argument).rpartition("/")[2]
        name = f"{owner}/{home}/roles/{text('role_id')}" if home and text("role_id") else ""
        return {**values, "name": name, "included_permissions": values.get("permissions", [])}

    return fields


def _named(template: str, *arguments: str, rename: Mapping[str, str] | None = None) -> Callable[[Fields, Text], Fields]:
    """Fields under their own names, and a name out of arguments; none where one of them is not known."""

    def fields(values: Fields, text: Text) -> Fields:
        parts = [text(argument).rpartition("/")[2] for argument in arguments]
        renamed = {new: values[old] for old, new in (rename or {}).items() if old in values}
        return {**values, **renamed, "name": "" if "" in parts else template.format(*parts)}

    return fields


def _cluster(values: Fields, text: Text) -> Fields:
    project, location, name = text("project"), text("location"), text("name")
    full = cluster_name(project, location, name) if project and location and name else ""
    pools = values.get("node_pool", [])
    pools = pools if isinstance(pools, list) else [pools]
    if not pools and values.get("node_config") and not values.get("enable_autopilot"):
        pools = [{"name": "default-pool", "node_config": values["node_config"]}]
    fields: Fields = {
        **values,
        "__name__": full,
        "autopilot": {"enabled": bool(values.get("enable_autopilot"))},
        "legacyAbac": {"enabled": bool(values.get("enable_legacy_abac"))},
        "networkConfig": {
            "datapathProvider": values.get("datapath_provider", ""),
            "network": values.get("network", ""),
            "subnetwork": values.get("subnetwork", ""),
        },
        "nodePools": [{**pool, "config": pool.get("node_config", {})} for pool in pools],
    }
    group = values.get("authenticator_groups_config")
    if isinstance(group, dict):
        fields["authenticatorGroupsConfig"] = {"enabled": True, "securityGroup": group.get("security_group", "")}
    return fields


def _node_pool(values: Fields, text: Text) -> Fields:
    cluster, location, project = text("cluster"), text("location"), text("project")
    if "/" in cluster:
        full = canonical(cluster, service="container.googleapis.com")
    else:
        full = cluster_name(project, location, cluster) if project and location and cluster else ""
    name = text("name") or _NEW
    return {**values, "__name__": f"{full}/nodePools/{name}" if full else "", "config": values.get("node_config", {})}


def _deny(values: Fields, text: Text) -> Fields:
    parent, name = text("parent"), text("name")
    full = f"policies/{quote(unquote(parent), safe='')}/denypolicies/{name}" if parent and name else ""
    return {**values, "name": full}


def _project(values: Fields, text: Text) -> Fields:
    folder, organization = text("folder_id").rpartition("/")[2], text("org_id")
    parent = f"folders/{folder}" if folder else f"organizations/{organization}" if organization else ""
    return {
        "projectId": text("project_id"),
        "projectNumber": values.get("number", ""),
        "displayName": values.get("name", ""),
        "parent": parent,
        "labels": values.get("labels", {}),
    }


def _folder(values: Fields, text: Text) -> Fields:
    return {**values, "name": text("name")}


def _service(values: Fields, text: Text) -> Fields:
    project, service = text("project"), text("service")
    return {"name": f"projects/{project}/services/{service}" if project and service else "", "state": "ENABLED"}


def _v1_org_policy(argument: str, collection: str) -> Callable[[Fields, Text], Fields]:
    def fields(values: Fields, text: Text) -> Fields:
        owner = text(argument).rpartition("/")[2]
        constraint = text("constraint")
        listed = _get(values, "list_policy") or {}
        allow, deny = listed.get("allow") or {}, listed.get("deny") or {}
        state = "ALLOW" if allow.get("all") else "DENY" if deny.get("all") else ""
        known = owner and constraint
        return {
            "__parent__": canonical(f"{collection}/{owner}") if known else "",
            "constraint": constraint if known else "",
            "booleanPolicy": values.get("boolean_policy"),
            "listPolicy": {
                "allValues": state,
                "allowedValues": allow.get("values", []),
                "deniedValues": deny.get("values", []),
                "inheritFromParent": listed.get("inherit_from_parent", False),
            },
            "restoreDefault": values.get("restore_policy"),
        }

    return fields


def _v2_org_policy(values: Fields, text: Text) -> Fields:
    name, parent = text("name"), text("parent")
    full = name if "/policies/" in name else f"{parent}/policies/{name}" if name and parent else ""
    return {**values, "name": full}


def _boundary(values: Fields, text: Text) -> Fields:
    organization, name = text("organization"), text("principal_access_boundary_policy_id")
    full = f"organizations/{organization}/locations/global/principalAccessBoundaryPolicies/{name}"
    return {**values, "__name__": canonical(full) if organization and name else ""}


def _policy_binding(argument: str, collection: str) -> Callable[[Fields, Text], Fields]:
    def fields(values: Fields, text: Text) -> Fields:
        owner, name = text(argument).rpartition("/")[2], text("policy_binding_id")
        full = f"{collection}/{owner}/locations/global/policyBindings/{name}"
        return {**values, "__name__": canonical(full) if owner and name else "", "policy": text("policy")}

    return fields


def _sink(argument: str, collection: str) -> Callable[[Fields, Text], Fields]:
    def fields(values: Fields, text: Text) -> Fields:
        owner = text(argument).rpartition("/")[2]
        parent = canonical(f"{collection}/{owner}") if owner else ""
        return {**values, "__parent__": parent, "destination": text("destination") if owner else ""}

    return fields


def _bucket(values: Fields, text: Text) -> Fields:
    name = text("name")
    return {
        "__name__": bucket_name(name) if name else "",
        "iamConfiguration": {
            "publicAccessPrevention": values.get("public_access_prevention", ""),
            "uniformBucketLevelAccess": {"enabled": bool(values.get("uniform_bucket_level_access"))},
        },
    }


def _dataset(values: Fields, text: Text) -> Fields:
    return {**values, "datasetReference": {"datasetId": text("dataset_id"), "projectId": text("project")}}


def _crypto_key(values: Fields, text: Text) -> Fields:
    ring, name = text("key_ring"), text("name")
    return {**values, "name": f"{ring}/cryptoKeys/{name}" if "keyRings" in ring and name else ""}


def _instance(values: Fields, text: Text) -> Fields:
    project, zone, name = text("project"), text("zone"), text("name")
    full = f"//compute.googleapis.com/projects/{project}/zones/{zone}/instances/{name}"
    accounts = values.get("service_account", [])
    return {
        **values,
        "__name__": full if project and zone and name else "",
        "serviceAccounts": accounts if isinstance(accounts, list) else [accounts],
    }


def _runtime(service: str, collection: str, where: str = "location") -> Callable[[Fields, Text], Fields]:
    def fields(values: Fields, text: Text) -> Fields:
        project, location, name = text("project"), text(where), text("name")
        full = f"//{service}.googleapis.com/projects/{project}/locations/{location}/{collection}/{name}"
        template = _get(values, "template")
        return {
            **values,
            "__name__": full if project and location and name else "",
            "spec": {"template": template} if collection == "services" else {},
        }

    return fields


def _api_key(values: Fields, text: Text) -> Fields:
    project, name = text("project"), text("name")
    return {**values, "__name__": canonical(f"projects/{project}/locations/global/keys/{name}") if project else ""}


def _fleet_membership(values: Fields, text: Text) -> Fields:
    project, name = text("project"), text("membership_id")
    location = text("location") or "global"
    authority = dict(_get(values, "authority") or {})
    if authority:
        authority["workloadIdentityPool"] = f"{project}.svc.id.goog"
    full = f"//gkehub.googleapis.com/projects/{project}/locations/{location}/memberships/{name}"
    return {**values, "__name__": full if project and name else "", "authority": authority}


_WIF = "projects/{0}/locations/global/workloadIdentityPools/{1}"
_WORKFORCE = "locations/global/workforcePools/{0}"
_SOURCES: Final[Mapping[str, _Source]] = {
    "google_service_account": _Source(kinds.SERVICE_ACCOUNT, _account),
    "google_service_account_key": _Source(kinds.KEY, _key),
    "google_project_iam_custom_role": _Source(kinds.ROLE, _role("projects", "project"), decisive=("permissions",)),
    "google_organization_iam_custom_role": _Source(
        kinds.ROLE, _role("organizations", "org_id"), decisive=("permissions",)
    ),
    "google_iam_workload_identity_pool": _Source(
        kinds.IDENTITY_POOL, _named(_WIF, "project", "workload_identity_pool_id")
    ),
    "google_iam_workload_identity_pool_provider": _Source(
        kinds.PROVIDER,
        _named(_WIF + "/providers/{2}", "project", "workload_identity_pool_id", "workload_identity_pool_provider_id"),
        decisive=("attribute_condition", "attribute_mapping", "oidc", "aws", "saml"),
    ),
    "google_iam_workforce_pool": _Source(kinds.IDENTITY_POOL, _named(_WORKFORCE, "workforce_pool_id")),
    "google_iam_workforce_pool_provider": _Source(
        kinds.PROVIDER,
        _named(_WORKFORCE + "/providers/{1}", "workforce_pool_id", "provider_id"),
        decisive=("attribute_condition", "attribute_mapping", "oidc", "saml"),
    ),
    "google_container_cluster": _Source(
        kinds.CLUSTER, _cluster, decisive=("workload_identity_config", "node_config", "node_pool")
    ),
    "google_container_node_pool": _Source(kinds.NODE_POOL, _node_pool, decisive=("node_config",)),
    "google_iam_deny_policy": _Source(kinds.DENY_POLICY, _deny, decisive=("rules",)),
    "google_project": _Source(kinds.PROJECT, _project),
    "google_folder": _Source(kinds.FOLDER, _folder),
    "google_project_service": _Source(kinds.SERVICE, _service),
    "google_project_organization_policy": _Source(kinds.ORG_POLICY, _v1_org_policy("project", "projects")),
    "google_folder_organization_policy": _Source(kinds.ORG_POLICY, _v1_org_policy("folder", "folders")),
    "google_organization_policy": _Source(kinds.ORG_POLICY, _v1_org_policy("org_id", "organizations")),
    "google_org_policy_policy": _Source(kinds.ORG_POLICY, _v2_org_policy, decisive=("spec",)),
    "google_iam_principal_access_boundary_policy": _Source(kinds.BOUNDARY, _boundary, decisive=("details",)),
    "google_iam_organizations_policy_binding": _Source(
        kinds.POLICY_BINDING, _policy_binding("organization", "organizations")
    ),
    "google_iam_folders_policy_binding": _Source(kinds.POLICY_BINDING, _policy_binding("folder", "folders")),
    "google_iam_projects_policy_binding": _Source(kinds.POLICY_BINDING, _policy_binding("project", "projects")),
    "google_logging_project_sink": _Source(kinds.LOG_SINK, _sink("project", "projects")),
    "google_logging_folder_sink": _Source(kinds.LOG_SINK, _sink("folder", "folders")),
    "google_logging_organization_sink": _Source(kinds.LOG_SINK, _sink("org_id", "organizations")),
    "google_storage_bucket": _Source(kinds.BUCKET, _bucket),
    "google_bigquery_dataset": _Source(kinds.DATASET, _dataset, decisive=("access",)),
    "google_secret_manager_secret": _Source(kinds.SECRET, _named("projects/{0}/secrets/{1}", "project", "secret_id")),
    "google_kms_crypto_key": _Source(kinds.CRYPTO_KEY, _crypto_key),
    "google_compute_instance": _Source(kinds.INSTANCE, _instance, decisive=("service_account",)),
    "google_cloud_run_service": _Source(kinds.RUNTIME, _runtime("run", "services"), "run.googleapis.com/Service"),
    "google_cloud_run_v2_service": _Source(kinds.RUNTIME, _runtime("run", "services"), "run.googleapis.com/Service"),
    "google_cloud_run_v2_job": _Source(kinds.RUNTIME, _runtime("run", "jobs"), "run.googleapis.com/Job"),
    "google_cloud_run_v2_worker_pool": _Source(
        kinds.RUNTIME, _runtime("run", "workerPools"), "run.googleapis.com/WorkerPool"
    ),
    "google_cloudfunctions_function": _Source(
        kinds.RUNTIME, _runtime("cloudfunctions", "functions", "region"), "cloudfunctions.googleapis.com/CloudFunction"
    ),
    "google_cloudfunctions2_function": _Source(
        kinds.RUNTIME, _runtime("cloudfunctions", "functions"), "cloudfunctions.googleapis.com/Function"
    ),
    "google_cloudbuild_trigger": _Source(
        kinds.RUNTIME, _runtime("cloudbuild", "triggers"), "cloudbuild.googleapis.com/BuildTrigger"
    ),
    "google_apikeys_key": _Source(kinds.API_KEY, _api_key),
    "google_gke_hub_membership": _Source(kinds.MEMBERSHIP, _fleet_membership),
}
