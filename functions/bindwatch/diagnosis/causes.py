"""The causes a broken workload can have: their ids, what each means, and the step of the chain it belongs to.

The order is the order of nearness to the pod: of two causes that hold, the earlier one is named the root, unless one
explains the other. The ids never change.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Step(StrEnum):
    """A link of the chain between a pod and the resource it wants, nearest the pod first."""

    POD = "pod"
    POD_NETWORK = "pod-network"
    METADATA_SERVER = "metadata-server"
    NODE_POOL = "node-pool"
    NODE_NETWORK = "node-network"
    CLUSTER = "cluster"
    KUBERNETES_SERVICE_ACCOUNT = "kubernetes-service-account"
    ANNOTATION = "annotation"
    SERVICE_ACCOUNT = "service-account"
    BINDING = "binding"
    ROLE = "role"
    CONDITION = "condition"
    GUARDS = "guards"
    API = "api"
    DELEGATION = "delegation"
    TARGET = "target"
    PERIMETER = "perimeter"
    SHARING = "sharing"

    @property
    def question(self) -> str:
        """What the step asks, for a person."""
        return _QUESTIONS[self]


_QUESTIONS: Final = MappingProxyType(
    {
        Step.POD: "Does the pod run as the intended identity?",
        Step.POD_NETWORK: "Can the pod reach the metadata server?",
        Step.METADATA_SERVER: "Does the metadata server answer it?",
        Step.NODE_POOL: "Does its node pool run the GKE metadata server?",
        Step.NODE_NETWORK: "Can the node reach Google's token services?",
        Step.CLUSTER: "Is Workload Identity on, with the right pool?",
        Step.KUBERNETES_SERVICE_ACCOUNT: "Does the Kubernetes service account exist?",
        Step.ANNOTATION: "Is it annotated as the grants expect?",
        Step.SERVICE_ACCOUNT: "Does the Google service account exist, enabled?",
        Step.BINDING: "Is there a binding for this workload?",
        Step.ROLE: "Does the bound role allow minting tokens?",
        Step.CONDITION: "Does the condition of the binding hold?",
        Step.GUARDS: "Do deny policies, boundaries and organization policies let it?",
        Step.API: "Are the APIs on, with quota left?",
        Step.DELEGATION: "May it act as the next account of its chain?",
        Step.TARGET: "Does the identity have the role on the target?",
        Step.PERIMETER: "Do service perimeters let it through?",
        Step.SHARING: "Is the identity its own?",
    }
)


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause. `from_logs` ones are seen in log entries and texts only: no configuration shows them.

    Rows F1 to F48 are the failure modes of Workload Identity, R those of token rotation.
    """

    id: str
    row: str
    step: Step
    title: str
    from_logs: bool = False


CAUSES: Final[tuple[Cause, ...]] = (
    Cause("default-ksa-used", "F29", Step.POD, "The pod runs as the default Kubernetes service account"),
    Cause("host-network", "F27", Step.POD, "The pod uses the node's network, so it gets the node's identity"),
    Cause("key-file-shadows-workload-identity", "F45", Step.POD, "A key file takes the place of Workload Identity"),
    Cause("projected-token-volume-missing", "F47", Step.POD, "The pod has no token volume for the fleet's pool"),
    Cause("network-policy-blocks-metadata", "F21", Step.POD_NETWORK, "A network policy blocks the metadata server"),
    Cause("dns-cannot-resolve-metadata", "F23", Step.POD_NETWORK, "The pod cannot resolve metadata.google.internal"),
    Cause(
        "metadata-startup-race",
        "F31",
        Step.METADATA_SERVER,
        "The pod asked before the metadata server was ready for it",
        from_logs=True,
    ),
    Cause(
        "non-pod-ip",
        "F35",
        Step.METADATA_SERVER,
        "The metadata server was asked from an address that is no pod's",
        from_logs=True,
    ),
    Cause(
        "unsupported-metadata-path",
        "F36",
        Step.METADATA_SERVER,
        "The client asks for a path the GKE metadata server does not have",
        from_logs=True,
    ),
    Cause(
        "audience-missing",
        "F37",
        Step.METADATA_SERVER,
        "The client asks for an identity token without an audience",
        from_logs=True,
    ),
    Cause(
        "token-not-refreshed",
        "R1",
        Step.METADATA_SERVER,
        "The client goes on using a token beyond its life",
        from_logs=True,
    ),
    Cause(
        "too-many-metadata-connections",
        "F33",
        Step.METADATA_SERVER,
        "The pods of the node hold more connections than the metadata server takes",
    ),
    Cause("node-pool-not-gke-metadata", "F25", Step.NODE_POOL, "The node pool does not run the GKE metadata server"),
    Cause("mixed-node-pools", "F26", Step.NODE_POOL, "Only some of the node pools run the GKE metadata server"),
    Cause("node-scopes-too-narrow", "F44", Step.NODE_POOL, "The node's token is used, and its scopes are too narrow"),
    Cause(
        "node-cannot-reach-token-service",
        "F22",
        Step.NODE_NETWORK,
        "The node cannot reach sts.googleapis.com and iamcredentials.googleapis.com",
    ),
    Cause("workload-identity-disabled", "F24", Step.CLUSTER, "Workload Identity is off on the cluster"),
    Cause("fleet-pool-mismatch", "F46", Step.CLUSTER, "The fleet's pool is not the one that is asked for or bound"),
    Cause("too-many-ksas", "F32", Step.CLUSTER, "The cluster has more Kubernetes service accounts than supported"),
    Cause(
        "control-plane-unreachable",
        "F38",
        Step.CLUSTER,
        "The control plane of the zonal cluster could not be reached for a token",
        from_logs=True,
    ),
    Cause("ksa-not-found", "F30", Step.KUBERNETES_SERVICE_ACCOUNT, "The Kubernetes service account does not exist"),
    Cause(
        "annotation-shadows-direct-grant",
        "F13",
        Step.ANNOTATION,
        "A leftover annotation forces impersonation although the grants are direct",
    ),
    Cause("annotation-missing", "F28", Step.ANNOTATION, "The Kubernetes service account is not annotated"),
    Cause(
        "email-endpoint-returns-pool",
        "F19",
        Step.ANNOTATION,
        "The e-mail endpoint answers with the pool, which the client cannot use",
        from_logs=True,
    ),
    Cause("gsa-deleted", "F5", Step.SERVICE_ACCOUNT, "The Google service account was deleted"),
    Cause("gsa-not-found", "F4", Step.SERVICE_ACCOUNT, "The annotated Google service account does not exist"),
    Cause("gsa-disabled", "F7", Step.SERVICE_ACCOUNT, "The Google service account is disabled"),
    Cause(
        "gsa-recreated",
        "F6",
        Step.SERVICE_ACCOUNT,
        "The Google service account was deleted and made anew: its old grants do not count for it",
    ),
    Cause("binding-removed", "F8", Step.BINDING, "The binding of the workload was removed"),
    Cause("pool-of-another-project", "F3", Step.BINDING, "The binding names the pool of another project"),
    Cause("member-malformed", "F2", Step.BINDING, "The member of the binding is not written right"),
    Cause("role-cannot-mint", "F11", Step.ROLE, "The bound role does not allow minting tokens"),
    Cause("condition-not-met", "F9", Step.CONDITION, "The condition of the binding does not hold"),
    Cause("binding-missing", "F1", Step.BINDING, "The Google service account has no binding for the workload"),
    Cause(
        "propagation-delay",
        "F10",
        Step.BINDING,
        "The change is younger than ten minutes and still spreading",
        from_logs=True,
    ),
    Cause("deny-policy", "F41", Step.GUARDS, "A deny policy takes the permission away"),
    Cause("principal-access-boundary", "F42", Step.GUARDS, "A principal access boundary leaves the resource out"),
    Cause("org-policy-blocked", "F40", Step.GUARDS, "An organization policy refused the account or the binding"),
    Cause("iamcredentials-api-disabled", "F39", Step.API, "The IAM Service Account Credentials API is off"),
    Cause("token-quota-exceeded", "F34", Step.API, "The quota of token exchanges is used up", from_logs=True),
    Cause(
        "delegate-missing-token-creator",
        "F12",
        Step.DELEGATION,
        "The account may not mint tokens for the next account of its chain",
    ),
    Cause("selector-malformed", "F16", Step.TARGET, "The direct grant names a selector that does not exist"),
    Cause("project-number-wrong", "F15", Step.TARGET, "The direct grant has the wrong project number"),
    Cause("ksa-uid-stale", "F17", Step.TARGET, "The grant is pinned on a Kubernetes service account of the past"),
    Cause("direct-grant-missing", "F14", Step.TARGET, "The workload has no grant of its own"),
    Cause(
        "service-rejects-federated-token",
        "F18",
        Step.TARGET,
        "The service does not take tokens of federated identities",
    ),
    Cause("target-role-missing", "F43", Step.TARGET, "The identity lacks the permission on the target"),
    Cause("vpc-sc-blocked", "F20", Step.PERIMETER, "A service perimeter blocks the call", from_logs=True),
    Cause("identity-sameness", "F48", Step.SHARING, "The same identity exists in another cluster of the pool"),
)

CAUSE_BY_ID: Final = MappingProxyType({cause.id: cause for cause in CAUSES})

_TOKEN_OF_NODE: Final = frozenset({"node-scopes-too-narrow"})
_NO_ACCOUNT: Final = frozenset(
    {
        "binding-missing",
        "binding-removed",
        "member-malformed",
        "pool-of-another-project",
        "role-cannot-mint",
        "condition-not-met",
        "target-role-missing",
        "delegate-missing-token-creator",
    }
)
EXPLAINS: Final = MappingProxyType(
    {
        "workload-identity-disabled": _TOKEN_OF_NODE | {"node-pool-not-gke-metadata", "mixed-node-pools"},
        "host-network": _TOKEN_OF_NODE,
        "node-pool-not-gke-metadata": _TOKEN_OF_NODE,
        "mixed-node-pools": _TOKEN_OF_NODE,
        "network-policy-blocks-metadata": frozenset({"metadata-startup-race"}),
        "annotation-shadows-direct-grant": _NO_ACCOUNT | {"gsa-not-found", "gsa-deleted", "gsa-disabled"},
        "annotation-missing": frozenset({"direct-grant-missing"}),
        "gsa-deleted": _NO_ACCOUNT,
        "gsa-not-found": _NO_ACCOUNT,
        "gsa-recreated": frozenset({"binding-missing", "target-role-missing"}),
    }
)
"""Which causes follow from which, for every workload: removing the first removes the others, or takes them along."""
