"""API keys, standing: strings that open an API to whoever has them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.identities import ApiKey
from bindwatch.model.change import Run, remedy
from bindwatch.model.finding import AssetRef, Category, Remediation, Severity
from bindwatch.model.log_entry import parse_time
from bindwatch.rule import Context, Match, at_rest_of, inventory_rule
from bindwatch.rules import api_keys
from bindwatch.rules.api_keys import opens_every_api, restricted_to_apis, restricted_to_callers, words

_OLD: Final = timedelta(days=90)
_GENERATIVE: Final = "generativelanguage.googleapis.com"


def _live(inventory: Inventory) -> Iterator[ApiKey]:
    return (key for key in inventory.all(ApiKey) if not key.deleted)


def _deleted(key: ApiKey) -> Remediation:
    keys, name = ("gcloud", "services", "api-keys"), (key.name.rpartition("/")[2], f"--project={key.project}")
    return remedy(
        "If nothing uses it, delete it",
        Run((*keys, "delete", *name), (*keys, "undelete", *name)),
        risk="Its callers are refused at once. It can be restored for 30 days.",
    )


@inventory_rule(
    "api-key-exists",
    Severity.INFO,
    Category.HYGIENE,
    needs=[Part.API_KEYS],
    techniques=["T1552.001"],
    equivalents=["prowler:apikeys_key_exists", "scc:API_KEY_EXISTS"],
)
def api_key_exists(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A project had an API key.

    ## Why it matters
    A key names no caller, does not expire, and stands in clients where anybody can read it. One that is bound to a
    service account acts as that account.

    ## What to do
    Use identities where the API takes them. Delete keys that nothing uses.

    ## Known false positives
    APIs that take nothing else (Maps in a browser). It is INFO, and MEDIUM where the key acts as a service account.

    ## Blind spots
    Who has the key is not known here.
    """
    for key in _live(inventory):
        account = key.service_account
        yield Match(
            subject=key.name.rpartition("/")[2],
            title=words(key) + (f" acts as {account} for whoever has it" if account else " exists"),
            resource_name=key.name,
            principal=f"serviceAccount:{account}" if account else "",
            severity=Severity.MEDIUM if account else None,
            evidence=(AssetRef(key.name),),
            remediation=_deleted(key),
        )


@at_rest_of(
    api_keys.api_key_opens_every_api,
    needs=[Part.API_KEYS],
    equivalents=[
        "prowler:apikeys_api_restrictions_configured",
        "prowler:apikeys_api_restricted_with_gemini_api",
        "scc:API_KEY_APIS_UNRESTRICTED",
    ],
)
def api_key_opens_every_api(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A key that stands without API restrictions."""
    for key in _live(inventory):
        if not opens_every_api(key):
            continue
        models = inventory.enabled(key.project, _GENERATIVE) is True
        yield Match(
            subject=key.name.rpartition("/")[2],
            title=f"{words(key)} opens every API of the project",
            resource_name=key.name,
            severity=Severity.HIGH if models or key.service_account else None,
            notes=(f"{_GENERATIVE} is on in the project.",) if models else (),
            evidence=(AssetRef(key.name),),
            remediation=restricted_to_apis(key),
        )


@at_rest_of(
    api_keys.api_key_for_every_caller,
    needs=[Part.API_KEYS],
    equivalents=["scc:API_KEY_APPS_UNRESTRICTED", "c7n:api-key"],
)
def api_key_for_every_caller(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A key that stands without restrictions of its callers."""
    for key in _live(inventory):
        if not key.application_restriction:
            yield Match(
                subject=key.name.rpartition("/")[2],
                title=f"{words(key)} can be used from anywhere",
                resource_name=key.name,
                severity=Severity.MEDIUM if key.service_account else None,
                evidence=(AssetRef(key.name),),
                remediation=restricted_to_callers(key),
            )


@inventory_rule(
    "api-key-not-rotated",
    Severity.LOW,
    Category.HYGIENE,
    needs=[Part.API_KEYS],
    techniques=["T1552.001"],
    equivalents=["prowler:apikeys_key_rotated_in_90_days", "scc:API_KEY_NOT_ROTATED", "c7n:api-key.time-range"],
)
def api_key_not_rotated(inventory: Inventory, context: Context) -> Iterator[Match]:
    """An API key was older than 90 days.

    ## Why it matters
    The longer a key lives, the more places hold a copy of it.

    ## What to do
    Make its successor, switch the clients, delete the old one.

    ## Known false positives
    Keys that stand in published applications cannot be rotated so often: restrict those instead.

    ## Blind spots
    A key whose age the input leaves out.
    """
    for key in _live(inventory):
        made = parse_time(key.create_time)
        if made is not None and context.as_of - made > _OLD:
            yield Match(
                subject=key.name.rpartition("/")[2],
                title=f"{words(key)} is {(context.as_of - made).days} days old",
                resource_name=key.name,
                evidence=(AssetRef(key.name),),
            )


RULES: Final = (api_key_exists, api_key_opens_every_api, api_key_for_every_caller, api_key_not_rotated)
