"""What an entry wrote of an identity provider, and how that differs from what was known of it before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from bindwatch.inventory.identities import IdentityPoolProvider
from bindwatch.model.document import Document
from bindwatch.model.log_entry import LogEntry, once
from bindwatch.model.update_mask import UpdateMask, mask_of

_BODIES: Final = ("workloadIdentityPoolProvider", "workforcePoolProvider")
# What is kept of a provider, and the fields of the API that say it.
_FIELDS: Final = {
    "condition": "attributeCondition",
    "mapping": "attributeMapping",
    "issuer": "oidc.issuerUri",
    "audiences": "oidc.allowedAudiences",
    "keys": "oidc.jwksJson",
    "aws_account": "aws.accountId",
    "disabled": "disabled",
}


@dataclass(frozen=True, slots=True)
class WrittenProvider:
    """A provider as an entry wrote it: canonical full name, body, and the mask of an update."""

    name: str
    body: Document
    created: bool
    mask: UpdateMask

    def touched(self, field: str) -> bool:
        """Whether the call set the field: all of them on creation, those of the mask on update."""
        return self.created or not self.mask.paths or self.mask.names(field)

    def state(self, before: Mapping[str, str]) -> dict[str, str]:
        """What is known of it afterwards: what the call set, and else what was known before."""
        written = {name: _text(self.body, path) for name, path in _FIELDS.items() if self.touched(path)}
        return {**before, **written}


@once
def written_provider(entry: LogEntry) -> WrittenProvider | None:
    """The provider that an entry creates or changes; None where it does neither."""
    request = entry.request
    kind = next((kind for kind in _BODIES if request.has(kind)), "")
    if not kind:
        return None
    body = request.document(kind)
    created = entry.method.rpartition(".")[2].startswith("Create")
    name = body.text("name") or entry.raw_resource_name
    if "/providers/" not in name:
        provider_id = request.text(f"{kind}Id") or "unnamed"
        name = f"{request.text('parent') or name}/providers/{provider_id}"
    return WrittenProvider(entry.named(name), body, created, mask_of(request))


def state_of(provider: IdentityPoolProvider) -> dict[str, str]:
    """A provider of an inventory in the form that is kept."""
    return {
        "condition": provider.attribute_condition,
        "mapping": _map_text(dict(provider.attribute_mapping)),
        "issuer": provider.issuer,
        "audiences": " ".join(sorted(provider.audiences)),
        "keys": "uploaded" if provider.has_own_keys else "",
        "aws_account": provider.aws_account,
        "disabled": "true" if provider.disabled else "",
    }


def _text(body: Document, path: str) -> str:
    if path == "attributeMapping":
        return _map_text(dict(body.pairs(path)))
    if path == "oidc.allowedAudiences":
        return " ".join(sorted(body.texts(path)))
    if path == "oidc.jwksJson":
        return "uploaded" if body.text(path) else ""
    if path == "disabled":
        return "true" if body.flag(path) is True else ""
    return body.text(path)


def _map_text(mapping: Mapping[str, str]) -> str:
    return msgspec.json.encode(dict(sorted(mapping.items()))).decode() if mapping else ""
