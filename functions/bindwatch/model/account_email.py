"""What the e-mail address of a service account tells: who runs it, and which project it comes from."""

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

_PROJECT_SUFFIX = ".iam.gserviceaccount.com"

# Projects of Google in which its older service agents live. Nobody else can create an account there, so the domain
# decides. Source: https://cloud.google.com/iam/docs/service-agents (read 2026), without the gcp-sa-* and gcp-ri-* ones.
_AGENT_PROJECTS = frozenset(
    {
        "bigquery-encryption",
        "cloud-cdn-fill",
        "cloud-filer",
        "cloud-memcache-sa",
        "cloud-ml",
        "cloud-redis",
        "cloud-tpu",
        "cloudcomposer-accounts",
        "compute-system",
        "container-analysis",
        "container-engine-robot",
        "containerregistry",
        "crashlytics-bigquery-prod",
        "dataflow-service-producer-prod",
        "dataproc-accounts",
        "dlp-api",
        "endpoints-portal",
        "firebase-rules",
        "firebase-sa-management",
        "gae-api-prod",
        "gcf-admin-robot",
        "gcp-gae-service",
        "genomics-api",
        "gs-project-accounts",
        "remotebuildexecution",
        "security-center-api",
        "serverless-robot-prod",
        "service-consumer-management",
        "service-networking",
        "sourcerepo-service-accounts",
        "storage-transfer-service",
        "trifacta-gcloud-prod",
    }
)
_NUMBER_OF_PROJECT = re.compile(r"(?:(?:service-(?:project-|p)?|project-|bqcx-|bq-|p)?([0-9]+))(?:-.*)?", re.ASCII)
_COMPUTE_DEFAULT = re.compile(r"[0-9]+-compute", re.ASCII)


class AccountOrigin(StrEnum):
    """Who made a service account, told from its domain; UNKNOWN where the domain is none that Google documents."""

    USER_MANAGED = "user-managed"
    COMPUTE_DEFAULT = "compute-default"
    APP_ENGINE_DEFAULT = "app-engine-default"
    CLOUD_BUILD = "cloud-build"
    AGENT = "agent"
    UNKNOWN = "unknown"


class _Domain(NamedTuple):
    origin: AccountOrigin
    project: str
    local_part_tells: bool


def is_account_domain(domain: str) -> bool:
    """Whether addresses of this (lower-case) domain are service accounts."""
    return domain.endswith(".gserviceaccount.com")


def account_origin(local: str, domain: str) -> AccountOrigin:
    """Who made the account `local@domain` (lower case). A name such as `service-123` says nothing; the domain does."""
    origin = _read_domain(domain).origin
    if origin is AccountOrigin.COMPUTE_DEFAULT and not _COMPUTE_DEFAULT.fullmatch(local):
        # NUMBER-HASH@developer…: the accounts of old OAuth clients, made by people.
        return AccountOrigin.USER_MANAGED
    return origin


def account_project(local: str, domain: str) -> tuple[str, str]:
    """The project of the account `local@domain` (lower case) as (id, number); what the address does not tell is ""."""
    _, project, local_part_tells = _read_domain(domain)
    if not local_part_tells:
        return project, ""
    if domain.startswith("appspot."):
        name, _, scope = local.partition(".")
        return (f"{scope}:{name}" if scope else name), ""
    number = _NUMBER_OF_PROJECT.fullmatch(local)
    return "", (number[1] if number else "")


@lru_cache(maxsize=32768)
def _read_domain(domain: str) -> _Domain:
    if domain.endswith(_PROJECT_SUFFIX):
        name = domain[: -len(_PROJECT_SUFFIX)]
        if _is_agent_project(name):
            return _Domain(AccountOrigin.AGENT, "", True)
        project, _, scope = name.partition(".")
        return _Domain(AccountOrigin.USER_MANAGED, f"{scope}:{project}" if scope else project, False)
    match domain:
        case "developer.gserviceaccount.com":
            return _Domain(AccountOrigin.COMPUTE_DEFAULT, "", True)
        case "appspot.gserviceaccount.com":
            return _Domain(AccountOrigin.APP_ENGINE_DEFAULT, "", True)
        case "cloudbuild.gserviceaccount.com":
            return _Domain(AccountOrigin.CLOUD_BUILD, "", True)
        case "cloudservices.gserviceaccount.com":
            return _Domain(AccountOrigin.AGENT, "", True)
        case "system.gserviceaccount.com":
            return _Domain(AccountOrigin.AGENT, "", False)
        case _:
            return _Domain(AccountOrigin.UNKNOWN, "", False)


def _is_agent_project(name: str) -> bool:
    # A project of a customer's domain (sa@gcp-sa-x.example.com.iam…) can be called what it likes.
    first, _, scope = name.partition(".")
    if scope and scope != "google.com" and not scope.endswith("-system"):
        return False
    return first in _AGENT_PROJECTS or first.startswith(("gcp-sa-", "gcp-ri-", "speckle-umbrella"))
