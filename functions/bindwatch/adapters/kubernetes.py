"""A live cluster over its own API, with a kubeconfig: the objects that say something of identity."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from bindwatch.errors import BackendError, ConfigError
from bindwatch.inventory import Hint, InventoryBuilder, Origin, Part, read_inventory_document
from bindwatch.inventory.parsers.workloads import is_read

# Path of the list for all namespaces, the part it fills, and the API group and resource that RBAC must allow `list` on.
LISTS: Final = (
    ("/api/v1/serviceaccounts", Part.KUBERNETES_SERVICE_ACCOUNTS, "", "serviceaccounts"),
    ("/api/v1/pods", Part.PODS, "", "pods"),
    ("/api/v1/nodes", Part.NODES, "", "nodes"),
    ("/api/v1/namespaces", Part.NAMESPACES, "", "namespaces"),
    ("/apis/networking.k8s.io/v1/networkpolicies", Part.NETWORK_POLICIES, "networking.k8s.io", "networkpolicies"),
    ("/apis/apps/v1/deployments", Part.WORKLOADS, "apps", "deployments"),
    ("/apis/apps/v1/statefulsets", Part.WORKLOADS, "apps", "statefulsets"),
    ("/apis/apps/v1/daemonsets", Part.WORKLOADS, "apps", "daemonsets"),
    ("/apis/batch/v1/jobs", Part.WORKLOADS, "batch", "jobs"),
    ("/apis/batch/v1/cronjobs", Part.WORKLOADS, "batch", "cronjobs"),
)
# API groups with policies of networks in other languages than Kubernetes' own; a cluster has them or not.
_OTHER_POLICIES: Final = ("cilium.io", "crd.projectcalico.org", "policy.networking.k8s.io", "networking.gke.io")
_PAGE: Final = 500


class KubernetesApi:
    """One cluster, as a context of a kubeconfig names it.

    The kubeconfig is read by the kubernetes package, which knows every way to log in; the lists are asked for plainly,
    because its methods change their form from version to version.
    """

    def __init__(self, *, context: str | None = None, kubeconfig: str | None = None) -> None:
        client, config = _package()
        settings: Any = client.Configuration()
        try:
            config.load_kube_config(kubeconfig, context, settings)
        except (config.ConfigException, OSError) as error:
            raise ConfigError([f"kubeconfig: {error}"]) from error
        self._use(settings)

    @classmethod
    def through_gateway(cls, membership: str, token: str, endpoint: str = "") -> "KubernetesApi":
        """A cluster of a fleet over the Connect gateway, given the full name of its membership and an access token."""
        client, _ = _package()
        _, _, path = membership.partition("gkehub.googleapis.com/")
        words = path.split("/")
        if len(words) != 6 or words[4] != "memberships":
            raise ConfigError([f"the Connect gateway needs the full name of a fleet membership, not {membership!r}"])
        region = "" if words[3] == "global" else f"{words[3]}-"
        host = endpoint or f"https://{region}connectgateway.googleapis.com"
        settings: Any = client.Configuration()
        settings.host = f"{host}/v1/{'/'.join(words[:4])}/gkeMemberships/{words[5]}"
        settings.api_key = {"authorization": f"Bearer {token}"}
        api = cls.__new__(cls)
        api._use(settings)
        return api

    def _use(self, settings: Any) -> None:
        import urllib3

        self._settings = settings

        self._errors = (urllib3.exceptions.HTTPError, OSError)
        self._host = str(settings.host)
        self._headers = {
            item["key"]: item["value"] for item in settings.auth_settings().values() if item["in"] == "header"
        }
        self._http = urllib3.PoolManager(
            cert_reqs="CERT_REQUIRED" if settings.verify_ssl else "CERT_NONE",
            ca_certs=settings.ssl_ca_cert,
            cert_file=settings.cert_file,
            key_file=settings.key_file,
            retries=urllib3.Retry(3, backoff_factor=0.5, status_forcelist=(429, 500, 503), raise_on_status=False),
            timeout=30.0,
        )

    def run_in(self, namespace: str, pod: str, container: str, command: Sequence[str], timeout: float = 60.0) -> str:
        """What a command prints in a container of a pod. Raises BackendError where it cannot be run."""
        client, _ = _package()
        from kubernetes.stream import stream

        core = client.CoreV1Api(client.ApiClient(self._settings))
        try:
            output = stream(
                core.connect_get_namespaced_pod_exec, pod, namespace, container=container, command=list(command),
                stdin=False, stdout=True, stderr=True, tty=False, _request_timeout=timeout,
            )  # fmt: skip
        except Exception as error:  # the package raises errors of three libraries
            status = getattr(error, "status", None)
            needs = " (needs create on pods/exec)" if status == 403 else ""
            raise BackendError(f"{namespace}/{pod}: the command was not run{needs}: {str(error)[:200]}") from error
        return str(output)

    def read(self, builder: InventoryBuilder, cluster: str) -> bool:
        """Read the objects of the cluster with this canonical name; what was refused is noted. True if nothing was."""
        refused: dict[Part, str] = {}
        for path, part, group, resource in chain(LISTS, self._other_policies(refused)):
            try:
                for page in self._pages(path):
                    if page.get("items"):  # an empty list of one kind of workload says nothing of the others
                        read_inventory_document(page, builder, origin=Origin(path), hint=Hint(cluster=cluster))
            except self._errors as error:
                refused[part] = _reason(error, group, resource)
        for part in {part for _, part, _, _ in LISTS} - refused.keys():  # seen where each of its lists was
            builder.saw(part, cluster)
        for part, reason in refused.items():
            builder.could_not_read(part, cluster, reason)
        return not refused

    def _other_policies(self, refused: dict[Part, str]) -> Iterator[tuple[str, Part, str, str]]:
        """The lists of policies that only some clusters have, as LISTS has them."""
        try:
            for group in self._get("/apis").get("groups", ()):
                version = group.get("preferredVersion", {}).get("groupVersion", "")
                if group.get("name") not in _OTHER_POLICIES or not version:
                    continue
                for resource in self._get(f"/apis/{version}").get("resources", ()):
                    name, kind = str(resource.get("name", "")), str(resource.get("kind", ""))
                    if "/" not in name and is_read(kind):
                        yield f"/apis/{version}/{name}", Part.NETWORK_POLICIES, str(group["name"]), name
        except self._errors as error:
            refused[Part.NETWORK_POLICIES] = _reason(error, "", "API groups")

    def _get(self, path: str, **query: str) -> dict[str, Any]:
        answer = self._http.request("GET", self._host + path, fields=query, headers=self._headers)
        if answer.status != 200:
            raise _RefusedError(answer.status)
        found = json.loads(answer.data)
        return found if isinstance(found, dict) else {}

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            query = {"limit": str(_PAGE)} | ({"continue": token} if token else {})
            page = self._get(path, **query)
            token = page.get("metadata", {}).get("continue", "")
            yield page
            if not token:
                return


def _package() -> tuple[Any, Any]:
    try:
        from kubernetes import client, config
    except ImportError as error:
        raise ConfigError(["a live cluster needs the package kubernetes: pip install 'bindwatch[cli]'"]) from error
    return client, config


def context_for(cluster: str, kubeconfig: str | None = None) -> str:
    """The context of the kubeconfig that gcloud made for a cluster (its full name); '' where there is none."""
    _, config = _package()
    words = cluster.split("/")
    wanted = f"gke_{words[4]}_{words[6]}_{words[8]}" if len(words) > 8 else ""
    try:
        contexts, _ = config.list_kube_config_contexts(kubeconfig)
    except (config.ConfigException, OSError):
        return ""
    return wanted if any(item["name"] == wanted for item in contexts) else ""


class _RefusedError(OSError):
    """An answer that is no list."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def _reason(error: Exception, group: str, resource: str) -> str:
    match getattr(error, "status", None):
        case 403:
            return f"permission denied: needs list on {resource}{f' of {group}' if group else ''} in all namespaces"
        case 401:
            return "the cluster refused the credentials: gcloud container clusters get-credentials renews them"
        case 404:
            return f"the cluster does not serve {resource}"
        case _:
            return f"the cluster did not answer: {error}"[:300]
