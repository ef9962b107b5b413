"""Twins about Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rules.twins.entries import DENIED, PERSON, REFUSED, Twin, entry

_POD: Final = "system:serviceaccount:web:api"
_RBAC: Final = "rbac.authorization.k8s.io/v1"


def twins() -> Iterator[Twin]:
    """Every twin of this file."""
    yield from _of_roles()
    yield from _of_callers()
    yield from _of_what_takes_part()
    yield from _of_secrets()


def _k8s(method: str, name: str, who: str | dict[str, Any] = PERSON, **more: Any) -> dict[str, Any]:
    labels = {"project_id": "shop-prod", "location": "europe-west4", "cluster_name": "web"}
    said = {"agent": "kubectl/v1.33.1", "kind": "k8s_cluster", "labels": labels} | more
    return entry("k8s.io", f"io.k8s.{method}", who, resourceName=name, **said)


def _of_roles() -> Iterator[Twin]:
    """Roles and bindings."""
    rbac = _RBAC
    pod = _POD
    for prefix in ("rbac.v1", "authorization.rbac.v1"):  # the first is their spelling
        for plural in ("clusterrolebindings", "rolebindings"):
            where = f"{rbac}/{'namespaces/web/' if plural == 'rolebindings' else ''}{plural}/b"
            for role, expected in (("cluster-admin", True), ("admin", True), ("edit", True), ("view", False)):
                body = {"roleRef": {"kind": "ClusterRole", "name": role}, "subjects": [{"kind": "User", "name": "eve"}]}
                for who in (PERSON, pod):
                    bound = _k8s(f"{prefix}.{plural}.create", where, who, request=body, ip="10.0.0.7")
                    yield Twin("Kubernetes.ClusterRoleBinding.Privileged", f"{role} {plural} {who}", expected, bound)
        node = {
            "roleRef": {"kind": "ClusterRole", "name": "system:node"},
            "subjects": [{"kind": "User", "name": "eve"}],
        }
        bound = _k8s(f"{prefix}.clusterrolebindings.create", f"{rbac}/clusterrolebindings/b", request=node)
        yield Twin("Kubernetes.ClusterRoleBinding.Privileged", "a node's role", False, bound)
        for rule_id, groups, resources, verbs, expected in (
            ("Kubernetes.Role.Wildcard", ["*"], ["*"], ["*"], True),
            ("Kubernetes.Role.Wildcard", ["apps"], ["deployments"], ["*"], True),
            ("Kubernetes.Role.Wildcard", [""], ["*"], ["get", "list"], True),
            ("Kubernetes.Role.Wildcard", ["*"], ["pods"], ["get"], True),
            ("Kubernetes.Role.Wildcard", [""], ["pods"], ["get"], False),
            ("Kubernetes.Role.PodExec", [""], ["pods/exec"], ["create"], True),
            ("Kubernetes.Role.PodExec", [""], ["pods", "pods/exec"], ["*"], True),
            ("Kubernetes.Role.PodExec", [""], ["pods/log"], ["get"], False),
            ("Kubernetes.Role.NodeProxyPermissions", [""], ["nodes/proxy"], ["get"], True),
            ("Kubernetes.Role.NodeProxyPermissions", [""], ["nodes"], ["get"], False),
            ("Kubernetes.Role.WritePermissions", [""], ["secrets"], ["get", "delete"], True),
            ("Kubernetes.Role.WritePermissions", ["apps"], ["deployments"], ["patch"], True),
            ("Kubernetes.Role.WritePermissions", [""], ["pods"], ["get", "watch"], False),
        ):
            request = {"rules": [{"apiGroups": groups, "resources": resources, "verbs": verbs}]}
            for plural in ("clusterroles", "roles"):
                where = f"{rbac}/{'namespaces/web/' if plural == 'roles' else ''}{plural}/r"
                story = f"{verbs} {resources} of {groups} in {plural}"
                yield Twin(rule_id, story, expected, _k8s(f"{prefix}.{plural}.create", where, request=request))
            system = _k8s(f"{prefix}.roles.update", f"{rbac}/roles/r", "system:addon-manager", request=request)
            yield Twin(rule_id, f"{story} by the control plane", False, system)
            refused = _k8s(f"{prefix}.clusterroles.create", f"{rbac}/clusterroles/r", request=request, status=DENIED)
            yield Twin(rule_id, f"{story} refused", False, refused)
        for verb, expected in (("update", True), ("patch", True), ("delete", True), ("get", False)):
            changed = _k8s(f"{prefix}.clusterroles.{verb}", f"{rbac}/clusterroles/system:node")
            yield Twin("Kubernetes.SystemRole.Modified", verb, expected, changed)
        own = _k8s(f"{prefix}.clusterroles.update", f"{rbac}/clusterroles/mine")
        yield Twin("Kubernetes.SystemRole.Modified", "another", False, own)
    for subject in (
        {"kind": "ServiceAccount", "name": "default", "namespace": "default"},
        {"kind": "Group", "name": "system:authenticated"},
    ):
        body = {"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": [subject]}
        where = f"{rbac}/clusterrolebindings/b"
        bound = _k8s("authorization.rbac.v1.clusterrolebindings.create", where, request=body, status={"code": 0})
        yield Twin("Kubernetes.ClusterRoleBinding.Privileged", f"to {subject['name']}", True, bound)
    for verb in ("delete", "get"):
        call = _k8s(f"authorization.rbac.v1.clusterrolebindings.{verb}", f"{rbac}/clusterrolebindings/cluster-admin")
        yield Twin("Kubernetes.ClusterRoleBinding.Privileged", verb, False, call)
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    reading = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    for rule_id, story, expected, verb, rules in (
        ("Kubernetes.Role.Wildcard", "second rule", True, "create", [reading, everything]),
        ("Kubernetes.Role.Wildcard", "updated", True, "update", [everything]),
        ("Kubernetes.Role.Wildcard", "no rules", False, "create", []),
        ("Kubernetes.Role.Wildcard", "deleted", False, "delete", []),
        ("Kubernetes.Role.PodExec", "pods only", False, "create", [reading | {"verbs": ["create"]}]),
        ("Kubernetes.Role.NodeProxyPermissions", "updated", True, "update", [reading | {"resources": ["nodes/proxy"]}]),
        (
            "Kubernetes.Role.NodeProxyPermissions",
            "of services",
            False,
            "create",
            [reading | {"resources": ["services/proxy"]}],
        ),
        ("Kubernetes.Role.WritePermissions", "second rule", True, "create", [reading, reading | {"verbs": ["update"]}]),
    ):
        role = _k8s(f"authorization.rbac.v1.clusterroles.{verb}", f"{rbac}/clusterroles/r", request={"rules": rules})
        yield Twin(rule_id, story, expected, role)
    where = f"{rbac}/namespaces/kube-system/roles/system:controller:bootstrap-signer"
    signer = _k8s("authorization.rbac.v1.roles.update", where, request={"rules": [reading]})
    yield Twin("Kubernetes.SystemRole.Modified", "of a namespace", True, signer)
    own = _k8s("authorization.rbac.v1.clusterroles.update", f"{rbac}/clusterroles/r", request={"rules": [reading]})
    yield Twin("Kubernetes.SystemRole.Modified", "own, as asked", False, own)


def _of_callers() -> Iterator[Twin]:
    """Who called, from where, and what they were allowed."""
    pod = _POD
    anonymous, everybody = "system:anonymous", "Kubernetes.API.AnonymousAccess"
    for method, name, expected in (
        ("core.v1.pods.list", "core/v1/pods", True),
        ("core.v1.secrets.list", "core/v1/namespaces/web/secrets", True),
        ("core.v1.pods.create", "core/v1/namespaces/web/pods/x", True),
        ("get", "openapi/v2", True),
        ("get", "api", True),
        ("get", ".well-known/openid-configuration", True),
        ("get", "healthz", False),
        ("get", "livez", False),
        ("get", "version", False),
        ("core.v1.readyz.get", "core/v1/readyz", False),
        ("healthz", "", False),
    ):
        yield Twin(everybody, f"{method} {name}", expected, _k8s(method, name, anonymous))
    yield Twin(everybody, "refused", True, _k8s("core.v1.pods.list", "core/v1/pods", anonymous, status=DENIED))
    yield Twin(everybody, "somebody", False, _k8s("core.v1.pods.list", "core/v1/pods"))
    outside = "Kubernetes.API.Multiple403.PublicIP"
    for ip, expected in (("198.51.100.7", True), ("2001:db8::7", True), ("10.0.0.7", False), ("::1", False)):
        for who in (PERSON, pod):
            refused = _k8s("core.v1.configmaps.list", "core/v1/configmaps", who, ip=ip, status=DENIED)
            yield Twin(outside, f"{who} from {ip}", expected, refused)
    stranger = _k8s("core.v1.pods.list", "core/v1/pods", anonymous, status=DENIED)
    yield Twin(outside, "nobody in particular", True, stranger)
    yield Twin(outside, "allowed", False, _k8s("core.v1.pods.list", "core/v1/pods"))
    identities = "Kubernetes.System.Principal.PublicIP"
    for who in (
        pod,
        "system:node:gke-web-1",
        "system:kube-scheduler",
        "system:serviceaccount:kube-system:default",
        anonymous,
    ):
        for ip, expected in (("198.51.100.7", True), ("10.0.0.7", False)):
            called = _k8s("core.v1.pods.list", "core/v1/pods", who, ip=ip)
            yield Twin(identities, f"{who} from {ip}", expected, called)
    probe = _k8s("core.v1.healthz.get", "core/v1/healthz", anonymous, agent="GoogleHC/1.0")
    yield Twin(identities, "probe", False, probe)
    yield Twin(identities, "person", False, _k8s("core.v1.pods.list", "core/v1/pods"))
    selector = {"authoritySelector": anonymous}
    for rule_id, story, expected, method, name, who, more in (
        (everybody, "by its selector", True, "core.v1.pods.list", "core/v1/pods", selector, {"status": {"code": 0}}),
        (everybody, "by its selector, a probe", False, "get", "healthz", selector, {}),
        (everybody, "list of APIs", True, "get", "apis", anonymous, {}),
        (everybody, "probe by name", False, "get", "livez", anonymous, {"agent": "kube-probe/1.33"}),
        (everybody, "a pod", False, "core.v1.pods.list", "core/v1/pods", pod, {"ip": "10.0.0.7"}),
        (outside, "not found", False, "core.v1.pods.get", "core/v1/pods/x", PERSON, {"status": {"code": 5}}),
        (outside, "without checks", True, "core.v1.nodes.get", "core/v1/nodes/n", PERSON, {"status": DENIED}),
        (identities, "by its selector", True, "core.v1.pods.list", "core/v1/pods", selector, {}),
        (identities, "loopback", False, "core.v1.pods.list", "core/v1/pods", "system:kube-scheduler", {"ip": "::1"}),
        (identities, "version", False, "get", "version", anonymous, {"agent": "curl/8.4"}),
        (identities, "probe without a resource", False, "livez", "", anonymous, {"agent": "GoogleHC/1.0"}),
    ):
        yield Twin(rule_id, story, expected, _k8s(method, name, who, **more))


def _of_what_takes_part() -> Iterator[Twin]:
    """Webhooks and certificates: what joins the control plane."""
    pod = _POD
    for version in ("v1", "v1beta1"):
        for kind in ("mutating", "validating"):
            method = f"admissionregistration.{version}.{kind}webhookconfigurations"
            name = f"admissionregistration.k8s.io/{version}/{kind}webhookconfigurations/x"
            for verb, who, expected in (("create", PERSON, True), ("create", pod, True), ("list", PERSON, False)):
                hook = _k8s(f"{method}.{verb}", name, who, ip="10.0.0.7")
                yield Twin("Kubernetes.AdmissionController.Created", f"{method}.{verb} by {who}", expected, hook)
        method = f"certificates.{version}.certificatesigningrequests"
        name = f"certificates.k8s.io/{version}/certificatesigningrequests/x"
        for signer, who, expected in (
            ("kube-apiserver-client", PERSON, True),
            ("kube-apiserver-client", pod, True),
            ("kubelet-serving", "system:node:gke-web-1", False),
        ):
            asked = {"spec": {"signerName": f"kubernetes.io/{signer}"}}
            request = _k8s(f"{method}.create", name, who, request=asked, ip="10.0.0.7")
            yield Twin("Kubernetes.ClientCertificate.Created", f"{version} {signer} by {who}", expected, request)
        yield Twin("Kubernetes.ClientCertificate.Created", f"{version} read", False, _k8s(f"{method}.get", name))
    for verb, more in (("get", {}), ("delete", {}), ("create", {"checks": {"x": REFUSED}, "status": DENIED})):
        name = "admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/x"
        hook = _k8s(f"admissionregistration.v1.mutatingwebhookconfigurations.{verb}", name, **more)
        yield Twin("Kubernetes.AdmissionController.Created", f"{verb} {more}", False, hook)
    policy = _k8s("networking.v1.networkpolicies.create", "networking.k8s.io/v1/namespaces/web/networkpolicies/p")
    yield Twin("Kubernetes.AdmissionController.Created", "network policy", False, policy)
    foreign = {"spec": {"signerName": "example.com/internal"}}
    name = "certificates.k8s.io/v1/certificatesigningrequests/x"
    asked = _k8s("certificates.v1.certificatesigningrequests.create", name, request=foreign)
    yield Twin("Kubernetes.ClientCertificate.Created", "another signer", False, asked)


def _of_secrets() -> Iterator[Twin]:
    """Secrets and tokens."""
    pod = _POD
    one, all_of_them = "core/v1/namespaces/web/secrets/db", "core/v1/secrets"
    for rule_id, verb, name, who, status, expected in (
        ("Kubernetes.Secret.AccessDenied", "get", one, PERSON, DENIED, True),
        ("Kubernetes.Secret.AccessDenied", "list", all_of_them, pod, DENIED, True),
        ("Kubernetes.Secret.AccessDenied", "get", one, PERSON, {}, False),
        ("Kubernetes.Secrets.DumpAllNamespaces", "list", all_of_them, PERSON, {}, True),
        ("Kubernetes.Secrets.DumpAllNamespaces", "list", all_of_them, pod, {}, True),
        ("Kubernetes.Secrets.DumpAllNamespaces", "list", "core/v1/namespaces/web/secrets", PERSON, {}, False),
        ("Kubernetes.Secrets.DumpAllNamespaces", "list", all_of_them, "system:kube-controller-manager", {}, False),
        ("Kubernetes.Secrets.DumpAllNamespaces", "list", all_of_them, PERSON, DENIED, False),
        ("Kubernetes.BulkSecretAccess", "get", one, PERSON, {}, True),
        ("Kubernetes.BulkSecretAccess", "list", all_of_them, PERSON, {}, True),
        ("Kubernetes.BulkSecretAccess", "list", all_of_them, "system:kube-controller-manager", {}, False),
        ("Kubernetes.BulkSecretAccess", "list", "core/v1/namespaces/web/secrets", PERSON, {}, True),
        ("Kubernetes.BulkSecretAccess", "get", one, pod, {}, True),
        ("Kubernetes.BulkSecretAccess", "get", one, "system:kube-controller-manager", {}, False),
        ("Kubernetes.BulkSecretAccess", "get", one, PERSON, DENIED, False),
    ):
        read = _k8s(f"core.v1.secrets.{verb}", name, who, status=status, ip="10.0.0.7")
        yield Twin(rule_id, f"{verb} {name} by {who} {status}", expected, read)
    token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    for command, expected in (
        (["cat", token], True),
        (["sh", "-c", f"T=$(cat {token}); echo $T"], True),
        (["cat", "/var/run/secrets/tokens/gcp-ksa/token"], True),
        (["curl", "-HMetadata-Flavor:Google", "http://metadata.google.internal/computeMetadata/v1/"], True),
        (["wget", "http://169.254.169.254/"], True),
        (["cat", "/var/run/secrets/kubernetes.io/serviceaccount/namespace"], False),
        (["ls", "/tmp"], False),
    ):
        for verb in ("create", "get"):
            run = _k8s(f"core.v1.pods.exec.{verb}", "core/v1/namespaces/web/pods/p/exec", request={"command": command})
            yield Twin("Kubernetes.Pod.StealServiceAccountToken", f"{verb} {command}", expected, run)
    curl = f'curl -k -H "Authorization: Bearer $(cat {token})" https://kubernetes.default.svc/api'
    exec_name = "core/v1/namespaces/web/pods/p/exec"
    for command, expected in (
        (["sh", "-c", curl], True),
        (["cat", "/run/secrets/kubernetes.io/serviceaccount/token"], True),
        (["cat", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"], True),
        (["/bin/sh"], False),
        ([], False),
    ):
        run = _k8s("core.v1.pods.exec.create", exec_name, request={"command": command, "container": "app"})
        yield Twin("Kubernetes.Pod.StealServiceAccountToken", f"{command} in its container", expected, run)
    for rule_id, verb, name, status, expected in (
        ("Kubernetes.Secrets.DumpAllNamespaces", "get", one, {}, False),
        ("Kubernetes.BulkSecretAccess", "create", one, {}, False),
        ("Kubernetes.Secret.AccessDenied", "get", one, {"code": 5, "message": "not found"}, False),
    ):
        call = _k8s(f"core.v1.secrets.{verb}", name, status=status)
        yield Twin(rule_id, f"{verb} {name} {status} by hand", expected, call)
    for rule_id, method, status, expected in (
        ("Kubernetes.Secrets.DumpAllNamespaces", "configmaps.list", {}, False),
        ("Kubernetes.BulkSecretAccess", "pods.get", {}, False),
        ("Kubernetes.Secret.AccessDenied", "pods.list", DENIED, False),
        ("Kubernetes.Pod.StealServiceAccountToken", "pods.get", {}, False),
    ):
        plural, _, _ = method.partition(".")
        call = _k8s(f"core.v1.{method}", f"core/v1/namespaces/web/{plural}", status=status)
        yield Twin(rule_id, method, expected, call)
