"""The way from the pod to the metadata server, and from the node to Google's token services.

Requests to the metadata server never leave the node, so firewall rules of the VPC do not touch them; network policies
do. Firewalls, routes and Private Google Access matter for what the metadata server itself calls: sts.googleapis.com and
iamcredentials.googleapis.com, on port 443.
"""

from ipaddress import IPv4Network, ip_network
from typing import Final

from bindwatch.diagnosis.case import Case, Runner
from bindwatch.diagnosis.checks.pod import words
from bindwatch.diagnosis.outcome import Clear, Evidence, Fix, Found, Outcome, Unknown, asset, entry, found
from bindwatch.inventory import Part
from bindwatch.inventory.clusters import Cluster
from bindwatch.inventory.resources import Firewall, Route, Router, Subnetwork
from bindwatch.inventory.workloads import NetworkPolicy
from bindwatch.model.cloud_change import AddInternetRoute, AllowFirewallEgress, SetPrivateGoogleAccess
from bindwatch.model.resource import is_zone
from bindwatch.model.workload_change import AllowEgress, EgressPort

# Dataplane V2 sees the address the pod asks; the older data plane applies policies after the node has redirected the
# request to the metadata server's own port. Source: GKE documentation on network policies with Workload Identity.
DATAPLANE_V2: Final = EgressPort("169.254.169.254/32", "TCP", 80)
OLDER_DATAPLANE: Final = EgressPort("169.254.169.252/32", "TCP", 988)
_DNS: Final = (EgressPort("", "UDP", 53), EgressPort("", "TCP", 53))
_POLICY_NAME: Final = "allow-gke-metadata-server"
# Where private.googleapis.com and restricted.googleapis.com live; documented as fixed.
_GOOGLE_RANGES: Final = ("199.36.153.8/30", "199.36.153.4/30")
_ANYWHERE: Final = "0.0.0.0/0"


def metadata_ports(case: Case) -> tuple[EgressPort, ...]:
    """What a pod must reach for the metadata server; both ways where the data plane is not known."""
    if case.cluster is None:
        return DATAPLANE_V2, OLDER_DATAPLANE
    v2 = case.cluster.has_dataplane_v2 or (case.cluster.autopilot and not case.cluster.datapath)
    return (DATAPLANE_V2,) if v2 else (OLDER_DATAPLANE,)


def network_policy(case: Case) -> Outcome:
    """A policy isolates the pod's egress, and none lets it reach the metadata server."""
    if case.is_fleet:
        return None
    limiting = _limiting(case)
    if not isinstance(limiting, tuple):
        return limiting
    runner, policies = limiting
    ports = metadata_ports(case)
    blocked = [port for port in ports if not _allows(policies, port)]
    if not blocked:
        return _clear(case, "its network policies let it reach the metadata server")
    if len(blocked) < len(ports):
        return Unknown(f"the data plane of {case.where}: its network policies allow one way of two")
    needs_dns = _needs_dns(runner) and not _resolves(policies)
    wanted = (*ports, *_DNS) if needs_dns else ports
    return found(
        tuple(
            asset(f"network policy {policy.name} isolates {words(runner)} and lets nothing reach "
                  f"{ports[0].cidr} port {ports[0].port}", policy.resource)
            for policy in policies
        ),
        Fix(
            "Allow egress to the metadata server" + (" and to DNS" if needs_dns else ""),
            (_allowing(case, runner, wanted),),
        ),
        explains=("dns-cannot-resolve-metadata",),
    )  # fmt: skip


def name_resolution(case: Case) -> Outcome:
    """A policy isolates the pod's egress, and none lets it ask for the address of metadata.google.internal."""
    if case.is_fleet:
        return None
    limiting = _limiting(case)
    if not isinstance(limiting, tuple):
        return _said_not_to_resolve(case, limiting)
    runner, policies = limiting
    if not _needs_dns(runner):
        return Clear("GCE_METADATA_HOST names the metadata server by its address")
    if _resolves(policies):
        return _said_not_to_resolve(case, _clear(case, "its network policies let it reach DNS"))
    return found(
        tuple(
            asset(f"network policy {policy.name} isolates {words(runner)} and lets nothing reach port 53",
                  policy.resource)
            for policy in policies
        ),
        Fix("Allow egress to DNS", (_allowing(case, runner, _DNS, "allow-dns"),)),
    )  # fmt: skip


def _said_not_to_resolve(case: Case, by_policies: Outcome) -> Outcome:
    """What network policies tell, unless a text says that the name does not resolve all the same."""
    text, told = case.said("name-resolution")
    if text is None and not told:
        return by_policies
    what = "the client could not resolve the metadata server's name"
    return found(
        entry(what, text.ref) if text is not None else Evidence(f"the error text shows it: {what}"),
        Fix(
            "Repair the cluster's DNS, or set GCE_METADATA_HOST=169.254.169.254 in the containers",
            outside=f"the fault lies in the cluster's DNS, or in what is not in the input: {by_policies.needs}"
            if isinstance(by_policies, Unknown)
            else "no network policy blocks it: the fault lies in the cluster's DNS",
        ),
    )


def _clear(case: Case, reason: str) -> Clear | Unknown:
    """That no policy of Kubernetes' own blocks it, which rules out nothing where there are policies of other kinds."""
    others = case.inventory.other_network_policies_of(case.cluster_name, case.namespace)
    if not others:
        return Clear(reason)
    names = ", ".join(f"{item.kind} {item.name}" for item in others[:3])
    return Unknown(f"what {names} let{'s' if len(others) == 1 else ''} through: only Kubernetes' own policies are read")


def _limiting(case: Case) -> tuple[Runner, tuple[NetworkPolicy, ...]] | Outcome:
    """A runner whose egress is isolated, with the policies that do so; else why there is none."""
    if case.cluster is not None and case.cluster.ignores_network_policies:
        return Clear(f"{case.where} does not enforce network policies")
    if not case.seen(Part.NETWORK_POLICIES, case.scope):
        known = case.inventory.network_policies_of(case.cluster_name, case.namespace)
        if not known:
            return Unknown(case.needs(Part.NETWORK_POLICIES))
    if not case.runners:
        if any(item.limits_egress for item in _policies(case)):
            return Unknown(case.needs(Part.PODS))
        return _clear(case, "no network policy of the namespace limits egress")
    for runner in case.runners:
        if runner.spec.host_network:
            continue
        policies = tuple(item for item in case.inventory.network_policies_for(runner) if item.limits_egress)
        if policies and not (_allows(policies, *metadata_ports(case)) and (_resolves(policies))):
            return runner, policies
    for runner in case.runners:
        policies = tuple(item for item in case.inventory.network_policies_for(runner) if item.limits_egress)
        if policies and not runner.spec.host_network:
            return runner, policies
    return _clear(case, "no network policy limits what leaves its pods")


def _policies(case: Case) -> tuple[NetworkPolicy, ...]:
    return case.inventory.network_policies_of(case.cluster_name, case.namespace)


def _allows(policies: tuple[NetworkPolicy, ...], *ports: EgressPort) -> bool:
    return all(
        any(
            rule.allows(port.cidr.partition("/")[0], port.protocol, port.port)
            for policy in policies
            for rule in policy.egress
        )
        for port in ports
    )


def _resolves(policies: tuple[NetworkPolicy, ...]) -> bool:
    """Whether some rule lets port 53 out; to whom is not judged, since the address of the resolver is not known."""
    return any(
        not rule.ports or any(port.covers("UDP", 53) or port.covers("TCP", 53) for port in rule.ports)
        for policy in policies
        for rule in policy.egress
        if not rule.peers or any(_may_be_dns(peer.cidr) for peer in rule.peers)
    )


def _may_be_dns(cidr: str) -> bool:
    """Whether a resolver may live there: any selector of pods, and any range but that of the metadata server."""
    if not cidr:
        return True
    try:
        network = ip_network(cidr, strict=False)
    except ValueError:
        return False
    return not (network.is_link_local and network.prefixlen >= 31 and "169.254.20." not in cidr)


def _needs_dns(runner: Runner) -> bool:
    hosts = [variable.value for _, variable in runner.spec.variables("GCE_METADATA_HOST")]
    return not (hosts and all(host.replace(".", "").replace(":", "").isdigit() for host in hosts))


def _allowing(case: Case, runner: Runner, ports: tuple[EgressPort, ...], name: str = _POLICY_NAME) -> AllowEgress:
    stable = tuple(item for item in runner.labels if "hash" not in item[0] and "controller" not in item[0])
    if len(case.runners) > 1 and any(not set(stable) <= set(other.labels) for other in case.runners):
        stable = ()
    taken = {item.name for item in _policies(case)}
    while name in taken:
        name += "-2"
    return AllowEgress(case.namespace, name, stable, ports, case.context)


# ---- the node's own way out ----------------------------------------------------------------------


def token_services(case: Case) -> Outcome:
    """The node has no way to the token services: no private access and no NAT, no route, or a firewall."""
    cluster = case.cluster
    if cluster is None:
        outside = case.is_fleet and case.membership is not None and not case.membership.cluster
        return None if outside else Unknown(case.needs(Part.CLUSTERS))
    known = case.inputs.of_clusters
    key = "token-services", cluster.name
    if key not in known:
        known[key] = _way_out(case, cluster)
    outcome: Outcome = known[key]
    if isinstance(outcome, Found):
        return outcome
    text = next(
        (item for item in case.texts if item.symptom == "token-service-timeout" and item.of_metadata_server), None
    )
    if text is None:
        return outcome
    missing = f", or in what is not in the input: {outcome.needs}" if isinstance(outcome, Unknown) else ""
    return found(
        entry("the metadata server of its node could not reach Google's token services", text.ref),
        Fix(
            "Let the nodes reach sts.googleapis.com and iamcredentials.googleapis.com on port 443",
            outside=f"the fault lies in DNS, a proxy or a rule on the way from the node{missing}",
        ),
    )


def _way_out(case: Case, cluster: Cluster) -> Outcome:
    if not cluster.subnetwork and not cluster.network:
        return Unknown(f"the network and subnet of {case.where}")
    missing: list[str] = []
    for check in (_firewall, _route, _private_access):
        outcome = check(case, cluster)
        if isinstance(outcome, Found):
            return outcome
        if isinstance(outcome, Unknown):
            missing.append(outcome.needs)
    if missing:
        return Unknown(", ".join(dict.fromkeys(missing)))
    return Clear("its nodes reach sts.googleapis.com and iamcredentials.googleapis.com on port 443")


def _network_project(case: Case, cluster: Cluster) -> str:
    return case.inventory.project_of(cluster.subnetwork or cluster.network) or cluster.project


def _private_access(case: Case, cluster: Cluster) -> Outcome:
    if not cluster.private_nodes:
        return Clear("its nodes have external addresses")
    subnet = case.inventory.subnetwork_of(cluster)
    if subnet is None or subnet.private_google_access is None:
        return Unknown(f"subnet {cluster.subnetwork.rpartition('/')[2]} of project {_network_project(case, cluster)}")
    if subnet.private_google_access:
        return Clear("Private Google Access is on")
    network = subnet.network or cluster.network
    region = _region(subnet)
    for router in case.inputs.networks.get((Router, network), ()):
        if router.nats and router.region.rpartition("/")[2] in ("", region):
            return Clear(f"Cloud NAT {router.nats[0]} serves the region")
    return found(
        asset(
            f"the nodes are private, subnet {subnet.name.rpartition('/')[2]} has Private Google Access off,"
            " and no NAT serves it",
            subnet.name,
        ),
        Fix(
            "Turn on Private Google Access for the subnet of the nodes",
            (SetPrivateGoogleAccess(subnet.project, region, subnet.name.rpartition("/")[2]),),
        ),
    )


def _region(subnet: Subnetwork) -> str:
    _, found_region, tail = subnet.name.partition("/regions/")
    return tail.partition("/")[0] if found_region else ""


def _route(case: Case, cluster: Cluster) -> Outcome:
    network = cluster.network
    project = _network_project(case, cluster)
    routes = case.inputs.networks.get((Route, network), ())
    if not routes:
        # A network always has routes: one for each of its subnets at the least.
        return Unknown(f"routes of project {project}")
    for route in routes:
        to_gateway = "internet" in route.next_hop or "nat" in route.next_hop or "vpn" in route.next_hop.lower()
        if route.destination == _ANYWHERE or (route.destination in _GOOGLE_RANGES and to_gateway):
            return Clear(f"route {route.name.rpartition('/')[2]} leads to Google's APIs")
    return found(
        asset(f"no route of network {network.rpartition('/')[2]} leads to Google's APIs", network),
        Fix(
            "Add a route to the addresses of Google's APIs",
            (AddInternetRoute(project, "to-private-google-apis", network.rpartition("/")[2], _GOOGLE_RANGES[0]),),
            risk="The names of the APIs must resolve to private.googleapis.com.",
        ),
    )


def _firewall(case: Case, cluster: Cluster) -> Outcome:
    project = _network_project(case, cluster)
    if not case.seen(Part.FIREWALLS, f"//cloudresourcemanager.googleapis.com/projects/{project}"):
        return Unknown(f"firewall rules of project {project}")
    tags = {tag for pool in case.node_pools for tag in pool.tags}
    rules = sorted(
        (
            item
            for item in case.inputs.networks.get((Firewall, cluster.network), ())
            if item.direction.upper() == "EGRESS" and not item.disabled and item.network == cluster.network
            and _applies(item, tags, cluster)
        ),
        key=lambda item: (item.priority, item.action.lower() != "deny"),
    )  # fmt: skip
    for rule in rules:
        if not _covers_https(rule):
            continue
        if rule.action.lower() == "allow":
            return Clear(f"firewall rule {rule.name.rpartition('/')[2]} lets port 443 out")
        if not _covers_google(rule):
            continue
        return found(
            asset(
                f"firewall rule {rule.name.rpartition('/')[2]} denies egress to port 443 at priority {rule.priority}",
                rule.name,
            ),
            Fix(
                "Allow egress from the nodes to Google's APIs on port 443, before the rule that denies it",
                (
                    AllowFirewallEgress(
                        project,
                        "allow-google-apis-443",
                        cluster.network.rpartition("/")[2],
                        (_ANYWHERE,)
                        if _ANYWHERE in rule.destination_ranges and not cluster.private_nodes
                        else _GOOGLE_RANGES,
                        max(rule.priority - 1, 0),
                        tuple(sorted(tags)) if tags and rule.target_tags else (),
                    ),
                ),
            ),
        )
    return Clear("no firewall rule denies egress to port 443")


def _applies(rule: Firewall, tags: set[str], cluster: Cluster) -> bool:
    if rule.target_tags:
        generic = f"gke-{cluster.id}-"
        return bool(tags & set(rule.target_tags)) or any(tag.startswith(generic) for tag in rule.target_tags)
    return not rule.target_service_accounts


def _covers_https(rule: Firewall) -> bool:
    return any(
        protocol.lower() in ("all", "tcp", "6") and (not ports or any(_in_range(443, item) for item in ports))
        for protocol, ports in rule.protocols or (("all", ()),)
    )


def _in_range(port: int, text: str) -> bool:
    first, _, last = text.partition("-")
    return first.isdigit() and int(first) <= port <= (int(last) if last.isdigit() else int(first))


def _covers_google(rule: Firewall) -> bool:
    for text in rule.destination_ranges or (_ANYWHERE,):
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            continue
        if isinstance(network, IPv4Network) and any(IPv4Network(item).subnet_of(network) for item in _GOOGLE_RANGES):
            return True
    return False


def is_zonal(location: str) -> bool:
    """Whether a location is a zone."""
    return is_zone(location)
