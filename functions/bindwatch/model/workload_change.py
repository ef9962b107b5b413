"""Typed changes to what runs in a cluster: each knows its kubectl command and the change that undoes it.

A pod that nothing owns cannot be changed in place: its command writes it anew (`kubectl replace --force`).
"""

import json
import shlex
from typing import Any, Final

import msgspec

# What `kubectl set` can change in place; a CronJob's template lies deeper, and a pod's identity is fixed.
_SETTABLE: Final = frozenset({"deployment", "statefulset", "daemonset", "replicaset", "job"})


class WorkloadRef(msgspec.Struct, frozen=True, gc=False):
    """A Deployment, CronJob, Pod… by kind and name, in the cluster of a kubectl context ('' is the current one)."""

    kind: str
    namespace: str
    name: str
    context: str = ""

    @property
    def argument(self) -> str:
        """How kubectl names it: `deployment/web`."""
        return f"{self.kind.lower()}/{self.name}"


class SetPodServiceAccount(msgspec.Struct, frozen=True, gc=False):
    """Let the pods of a workload run as another Kubernetes service account. Restarts them."""

    workload: WorkloadRef
    account: str
    previous: str = "default"

    def command(self) -> str:
        """The kubectl command."""
        if self.workload.kind.lower() in _SETTABLE:
            return _kubectl(
                self.workload, "set", "serviceaccount", self.workload.kind.lower(), self.workload.name, self.account
            )
        return _patched(self.workload, {"serviceAccountName": self.account})

    def undo(self) -> "WorkloadChange | None":
        """The account as it was."""
        return SetPodServiceAccount(self.workload, self.previous, self.account)


class SetHostNetwork(msgspec.Struct, frozen=True, gc=False):
    """Take the pods of a workload off the node's network, or put them on it. Restarts them."""

    workload: WorkloadRef
    enabled: bool

    def command(self) -> str:
        """The kubectl command."""
        return _patched(self.workload, {"hostNetwork": self.enabled})

    def undo(self) -> "WorkloadChange | None":
        """The opposite."""
        return SetHostNetwork(self.workload, not self.enabled)


class SelectNodes(msgspec.Struct, frozen=True, gc=False):
    """Bind the pods of a workload to nodes with a label; an empty value takes the label out of the selector again."""

    workload: WorkloadRef
    label: str
    value: str

    def command(self) -> str:
        """The kubectl command."""
        return _patched(self.workload, {"nodeSelector": {self.label: self.value or None}})

    def undo(self) -> "WorkloadChange | None":
        """Take the label out again."""
        return SelectNodes(self.workload, self.label, "") if self.value else None


class SetPodVariable(msgspec.Struct, frozen=True, gc=False):
    """Set an environment variable of every container of a workload, or remove it where `value` is empty."""

    workload: WorkloadRef
    variable: str
    value: str = ""
    previous: str = ""

    def command(self) -> str:
        """The kubectl command."""
        if self.workload.kind.lower() in (*(_SETTABLE - {"job"}), "cronjob"):
            setting = f"{self.variable}={self.value}" if self.value else f"{self.variable}-"
            return _kubectl(self.workload, "set", "env", self.workload.argument, setting)
        edit = f'.spec.containers[].env |= map(select(.name != "{self.variable}"))'
        if self.value:
            edit = f'.spec.containers[].env += [{{"name": "{self.variable}", "value": {json.dumps(self.value)}}}]'
        return _replaced(self.workload, edit)

    def undo(self) -> "WorkloadChange | None":
        """The value as it was, where it is known."""
        if not self.value and not self.previous:
            return None
        return SetPodVariable(self.workload, self.variable, self.previous, self.value)


class MountFleetToken(msgspec.Struct, frozen=True, gc=False):
    """Give the pods of a workload the projected token and the credential file of a fleet's pool."""

    workload: WorkloadRef
    pool: str
    config_map: str
    containers: tuple[str, ...]
    volume: str = "gcp-ksa"

    def command(self) -> str:
        """The kubectl command. Source: fleet Workload Identity documentation (volume, paths, lifetime)."""
        path = "/var/run/secrets/tokens/gcp-ksa"
        token = {"path": "token", "audience": self.pool, "expirationSeconds": 172800}
        items = [{"key": "config", "path": "google-application-credentials.json"}]
        sources: list[dict[str, Any]] = [
            {"serviceAccountToken": token},
            {"configMap": {"name": self.config_map, "optional": False, "items": items}},
        ]
        variable = {
            "name": "GOOGLE_APPLICATION_CREDENTIALS",
            "value": f"{path}/google-application-credentials.json",
        }
        mount = {"name": self.volume, "mountPath": path, "readOnly": True}
        containers = [{"name": name, "env": [variable], "volumeMounts": [mount]} for name in self.containers]
        volume = {"name": self.volume, "projected": {"defaultMode": 420, "sources": sources}}
        return _patched(self.workload, {"volumes": [volume], "containers": containers}, strategy="strategic")

    def undo(self) -> "WorkloadChange | None":
        """There is none here: roll the workload back (`kubectl rollout undo`)."""
        return None


class EgressPort(msgspec.Struct, frozen=True, gc=False):
    """Where a network policy lets traffic out to: an address range (empty: any), a protocol and a port."""

    cidr: str
    protocol: str
    port: int


class AllowEgress(msgspec.Struct, frozen=True, gc=False):
    """Add a network policy that lets some pods reach some addresses. It takes nothing from other policies."""

    namespace: str
    name: str
    pod_labels: tuple[tuple[str, str], ...]
    ports: tuple[EgressPort, ...]
    context: str = ""

    def command(self) -> str:
        """The kubectl command, with the policy as JSON, which kubectl reads as well as YAML."""
        rules = [
            {
                "ports": [{"protocol": item.protocol, "port": item.port}],
                **({"to": [{"ipBlock": {"cidr": item.cidr}}]} if item.cidr else {}),
            }
            for item in self.ports
        ]
        manifest = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "podSelector": {"matchLabels": dict(self.pod_labels)} if self.pod_labels else {},
                "policyTypes": ["Egress"],
                "egress": rules,
            },
        }
        text = json.dumps(manifest)
        context = (f"--context={self.context}",) if self.context else ()
        return f"printf %s {shlex.quote(text)} | {shlex.join(('kubectl', *context, 'apply', '--filename=-'))}"

    def undo(self) -> "WorkloadChange | None":
        """Delete the policy again."""
        return DeleteNetworkPolicy(self.namespace, self.name, self.context)


class DeleteNetworkPolicy(msgspec.Struct, frozen=True, gc=False):
    """Delete a network policy."""

    namespace: str
    name: str
    context: str = ""

    def command(self) -> str:
        """The kubectl command."""
        ref = WorkloadRef("networkpolicy", self.namespace, self.name, self.context)
        return _kubectl(ref, "delete", "networkpolicy", self.name)

    def undo(self) -> "WorkloadChange | None":
        """Needs the policy as it was."""
        return None


WorkloadChange = (
    SetPodServiceAccount | SetHostNetwork | SelectNodes | SetPodVariable | MountFleetToken | AllowEgress
    | DeleteNetworkPolicy
)  # fmt: skip


def _kubectl(ref: WorkloadRef, *argv: str) -> str:
    context = (f"--context={ref.context}",) if ref.context else ()
    return shlex.join(("kubectl", *context, *argv, f"--namespace={ref.namespace}"))


def _patched(ref: WorkloadRef, spec: dict[str, Any], *, strategy: str = "merge") -> str:
    kind = ref.kind.lower()
    if kind == "pod":
        return _replaced(ref, _merged_edit(spec))
    patch: dict[str, Any] = {"spec": {"template": {"spec": spec}}}
    if kind == "cronjob":
        patch = {"spec": {"jobTemplate": patch}}
    return _kubectl(ref, "patch", kind, ref.name, f"--type={strategy}", f"--patch={json.dumps(patch)}")


def _merged_edit(spec: dict[str, Any]) -> str:
    if "volumes" in spec:
        volume, container = json.dumps(spec["volumes"]), spec["containers"][0]
        return (
            f".spec.volumes += {volume} | .spec.containers[].volumeMounts += {json.dumps(container['volumeMounts'])}"
            f" | .spec.containers[].env += {json.dumps(container['env'])}"
        )
    edit = f".spec *= {json.dumps(spec)}"
    if "serviceAccountName" in spec:
        edit += " | del(.spec.serviceAccount)"
    return edit


def _replaced(ref: WorkloadRef, edit: str) -> str:
    clean = f"{edit} | del(.spec.nodeName, .status, .metadata.resourceVersion, .metadata.uid)"
    read = _kubectl(ref, "get", "pod", ref.name, "--output=json")
    write = _kubectl(ref, "replace", "--force", "--filename=-")
    return f"{read} | {shlex.join(('jq', clean))} | {write}"
