"""The causes that only log entries and error texts show: no configuration tells of them."""

from datetime import datetime, timedelta
from typing import Final

from bindwatch.diagnosis.case import Case
from bindwatch.diagnosis.outcome import Clear, Evidence, Fix, Outcome, Unknown, entry, found
from bindwatch.diagnosis.traces import Refusal, TextSeen
from bindwatch.model.log_entry import parse_time

_STARTING = timedelta(seconds=60)
UNAUTHENTICATED = 16
_LIFE = timedelta(hours=1)
_SOON = timedelta(minutes=10)
_CLIENTS: Final = (
    (
        ("gl-python", "python"),
        "Keep the credentials of google.auth.default() and let the client library refresh them, not credentials.token",
    ),
    (
        ("gl-java", "java/"),
        "Keep the GoogleCredentials and call refreshIfExpired() before each use, not the AccessToken",
    ),
    (
        ("gl-go", "go-http", "grpc-go", "google-api-go"),
        "Keep the oauth2.TokenSource and ask it before each call, not a Token of it",
    ),
    (("gl-node", "nodejs", "gaxios"), "Keep the GoogleAuth client and call getRequestHeaders() for each call"),
    (("dotnet",), "Keep the GoogleCredential and call GetAccessTokenForRequestAsync() for each call"),
    (("curl", "wget"), "Ask the metadata server for the token anew before each call: it caches, so this is cheap"),
)
"""How a client takes a fresh token, by marks of its user agent."""
_LOGS = "logs of its containers and of gke-metadata-server"


def _shown(case: Case, symptom: str) -> tuple[TextSeen | None, bool] | Unknown | Clear:
    text, told = case.said(symptom)
    if text is not None or told:
        return text, told
    if not case.traces.other_entries:
        return Unknown(_LOGS)
    return Clear("the logs show no such error")


def _evidence(text: TextSeen | None, words: str) -> tuple[Evidence, ...]:
    if text is None:
        return (Evidence(f"the error text shows it: {words}"),)
    times = f", {text.count} times" if text.count > 1 else ""
    return (entry(f"{words}{times} (pod {text.pod or 'unknown'})", text.ref),)


def startup_race(case: Case) -> Outcome:
    """The first requests of a new pod fail, later ones succeed."""
    if case.is_fleet:
        return None
    errors = [item for item in case.texts if item.symptom in ("metadata-unreachable", "metadata-slow")]
    if not case.traces.other_entries:
        return Unknown(f"{_LOGS}, with the start time of the pod")
    if not errors:
        return Clear("the logs show no failed request to the metadata server")
    starts = {pod.name: parse_time(pod.start_time) for pod in case.pods if pod.start_time}
    for text in errors:
        start = starts.get(text.pod)
        if start is None:
            continue
        if timedelta(seconds=-5) <= text.first - start and text.last - start <= _STARTING:
            return found(
                entry(
                    f"requests of {text.pod} failed within {int((text.last - start).total_seconds())} s of its start",
                    text.ref,
                ),
                Fix(
                    "Retry at the start: wait for the metadata server in an init container, or let the client retry"
                    " (GCE_METADATA_TIMEOUT)",
                    outside="the pod's own start must wait or retry: neither IAM nor the cluster is wrong",
                ),
            )
    if starts:
        return Clear("requests failed later than at the start")
    return Unknown("the start time of the pod")


def non_pod_ip(case: Case) -> Outcome:
    """Something that is not a pod of the node asks the metadata server."""
    shown = _shown(case, "not-a-pod")
    if not isinstance(shown, tuple):
        return None if case.is_fleet else shown
    return found(
        _evidence(shown[0], "the metadata server could not tell which pod asked"),
        Fix(
            "Let pods ask from their own address: remove the legacy logging agent, proxies on the node's network, or"
            " address translation of the CNI",
            outside="what sends the requests is not in the input",
        ),
    )


def unsupported_path(case: Case) -> Outcome:
    """The GKE metadata server has only a part of the Compute Engine paths."""
    shown = _shown(case, "path")
    if not isinstance(shown, tuple):
        return None if case.is_fleet else shown
    return found(
        _evidence(shown[0], "a client asked for a path the GKE metadata server does not have"),
        Fix(
            "Use a client that asks for service accounts, identity and the cluster's attributes only",
            outside="the client chooses the path",
        ),
    )


def audience_missing(case: Case) -> Outcome:
    """An identity token needs an audience."""
    shown = _shown(case, "audience")
    if not isinstance(shown, tuple):
        return None if case.is_fleet else shown
    return found(
        _evidence(shown[0], "the identity endpoint was asked without an audience"),
        Fix("Add ?audience=URL to the request for the identity token", outside="the client makes the request"),
    )


def token_not_refreshed(case: Case) -> Outcome:
    """The node goes on minting, and calls fail as unauthenticated: the client keeps a token it got long ago."""
    if case.email and case.google_account is not None and case.google_account.disabled:
        return Clear("its tokens are rejected because the account is disabled")
    expired = next((item for item in case.refusals if "token-expired" in item.symptoms), None)
    if expired is not None:
        return found(entry(f"{expired.service} refused a token that had expired", expired.ref), _refresh(expired.agent))
    rejected = [item for item in case.refusals if item.code == UNAUTHENTICATED and item.service != "sts.googleapis.com"]
    for refusal in rejected:
        worked = case.traces.succeeded(refusal.caller, "")
        if case.minted is not None and (worked is None or worked <= refusal.last):
            return _kept(refusal, case.minted)
    text, told = case.said("token-expired")
    if text is not None or told:
        return found(_evidence(text, "a token was used beyond its life"), _refresh(""))
    if not case.traces:
        return Unknown("audit log entries of its calls, and of the tokens minted for it")
    if rejected and case.minted is None:
        return Unknown("audit log entries of the tokens minted for it: calls of it were not authenticated")
    unused = _unused_since(case)
    if unused is not None:
        return Unknown(
            f"whether its client uses its tokens: one was minted at {unused:%F %T} UTC, and the log shows no call of it"
            " since (its container logs would tell)"
        )
    return Clear("no call failed for an expired token")


def _kept(refusal: Refusal, minted: datetime) -> Outcome:
    times = f", {refusal.count} times" if refusal.count > 1 else ""
    told = (
        f"fresh tokens were minted for it until {minted:%F %T} UTC"
        if minted >= refusal.first - _LIFE
        else f"no token was minted for it after {minted:%F %T} UTC, and none lives longer than an hour"
    )
    return found(
        (entry(f"{refusal.service} did not accept its token any more{times}", refusal.ref), Evidence(told)),
        _refresh(refusal.agent),
    )


def _unused_since(case: Case) -> datetime | None:
    """When a token was minted that nobody used, though the log shows other calls of the workload."""
    used, until = case.traces.used(case.final_identity), case.traces.until
    if case.minted is None or used is None or until is None or used >= case.minted:
        return None
    return case.minted if until - case.minted >= _SOON else None


def _refresh(agent: str) -> Fix:
    """Take a fresh token, in the words of the client that called."""
    known = next((words for marks, words in _CLIENTS if any(mark in agent.lower() for mark in marks)), "")
    advice = known or (
        "Take a token from the client library for each call, or refresh it before it expires; read token files anew for"
        " each exchange, and mount their directory without subPath"
    )
    return Fix(advice, outside="the client keeps the token")


def control_plane(case: Case) -> Outcome:
    """A token of the Kubernetes service account comes from the control plane, which a zonal cluster has once."""
    if case.is_fleet:
        return None
    shown = _shown(case, "metadata-500")
    if not isinstance(shown, tuple):
        return shown
    if case.cluster is None:
        return Unknown(f"whether {case.where} is zonal")
    if not case.cluster.is_zonal:
        return Clear("the cluster is regional: its control plane does not go away for upgrades")
    return found(
        _evidence(shown[0], "the metadata server answered 500, and the cluster's control plane lives in one zone"),
        Fix(
            "Let clients retry while the control plane upgrades; a regional cluster has no such gap",
            outside="a zonal cluster cannot be made regional: it takes a new cluster",
        ),
    )


def perimeter(case: Case) -> Outcome:
    """VPC Service Controls refused a call. Federated identities of GKE count inside a perimeter only."""
    refusal = next((item for item in case.refusals if "perimeter" in item.symptoms), None)
    if refusal is None:
        refusal = next(
            (
                item
                for item in case.traces.refusals
                if "perimeter" in item.symptoms and not item.caller and _may_be(case, item.resource)
            ),
            None,
        )
    text, told = case.said("perimeter")
    if refusal is None and text is None and not told:
        if not case.traces:
            return Unknown("entries of the policy log (cloudaudit.googleapis.com/policy)")
        return Clear("no perimeter refused a call of it")
    evidence: tuple[Evidence, ...] = ()
    if refusal is not None:
        evidence += (entry(f"a service perimeter refused {refusal.method} of {refusal.service}", refusal.ref),)
    elif text is not None:
        evidence += (entry("a service perimeter refused a call", text.ref),)
    else:
        evidence += (Evidence("the error text shows the id of a perimeter's refusal"),)
    advice = (
        f"Let {case.email} through with an ingress or egress rule of the perimeter"
        if case.impersonates
        else "Impersonate a service account, which ingress and egress rules can name, or bring both into one perimeter"
    )
    return found(evidence, Fix(advice, outside="perimeters are Access Context Manager's, whose policies are not read"))


def _may_be(case: Case, resource: str) -> bool:
    wanted = {target.resource for target in case.targets}
    return bool(resource) and resource in wanted
