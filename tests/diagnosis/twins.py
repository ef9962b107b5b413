"""For each cause and style: the one fact that breaks the healthy world, and what the healthy twin needs besides.

`prepare` makes the world in which the fact matters (two node pools, a chain of accounts): it is healthy with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from bindwatch.diagnosis.select import Question
from diagnosis.world import (
    BUCKET,
    CLUSTER,
    DIRECT,
    FLEET,
    FLEET_POOL,
    GSA,
    KSA,
    LOCATION,
    MEMBER,
    NETWORK,
    NS,
    NUMBER,
    OTHER,
    OTHER_NUMBER,
    POLICY_PATHS,
    POOL,
    POOLS,
    PROJECT,
    SCOPES_NARROW,
    UID,
    USER,
    World,
    at,
    audit,
    container_log,
    egress_rule,
    gke_cluster,
    ksa,
    listing,
    metadata_log,
    mint,
    node,
    node_pool,
    on_account,
    refused_read,
    set_policy,
)

Change = Callable[[World], None]
LEGACY_STYLES = ("impersonation", "fleet")
GKE = ("impersonation", "direct")
ALL = ("impersonation", "direct", "fleet")
GSA_B = f"ledger@{OTHER}.iam.gserviceaccount.com"
DENY = f"policies/cloudresourcemanager.googleapis.com%2Fprojects%2F{PROJECT}/denypolicies/no-tokens"
BOUNDARY = "organizations/900000000000/locations/global/principalAccessBoundaryPolicies/fence"


def nothing(world: World) -> None:
    """No preparation."""


@dataclass(frozen=True)
class Twin:
    """One way to break the world. `outside` twins have a fix that no inventory shows."""

    cause: str
    styles: tuple[str, ...]
    break_it: Change
    prepare: Change = nothing
    outside: bool = False
    name: str = ""

    @property
    def id(self) -> str:
        return f"{self.cause}{'-' + self.name if self.name else ''}"


def on_specs(change: Callable[[dict[str, Any]], object]) -> Change:
    def apply(world: World) -> None:
        for spec in world.specs:
            change(spec)

    return apply


def cluster_set(**fields: Any) -> Change:
    return lambda world: world.cluster.update(fields)


def pool_mode(index: int, mode: str) -> Change:
    def change(world: World) -> None:
        world.cluster["nodePools"][index]["config"]["workloadMetadataConfig"]["mode"] = mode

    return change


def member(text: Callable[[World], str]) -> Change:
    def change(world: World) -> None:
        world.grant["members"] = [text(world)]

    return change


def says(text: str, *, metadata: bool = False) -> Change:
    def change(world: World) -> None:
        entry = metadata_log(text) if metadata else container_log(text)
        entry["resource"]["labels"]["location"] = world.location
        world.logs.append(entry)

    return change


def logs(*make: Callable[[World], dict[str, Any]]) -> Change:
    return lambda world: world.logs.extend(item(world) for item in make)


def asks(permission: str = "storage.objects.get", resource: str = f"//storage.googleapis.com/{BUCKET}") -> Change:
    def change(world: World) -> None:
        world.question = replace(world.question, permission=permission, resource=resource)

    return change


def caller(world: World) -> dict[str, Any]:
    return {"principalSubject": f"serviceAccount:{world.pool}[{NS}/{KSA}]"}


# ---- pod -----------------------------------------------------------------------------------------


def _key_file(spec: dict[str, Any]) -> None:
    container = spec["containers"][0]
    container["env"] = [{"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/etc/key/key.json"}]
    container.setdefault("volumeMounts", []).append({"name": "key", "mountPath": "/etc/key"})
    spec.setdefault("volumes", []).append({"name": "key", "secret": {"secretName": "cart-key"}})


def _no_token(spec: dict[str, Any]) -> None:
    sources = spec["volumes"][0]["projected"]["sources"]
    spec["volumes"][0]["projected"]["sources"] = [item for item in sources if "configMap" in item]


def network_policy(*egress: dict[str, Any]) -> Change:
    def change(world: World) -> None:
        policy = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"namespace": NS, "name": "limit"},
            "spec": {
                "podSelector": {"matchLabels": {"app": "cart"}},
                "policyTypes": ["Egress"],
                "egress": list(egress),
            },
        }
        world.kubernetes("networkpolicies").append(policy)

    return change


DNS = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
METADATA = {"to": [{"ipBlock": {"cidr": "169.254.169.252/32"}}], "ports": [{"port": 988, "protocol": "TCP"}]}
METADATA_V2 = {"to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}], "ports": [{"port": 80, "protocol": "TCP"}]}


def replace_policy(*egress: dict[str, Any]) -> Change:
    def change(world: World) -> None:
        world.kubernetes("networkpolicies")[-1]["spec"]["egress"] = list(egress)

    return change


def _v2(world: World) -> None:
    world.cluster["networkConfig"]["datapathProvider"] = "ADVANCED_DATAPATH"
    network_policy(DNS, METADATA_V2)(world)


# ---- nodes ---------------------------------------------------------------------------------------


def _two_pools(world: World) -> None:
    world.cluster["nodePools"].append(node_pool("batch"))
    world.kubernetes("nodes").append({**listing("Node", node("gke-main-batch-1", "batch"))["items"][0]})
    world.pods[1]["spec"]["nodeName"] = "gke-main-batch-1"


def _scopes(world: World) -> None:
    world.cluster["nodePools"][0]["config"]["oauthScopes"] = SCOPES_NARROW


def _many_accounts(count: int) -> Change:
    def change(world: World) -> None:
        world.kubernetes("serviceaccounts").extend(
            {"apiVersion": "v1", "kind": "ServiceAccount", **ksa("many", f"sa-{number}")} for number in range(count)
        )

    return change


def _no_authority(world: World) -> None:
    del world[f"projects/{FLEET}/memberships.json"][0]["authority"]


def _wrong_audience(spec: dict[str, Any]) -> None:
    spec["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["audience"] = POOL


def _zonal(world: World) -> None:
    """The same world in one zone: its cluster, and every file of it, moves."""
    zone = f"{LOCATION}-b"
    cluster = world.cluster
    world.location = zone
    cluster["location"] = zone
    cluster["selfLink"] = f"https://container.googleapis.com/v1/projects/{PROJECT}/zones/{zone}/clusters/main"
    moved = {path.replace(f"_{LOCATION}_", f"_{zone}_"): value for path, value in world.files.items()}
    world.files = moved


# ---- accounts ------------------------------------------------------------------------------------


def _annotate(value: str) -> Change:
    def change(world: World) -> None:
        world.account["metadata"]["annotations"]["iam.gke.io/gcp-service-account"] = value

    return change


def _unannotate(world: World) -> None:
    world.account["metadata"]["annotations"] = {}


def _delete_account(world: World) -> None:
    world[f"projects/{PROJECT}/service-accounts.json"] = []
    world.policy("bucket")[0]["members"] = [f"deleted:serviceAccount:{GSA}?uid={UID}"]


def _delete_by_entry(world: World) -> None:
    world[f"projects/{PROJECT}/service-accounts.json"].clear()
    world.logs.append(
        audit(
            "iam.googleapis.com",
            "google.iam.admin.v1.DeleteServiceAccount",
            resource=on_account(),
            resourceName=f"projects/-/serviceAccounts/{UID}",
            authenticationInfo={"principalEmail": "cleaner@example.com"},
        )
    )


def _recreate(world: World) -> None:
    world[f"projects/{PROJECT}/service-accounts.json"][0]["uniqueId"] = "100000000000000000099"
    world.policy("bucket")[0]["members"] = [f"deleted:serviceAccount:{GSA}?uid={UID}"]


def _disable(world: World) -> None:
    world[f"projects/{PROJECT}/service-accounts.json"][0]["disabled"] = True


def _leftover(world: World) -> None:
    """The account a leftover annotation names exists, and trusts nobody."""
    world[f"projects/{PROJECT}/service-accounts.json"] = [
        {"name": f"projects/{PROJECT}/serviceAccounts/{GSA}", "email": GSA, "uniqueId": UID, "projectId": PROJECT}
    ]
    world[POLICY_PATHS["gsa"]] = {"bindings": [], "etag": "DD=="}


# ---- bindings ------------------------------------------------------------------------------------


def _unbind(world: World) -> None:
    bindings = world.policy("gsa" if world.style != "direct" else "bucket")
    bindings.clear()


def _removed(world: World) -> None:
    role = USER if world.style != "direct" else "roles/storage.objectViewer"
    _unbind(world)
    world.logs.append(set_policy("REMOVE", world.member, role, bucket=world.style == "direct"))


def _role(role: str) -> Change:
    return lambda world: world.grant.update(role=role)


def _condition(expression: str) -> Change:
    return lambda world: world.grant.update(condition={"title": "until", "expression": expression})


OF_OLD = f'resource.name.startsWith("projects/_/buckets/{BUCKET}/objects/old/")'


def _for_new_objects(world: World) -> None:
    _condition(OF_OLD.replace("old", "new"))(world)
    asks(resource=f"//storage.googleapis.com/{BUCKET}/objects/new/a.csv")(world)


def _young(world: World) -> None:
    role = USER if world.style != "direct" else "roles/storage.objectViewer"
    world.logs.append(set_policy("ADD", world.member, role, minutes=3, bucket=world.style == "direct"))


def _long_ago(world: World) -> None:
    role = USER if world.style != "direct" else "roles/storage.objectViewer"
    world.logs.append(set_policy("ADD", world.member, role, minutes=30, bucket=world.style == "direct"))


def _wrong(pool: str = POOL, names: str = f"{NS}/{KSA}") -> Callable[[World], str]:
    return lambda world: f"serviceAccount:{pool}[{names}]"


# ---- guards --------------------------------------------------------------------------------------


def deny(principal: str, permission: str) -> Change:
    def change(world: World) -> None:
        world[f"projects/{PROJECT}/deny-policies.json"].append(
            {
                "name": DENY,
                "kind": "DenyPolicy",
                "rules": [{"denyRule": {"deniedPrincipals": [principal], "deniedPermissions": [permission]}}],
            }
        )

    return change


def _deny_mint(world: World) -> None:
    pool = world.pool
    number = "333333333333" if world.style == "fleet" else NUMBER
    principal = f"principalSet://iam.googleapis.com/projects/{number}/locations/global/workloadIdentityPools/{pool}/*"
    deny(principal, "iam.googleapis.com/serviceAccounts.getAccessToken")(world)


def fence(*resources: str) -> Change:
    def change(world: World) -> None:
        world["organizations/900000000000/boundaries.json"] = [
            {"name": BOUNDARY, "details": {"rules": [{"resources": list(resources), "effect": "ALLOW"}]}}
        ]
        number, pool = ("333333333333", FLEET_POOL) if world.style == "fleet" else (NUMBER, POOL)
        pool_name = f"//iam.googleapis.com/projects/{number}/locations/global/workloadIdentityPools/{pool}"
        world["organizations/900000000000/boundary-bindings.json"] = [
            {
                "name": "organizations/900000000000/locations/global/policyBindings/fence",
                "policy": BOUNDARY,
                "policyKind": "PRINCIPAL_ACCESS_BOUNDARY",
                "target": {"principalSet": pool_name},
            }
        ]

    return change


def _refused_change(world: World) -> None:
    _unbind(world)
    violation = {"type": "constraints/iam.allowedPolicyMemberDomains", "subject": "orgpolicy:"}
    details = [{"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation]}]
    entry = set_policy("ADD", world.member, bucket=world.style == "direct")
    entry["protoPayload"]["status"] = {"code": 9, "message": "One or more users do not belong", "details": details}
    world.logs.append(entry)


def _api_off(world: World) -> None:
    path = f"projects/{PROJECT}/services.json"
    world[path] = [item for item in world[path] if "iamcredentials" not in item["name"]]


def _chain(world: World) -> None:
    """The account is to act as another one, which lets it."""
    world[f"projects/{OTHER}/service-accounts.json"] = [
        {"name": f"projects/{OTHER}/serviceAccounts/{GSA_B}", "email": GSA_B, "uniqueId": "200", "projectId": OTHER}
    ]
    world[f"projects/{OTHER}/service-accounts/{GSA_B}/iam-policy.json"] = {
        "bindings": [{"role": "roles/iam.serviceAccountTokenCreator", "members": [f"serviceAccount:{GSA}"]}],
        "etag": "EE==",
    }
    entry = mint({"principalEmail": GSA}, GSA_B, code=7, message="PERMISSION_DENIED")
    world.logs.append(entry)


def _break_chain(world: World) -> None:
    world[f"projects/{OTHER}/service-accounts/{GSA_B}/iam-policy.json"]["bindings"] = []


# ---- targets -------------------------------------------------------------------------------------


def _ungrant(world: World) -> None:
    world.policy("bucket").clear()


def _second_cluster(name: str) -> Change:
    def change(world: World) -> None:
        world[f"projects/{PROJECT}/clusters.json"].append(gke_cluster("second"))
        world[f"clusters/{PROJECT}_{LOCATION}_second/serviceaccounts.json"] = listing(
            "ServiceAccount", ksa(NS, name, "uid-2"), ksa("kube-system", "default", "uid-3")
        )
        if world.style == "fleet":
            first = world[f"projects/{FLEET}/memberships.json"][0]
            link = first["endpoint"]["gkeCluster"]["resourceLink"].replace("/main", "/second")
            world[f"projects/{FLEET}/memberships.json"].append(
                {
                    **first,
                    "name": first["name"].replace("/main", "/second"),
                    "endpoint": {"gkeCluster": {"resourceLink": link}},
                }
            )

    return change


def _same_in_second(world: World) -> None:
    world[f"clusters/{PROJECT}_{LOCATION}_second/serviceaccounts.json"]["items"][0]["metadata"]["name"] = KSA


def _public_api(world: World) -> None:
    world.logs.append(
        audit(
            "storage.googleapis.com",
            "storage.objects.get",
            "data_access",
            20,
            resource={"type": "gcs_bucket", "labels": {"bucket_name": BUCKET, "project_id": PROJECT}},
            authenticationInfo={"principalSubject": DIRECT},
            status={
                "code": 16,
                "message": "Request had invalid authentication credentials. Expected OAuth 2 access token",
            },
        )
    )


def _uniform(*, enabled: bool) -> Change:
    def change(world: World) -> None:
        bucket = world[f"projects/{PROJECT}/buckets.json"][0]
        bucket["iamConfiguration"] = {"uniformBucketLevelAccess": {"enabled": enabled}}

    return change


def _unauthenticated(world: World) -> None:
    entry = refused_read(world)
    entry["protoPayload"]["status"] = {"code": 16, "message": "Request had invalid authentication credentials."}
    world.logs.append(entry)


def _minted(world: World) -> None:
    world.logs.append(mint(caller(world), minutes=5))


def _exchanged(minutes: float) -> Change:
    """A token was made for the workload: by exchange, and of its account where it has one."""

    def change(world: World) -> None:
        _exchange_quota(world)
        world.logs[-1]["timestamp"] = at(minutes)
        del world.logs[-1]["protoPayload"]["status"]

    return change


def _expired(world: World) -> None:
    _exchange_quota(world)
    world.logs[-1]["protoPayload"]["status"] = {"code": 3, "message": "The subject token has expired."}


def _perimeter(world: World) -> None:
    violation = {"type": "VPC_SERVICE_CONTROLS", "description": "abc"}
    details = [{"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation]}]
    entry = refused_read(world, message="Request is prohibited by organization's policy.", details=details)
    entry["protoPayload"]["status"]["details"] = details
    entry["logName"] = f"projects/{PROJECT}/logs/cloudaudit.googleapis.com%2Fpolicy"
    world.logs.append(entry)


def _exchange_quota(world: World) -> None:
    number = "333333333333" if world.style == "fleet" else NUMBER
    world.logs.append(
        audit(
            "sts.googleapis.com",
            "google.identity.sts.v1.SecurityTokenService.ExchangeToken",
            "data_access",
            10,
            authenticationInfo={"principalSubject": f"system:serviceaccount:{NS}:{KSA}"},
            metadata={"mapped_principal": world.member if world.style != "direct" else DIRECT},
            resourceName=f"projects/{number}/locations/global/workloadIdentityPools/{world.pool}/providers/p",
            status={"code": 8, "message": "Quota exceeded"},
        )
    )


def _startup(world: World) -> None:
    world.logs.append(
        container_log("Get http://169.254.169.254/computeMetadata/v1/: dial tcp: i/o timeout", minutes=120 - 0.05)
    )


def _uid_grant(uid: str) -> Change:
    text = f"{POOLS}/{POOL}/kubernetes.serviceaccount.uid/{uid}"
    return member(lambda world: text)


def _configure(pool: str = FLEET_POOL, account: str = GSA) -> Change:
    """The ConfigMap with the credential configuration that the pods of a fleet mount."""

    def change(world: World) -> None:
        provider = f"https://gkehub.googleapis.com/projects/{FLEET}/memberships/main"
        url = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
        config = {
            "type": "external_account",
            "audience": f"identitynamespace:{pool}:{provider}",
            "service_account_impersonation_url": url,
        }
        item = {"metadata": {"namespace": NS, "name": "fleet-credentials"}, "data": {"config": json.dumps(config)}}
        world[f"clusters/{PROJECT}_{LOCATION}_main/configmaps.json"] = listing("ConfigMap", item)

    return change


TWINS: tuple[Twin, ...] = (
    Twin("default-ksa-used", ALL, on_specs(lambda spec: spec.pop("serviceAccountName"))),
    Twin("host-network", ALL, on_specs(lambda spec: spec.update(hostNetwork=True))),
    Twin("key-file-shadows-workload-identity", ALL, on_specs(_key_file)),
    Twin(
        "key-file-shadows-workload-identity",
        ALL,
        says("RefreshError: ('invalid_grant: Invalid JWT Signature.', {'error': 'invalid_grant'})"),
        outside=True,
        name="refused",
    ),
    Twin("projected-token-volume-missing", ("fleet",), on_specs(_no_token)),
    Twin("network-policy-blocks-metadata", GKE, replace_policy(DNS), network_policy(DNS, METADATA)),
    Twin("network-policy-blocks-metadata", GKE, replace_policy(DNS, METADATA), _v2, name="dataplane-v2"),
    Twin("network-policy-blocks-metadata", GKE, network_policy(), name="default-deny"),
    Twin("dns-cannot-resolve-metadata", GKE, replace_policy(METADATA), network_policy(DNS, METADATA)),
    Twin(
        "dns-cannot-resolve-metadata",
        GKE,
        says("GaxiosError: reason: getaddrinfo EAI_AGAIN metadata.google.internal."),
        network_policy(DNS, METADATA),
        outside=True,
        name="said",
    ),
    Twin("metadata-startup-race", GKE, _startup, outside=True),
    Twin(
        "non-pod-ip",
        GKE,
        says(
            "Unable to find pod: generic::not_found: retry budget exhausted, not recorded in the snapshot",
            metadata=True,
        ),
        outside=True,
    ),
    Twin(
        "unsupported-metadata-path",
        GKE,
        says('HTTP/404: generic::not_found: no child "maintenance-event", Reason: "NOT_FOUND"', metadata=True),
        outside=True,
    ),
    Twin("audience-missing", GKE, says("400 Bad Request: non-empty audience parameter required"), outside=True),
    Twin(
        "too-many-metadata-connections",
        GKE,
        says("HTTP/499 GET /computeMetadata/v1/instance/service-accounts/default/token", metadata=True),
        outside=True,
    ),
    Twin("token-not-refreshed", LEGACY_STYLES, _unauthenticated, _minted, outside=True),
    Twin("token-not-refreshed", ALL, _expired, outside=True, name="exchange"),
    Twin("token-not-refreshed", ALL, _unauthenticated, _exchanged(5), outside=True, name="still-exchanging"),
    Twin("token-not-refreshed", ALL, _unauthenticated, _exchanged(120), outside=True, name="past-its-life"),
    Twin("node-pool-not-gke-metadata", GKE, pool_mode(0, "GCE_METADATA")),
    Twin("mixed-node-pools", GKE, pool_mode(1, "GCE_METADATA"), _two_pools),
    Twin(
        "node-scopes-too-narrow",
        GKE,
        _scopes,
        says("403 ACCESS_TOKEN_SCOPE_INSUFFICIENT: Request had insufficient authentication scopes"),
        outside=True,
    ),
    Twin(
        "node-cannot-reach-token-service",
        ALL,
        lambda world: world[f"projects/{PROJECT}/subnetworks.json"][0].update(privateIpGoogleAccess=False),
        name="private-google-access",
    ),
    Twin(
        "node-cannot-reach-token-service",
        ALL,
        lambda world: world[f"projects/{PROJECT}/firewalls.json"].append(egress_rule("deny-all")),
        name="firewall",
    ),
    Twin(
        "node-cannot-reach-token-service",
        ALL,
        lambda world: world[f"projects/{PROJECT}/routes.json"][0].update(destRange="198.51.100.0/24"),
        name="route",
    ),
    Twin(
        "node-cannot-reach-token-service",
        GKE,
        says("HTTP/504: Post https://sts.googleapis.com/v1/token: dial tcp 192.0.2.5:443: i/o timeout", metadata=True),
        outside=True,
        name="said",
    ),
    Twin("workload-identity-disabled", GKE, lambda world: world.cluster.pop("workloadIdentityConfig")),
    Twin("fleet-pool-mismatch", ("fleet",), member(_wrong(POOL)), name="binding"),
    Twin("fleet-pool-mismatch", ("fleet",), on_specs(_wrong_audience), name="audience"),
    Twin("fleet-pool-mismatch", ("fleet",), _no_authority, name="authority"),
    Twin(
        "fleet-pool-mismatch",
        ("fleet",),
        says('The target service indicated by the "audience" parameters is invalid.'),
        outside=True,
        name="refused",
    ),
    Twin("fleet-pool-mismatch", ("fleet",), _configure(POOL), _configure(), outside=True, name="configuration"),
    Twin("too-many-ksas", GKE, _many_accounts(3000), outside=True),
    Twin(
        "control-plane-unreachable",
        GKE,
        says("GKE Metadata Server: Internal Server Error"),
        _zonal,
        outside=True,
    ),
    Twin("ksa-not-found", ALL, lambda world: world.kubernetes("serviceaccounts").pop(0)),
    Twin("annotation-shadows-direct-grant", ("direct",), _annotate(GSA), _leftover),
    Twin("annotation-missing", ("impersonation",), _unannotate),
    Twin(
        "email-endpoint-returns-pool",
        ("direct",),
        says(f"Invalid form of account ID {POOL}. Should be [Gaia ID | Email | Unique ID | ] of the account"),
    ),
    Twin("gsa-deleted", LEGACY_STYLES, _delete_account),
    Twin(
        "gsa-deleted",
        LEGACY_STYLES,
        _delete_by_entry,
        name="entry",
    ),
    Twin("gsa-not-found", ("impersonation",), _annotate(f"carts@{PROJECT}.iam.gserviceaccount.com"), name="typo"),
    Twin("gsa-not-found", ("impersonation",), _annotate(f"cart@{PROJECT}x.iam.gserviceaccount.com"), name="project"),
    Twin(
        "gsa-not-found",
        ("fleet",),
        _configure(account=f"carts@{PROJECT}.iam.gserviceaccount.com"),
        _configure(),
        outside=True,
        name="configuration",
    ),
    Twin(
        "gsa-not-found",
        ("impersonation",),
        says(f"IAM returned 404 Not Found: Not found; Gaia id not found for email {GSA}", metadata=True),
        lambda world: world.files.pop(f"projects/{PROJECT}/service-accounts.json"),
        name="said",
    ),
    Twin("gsa-disabled", LEGACY_STYLES, _disable),
    Twin("gsa-recreated", LEGACY_STYLES, _recreate),
    Twin("binding-removed", ALL, _removed),
    Twin("pool-of-another-project", LEGACY_STYLES, member(_wrong(f"{OTHER}.svc.id.goog")), name="legacy"),
    Twin(
        "pool-of-another-project",
        ("direct",),
        member(lambda world: DIRECT.replace(NUMBER, OTHER_NUMBER).replace(PROJECT, OTHER)),
    ),
    Twin("member-malformed", ("impersonation",), member(_wrong(f"{NUMBER}.svc.id.goog")), name="number"),
    Twin("member-malformed", ("impersonation",), member(_wrong(names=f"{NS}:{KSA}")), name="colon"),
    Twin("member-malformed", ("impersonation",), member(_wrong(names=f"shop/{KSA}")), name="namespace"),
    Twin("member-malformed", ("impersonation",), member(_wrong(names=f"{NS}/crat")), name="typo"),
    Twin("member-malformed", ("impersonation",), member(lambda world: MEMBER[:-1]), name="bracket"),
    Twin("member-malformed", ("impersonation",), member(_wrong(f"{PROJECT}.iam.gserviceaccount.com")), name="suffix"),
    Twin("member-malformed", ("impersonation",), member(_wrong(PROJECT)), name="project"),
    Twin("member-malformed", ("impersonation",), member(lambda world: MEMBER.replace("cart]", "Cart]")), name="case"),
    Twin("member-malformed", ("direct",), member(lambda world: MEMBER.replace("[", "(").replace("]", ")"))),
    Twin("member-malformed", ("fleet",), member(lambda world: f"serviceAccount:{FLEET_POOL}[{NS}:{KSA}]")),
    Twin("role-cannot-mint", LEGACY_STYLES, _role("roles/iam.serviceAccountUser")),
    Twin("condition-not-met", LEGACY_STYLES, _condition('request.time < timestamp("2026-01-01T00:00:00Z")')),
    Twin(
        "condition-not-met",
        ("direct",),
        _condition('request.time < timestamp("2026-01-01T00:00:00Z")'),
        asks(),
        name="target",
    ),
    Twin(
        "condition-not-met",
        ("impersonation",),
        _condition('resource.service == "storage.googleapis.com"'),
        name="resource",
    ),
    Twin("condition-not-met", ("direct",), _condition(OF_OLD), _for_new_objects, name="object"),
    Twin("binding-missing", ("impersonation",), _unbind),
    Twin("binding-missing", LEGACY_STYLES, _unbind, logs(lambda world: mint(caller(world), code=7)), name="refused"),
    Twin("binding-missing", ("fleet",), _unbind, _configure(), name="configured"),
    Twin("propagation-delay", ALL, _young, name="young"),
    Twin("deny-policy", LEGACY_STYLES, _deny_mint),
    Twin("deny-policy", ("direct",), deny(DIRECT, "storage.googleapis.com/objects.get"), asks(), name="target"),
    Twin("principal-access-boundary", ALL, fence("//cloudresourcemanager.googleapis.com/projects/lab-prod"), asks()),
    Twin("org-policy-blocked", ALL, _refused_change),
    Twin("iamcredentials-api-disabled", LEGACY_STYLES, _api_off),
    Twin("token-quota-exceeded", ALL, _exchange_quota, outside=True),
    Twin("delegate-missing-token-creator", LEGACY_STYLES, _break_chain, _chain),
    Twin("selector-malformed", ("direct",), member(lambda world: DIRECT.replace(f"ns/{NS}/sa/", f"{NS}/"))),
    Twin(
        "selector-malformed",
        ("direct",),
        member(lambda world: DIRECT.replace("/sa/", "/serviceaccount/")),
        name="serviceaccount",
    ),
    Twin("project-number-wrong", ("direct",), member(lambda world: DIRECT.replace(NUMBER, PROJECT)), name="id"),
    Twin("project-number-wrong", ("direct",), member(lambda world: DIRECT.replace(NUMBER, OTHER_NUMBER)), name="other"),
    Twin("ksa-uid-stale", ("direct",), _uid_grant("uid-of-the-past"), _uid_grant(f"uid-{NS}-{KSA}")),
    Twin("direct-grant-missing", ("direct",), _unbind, asks()),
    Twin("direct-grant-missing", ("direct",), _unbind, outside=True, name="nothing"),
    Twin(
        "direct-grant-missing",
        ("direct",),
        _unbind,
        logs(lambda world: refused_read(world)),
        name="refused",
    ),
    Twin("service-rejects-federated-token", ("direct",), _public_api),
    Twin("service-rejects-federated-token", ("direct",), _uniform(enabled=False), _uniform(enabled=True), name="lists"),
    Twin("target-role-missing", LEGACY_STYLES, _ungrant, asks()),
    Twin("target-role-missing", LEGACY_STYLES, _ungrant, logs(lambda world: refused_read(world)), name="refused"),
    Twin("vpc-sc-blocked", ALL, _perimeter, outside=True),
    Twin("identity-sameness", ALL, _same_in_second, _second_cluster("other")),
)

__all__ = ["CLUSTER", "NETWORK", "TWINS", "Question", "Twin", "at", "caller"]
