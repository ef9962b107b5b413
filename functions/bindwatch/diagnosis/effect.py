"""What a change changes, in one line of words: what a person reads before running its command."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

from bindwatch.model import change as model
from bindwatch.model import cloud_change as cloud
from bindwatch.model import workload_change as work
from bindwatch.model.change import Change
from bindwatch.model.resource import display


def effect(change: Change) -> str:
    """The words; '' for a command of its own kind, which speaks for itself."""
    words = _WORDS.get(type(change))
    return words(change) if words is not None else ""


def _on(enabled: bool, on: str, off: str) -> str:
    return on if enabled else off


def _annotation(change: model.AnnotateKubernetesServiceAccount) -> str:
    who = f"{change.namespace}/{change.name}"
    if not change.value:
        return f"takes the annotation {change.annotation} off {who}"
    return f"annotates {who} with {change.value}" + (f" instead of {change.previous}" if change.previous else "")


def _granted(change: model.AddBinding) -> str:
    condition = " under a condition" if change.condition else ""
    return f"gives {change.member} {change.role} on {display(change.resource)}{condition}"


def _variable(change: work.SetPodVariable) -> str:
    what = f"sets {change.variable}" if change.value else f"removes the variable {change.variable}"
    return f"{what} in every container of {_of(change.workload)}, whose pods restart"


def _of(workload: work.WorkloadRef) -> str:
    return f"{workload.kind} {workload.namespace}/{workload.name}"


_WORDS: Final[MappingProxyType[type, Callable[[Any], str]]] = MappingProxyType(
    {
        model.AddBinding: _granted,
        model.RemoveBinding: lambda it: f"takes {it.role} on {display(it.resource)} from {it.member}",
        model.SetServiceAccountEnabled: lambda it: _on(
            it.enabled, f"enables {it.email}", f"disables {it.email}; its tokens stop working at once"
        ),
        model.CreateServiceAccount: lambda it: f"creates {it.email}, which has no access yet",
        model.DeleteServiceAccount: lambda it: f"deletes {it.email}; restorable for 30 days",
        model.UndeleteServiceAccount: lambda it: f"restores {it.email or it.unique_id} with the bindings it had",
        model.DeleteServiceAccountKey: lambda it: f"deletes the key {it.key_id} of {it.email} for good",
        model.SetServiceAccountKeyEnabled: lambda it: (
            f"{_on(it.enabled, 'enables', 'disables')} the key {it.key_id} of {it.email}"
        ),
        model.AnnotateKubernetesServiceAccount: _annotation,
        model.CreateKubernetesServiceAccount: lambda it: f"creates the account {it.namespace}/{it.name} in the cluster",
        model.EnableService: lambda it: f"switches {it.service} on in project {it.project}",
        model.DisableService: lambda it: f"switches {it.service} off in project {it.project}",
        model.SetClusterWorkloadPool: lambda it: (
            f"turns Workload Identity on for cluster {it.cluster}; node pools stay as they are"
            if it.pool
            else f"turns Workload Identity off for cluster {it.cluster}"
        ),
        model.SetNodePoolMetadata: lambda it: (
            f"sets the metadata server of node pool {it.node_pool} to {it.mode}; its nodes are made anew"
        ),
        cloud.SetPrivateGoogleAccess: lambda it: (
            f"{_on(it.enabled, 'lets', 'stops letting')} subnet {it.subnet} reach Google's APIs from private addresses"
        ),
        cloud.SetUniformAccess: lambda it: _on(
            it.enabled,
            f"lets IAM alone decide on bucket {it.bucket}; access lists of its objects count no more",
            f"lets access lists of objects count again in bucket {it.bucket}",
        ),
        cloud.AllowFirewallEgress: lambda it: (
            f"lets nodes of network {it.network} reach {', '.join(it.ranges)} on port {it.port}"
        ),
        cloud.DeleteFirewallRule: lambda it: f"deletes the firewall rule {it.name}",
        cloud.AddInternetRoute: lambda it: f"routes {it.destination} from network {it.network} to the internet gateway",
        cloud.DeleteRoute: lambda it: f"deletes the route {it.name}",
        cloud.ExceptFromDenyPolicy: lambda it: (
            f"{_on(it.excepted, 'excepts', 'no longer excepts')} {it.principal} from the deny policy's rules on"
            f" {it.permission}"
        ),
        cloud.ExtendBoundary: lambda it: (
            f"{_on(it.eligible, 'lets the boundary reach', 'takes out of the boundary')} {display(it.resource)}"
        ),
        cloud.RelaxOrgPolicy: lambda it: f"excepts project {it.project} from {it.constraint}",
        cloud.InheritOrgPolicy: lambda it: f"lets project {it.project} inherit {it.constraint} again",
        cloud.RegisterInFleet: lambda it: f"registers cluster {it.cluster} in the fleet of {it.fleet_project}",
        cloud.Wait: lambda it: f"waits {it.seconds} s for the change to spread",
        work.SetPodServiceAccount: lambda it: f"runs {_of(it.workload)} as {it.account}; its pods restart",
        work.SetHostNetwork: lambda it: (
            f"{_on(it.enabled, 'puts', 'takes')} {_of(it.workload)} {_on(it.enabled, 'on', 'off')} the node's network;"
            " its pods restart"
        ),
        work.SelectNodes: lambda it: (
            f"keeps {_of(it.workload)} on nodes with {it.label}={it.value}; its pods restart"
            if it.value
            else f"lets {_of(it.workload)} run on nodes without {it.label}; its pods restart"
        ),
        work.SetPodVariable: _variable,
        work.MountFleetToken: lambda it: f"mounts a token for {it.pool} in {_of(it.workload)}; its pods restart",
        work.AllowEgress: lambda it: (
            f"lets pods of {it.namespace} reach {', '.join(sorted({f'port {port.port}' for port in it.ports}))};"
            " takes nothing away"
        ),
        work.DeleteNetworkPolicy: lambda it: f"deletes the network policy {it.namespace}/{it.name}",
    }
)
