"""Which fields an update writes: the FieldMask of its request."""

import msgspec

from bindwatch.model.document import Document


class UpdateMask(msgspec.Struct, frozen=True, gc=False):
    """A FieldMask (https://google.aip.dev/161): the paths it names in lowerCamel, or `whole` where it says `*`.

    Without either, an update writes what its body holds.
    """

    paths: frozenset[str] = frozenset()
    whole: bool = False
    """Everything is written: what the body leaves out is emptied."""

    def __bool__(self) -> bool:
        """Whether the request had a mask."""
        return self.whole or bool(self.paths)

    def names(self, field: str) -> bool:
        """Whether a path names the field, something in it, or what it is part of."""
        return any(path == field or path.startswith(f"{field}.") or field.startswith(f"{path}.") for path in self.paths)

    def writes(self, field: str, body: Document) -> bool:
        """Whether the update writes the field of this body, be it to empty it."""
        if self:
            return self.whole or self.names(field)
        return body.has(field)


def mask_of(request: Document) -> UpdateMask:
    """The mask of a request, in whichever way it is written: one text with commas, a list, or a list of `paths`."""
    written = request.texts("updateMask") or request.texts("updateMask.paths")
    words = [word for text in written for part in text.split(",") if (word := part.strip())]
    if "*" in words:
        return UpdateMask(whole=True)
    return UpdateMask(frozenset(map(_camel, words)))


def _camel(path: str) -> str:
    head, *rest = path.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
