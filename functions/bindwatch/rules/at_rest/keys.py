"""Keys of service accounts, standing: long-lived credentials that somebody holds."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from bindwatch.inventory import Inventory, Part
from bindwatch.inventory.identities import ServiceAccount, ServiceAccountKey
from bindwatch.model.change import DeleteServiceAccountKey, SetServiceAccountKeyEnabled, remedy
from bindwatch.model.finding import AssetRef, Category, Severity
from bindwatch.model.log_entry import parse_time
from bindwatch.rule import Context, Match, at_rest_of, inventory_rule
from bindwatch.rules import keys

OLD: Final = timedelta(days=90)
_FOR_EVER: Final = 9999


def user_managed_keys(inventory: Inventory) -> Iterator[ServiceAccountKey]:
    """The keys whose private half somebody outside Google may hold."""
    return (key for key in inventory.all(ServiceAccountKey) if key.user_managed)


def _match(inventory: Inventory, key: ServiceAccountKey, title: str, resource: str = "", **more: object) -> Match:
    project = inventory.project_of(key.name)
    email = key.service_account
    return Match(
        subject=key.key_id,
        title=title,
        resource_name=resource or key.name,
        principal=email,
        evidence=(AssetRef(key.name),),
        remediation=remedy(
            "Move what uses the key to Workload Identity or an attached service account, disable the key, watch for a "
            "day, then delete it",
            SetServiceAccountKeyEnabled(email, key.key_id, enabled=False, project=project),
            DeleteServiceAccountKey(email, key.key_id, project),
            risk="What uses this key stops working: disabling shows that and can be undone, deleting cannot.",
        ),
        **more,  # type: ignore[arg-type]
    )


@at_rest_of(
    keys.user_managed_key,
    needs=[Part.KEYS],
    equivalents=[
        "prowler:iam_sa_no_user_managed_keys",
        "scoutsuite:iam-service-account-with-user-managed-keys",
        "scc:USER_MANAGED_SERVICE_ACCOUNT_KEY",
        "policy-library:gcp_iam_restrict_service_account_key_type",
    ],
)
def user_managed_key(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A key that stands, however old."""
    for key in user_managed_keys(inventory):
        if not key.disabled:
            account = inventory.service_account_name(key.service_account)
            yield _match(inventory, key, f"{key.service_account} has a user-managed key, {key.key_id}", account)


@inventory_rule(
    "key-not-rotated",
    Severity.MEDIUM,
    Category.HYGIENE,
    needs=[Part.KEYS],
    techniques=["T1552.001"],
    equivalents=[
        "prowler:iam_sa_user_managed_key_rotate_90_days",
        "scoutsuite:iam-lack-of-service-account-key-rotation",
        "scc:SERVICE_ACCOUNT_KEY_NOT_ROTATED",
        "policy-library:gcp_iam_restrict_service_account_key_age",
        "forseti:service_account_key_rules",
        "ps:rotate-service-account-keys",
    ],
)
def key_not_rotated(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A user-managed key was older than 90 days.

    ## Why it matters
    The longer a key lives, the more places hold a copy of it.

    ## What to do
    Better than a new key is none. If there must be one: create its successor, switch, disable the old one, delete it.

    ## Known false positives
    None known. A key that has expired is not reported: it opens nothing.

    ## Blind spots
    A key uploaded long after it was made is younger here than it is.
    """
    for key in user_managed_keys(inventory):
        made, ends = parse_time(key.valid_after), parse_time(key.valid_before)
        if made is None or key.disabled or (ends is not None and ends <= context.as_of):
            continue
        age = context.as_of - made
        if age > OLD:
            yield _match(
                inventory,
                key,
                f"Key {key.key_id} of {key.service_account} is {age.days} days old",
                severity=Severity.HIGH if age > 4 * OLD else None,
                notes=(() if ends is not None and ends.year < _FOR_EVER else ("The key never expires.",)),
            )


@inventory_rule(
    "key-of-disabled-account",
    Severity.LOW,
    Category.HYGIENE,
    needs=[Part.KEYS, Part.SERVICE_ACCOUNTS],
    techniques=["T1098.001"],
)
def key_of_disabled_account(inventory: Inventory, context: Context) -> Iterator[Match]:
    """A disabled service account still had an enabled user-managed key.

    ## Why it matters
    Whoever may enable the account, a smaller right than making a key, brings every such key back to life.

    ## What to do
    Delete the key: nothing can be using it now.

    ## Known false positives
    An account disabled for a few days before it is deleted.

    ## Blind spots
    Needs both lists, of accounts and of keys.
    """
    disabled = {account.email for account in inventory.all(ServiceAccount) if account.disabled}
    for key in user_managed_keys(inventory):
        if key.service_account in disabled and not key.disabled:
            yield _match(inventory, key, f"{key.service_account} is disabled, but its key {key.key_id} is not")


RULES = (user_managed_key, key_not_rotated, key_of_disabled_account)
