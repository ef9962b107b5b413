"""Typed changes to Google Cloud and Kubernetes: each knows the command that makes it and the change that undoes it.

A fix is a sequence of these, so what is printed and what is tested derive from one value. Commands are quoted for a
POSIX shell and hold real names only.
"""

import shlex

import msgspec

from bindwatch.model.binding_command import binding_command
from bindwatch.model.cloud_change import CloudChange
from bindwatch.model.finding import Remediation
from bindwatch.model.policy import Condition
from bindwatch.model.workload_change import WorkloadChange


class AddBinding(msgspec.Struct, frozen=True, gc=False):
    """Give `member` the role on the resource (a canonical full resource name)."""

    resource: str
    role: str
    member: str
    condition: Condition | None = None

    def command(self) -> str:
        """The command that adds the binding."""
        return binding_command("add", self.resource, self.role, self.member, self.condition)

    def undo(self) -> "Change | None":
        """Take the role away again."""
        return RemoveBinding(self.resource, self.role, self.member, self.condition)


class RemoveBinding(msgspec.Struct, frozen=True, gc=False):
    """Take the role on the resource away from `member`."""

    resource: str
    role: str
    member: str
    condition: Condition | None = None

    def command(self) -> str:
        """The command that removes the binding."""
        return binding_command("remove", self.resource, self.role, self.member, self.condition)

    def undo(self) -> "Change | None":
        """Give the role back, unless the member was deleted: a deleted member cannot be granted anything."""
        if self.member.startswith("deleted:"):
            return None
        return AddBinding(self.resource, self.role, self.member, self.condition)


class SetServiceAccountEnabled(msgspec.Struct, frozen=True, gc=False):
    """Enable or disable a service account. Disabling rejects the tokens already issued."""

    email: str
    enabled: bool
    project: str = ""

    def command(self) -> str:
        """The gcloud command."""
        verb = "enable" if self.enabled else "disable"
        return _gcloud("iam", "service-accounts", verb, self.email, *_project(self.project))

    def undo(self) -> "Change | None":
        """The opposite switch."""
        return SetServiceAccountEnabled(self.email, not self.enabled, self.project)


class CreateServiceAccount(msgspec.Struct, frozen=True, gc=False):
    """Create a user-managed service account."""

    email: str
    project: str
    display_name: str = ""

    def command(self) -> str:
        """The gcloud command; it takes the name before the @."""
        display = (f"--display-name={self.display_name}",) if self.display_name else ()
        return _gcloud(
            "iam", "service-accounts", "create", self.email.partition("@")[0], *display, *_project(self.project)
        )

    def undo(self) -> "Change | None":
        """Delete it again."""
        return DeleteServiceAccount(self.email, self.project)


class DeleteServiceAccount(msgspec.Struct, frozen=True, gc=False):
    """Delete a service account; it can be restored by its unique id for 30 days."""

    email: str
    project: str = ""
    unique_id: str = ""

    def command(self) -> str:
        """The gcloud command."""
        return _gcloud("iam", "service-accounts", "delete", self.email, "--quiet", *_project(self.project))

    def undo(self) -> "Change | None":
        """Restore it, where its unique id is known."""
        return UndeleteServiceAccount(self.unique_id, self.email, self.project) if self.unique_id else None


class UndeleteServiceAccount(msgspec.Struct, frozen=True, gc=False):
    """Restore a deleted service account, with its old bindings, within 30 days."""

    unique_id: str
    email: str = ""
    project: str = ""

    def command(self) -> str:
        """The gcloud command; it takes the unique id, not the e-mail."""
        return _gcloud("beta", "iam", "service-accounts", "undelete", self.unique_id, *_project(self.project))

    def undo(self) -> "Change | None":
        """Delete it again."""
        return DeleteServiceAccount(self.email, self.project, self.unique_id) if self.email else None


class DeleteServiceAccountKey(msgspec.Struct, frozen=True, gc=False):
    """Delete a key of a service account. What uses it stops working; it cannot be restored."""

    email: str
    key_id: str
    project: str = ""

    def command(self) -> str:
        """The gcloud command."""
        return _gcloud(
            "iam",
            "service-accounts",
            "keys",
            "delete",
            self.key_id,
            f"--iam-account={self.email}",
            "--quiet",
            *_project(self.project),
        )

    def undo(self) -> "Change | None":
        """There is no way back."""
        return None


class SetServiceAccountKeyEnabled(msgspec.Struct, frozen=True, gc=False):
    """Enable or disable a key of a service account: the reversible half of deleting it."""

    email: str
    key_id: str
    enabled: bool
    project: str = ""

    def command(self) -> str:
        """The gcloud command."""
        verb = "enable" if self.enabled else "disable"
        return _gcloud(
            "iam",
            "service-accounts",
            "keys",
            verb,
            self.key_id,
            f"--iam-account={self.email}",
            *_project(self.project),
        )

    def undo(self) -> "Change | None":
        """The opposite switch."""
        return SetServiceAccountKeyEnabled(self.email, self.key_id, not self.enabled, self.project)


class AnnotateKubernetesServiceAccount(msgspec.Struct, frozen=True, gc=False):
    """Set one annotation of a Kubernetes service account, or remove it where `value` is empty."""

    namespace: str
    name: str
    annotation: str
    value: str
    previous: str = ""
    context: str = ""

    def command(self) -> str:
        """The kubectl command, against the cluster of `context` where one is known."""
        assignment = f"{self.annotation}={self.value}" if self.value else f"{self.annotation}-"
        overwrite = ("--overwrite",) if self.value and self.previous else ()
        return _kubectl(
            self.context,
            "annotate",
            "serviceaccount",
            self.name,
            f"--namespace={self.namespace}",
            assignment,
            *overwrite,
        )

    def undo(self) -> "Change | None":
        """The annotation as it was."""
        return AnnotateKubernetesServiceAccount(
            self.namespace, self.name, self.annotation, self.previous, self.value, self.context
        )


class CreateKubernetesServiceAccount(msgspec.Struct, frozen=True, gc=False):
    """Create a Kubernetes service account."""

    namespace: str
    name: str
    context: str = ""

    def command(self) -> str:
        """The kubectl command."""
        return _kubectl(self.context, "create", "serviceaccount", self.name, f"--namespace={self.namespace}")

    def undo(self) -> "Change | None":
        """Needs a person: pods may use it by then."""
        return None


class EnableService(msgspec.Struct, frozen=True, gc=False):
    """Enable an API in a project."""

    project: str
    service: str

    def command(self) -> str:
        """The gcloud command."""
        return _gcloud("services", "enable", self.service, f"--project={self.project}")

    def undo(self) -> "Change | None":
        """Disable it again."""
        return DisableService(self.project, self.service)


class DisableService(msgspec.Struct, frozen=True, gc=False):
    """Disable an API in a project."""

    project: str
    service: str

    def command(self) -> str:
        """The gcloud command."""
        return _gcloud("services", "disable", self.service, f"--project={self.project}")

    def undo(self) -> "Change | None":
        """Enable it again."""
        return EnableService(self.project, self.service)


class SetClusterWorkloadPool(msgspec.Struct, frozen=True, gc=False):
    """Turn Workload Identity on for a cluster. Its node pools stay as they are: each needs its own change."""

    project: str
    location: str
    cluster: str
    pool: str

    def command(self) -> str:
        """The gcloud command."""
        return _gcloud(
            "container",
            "clusters",
            "update",
            self.cluster,
            f"--location={self.location}",
            f"--project={self.project}",
            f"--workload-pool={self.pool}" if self.pool else "--disable-workload-identity",
        )

    def undo(self) -> "Change | None":
        """Turn it off again."""
        return SetClusterWorkloadPool(self.project, self.location, self.cluster, "") if self.pool else None


class SetNodePoolMetadata(msgspec.Struct, frozen=True, gc=False):
    """Choose the metadata server of a node pool (`GKE_METADATA`, `GCE_METADATA`). Recreates the nodes."""

    project: str
    location: str
    cluster: str
    node_pool: str
    mode: str = "GKE_METADATA"
    previous: str = ""

    def command(self) -> str:
        """The gcloud command."""
        return _gcloud(
            "container",
            "node-pools",
            "update",
            self.node_pool,
            f"--cluster={self.cluster}",
            f"--location={self.location}",
            f"--project={self.project}",
            f"--workload-metadata={self.mode}",
        )

    def undo(self) -> "Change | None":
        """The mode as it was; none for modes that can no longer be chosen (`SECURE`, metadata concealment)."""
        before = self.previous or "GCE_METADATA"
        if before not in ("GCE_METADATA", "GKE_METADATA"):
            return None
        return SetNodePoolMetadata(self.project, self.location, self.cluster, self.node_pool, before, self.mode)


class Run(msgspec.Struct, frozen=True, gc=False):
    """A command of its own kind, with the command that undoes it where there is one.

    For changes that no inventory models; arguments are plain strings, quoted here.
    """

    argv: tuple[str, ...]
    undo_argv: tuple[str, ...] = ()

    def command(self) -> str:
        """The command, quoted."""
        return shlex.join(self.argv)

    def undo(self) -> "Change | None":
        """The undoing command, if one was given."""
        return Run(self.undo_argv, self.argv) if self.undo_argv else None


Change = (
    AddBinding
    | RemoveBinding
    | SetServiceAccountEnabled
    | CreateServiceAccount
    | DeleteServiceAccount
    | UndeleteServiceAccount
    | DeleteServiceAccountKey
    | SetServiceAccountKeyEnabled
    | AnnotateKubernetesServiceAccount
    | CreateKubernetesServiceAccount
    | EnableService
    | DisableService
    | SetClusterWorkloadPool
    | SetNodePoolMetadata
    | CloudChange
    | WorkloadChange
    | Run
)


def remedy(summary: str, *changes: Change, risk: str = "", terraform: str = "") -> Remediation:
    """The remediation that these changes make, in their order."""
    return Remediation(summary=summary, steps=changes, terraform=terraform, risk_of_fix=risk)


def _gcloud(*argv: str) -> str:
    return shlex.join(("gcloud", *argv))


def _kubectl(context: str, *argv: str) -> str:
    return shlex.join(("kubectl", *((f"--context={context}",) if context else ()), *argv))


def _project(project: str) -> tuple[str, ...]:
    return (f"--project={project}",) if project else ()
