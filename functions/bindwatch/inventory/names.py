"""What an inventory knows of names: project numbers and ids, unique ids and e-mails; and entities respelled with it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Final, TypeVar

from bindwatch.inventory.identities import Role, ServiceAccount, ServiceAccountKey
from bindwatch.model.resource import canonical, path_of, service_account_name

E = TypeVar("E")

# Fields that hold the full name of a resource, and fields that hold the id or number of a project.
_FULL_NAMES: Final = frozenset(
    {
        "name",
        "resource",
        "cluster",
        "parent",
        "attachment_point",
        "pool",
        "policy",
        "target",
        "network",
        "subnetwork",
        "fleet_membership",
    }
)
_PROJECTS: Final = frozenset({"project", "fleet_project"})

# Most names of an export are canonical already; this tells without taking them apart. The project of a service account
# must be the one its e-mail tells, a cluster may be spelled in two ways, and anything by project number needs its id.
_SETTLED = re.compile(
    r"//(?:storage\.googleapis\.com/[^/]+"
    r"|iam\.googleapis\.com/projects/([a-z][a-z0-9-]*)/serviceAccounts/[a-z0-9-]+@\1\.iam\.gserviceaccount\.com"
    r"|(?!storage\.|container\.|iam\.)[a-z0-9.-]+/(?:projects/(?!\d+(?:/|$))|folders/|organizations/)[^\s]*)"
)


@dataclass(slots=True)
class Names:
    """Two maps that grow while an inventory is read, and what they settle."""

    project_ids: dict[str, str] = field(default_factory=dict)
    emails: dict[str, str] = field(default_factory=dict)

    def with_projects(self, project_ids: Mapping[str, str]) -> "Names":
        """These names and some more projects."""
        return Names({**self.project_ids, **project_ids}, self.emails) if project_ids else self

    def project(self, project: str) -> str:
        """The id of a project, from its id, its number or `projects/…`; a number nobody mapped stays a number."""
        project = project.removeprefix("projects/")
        return self.project_ids.get(project, project)

    def resource(self, name: str) -> str:
        """The canonical full name of a resource."""
        if _SETTLED.fullmatch(name):
            return name
        return canonical(name, project_ids=self.project_ids, emails=self.emails)

    def settle(self, entity: E) -> E:
        """The entity with every name in it respelled canonically."""
        changes = {name: value for name, value in self._respelled(entity) if value != getattr(entity, name)}
        return replace(entity, **changes) if changes else entity  # type: ignore[type-var]

    def _respelled(self, entity: object) -> Iterator[tuple[str, str]]:
        for attribute, is_project in _name_fields(type(entity)):  # type: ignore[arg-type]
            if value := getattr(entity, attribute):
                yield attribute, self.project(value) if is_project else self.resource(value)
        match entity:
            case ServiceAccount():
                yield "name", service_account_name(entity.email, entity.project, project_ids=self.project_ids)
            case ServiceAccountKey():
                yield "service_account", self.emails.get(entity.service_account, entity.service_account)
            case Role() if not entity.role.startswith("roles/"):
                yield "role", path_of(self.resource(entity.name))


@cache
def _name_fields(kind: type[Any]) -> tuple[tuple[str, bool], ...]:
    # Kubernetes objects have short names; what is canonical about them is their cluster.
    in_cluster = "cluster" in kind.__annotations__ and "project" not in kind.__annotations__
    return tuple(
        (item.name, item.name in _PROJECTS)
        for item in fields(kind)
        if (item.name in _PROJECTS or item.name in _FULL_NAMES) and not (in_cluster and item.name == "name")
    )
