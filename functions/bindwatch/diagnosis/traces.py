"""What log entries tell of workloads, summarised: refusals, changes of bindings and accounts, error texts.

Entries are folded in one by one, in any order, and forgotten; what is kept grows with the number of distinct facts,
not with that of entries. No text of an entry is kept beyond names and the words that were recognised.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bindwatch.diagnosis.symptoms import named_permission, recognise
from bindwatch.model.document import Document
from bindwatch.model.finding import LogRef
from bindwatch.model.log_entry import LogEntry, parse_time
from bindwatch.model.policy import Grant
from bindwatch.model.principal import parse_member, parse_subject
from bindwatch.model.resource import cluster_name

MINTS: Final = frozenset({"GenerateAccessToken", "GenerateIdToken", "SignBlob", "SignJwt"})
_IAM: Final = "iam.googleapis.com"
_STS: Final = "sts.googleapis.com"
_ACCOUNT_DEEDS: Final = {
    "CreateServiceAccount": "created",
    "DeleteServiceAccount": "deleted",
    "UndeleteServiceAccount": "restored",
    "DisableServiceAccount": "disabled",
    "EnableServiceAccount": "enabled",
}
_RESOURCES_KEPT: Final = 64
_SERVICE_DEEDS: Final = {"EnableService": True, "BatchEnableServices": True, "DisableService": False}


@dataclass(slots=True)
class Refusal:
    """Calls of one caller that failed in one way. `first` and `last` bound them; `ref` is the last one's entry."""

    caller: str
    caller_member: str
    service: str
    method: str
    permission: str
    resource: str
    target: str
    code: int
    symptoms: frozenset[str]
    reasons: frozenset[str]
    by_metadata_server: bool
    first: datetime
    last: datetime
    ref: LogRef
    agent: str = ""
    count: int = 1

    @property
    def is_mint(self) -> bool:
        """Whether a token or a signature of a service account was asked for."""
        return self.method in MINTS


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One role given or taken on one resource."""

    time: datetime
    ref: LogRef
    resource: str
    grant: Grant
    added: bool
    actor: str


@dataclass(frozen=True, slots=True)
class RefusedChange:
    """A change that an organization policy refused: `deed` is the method, `about` the account or resource."""

    time: datetime
    ref: LogRef
    deed: str
    about: str
    project: str
    constraint: str
    actor: str
    resource: str = ""
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountDeed:
    """Something done to a service account: created, deleted, restored, disabled, enabled."""

    time: datetime
    ref: LogRef
    deed: str
    email: str
    unique_id: str
    actor: str


@dataclass(frozen=True, slots=True)
class ServiceDeed:
    """An API switched on or off in a project."""

    time: datetime
    ref: LogRef
    project: str
    service: str
    enabled: bool
    actor: str


@dataclass(frozen=True, slots=True)
class KeyUse:
    """The latest call with a key of a service account."""

    time: datetime
    ref: LogRef
    email: str
    key_name: str


@dataclass(slots=True)
class TextSeen:
    """An error text of a container, of the metadata server or of a Kubernetes event, by its symptom.

    `about` are names the text mentions: of pods, accounts, addresses.
    """

    symptom: str
    cluster: str
    namespace: str
    pod: str
    container: str
    kind: str
    about: str
    first: datetime
    last: datetime
    ref: LogRef
    count: int = 1

    @property
    def of_metadata_server(self) -> bool:
        """Whether the metadata server itself wrote it."""
        return "metadata-server" in self.container or "metadata-server" in self.pod


def email_of(identity: str) -> str:
    """The e-mail in the identity of a service account; '' for any other identity."""
    head, _, tail = identity.partition(":")
    return tail if head == "serviceAccount" and "@" in tail else ""


@dataclass(frozen=True)
class Traces:
    """The facts of some logs. Empty ones mean that no log was given, unless `read` says otherwise."""

    refusals: tuple[Refusal, ...] = ()
    changes: tuple[PolicyChange, ...] = ()
    refused_changes: tuple[RefusedChange, ...] = ()
    account_deeds: tuple[AccountDeed, ...] = ()
    service_deeds: tuple[ServiceDeed, ...] = ()
    key_uses: tuple[KeyUse, ...] = ()
    texts: tuple[TextSeen, ...] = ()
    successes: dict[tuple[str, str], datetime] = field(default_factory=dict)
    calls: dict[tuple[str, str, str], dict[str, datetime]] = field(default_factory=dict)
    until: datetime | None = None
    audit_entries: int = 0
    other_entries: int = 0

    def __post_init__(self) -> None:
        by_caller: defaultdict[str, list[Refusal]] = defaultdict(list)
        by_target: defaultdict[str, list[Refusal]] = defaultdict(list)
        for refusal in self.refusals:
            by_caller[refusal.caller].append(refusal)
            if refusal.target:
                by_target[refusal.target].append(refusal)
        by_resource: defaultdict[str, list[PolicyChange]] = defaultdict(list)
        for change in sorted(self.changes, key=lambda item: item.time):
            by_resource[change.resource].append(change)
        deeds: defaultdict[str, list[AccountDeed]] = defaultdict(list)
        for deed in sorted(self.account_deeds, key=lambda item: item.time):
            if deed.email:
                deeds[deed.email].append(deed)
            if deed.unique_id:
                deeds[deed.unique_id].append(deed)
        texts: defaultdict[tuple[str, str], list[TextSeen]] = defaultdict(list)
        for text in self.texts:
            texts[text.cluster, text.namespace].append(text)
        indexes: dict[str, dict[Any, Any]] = {
            "_by_caller": by_caller,
            "_by_target": by_target,
            "_changes_of": by_resource,
            "_deeds_of": deeds,
            "_texts_of": texts,
        }
        for name, index in indexes.items():
            object.__setattr__(self, name, index)

    def __bool__(self) -> bool:
        return bool(self.audit_entries or self.other_entries)

    def refusals_of(self, identity: str) -> tuple[Refusal, ...]:
        """The failed calls of an identity (`Principal.identity`)."""
        return tuple(self._index("_by_caller").get(identity, ()))

    def refusals_on(self, email: str) -> tuple[Refusal, ...]:
        """The failed calls that asked for tokens of a service account."""
        return tuple(self._index("_by_target").get(email, ()))

    def changes_of(self, resource: str) -> tuple[PolicyChange, ...]:
        """The changes of the allow policy of a resource, oldest first."""
        return tuple(self._index("_changes_of").get(resource, ()))

    def deeds_of(self, email: str) -> tuple[AccountDeed, ...]:
        """What was done to a service account (e-mail or unique id), oldest first."""
        return tuple(self._index("_deeds_of").get(email, ()))

    def texts_of(self, cluster: str, namespace: str) -> tuple[TextSeen, ...]:
        """The error texts out of a namespace of a cluster."""
        return tuple(self._index("_texts_of").get((cluster, namespace), ()))

    def succeeded(self, caller: str, target: str) -> datetime | None:
        """When a caller last got a token of an account (`target` its e-mail), or last made any call (target '')."""
        return self.successes.get((caller, target))

    def repeated(self, refusal: Refusal) -> datetime | None:
        """When the call that failed last worked, for the same caller on the same resource."""
        return self.calls.get((refusal.caller, refusal.service, refusal.method), {}).get(refusal.resource)

    def used(self, caller: str) -> datetime | None:
        """When a caller last called anything, whether it worked or not."""
        times = [
            refusal.last for refusal in self.refusals_of(caller) if not refusal.is_mint and refusal.service != _STS
        ]
        if (worked := self.succeeded(caller, "")) is not None:
            times.append(worked)
        return max(times, default=None)

    def _index(self, name: str) -> dict[Any, list[Any]]:
        index: dict[Any, list[Any]] = getattr(self, name)
        return index


class TraceBuilder:
    """Folds log entries into facts. Nothing given to it raises."""

    def __init__(self) -> None:
        self._refusals: dict[tuple[object, ...], Refusal] = {}
        self._texts: dict[tuple[object, ...], TextSeen] = {}
        self._changes: dict[str, list[PolicyChange]] = {}
        self._refused: dict[str, RefusedChange] = {}
        self._accounts: dict[str, AccountDeed] = {}
        self._services: dict[str, ServiceDeed] = {}
        self._keys: dict[tuple[str, str], KeyUse] = {}
        self._successes: dict[tuple[str, str], datetime] = {}
        self._calls: dict[tuple[str, str, str], dict[str, datetime]] = {}
        self._until: datetime | None = None
        self._audit = 0
        self._other = 0

    def build(self) -> Traces:
        """The facts so far."""
        return Traces(
            refusals=tuple(self._refusals.values()),
            changes=tuple(change for changes in self._changes.values() for change in changes),
            refused_changes=tuple(self._refused.values()),
            account_deeds=tuple(self._accounts.values()),
            service_deeds=tuple(self._services.values()),
            key_uses=tuple(self._keys.values()),
            texts=tuple(self._texts.values()),
            successes=dict(self._successes),
            calls={key: dict(times) for key, times in self._calls.items()},
            until=self._until,
            audit_entries=self._audit,
            other_entries=self._other,
        )

    # ---- audit log entries ------------------------------------------------------------------------------------

    def add(self, entry: LogEntry) -> None:
        """Fold in one audit log entry. The same entry twice changes nothing but the counts."""
        self._audit += 1
        time = entry.time
        if time is None:
            return
        if self._until is None or self._until < time:
            self._until = time
        if entry.service == _STS:
            self._add_call(entry, time, _mapped_identity(entry))
            return
        caller = entry.caller
        identity = caller.identity if caller is not None else ""
        if entry.key_name and not entry.failed:
            self._add_key_use(entry, time)
        if entry.failed:
            self._add_refused_change(entry, time)
            self._add_call(entry, time, identity)
            return
        if entry.service == _IAM:
            self._add_account_deed(entry, time)
        elif entry.service == "serviceusage.googleapis.com":
            self._add_service_deed(entry, time)
        self._add_changes(entry, time)
        if identity:
            self._succeeded(identity, entry.target if entry.method in MINTS else "", time)
            if entry.method not in MINTS:
                self._called(identity, entry, time)

    def _called(self, identity: str, entry: LogEntry, time: datetime) -> None:
        """A call that worked: it outdates the same call's refusal. Of many resources, the first ones seen are kept."""
        times = self._calls.setdefault((identity, entry.service, entry.method), {})
        have = times.get(entry.resource)
        if have is None and len(times) >= _RESOURCES_KEPT:
            return
        if have is None or have < time:
            times[entry.resource] = time

    def _succeeded(self, identity: str, target: str, time: datetime) -> None:
        key = identity, target
        if (have := self._successes.get(key)) is None or have < time:
            self._successes[key] = time

    def _add_call(self, entry: LogEntry, time: datetime, identity: str) -> None:
        if not entry.failed:
            if identity:
                self._succeeded(identity, _STS, time)
            return
        text = " ".join((entry.status_message, *entry.error_reasons, *(_violation(item) for item in entry.violations)))
        if entry.metadata.flag("dryRun"):
            return  # a perimeter on trial refuses nothing
        symptoms = frozenset(item.id for item in recognise(text))
        if entry.log == "policy" or any("VPC_SERVICE" in item.text("type") for item in entry.violations):
            symptoms |= {"perimeter"}
        missing = entry.missing_permissions
        permission = missing[0] if missing else named_permission(entry.status_message)
        if permission.startswith("sts."):
            permission = ""
        target = entry.target if entry.method in MINTS else ""
        key = (identity, entry.service, entry.method, permission, entry.resource, target, entry.status_code, symptoms)
        have = self._refusals.get(key)
        if have is None:
            self._refusals[key] = Refusal(
                caller=identity,
                caller_member=entry.caller.member if entry.caller is not None else "",
                service=entry.service,
                method=entry.method,
                permission=permission,
                resource=entry.resource,
                target=target,
                code=entry.status_code,
                symptoms=symptoms,
                reasons=entry.error_reasons,
                by_metadata_server=entry.from_gke_metadata_server,
                first=time,
                last=time,
                ref=entry.ref,
                agent=entry.user_agent,
            )
            return
        have.count += 1
        have.first = min(have.first, time)
        if time >= have.last:
            have.last, have.ref, have.agent = time, entry.ref, entry.user_agent

    def _add_refused_change(self, entry: LogEntry, time: datetime) -> None:
        constraint = next((name for item in entry.violations if (name := _constraint(item))), "")
        if not constraint:
            return
        about = entry.target
        if not about and entry.method.endswith("CreateServiceAccount"):
            account = entry.request.text("accountId")
            about = f"{account}@{entry.project}.iam.gserviceaccount.com" if account else ""
        self._refused[entry.ref.key] = RefusedChange(
            time=time,
            ref=entry.ref,
            deed=entry.method,
            about=about or entry.resource,
            project=entry.project,
            constraint=constraint,
            actor=entry.caller_name,
            resource=entry.resource,
            grants=entry.attempted_grants,
        )

    def _add_changes(self, entry: LogEntry, time: datetime) -> None:
        if entry.ref.key in self._changes:
            return
        changes = [
            PolicyChange(time, entry.ref, entry.resource, grant, True, entry.caller_name) for grant in entry.grants
        ]
        changes += [
            PolicyChange(time, entry.ref, entry.resource, grant, False, entry.caller_name)
            for grant in entry.removed_grants
        ]
        if changes:
            self._changes[entry.ref.key] = changes

    def _add_account_deed(self, entry: LogEntry, time: datetime) -> None:
        deed = _ACCOUNT_DEEDS.get(entry.method.rpartition(".")[2])
        if deed is None:
            return
        unique_id = entry.resource_labels.get("unique_id", "") or entry.response.text("uniqueId")
        if not unique_id:
            tail = entry.raw_resource_name.rpartition("/")[2]
            unique_id = tail if tail.isdigit() else ""
        email = entry.target or entry.response.text("email").lower()
        self._accounts[entry.ref.key] = AccountDeed(time, entry.ref, deed, email, unique_id, entry.caller_name)

    def _add_service_deed(self, entry: LogEntry, time: datetime) -> None:
        enabled = _SERVICE_DEEDS.get(entry.method.rpartition(".")[2])
        if enabled is None:
            return
        names = (entry.raw_resource_name, entry.request.text("name"), *entry.request.texts("serviceIds"))
        services = {name.rpartition("/services/")[2] for name in names if ".googleapis.com" in name}
        for service in services:
            self._services[f"{entry.ref.key}|{service}"] = ServiceDeed(
                time, entry.ref, entry.project, service, enabled, entry.caller_name
            )

    def _add_key_use(self, entry: LogEntry, time: datetime) -> None:
        _, found, tail = entry.key_name.partition("/serviceAccounts/")
        if not found:
            return
        email = tail.partition("/")[0].lower()
        key = email, entry.key_name
        have = self._keys.get(key)
        if have is None or have.time < time:
            self._keys[key] = KeyUse(time, entry.ref, email, entry.key_name)

    # ---- every other entry ------------------------------------------------------------------------------------

    def add_other(self, value: object) -> None:
        """Fold in an entry that is no audit log: output of a container, of the metadata server, a Kubernetes event."""
        doc = Document(value)
        if not (doc.has("textPayload") or doc.has("jsonPayload")):
            return
        self._other += 1
        time = parse_time(doc.text("timestamp")) or parse_time(doc.text("receiveTimestamp"))
        if time is None:
            return
        payload = doc.document("jsonPayload")
        text = doc.text("textPayload") or " ".join(_texts(payload))
        symptoms = recognise(text)
        if not symptoms:
            return
        labels = doc.document("resource").document("labels")
        involved = payload.document("involvedObject")
        location = labels.text("location") or labels.text("zone")
        cluster = cluster_name(labels.text("project_id"), location, labels.text("cluster_name"))
        seen = TextSeen(
            symptom=symptoms[0].id,
            cluster=cluster if labels.text("cluster_name") else "",
            namespace=involved.text("namespace") or labels.text("namespace_name") or labels.text("namespace_id"),
            pod=labels.text("pod_name") or labels.text("pod_id") or involved.text("name"),
            container=labels.text("container_name"),
            kind=involved.text("kind"),
            about=" ".join(sorted(_names_in(text))),
            first=time,
            last=time,
            ref=LogRef(doc.text("logName"), doc.text("insertId"), doc.text("timestamp")),
        )
        key = (seen.symptom, seen.cluster, seen.namespace, seen.pod, seen.container, seen.about)
        have = self._texts.get(key)
        if have is None:
            self._texts[key] = seen
            return
        have.count += 1
        have.first = min(have.first, time)
        if time >= have.last:
            have.last, have.ref = time, seen.ref


def _mapped_identity(entry: LogEntry) -> str:
    """Whose token was exchanged: the mapped principal, else the subject of the Kubernetes token."""
    mapped = entry.metadata.text("mappedPrincipal")
    principal = parse_subject(mapped) if mapped else entry.caller
    if principal is None:
        return ""
    if not mapped and principal.subject.startswith("system:serviceaccount:"):
        _, _, rest = entry.raw_resource_name.partition("workloadIdentityPools/")
        pool = rest.partition("/")[0] or _pool_in(entry.request.text("audience"))
        _, _, namespace, account = (*principal.subject.split(":"), "", "", "")[:4]
        if pool:
            return parse_member(f"serviceAccount:{pool}[{namespace}/{account}]").identity
    return principal.identity


def _pool_in(audience: str) -> str:
    return next((word for word in audience.replace(":", " ").replace("/", " ").split() if ".id.goog" in word), "")


def _violation(item: Document) -> str:
    return f"{item.text('type')} {item.text('description')}"


def _constraint(item: Document) -> str:
    for text in (item.text("type"), item.text("subject"), item.text("description")):
        _, found, tail = text.partition("constraints/")
        if found:
            return tail.split()[0].strip("'\".,") if tail.split() else ""
    return ""


def _texts(payload: Document) -> Iterator[str]:
    for index, text in enumerate(payload.walk_texts()):
        if index > 50:
            return
        yield text


def _names_in(text: str) -> set[str]:
    """The words of a text that look like a pod, `ns/name`, an address or an account: to tell whom it is about."""
    found = set()
    for word in text[:4000].replace('"', " ").replace("'", " ").split():
        word = word.strip("()[]{}<>,;:.")
        if word.endswith(".gserviceaccount.com") and word.count("@") == 1:
            found.add(word.lower())
        elif 3 < len(word) < 120 and (word.count(".") == 3 or "/" in word or word.count("-") >= 2):
            plain = word.replace(".", "").replace("/", "").replace("-", "")
            if plain.isalnum() and plain.islower() | plain.isdigit() and "//" not in word:
                found.add(word)
    return set(sorted(found)[:12])
