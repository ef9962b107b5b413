"""Machines, serverless runtimes, storage, keys and networks."""

from collections.abc import Iterator

from bindwatch.inventory.parsers.place import Place, full_name, last, project_in
from bindwatch.inventory.resources import (
    AttachedServiceAccount,
    Bucket,
    CryptoKey,
    Dataset,
    DatasetAccess,
    Firewall,
    Instance,
    Route,
    Router,
    Runtime,
    Secret,
    Subnetwork,
)
from bindwatch.model.document import Document
from bindwatch.model.resource import bucket_name, canonical

_COMPUTE = "compute.googleapis.com"


def instance(doc: Document, at: Place) -> Iterator[Instance]:
    """A Compute Engine instance."""
    name = full_name(doc, at, service=_COMPUTE)
    if not name:
        return
    labels = dict(doc.pairs("labels"))
    yield Instance(
        name=name,
        project=project_in(name, at),
        service_accounts=tuple(
            AttachedServiceAccount(item.text("email"), item.texts("scopes"))
            for item in doc.documents("serviceAccounts")
        ),
        is_gke_node="goog-gke-node" in labels or "goog-k8s-cluster-name" in labels,
        status=doc.text("status"),
    )


# Where each generation of each service keeps the account its code runs as.
_RUNS_AS = (
    "serviceConfig.serviceAccountEmail",
    "serviceAccountEmail",
    "template.serviceAccount",
    "template.template.serviceAccount",
    "spec.template.spec.serviceAccountName",
    "spec.template.spec.template.spec.serviceAccountName",
    "serviceAccount",
    "config.gceClusterConfig.serviceAccount",
    "config.nodeConfig.serviceAccount",
)


def runtime(doc: Document, at: Place) -> Iterator[Runtime]:
    """Something that runs code as an account: see `Runtime`."""
    name = full_name(doc, at, service=_service_of_runtime(doc))
    if not name and "/triggers/" in doc.text("resourceName"):
        name = canonical(doc.text("resourceName"), service="cloudbuild.googleapis.com")
    if not name and doc.text("clusterName") and (home := doc.text("projectId") or at.project):
        region = dict(doc.pairs("labels")).get("goog-dataproc-location", "-")
        name = f"//dataproc.googleapis.com/projects/{home}/regions/{region}/clusters/{doc.text('clusterName')}"
    if not name and doc.text("metadata.name"):
        labels = dict(doc.document("metadata").pairs("labels"))
        location = labels.get("cloud.googleapis.com/location", "-")
        project = at.project or doc.text("metadata.namespace")
        collection = "jobs" if doc.text("kind") == "Job" else "services"
        name = f"//run.googleapis.com/projects/{project}/locations/{location}/{collection}/{doc.text('metadata.name')}"
    if not name:
        return
    account = next((text for field in _RUNS_AS if (text := doc.text(field))), "")
    if not account:
        account = next((item.text("email") for item in doc.documents("gceSetup.serviceAccounts")), "")
    annotations = dict(doc.document("metadata").pairs("annotations"))
    yield Runtime(
        name=name,
        asset_type=at.asset_type or _type_of(name),
        project=project_in(name, at),
        service_account=last(account).lower(),
        ingress=doc.text("ingress")
        or doc.text("serviceConfig.ingressSettings")
        or doc.text("ingressSettings")
        or annotations.get("run.googleapis.com/ingress", ""),
    )


def _service_of_runtime(doc: Document) -> str:
    """The API of something whose relative name does not tell it."""
    name = doc.text("name")
    if "/environments/" in name:
        return "composer.googleapis.com"
    return "notebooks.googleapis.com" if "/instances/" in name else ""


def _type_of(name: str) -> str:
    service, _, path = name.removeprefix("//").partition("/")
    collection = path.split("/")[-2] if path.count("/") else ""
    kinds = {
        "services": "Service",
        "jobs": "Job",
        "functions": "Function",
        "triggers": "BuildTrigger",
        "clusters": "Cluster",
        "environments": "Environment",
        "instances": "Instance",
    }
    return f"{service}/{kinds.get(collection, collection)}"


def bucket(doc: Document, at: Place) -> Iterator[Bucket]:
    """A bucket, as the JSON API, an export or `gcloud storage buckets list` gives it."""
    name = at.name or bucket_name(doc.text("name") or doc.text("id"))
    if name == bucket_name(""):
        return
    settings = doc.document("iamConfiguration")
    uniform = settings.flag("uniformBucketLevelAccess.enabled")
    if uniform is None:
        uniform = doc.flag("uniform_bucket_level_access")
    if uniform is None:
        uniform = settings.flag("bucketPolicyOnly.enabled")
    yield Bucket(
        name=name,
        project=doc.text("projectNumber") or at.project,
        public_access_prevention=settings.text("publicAccessPrevention") or doc.text("public_access_prevention"),
        uniform_access=uniform,
        acl=_entities(doc, "acl"),
        object_acl=_entities(doc, "defaultObjectAcl") or _entities(doc, "default_acl"),
    )


def _entities(doc: Document, field: str) -> tuple[str, ...]:
    return tuple(entity for item in doc.documents(field) if (entity := item.text("entity")))


def dataset(doc: Document, at: Place) -> Iterator[Dataset]:
    """A BigQuery dataset with its access list."""
    own = doc.document("datasetReference")
    name = at.name
    if not name and own.text("projectId") and own.text("datasetId"):
        name = f"//bigquery.googleapis.com/projects/{own.text('projectId')}/datasets/{own.text('datasetId')}"
    if name:
        home = own.text("projectId") or project_in(name, at)
        yield Dataset(
            name=name,
            project=home,
            access=tuple(
                DatasetAccess(item.text("role"), member)
                for item in doc.documents("access")
                if (member := _access_member(item, home)) and item.text("role")
            ),
        )


# What BigQuery's special groups are in an allow policy.
_SPECIAL_GROUPS = {
    "projectOwners": "projectOwner",
    "projectWriters": "projectEditor",
    "projectReaders": "projectViewer",
}


def _access_member(item: Document, home: str) -> str:
    if member := item.text("iamMember"):
        return member
    if email := item.text("userByEmail"):
        return f"{'serviceAccount' if email.endswith('.gserviceaccount.com') else 'user'}:{email}"
    if email := item.text("groupByEmail"):
        return f"group:{email}"
    if domain := item.text("domain"):
        return f"domain:{domain}"
    special = item.text("specialGroup")
    if special in _SPECIAL_GROUPS:
        return f"{_SPECIAL_GROUPS[special]}:{item.text('projectId') or home}".rstrip(":")
    return special


def secret(doc: Document, at: Place) -> Iterator[Secret]:
    """A Secret Manager secret."""
    name = full_name(doc, at, service="secretmanager.googleapis.com")
    if name:
        yield Secret(
            name=name,
            project=project_in(name, at),
            rotation_period=doc.text("rotation.rotationPeriod"),
            expire_time=doc.text("expireTime"),
        )


def crypto_key(doc: Document, at: Place) -> Iterator[CryptoKey]:
    """A Cloud KMS key."""
    name = full_name(doc, at, service="cloudkms.googleapis.com")
    if name:
        yield CryptoKey(
            name=name,
            project=project_in(name, at),
            purpose=doc.text("purpose"),
            rotation_period=doc.text("rotationPeriod"),
        )


def firewall(doc: Document, at: Place) -> Iterator[Firewall]:
    """A VPC firewall rule."""
    name = full_name(doc, at, service=_COMPUTE)
    if not name:
        return
    action = "deny" if doc.documents("denied") else "allow"
    rules = doc.documents("denied" if action == "deny" else "allowed") or doc.documents("allow")
    priority = doc.number("priority")
    yield Firewall(
        name=name,
        project=project_in(name, at),
        network=canonical(doc.text("network")),
        direction=doc.text("direction") or "INGRESS",
        action=action,
        priority=1000 if priority is None else priority,
        protocols=tuple(
            (item.text("IPProtocol") or item.text("ipProtocol") or "all", item.texts("ports")) for item in rules
        ),
        source_ranges=doc.texts("sourceRanges"),
        destination_ranges=doc.texts("destinationRanges"),
        target_tags=doc.texts("targetTags"),
        target_service_accounts=doc.texts("targetServiceAccounts"),
        disabled=bool(doc.flag("disabled")),
    )


def subnetwork(doc: Document, at: Place) -> Iterator[Subnetwork]:
    """A subnet."""
    name = full_name(doc, at, service=_COMPUTE)
    if name:
        yield Subnetwork(
            name=name,
            project=project_in(name, at),
            network=canonical(doc.text("network")),
            cidr=doc.text("ipCidrRange"),
            private_google_access=doc.flag("privateIpGoogleAccess"),
        )


def route(doc: Document, at: Place) -> Iterator[Route]:
    """A route of a network."""
    name = full_name(doc, at, service=_COMPUTE)
    if not name:
        return
    hops = ("nextHopGateway", "nextHopIp", "nextHopInstance", "nextHopIlb", "nextHopVpnTunnel", "nextHopPeering")
    priority = doc.number("priority")
    yield Route(
        name=name,
        project=project_in(name, at),
        network=canonical(doc.text("network")),
        destination=doc.text("destRange"),
        next_hop=last(next((text for hop in (*hops, "nextHopNetwork") if (text := doc.text(hop))), "")),
        priority=1000 if priority is None else priority,
        tags=doc.texts("tags"),
    )


def router(doc: Document, at: Place) -> Iterator[Router]:
    """A Cloud Router with its NAT gateways."""
    name = full_name(doc, at, service=_COMPUTE)
    if name:
        yield Router(
            name=name,
            project=project_in(name, at),
            network=canonical(doc.text("network")),
            region=last(doc.text("region")),
            nats=tuple(item.text("name") for item in doc.documents("nats")),
        )
