"""The ways to a live cluster and to Google's APIs, out of what a person gave: a kubeconfig, a gateway, an account."""

from dataclasses import dataclass
from typing import Any

from bindwatch.adapters.cloud_logging import Post, authorized_post
from bindwatch.adapters.google_apis import GoogleApis, access_token, credentials_as
from bindwatch.adapters.kubernetes import KubernetesApi, context_for
from bindwatch.errors import ConfigError
from bindwatch.inventory import Inventory
from bindwatch.inventory.clusters import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """How to get there. `context` '' is the one gcloud makes; `gateway` takes the Connect gateway of the fleet."""

    context: str = ""
    kubeconfig: str | None = None
    gateway: bool = False
    impersonate: str = ""


class LiveAccess:
    """Google's APIs and the cluster, as one identity. Raises BackendError where there are no credentials."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._credentials: Any = credentials_as(ways.impersonate)
        self.apis = GoogleApis(credentials=self._credentials)
        self.post: Post = authorized_post(credentials=self._credentials)

    def connect(self, cluster: Cluster, inventory: Inventory) -> KubernetesApi | None:
        """The API of a cluster; None where the kubeconfig does not name it and no other way was asked for."""
        if self._ways.gateway:
            return KubernetesApi.through_gateway(membership_of(cluster, inventory), access_token(self._credentials))
        context = self._ways.context or context_for(cluster.name, self._ways.kubeconfig)
        if not context:
            return None
        return KubernetesApi(context=context, kubeconfig=self._ways.kubeconfig)


def membership_of(cluster: Cluster, inventory: Inventory) -> str:
    """The full name of a cluster's membership in its fleet. Raises ConfigError where it is in none."""
    known = inventory.memberships_of(cluster.name)
    name = known[0].name if known else cluster.fleet_membership
    if not name:
        raise ConfigError([f"cluster {cluster.id} is in no fleet, so no Connect gateway leads to it"])
    return name
