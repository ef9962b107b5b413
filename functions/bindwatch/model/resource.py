"""Full resource names: one spelling for each resource, so that a log entry and an inventory speak of the same thing.

The spelling is Cloud Asset Inventory's (`//SERVICE/PATH`), with two settlements where Google's own services differ:
projects go by id, not by number, and service accounts by e-mail, not by unique id.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

_NONE: Final[Mapping[str, str]] = MappingProxyType({})

_RESOURCE_MANAGER: Final = "//cloudresourcemanager.googleapis.com/"
_IAM: Final = "//iam.googleapis.com/"
_CONTAINER: Final = "//container.googleapis.com/"
_STORAGE: Final = "//storage.googleapis.com/"

# The API that owns a collection, for relative names (`projects/p/secrets/s`): audit logs and REST bodies leave it out.
# The first collection of the path that is listed here decides; later ones belong to the same API.
_SERVICE_OF_COLLECTION: Final[Mapping[str, str]] = MappingProxyType(
    {
        "serviceAccounts": "iam",
        "roles": "iam",
        "workloadIdentityPools": "iam",
        "workforcePools": "iam",
        "denypolicies": "iam",
        "principalAccessBoundaryPolicies": "iam",
        "policyBindings": "iam",
        "oauthClients": "iam",
        "keyRings": "cloudkms",
        "secrets": "secretmanager",
        "topics": "pubsub",
        "subscriptions": "pubsub",
        "snapshots": "compute",
        "functions": "cloudfunctions",
        "repositories": "artifactregistry",
        "datasets": "bigquery",
        "instances": "compute",
        "disks": "compute",
        "images": "compute",
        "firewalls": "compute",
        "networks": "compute",
        "subnetworks": "compute",
        "routes": "compute",
        "backendServices": "compute",
        "sinks": "logging",
        "exclusions": "logging",
        "buckets": "logging",
        "memberships": "gkehub",
        "clusters": "container",
        "policies": "orgpolicy",
        "entitlements": "privilegedaccessmanager",
        "triggers": "eventarc",
        "connections": "bigqueryconnection",
        "queues": "cloudtasks",
        "keys": "apikeys",
    }
)
# `locations/L/services/S` is a Cloud Run service; `services/S` directly under a project is an enabled API.
_LOCATED: Final[Mapping[str, str]] = MappingProxyType({"services": "run", "jobs": "run", "workerPools": "run"})

_API_URL = re.compile(
    r"https?://(?:www\.googleapis\.com/(?P<old>[a-z]+)|(?P<host>[a-z0-9-]+)\.googleapis\.com(?:/(?P=host))?)"
    r"(?:/(?:v\d+(?:(?:alpha|beta|p\d+beta)\d*)?|alpha|beta))?/"
)
_ZONE = re.compile(r"[a-z]+(?:-[a-z]+)+\d+-[a-z](?:i\d+[a-z])?")
_USER_MANAGED = re.compile(
    r"[^@]+@(?P<project>[a-z][a-z0-9-]*[a-z0-9])(?:\.(?P<domain>[a-z0-9.-]+\.[a-z0-9-]+))?\.iam\.gserviceaccount\.com"
)
_APP_ENGINE = re.compile(r"(?P<project>[a-z][a-z0-9-]*)(?:\.(?P<domain>[a-z0-9.-]+))?@appspot\.gserviceaccount\.com")
_NUMBERED = re.compile(r"(?P<number>\d+)(?:-compute@developer|@cloudservices|@cloudbuild)\.gserviceaccount\.com")


def canonical(
    name: str,
    *,
    service: str = "",
    project_ids: Mapping[str, str] = _NONE,
    emails: Mapping[str, str] = _NONE,
) -> str:
    """The one spelling of a resource, whatever form it came in: full name, relative name or API URL.

    `service` (`run.googleapis.com`) is the API a relative name belongs to, where the caller knows it. `project_ids`
    maps project numbers to ids and `emails` unique ids of service accounts to e-mails; what they lack stays as it is.
    A name nobody can place comes back unchanged. Applying it twice changes nothing.
    """
    spelled = _spelled(name, service)
    head, found, tail = spelled.partition("/projects/")
    if not found:
        return spelled
    project, slash, rest = tail.partition("/")
    if project_ids and project.isdigit():
        project = project_ids.get(project, project)
    if head == "//iam.googleapis.com" and rest.startswith("serviceAccounts/"):
        account, more, deeper = rest.removeprefix("serviceAccounts/").partition("/")
        account = emails.get(account, account)
        if "@" in account:
            return (
                service_account_name(account, "" if project == "-" else project, project_ids=project_ids)
                + more
                + deeper
            )
    return f"{head}/projects/{project}{slash}{rest}"


@lru_cache(maxsize=8192)
def _spelled(name: str, service: str) -> str:
    name = name.strip()
    if url := _API_URL.match(name):
        name = f"//{url['old'] or url['host']}.googleapis.com/{name[url.end() :]}"
    if not name.startswith("//"):
        name = _with_service(name.removeprefix("/"), service)
    if name.startswith(_STORAGE):
        return _bucket(name)
    if name.startswith(_CONTAINER):
        return _cluster(name)
    return name


def _with_service(path: str, service: str) -> str:
    words = path.split("/")
    if len(words) == 2 and words[0] in ("projects", "folders", "organizations"):
        return _RESOURCE_MANAGER + path
    if words[0] == "billingAccounts" and len(words) == 2:
        return f"//cloudbilling.googleapis.com/{path}"
    if words[:3] == ["projects", "_", "buckets"]:
        return _STORAGE + "/".join(words[3:])
    if words[0] == "b" and len(words) > 1:
        return _STORAGE + "/".join(words[1:])
    if len(words) < 2 or words[0] not in ("projects", "folders", "organizations", "locations"):
        return path
    owner = service.removesuffix(".googleapis.com") or _owner_of(words)
    return f"//{owner}.googleapis.com/{path}" if owner else path


def _owner_of(words: list[str]) -> str:
    located = "locations" in words[0::2]
    for collection in words[0::2]:
        if collection in _SERVICE_OF_COLLECTION:
            return _SERVICE_OF_COLLECTION[collection]
        if collection in _LOCATED:
            return _LOCATED[collection] if located else "serviceusage" if collection == "services" else ""
    return ""


def _bucket(name: str) -> str:
    path = name.removeprefix(_STORAGE)
    for prefix in ("projects/_/buckets/", "storage/v1/b/", "v1/b/", "b/"):
        path = path.removeprefix(prefix)
    return _STORAGE + path


def _cluster(name: str) -> str:
    words = name.split("/")
    for index in range(len(words) - 2):
        if words[index] in ("zones", "locations") and words[index + 2] == "clusters":
            words[index] = "zones" if is_zone(words[index + 1]) else "locations"
            break
    return "/".join(words)


def is_zone(location: str) -> bool:
    """Whether a location is a zone (`us-central1-c`), not a region."""
    return _ZONE.fullmatch(location) is not None


def project_of(name: str) -> str:
    """The project (id or number, as the name has it) a resource lies in; '' for buckets, folders, organizations."""
    if name.startswith("projects/"):
        name = "/" + name
    _, found, tail = name.partition("/projects/")
    project = tail.partition("/")[0] if found else ""
    return "" if project in ("-", "_") else project


def service_of(name: str) -> str:
    """The API a full name belongs to (`storage.googleapis.com`); '' for a relative name."""
    return name[2:].partition("/")[0] if name.startswith("//") else ""


def path_of(name: str) -> str:
    """The full name without its API: `projects/p/secrets/s`, which is what most commands take."""
    return name[2:].partition("/")[2] if name.startswith("//") else name


def project_name(project: str) -> str:
    """The canonical name of a project, from its id."""
    return f"{_RESOURCE_MANAGER}projects/{project}"


def folder_name(folder: str) -> str:
    """The canonical name of a folder, from its number."""
    return f"{_RESOURCE_MANAGER}folders/{folder}"


def organization_name(organization: str) -> str:
    """The canonical name of an organization, from its number."""
    return f"{_RESOURCE_MANAGER}organizations/{organization}"


def cluster_name(project: str, location: str, cluster: str) -> str:
    """The canonical name of a GKE cluster: `zones/` where it is zonal, `locations/` where it is regional."""
    where = "zones" if is_zone(location) else "locations"
    return f"{_CONTAINER}projects/{project}/{where}/{location}/clusters/{cluster}"


def bucket_name(bucket: str) -> str:
    """The canonical name of a Cloud Storage bucket: it has no project in it."""
    return _STORAGE + bucket


def service_account_name(email: str, project: str = "", *, project_ids: Mapping[str, str] = _NONE) -> str:
    """The canonical name of a service account.

    The project is the one its e-mail tells, which is the same in every source; `project` serves only where the e-mail
    does not tell it (`123-compute@developer…` tells the number alone, other agents nothing).
    """
    email = email.strip().lower()
    told = project_of_service_account(email)
    if not told or told.isdigit():
        told = project_ids.get(told, "") or _id_first(project_ids.get(project, project), told)
    return f"{_IAM}projects/{told or '-'}/serviceAccounts/{email}"


def _id_first(given: str, told: str) -> str:
    return given if given and (not told or not given.isdigit()) else told or given


@lru_cache(maxsize=8192)
def project_of_service_account(email: str) -> str:
    """The project a service account belongs to: an id, a number for the numbered defaults, '' where it does not say.

    `sa@proj.example.com.iam.gserviceaccount.com` belongs to the domain-scoped project `example.com:proj`.
    """
    email = email.lower()
    if found := _NUMBERED.fullmatch(email):
        return found["number"]
    if found := _USER_MANAGED.fullmatch(email) or _APP_ENGINE.fullmatch(email):
        return f"{found['domain']}:{found['project']}" if found["domain"] else found["project"]
    return ""


_NOUNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "projects": "project",
        "folders": "folder",
        "organizations": "organization",
        "billingAccounts": "billing account",
        "serviceAccounts": "service account",
        "keys": "key",
        "roles": "role",
        "workloadIdentityPools": "workload identity pool",
        "workforcePools": "workforce pool",
        "providers": "provider",
        "clusters": "cluster",
        "nodePools": "node pool",
        "secrets": "secret",
        "keyRings": "key ring",
        "cryptoKeys": "key",
        "topics": "topic",
        "subscriptions": "subscription",
        "datasets": "dataset",
        "tables": "table",
        "instances": "instance",
        "disks": "disk",
        "images": "image",
        "functions": "function",
        "repositories": "repository",
        "sinks": "sink",
        "memberships": "fleet membership",
        "firewalls": "firewall rule",
        "subnetworks": "subnet",
        "networks": "network",
        "namespaces": "namespace",
        "serviceaccounts": "Kubernetes service account",
        "pods": "pod",
    }
)


def display(name: str) -> str:
    """The resource as a person would say it: `service account ci@…`, `secret db in project p`. For text only."""
    if name.startswith(_STORAGE):
        return f"bucket {name.removeprefix(_STORAGE)}"
    words = path_of(name).split("/")
    if name and words == [""]:
        return f"a resource of {service_of(name)} that is not named"
    if len(words) < 2:
        return name
    noun = _NOUNS.get(words[-2])
    if noun is None:
        service = service_of(name)
        if service == "run.googleapis.com" and words[-2] in ("services", "jobs"):
            noun = f"Cloud Run {words[-2].removesuffix('s')}"
        elif service == "serviceusage.googleapis.com" and words[-2] == "services":
            noun = "API"
        else:
            noun = words[-2].removesuffix("s") if words[-2] else name
    short = f"{noun} {words[-1]}"
    if words[-2] in ("projects", "folders", "organizations", "billingAccounts", "serviceAccounts"):
        return short
    if "serviceAccounts" in words[:-2]:
        return f"{short} of {words[words.index('serviceAccounts') + 1]}"
    project = project_of(name)
    return f"{short} in project {project}" if project else short
