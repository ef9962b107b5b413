"""Where a document stands: the name and project its asset, its list or its path give it."""

from dataclasses import dataclass
from typing import Final

from bindwatch.model.document import Document
from bindwatch.model.resource import canonical, project_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is known of one item before it is read. `name` is its full name where its asset gives it, else ''."""

    name: str = ""
    asset_type: str = ""
    project: str = ""
    parent: str = ""
    cluster: str = ""
    service_account: str = ""


NOWHERE: Final = Place()


def full_name(doc: Document, at: Place, *, field: str = "name", service: str = "") -> str:
    """The full name of an item: that of its asset, else its own relative name or URL made full; '' if it has none."""
    if at.name:
        return at.name
    own = doc.text(field)
    if "/" in own:
        return canonical(own, service=service)
    link = doc.text("selfLink") or doc.text("selfLinkWithId")
    return canonical(link) if link else ""


def project_in(name: str, at: Place) -> str:
    """The project (id or number) of an item: as its name tells, else as its place does."""
    return project_of(name) or at.project


def last(name: str) -> str:
    """The last part of a name."""
    return name.rpartition("/")[2]
