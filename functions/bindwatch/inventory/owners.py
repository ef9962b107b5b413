"""Whose a policy or an object is that does not say it: told by the name of its file, by its roles, by what is alone."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from bindwatch.inventory.clusters import Cluster, FleetMembership
from bindwatch.inventory.coverage import Origin
from bindwatch.inventory.hierarchy import Folder, Organization, Project
from bindwatch.inventory.identities import ServiceAccount
from bindwatch.inventory.resources import Bucket, Dataset, Secret
from bindwatch.inventory.workloads import KubernetesServiceAccount
from bindwatch.model.policy import Policy
from bindwatch.model.resource import bucket_name, cluster_name, project_name, service_account_name

# Roles Google lets one grant on a service account: a bare policy with nothing else is that of one.
_ON_SERVICE_ACCOUNTS: Final = ("roles/iam.serviceAccount", "roles/iam.workloadIdentityUser")
_WORKLOAD_USER: Final = "roles/iam.workloadIdentityUser"
_PREFIX = re.compile(r"^(?:(?:get|iam|policy|policies|bindings?|service|accounts?|serviceaccounts?|g?sa)[-_.]+)+")
_EMAIL = re.compile(r"[a-z0-9.-]+@[a-z0-9.-]+\.gserviceaccount\.com")
_SAYS_PROJECT = re.compile(r"(?<![a-z])(?:projects?|prj)(?![a-z])")
_SAYS_ACCOUNT = re.compile(r"(?<![a-z])(?:(?:google|iam)?[-_ ]?service[-_ ]?accounts?|gsa|sa)(?![a-z])")
_SAYS_ORGANIZATION = re.compile(r"(?<![a-z])org(?:anization)?s?(?![a-z])")
_SAYS_BUCKET = re.compile(r"(?<![a-z])(?:buckets?|gcs|gs)(?![a-z])")
# Roles that exist on buckets only: a policy with one of them is that of a bucket, whichever.
_ON_BUCKETS: Final = "roles/storage.legacy"
_ABOUT_BUCKETS = re.compile(r"(?<![a-z0-9])(?:get|storage|gs|gcs|buckets?|iam|polic(?:y|ies)|bindings?)(?![a-z0-9])")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_EXTENSION = re.compile(r"\.(?:json|ndjson|jsonl|yaml|yml|txt)(?:\.gz)?$")

Item = tuple[Any, Origin]


class Owners:
    """What an input has that could own a policy or an object which does not say whose it is."""

    def __init__(
        self, entities: Mapping[type, Sequence[Item]], project_ids: dict[str, str], expected: Sequence[str] = ()
    ) -> None:
        self._entities = entities
        self._expected = expected
        self._project_ids = project_ids
        annotated = {
            item.google_service_account.lower()
            for item, _ in entities.get(KubernetesServiceAccount, ())
            if item.google_service_account
        }
        self._annotated = only(annotated)

    def of_policy(self, policy: Policy, origin: Origin) -> str:
        """The full name of the resource a bare policy belongs to; '' where nothing tells one."""
        text = words_of(origin)
        if email := self._email_in(text):
            return self._account_name(email)
        expected = only(name for name in self._expected if _has_word(text, name.rpartition("/")[2].lower()))
        if expected:
            return expected
        roles = [binding.role for binding in policy.bindings]
        for_accounts = (
            bool(roles) and not policy.audit_configs and all(role.startswith(_ON_SERVICE_ACCOUNTS) for role in roles)
        )
        says_account = bool(_SAYS_ACCOUNT.search(text)) and not _SAYS_PROJECT.search(text)
        if for_accounts or says_account:
            found = self._account(text, origin)
            if found or says_account or _WORKLOAD_USER in roles or self._of(ServiceAccount):
                return found
            # No account in sight, and these roles are granted on projects as well: the project beside it, if any.
            return only(item.name for item, where in self._of(Project) if where.directory == origin.directory)
        if _SAYS_ORGANIZATION.search(text):
            return self._alone(Organization, origin)
        if _SAYS_PROJECT.search(text):
            return self._named(text, (Project,)) or self._project(origin)
        if _SAYS_BUCKET.search(text) or any(role.startswith(_ON_BUCKETS) for role in roles):
            return self._named(text, (Bucket,)) or self._alone(Bucket, origin) or _bucket_in(text)
        named = self._named(text, (Project, Bucket, Secret, Dataset, ServiceAccount, Folder, Organization))
        # A policy of nobody, in a file that names nobody, is no project's more than another thing's.
        return named or (self._project(origin) if roles or policy.audit_configs else "")

    def cluster(self, origin: Origin) -> str:
        """The cluster of a Kubernetes object: the one of its directory, that its path names, or that is alone.

        A cluster outside GKE is known by its membership in a fleet.
        """
        known = {item.name: where for item, where in self._of(Cluster)}
        for item, where in self._of(FleetMembership):
            if not item.cluster:
                known[_outside_gke(item)] = where
        near = {name for name, where in known.items() if where.directory == origin.directory}
        return only(near) or _named_in_path(known, origin) or only(known)

    def project(self, origin: Origin) -> str:
        """The full name of the project that is alone in the directory, or in the input."""
        return self._alone(Project, origin)

    def _email_in(self, text: str) -> str:
        known = [item.email for item, _ in self._of(ServiceAccount)]
        found = max((email for email in (*known, self._annotated) if email and email in text), key=len, default="")
        if not found and (match := _EMAIL.search(text)):
            found = _PREFIX.sub("", match[0])
        return found

    def _account(self, text: str, origin: Origin) -> str:
        found = self._named(text, (ServiceAccount,)) or self._alone(ServiceAccount, origin)
        if found:
            return found
        # What the only annotation of the input names is what a person looks into.
        return self._account_name(self._annotated) if "@" in self._annotated else ""

    def _account_name(self, email: str) -> str:
        known = next((item for item, _ in self._of(ServiceAccount) if item.email == email), None)
        return known.name if known is not None else service_account_name(email, project_ids=self._project_ids)

    def _project(self, origin: Origin) -> str:
        found = self._alone(Project, origin)
        if not found:
            found = only(project_name(item.project) for item, _ in self._of(ServiceAccount))
        return found or only(project_name(item.project) for item, _ in self._of(Cluster))

    def _alone(self, kind: type, origin: Origin) -> str:
        near = {item.name for item, where in self._of(kind) if where.directory == origin.directory}
        return only(near) or only({item.name for item, _ in self._of(kind)})

    def _named(self, text: str, kinds: tuple[type, ...]) -> str:
        """The thing whose own name stands in the text as whole words; of several, the longest name."""
        best: dict[int, set[str]] = {}
        for kind in kinds:
            for item, _ in self._of(kind):
                for name in _names_of(item):
                    if _has_word(text, name):
                        best.setdefault(len(name), set()).add(item.name)
        return only(best[max(best)]) if best else ""

    def _of(self, kind: type) -> Sequence[Item]:
        return self._entities.get(kind, ())


def _names_of(item: Any) -> Iterator[str]:
    match item:
        case ServiceAccount():
            yield item.email.partition("@")[0]
        case Project():
            yield item.id
            yield item.number
        case _:
            yield item.name.rpartition("/")[2].lower()


def _outside_gke(membership: FleetMembership) -> str:
    location = membership.name.partition("/locations/")[2].partition("/")[0]
    return cluster_name(membership.project, location or "global", membership.id)


def _named_in_path(clusters: Iterable[str], origin: Origin) -> str:
    """The cluster whose own name stands in the file's name, else in the nearest directory that has one.

    Of several of the longest name, the one whose project and location the path has too (`gke_shop_europe-west1_main`).
    """
    path = words_of(origin), *reversed(origin.directory.lower().split("/"))
    whole = "/".join(path)
    for text in path:
        found = [name for name in clusters if _has_word(text, name.rpartition("/")[2].lower())]
        longest = max((len(name.rpartition("/")[2]) for name in found), default=0)
        found = [name for name in found if len(name.rpartition("/")[2]) == longest]
        if len(found) > 1:
            # //container.googleapis.com/projects/P/locations/L/clusters/C
            found = [name for name in found if all(_has_word(whole, word) for word in name.split("/")[4:7:2])]
        if found:
            return only(found)
    return ""


def _has_word(text: str, word: str) -> bool:
    return len(word) > 1 and re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", text) is not None


def _bucket_in(text: str) -> str:
    """The bucket that the name of a file tells beside that it is about one."""
    name = _ABOUT_BUCKETS.sub(" ", text).strip(" -_.:")
    return bucket_name(name) if _BUCKET.fullmatch(name) else ""


def words_of(origin: Origin) -> str:
    """The name of the file, lower case, without its extension."""
    return _EXTENSION.sub("", origin.file.replace("\\", "/").rpartition("/")[2].lower()).replace("%40", "@")


def only(names: Iterable[str]) -> str:
    """The one name there is; '' where there are none or several."""
    found = set(names)
    return found.pop() if len(found) == 1 else ""
