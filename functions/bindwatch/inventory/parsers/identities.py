"""Service accounts, keys, roles, identity pools and providers, API keys."""

from collections.abc import Iterator

from bindwatch.inventory.identities import (
    ApiKey,
    IdentityPool,
    IdentityPoolProvider,
    Role,
    ServiceAccount,
    ServiceAccountKey,
)
from bindwatch.inventory.parsers.place import Place, full_name, last, project_in
from bindwatch.model.document import Document
from bindwatch.model.resource import canonical, path_of, service_account_name

_KEY_TYPES = {"1": "USER_MANAGED", "2": "SYSTEM_MANAGED"}
_KEY_ORIGINS = {"1": "USER_PROVIDED", "2": "GOOGLE_PROVIDED"}


def service_account(doc: Document, at: Place) -> Iterator[ServiceAccount]:
    """A service account. In an export or a list no `disabled` means it is not; a search result does not say."""
    name = full_name(doc, at)
    email = doc.text("email") or doc.text("additionalAttributes.email")
    if not email and "@" in last(name):
        email = last(name)
    if "@" not in email:
        return
    disabled = doc.flag("disabled")
    if disabled is None and not doc.has("additionalAttributes"):
        disabled = False
    project = doc.text("projectId") or project_in(name, at)
    yield ServiceAccount(
        name=service_account_name(email, project),
        email=email.strip().lower(),
        project=project,
        unique_id=doc.text("uniqueId") or doc.text("additionalAttributes.uniqueId"),
        display_name=doc.text("displayName"),
        description=doc.text("description"),
        disabled=disabled,
    )


def service_account_key(doc: Document, at: Place) -> Iterator[ServiceAccountKey]:
    """A key of a service account."""
    name = full_name(doc, at)
    head, found, _ = name.partition("/keys/")
    if found:
        yield ServiceAccountKey(
            name=name,
            service_account=last(head).lower(),
            key_type=_KEY_TYPES.get(doc.text("keyType"), doc.text("keyType")),
            origin=_KEY_ORIGINS.get(doc.text("keyOrigin"), doc.text("keyOrigin")),
            valid_after=doc.text("validAfterTime"),
            valid_before=doc.text("validBeforeTime"),
            disabled=bool(doc.flag("disabled")),
        )


def role(doc: Document, at: Place) -> Iterator[Role]:
    """A custom role, or a predefined one where a list holds those."""
    own = doc.text("name")
    written = own if "roles/" in own else path_of(at.name)
    if "roles/" in written:
        yield Role(
            name=at.name
            or (canonical(written) if not written.startswith("roles/") else f"//iam.googleapis.com/{written}"),
            role=written,
            title=doc.text("title"),
            permissions=doc.texts("includedPermissions"),
            lists_permissions=doc.has("includedPermissions"),
            stage=doc.text("stage"),
            deleted=bool(doc.flag("deleted")),
        )


def identity_pool(doc: Document, at: Place) -> Iterator[IdentityPool]:
    """A workload identity pool or a workforce pool."""
    name = full_name(doc, at, service="iam.googleapis.com")
    if name:
        yield IdentityPool(
            name=name,
            id=last(name),
            project=project_in(name, at),
            display_name=doc.text("displayName"),
            state=doc.text("state") or "ACTIVE",
            disabled=bool(doc.flag("disabled")),
            mode=doc.text("mode"),
        )


def identity_pool_provider(doc: Document, at: Place) -> Iterator[IdentityPoolProvider]:
    """A provider of an identity pool."""
    name = full_name(doc, at, service="iam.googleapis.com")
    pool, found, identity = name.partition("/providers/")
    if not found:
        return
    kind = next((kind for kind in ("oidc", "aws", "saml", "x509") if doc.has(kind)), "")
    yield IdentityPoolProvider(
        name=name,
        id=identity,
        pool=pool,
        project=project_in(name, at),
        kind=kind,
        issuer=doc.text("oidc.issuerUri"),
        audiences=doc.texts("oidc.allowedAudiences"),
        aws_account=doc.text("aws.accountId"),
        has_own_keys=doc.has("oidc.jwksJson") or doc.has("saml.idpMetadataXml") or doc.has("x509.trustStore"),
        attribute_mapping=tuple(doc.pairs("attributeMapping")),
        attribute_condition=doc.text("attributeCondition").strip(),
        state=doc.text("state") or "ACTIVE",
        disabled=bool(doc.flag("disabled")),
    )


# What an API key may be restricted to, and where its values stand.
_CALLERS = {
    "browser": "allowedReferrers",
    "server": "allowedIps",
    "android": "allowedApplications",
    "ios": "allowedBundleIds",
}
_EVERY_CALLER = frozenset({"*", "*/*", "http://*", "https://*", "http://*/*", "https://*/*", "0.0.0.0/0", "::/0"})


def _restricts(limits: Document, kind: str) -> bool:
    """Whether a restriction of that kind leaves any caller out."""
    found, values = limits.document(f"{kind}KeyRestrictions"), _CALLERS[kind]
    return bool(found.documents(values)) or bool(set(found.texts(values)) - _EVERY_CALLER)


def api_key(doc: Document, at: Place) -> Iterator[ApiKey]:
    """An API key; its string is not kept."""
    name = full_name(doc, at, service="apikeys.googleapis.com")
    if not name:
        return
    limits = doc.document("restrictions")
    yield ApiKey(
        name=name,
        project=project_in(name, at),
        display_name=doc.text("displayName"),
        create_time=doc.text("createTime"),
        api_targets=tuple(item.text("service") for item in limits.documents("apiTargets") if item.text("service")),
        application_restriction=next((kind for kind in _CALLERS if _restricts(limits, kind)), ""),
        service_account=doc.text("serviceAccountEmail"),
        deleted=doc.has("deleteTime"),
    )
