"""Entries that the window rules tell of, for any store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bindwatch.engine import Engine
from bindwatch.model.log_entry import from_dict
from bindwatch.model.outside import NOWHERE, Place
from bindwatch.pipeline import Delivery
from bindwatch.rule import Context
from bindwatch.rules import LOG_RULES
from sample_findings import at, written

POD = "serviceAccount:shop.svc.id.goog[shop/cart]"
CART, HELPER, BUSY = (f"{name}@shop.iam.gserviceaccount.com" for name in ("cart", "helper", "busy"))


def an_act(
    minutes: float,
    caller: str,
    *,
    method: str = "storage.buckets.list",
    service: str = "storage.googleapis.com",
    target: str = "",
    code: int = 0,
    agent: str = "gcloud-python/3.4.1 gl-python/3.13.7",
    via: str = "",
    place: Place = NOWHERE,
    kind: str = "service_account",
    **payload: Any,
) -> Delivery:
    """One call that a story needs."""
    who = {"principalSubject": caller} if caller == POD else {"principalEmail": caller}
    hops = {"serviceAccountDelegationInfo": [{"principalSubject": via}]} if via else {}
    permission = {"permission": "iam.serviceAccounts.getAccessToken"} | ({} if code else {"granted": True})
    entry = from_dict(
        {
            "logName": "projects/shop/logs/cloudaudit.googleapis.com%2Factivity",
            "insertId": f"{minutes}{caller}{method}{target}{code}{place}",
            "timestamp": written(at(minutes)),
            "resource": {
                "type": kind,
                "labels": {"project_id": "shop"} | ({"email_id": target} if target else {}),
            },
            "protoPayload": {
                "serviceName": service,
                "methodName": method,
                "resourceName": "projects/shop",
                "status": {"code": code} if code else {},
                "authenticationInfo": who | hops,
                "authorizationInfo": [permission],
                "requestMetadata": {"callerIp": "192.0.2.9", "callerSuppliedUserAgent": agent},
                **payload,
            },
        }
    )
    return Delivery(entry, Engine(Context(), LOG_RULES).judge_entry(entry), at(minutes), place)


def stories() -> Iterator[Delivery]:
    """What every window that leans on habits or findings tells of."""
    mint = {"service": "iamcredentials.googleapis.com", "method": "GenerateAccessToken", "target": CART}
    home, away = Place("DE", "AS64496 Home, Net"), Place("NO", "AS64497 Fjord Net")
    yield an_act(-100, POD, code=7, **mint)
    yield an_act(-80, POD, agent="gke-metadata-server", **mint)
    yield an_act(-70, "eve@example.com", **mint)
    yield an_act(-20 * 1440, POD, agent="gke-metadata-server", **mint)
    yield an_act(-15, HELPER, via=POD)
    yield an_act(-1, CART, via=POD)
    yield an_act(-3 * 1440, CART, via="user:ada@example.com")
    yield an_act(-90, "ada@example.com", **mint)
    provider = "projects/123456789012/locations/global/workloadIdentityPools/ci/providers/github"
    for minutes, who in ((-20 * 1440, "repo:example/shop:ref:refs/heads/main"), (-40, "repo:stranger/shop:ref:x")):
        exchange: dict[str, Any] = {"authenticationInfo": {"principalSubject": who}, "resourceName": provider}
        exchange["method"] = "google.identity.sts.v1.SecurityTokenService.ExchangeToken"
        yield an_act(minutes, who, service="sts.googleapis.com", kind="audited_resource", **exchange)
    for ago in range(1, 21):
        yield an_act(-ago * 1440, CART, place=home)
        yield from (an_act(-ago * 1440 - n / 7, BUSY) for n in range(5 + ago % 3))
    yield from (an_act(-n / 10, BUSY) for n in range(520))
    yield an_act(-30, CART, place=away, agent="curl/8")
    iam = "iam.googleapis.com"
    yield an_act(-60, "eve@example.com", service=iam, method="google.iam.admin.v1.CreateServiceAccount", target=HELPER)
    delta = {"action": "ADD", "role": "roles/owner", "member": f"serviceAccount:{HELPER}"}
    yield an_act(
        -55,
        "eve@example.com",
        service="cloudresourcemanager.googleapis.com",
        method="SetIamPolicy",
        kind="project",
        serviceData={"policyDelta": {"bindingDeltas": [delta]}},
    )


def within_the_hour() -> Iterator[Delivery]:
    """What every window that counts within an hour tells of, some of it on the hour and half an hour later."""
    usage, iam, k8s, login = "serviceusage.googleapis.com", "iam.googleapis.com", "k8s.io", "login.googleapis.com"
    review = "io.k8s.authorization.v1.selfsubjectaccessreviews.create"
    failure = "google.login.LoginService.loginFailure"
    pod = "system:serviceaccount:shop:cart"
    name = f"//iam.googleapis.com/projects/shop/serviceAccounts/{CART}/keys/k9"
    for n in range(13):
        many = {"resourceName": f"projects/shop/things/{n}"}
        later: dict[str, Any] = {"resourceName": f"core/v1/namespaces/shop/secrets/s{n}", "kind": "k8s_cluster"}
        who = {"principalEmail": CART, "serviceAccountKeyName": name}
        yield an_act(-90.0 + n, "eve@example.com", service=usage, method="v1.ServiceUsage.DisableService", **many)
        yield an_act(-60.0 + n % 4 * 30, "eve@example.com", method="storage.hmacKeys.delete", **many)
        yield an_act(-75 + n / 2, "ada@example.com", service=iam, method="x.v1.GetIAMPolicy", **many)
        yield an_act(-80 + n, CART, authenticationInfo=who, requestMetadata={"callerIp": f"203.{n}.113.9"})
        yield an_act(-50 - n, pod, service=k8s, method="io.k8s.core.v1.secrets.get", **later)
        yield an_act(-30 - n, pod, service=k8s, method="io.k8s.core.v1.secrets.get", code=7, **later)
        yield an_act(-45 - n, pod, service=k8s, method=review, **later)
        yield an_act(-35 + n, "ada@example.com", service=login, method=failure)
        yield an_act(-40 - n / 3, f"user-{n}@example.com", service=login, method=failure)
