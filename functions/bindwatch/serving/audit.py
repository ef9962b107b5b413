"""The audit: an inventory of a scope, judged whole, against what the store holds open.

Asset Inventory gives nearly everything in a few long lists. Where the whole scope may not be listed, its projects are,
one shard each; a call that runs out of time leaves the rest to the next, which takes up the same audit. What only the
IAM API has, at five reads a minute, is read oldest first and remembered in between.
"""

import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bindwatch.adapters import iam_api, resource_manager
from bindwatch.adapters.asset_inventory import AssetReader
from bindwatch.adapters.google_apis import GoogleApis, NotReadError
from bindwatch.adapters.sql_store import Answer, SqlStore
from bindwatch.engine import Engine, switched_off
from bindwatch.errors import InputError
from bindwatch.inventory import Inventory, InventoryBuilder, Part
from bindwatch.knowledge.roles import RoleCatalogue
from bindwatch.model.resource import canonical
from bindwatch.pipeline import AuditRun, Table, begin_audit, finish_audit, reconcile
from bindwatch.pipeline.rows import digest, timestamp
from bindwatch.pipeline.teams import TeamOf, keep_teams
from bindwatch.rules import WINDOW_RULES
from bindwatch.serving.log_lines import Log

_GIVEN_UP_AFTER: Final = timedelta(hours=24)
_SHARD: Final = 50  # projects: few enough to do in a minute, enough to ask the store seldom
_ROLES: Final = "//iam.googleapis.com/roles"
_FRESH_ROLES: Final = timedelta(days=7)


@dataclass(slots=True)
class AuditResult:
    """What one call of the audit did. `left` are the shards that the next call has to do."""

    run_id: str
    scope: str
    baseline: bool
    left: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    not_read: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left of the audit."""
        return not self.left


class Auditor:
    """Audits scopes. Two at once, or one that died and was started again, leave what one clean run leaves."""

    def __init__(
        self,
        apis: GoogleApis,
        store: SqlStore,
        make_engine: Callable[[RoleCatalogue | None, Inventory], Engine],
        team_of: TeamOf,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._apis = apis
        self._store = store
        self._make_engine = make_engine
        self._team_of = team_of
        self._clock = clock
        self._monotonic = monotonic
        self._refused_types: dict[str, str] = {}
        self._remembered: dict[str, Answer] = {}

    def audit(self, scope: str, log: Log, *, seconds: float) -> AuditResult:
        """Audit `organizations/1`, `folders/2` or `projects/p` for about so many seconds."""
        deadline = self._monotonic() + seconds
        run, done = self._begin(canonical(scope))
        result = AuditResult(run.run_id, run.scope, run.baseline)
        catalogue = self._catalogue(log)
        remembered = self._store.ask("store/snapshots", {"kind": "deny-policies"})
        self._remembered = {row["resource"]: row for row in remembered}
        builder = InventoryBuilder()
        reader = AssetReader(self._apis, scope, builder, self._refused_types)
        reader.read()
        if reader.was_denied and not scope.startswith("projects/"):
            self._in_shards(scope, run, done, catalogue, result, deadline)
        else:
            self._read_around(scope, builder, set())
            self._read_deny_policies(builder, reader.containers, deadline)
            self._judge(builder.build(), run, catalogue, result)
        if result.is_finished:
            finish_audit(run, self._store, now=self._clock())
        for reason in result.not_read[:50]:
            log.warning("an audit could not look at something", scope=scope, reason=reason)
        return result

    def _begin(self, name: str) -> tuple[AuditRun, set[str]]:
        now = self._clock()
        rows = self._store.ask("store/audit_progress", {"scope": name, "since": now - _GIVEN_UP_AFTER})
        if rows:
            first = rows[0]
            run = AuditRun(run_id=first["run_id"], scope=name, as_of=first["as_of"], baseline=first["baseline"])
            return run, {row["shard"] for row in rows if row["shard"]}
        return begin_audit(self._store, scope=name, as_of=now, now=now), set()

    def _in_shards(
        self,
        scope: str,
        run: AuditRun,
        done: set[str],
        catalogue: RoleCatalogue | None,
        result: AuditResult,
        deadline: float,
    ) -> None:
        """The projects one by one, since the scope may not be listed whole."""
        projects = resource_manager.find_projects(self._apis, "" if scope.startswith("organizations/") else scope)
        left = [project for project in projects if project not in done]
        while left and self._monotonic() <= deadline:
            builder = InventoryBuilder()
            shard: list[str] = []
            known: set[str] = set()
            while left and len(shard) < _SHARD and self._monotonic() <= deadline:
                project = left.pop(0)
                AssetReader(self._apis, f"projects/{project}", builder, self._refused_types).read()
                self._read_around(f"projects/{project}", builder, known)
                shard.append(project)
            self._read_deny_policies(builder, [f"projects/{project}" for project in shard], deadline)
            self._judge(builder.build(), run, catalogue, result, shard=shard)
            now = self._clock()
            self._store.append({Table.RUNS: [run.rows(project).row("shard", recorded_at=now) for project in shard]})
        result.left = len(left)

    def _read_around(self, scope: str, builder: InventoryBuilder, known: set[str]) -> None:
        """What acts on a scope from above: policies of its ancestors, the boundaries of the organization.

        What is `known` already is not read again.
        """
        above: tuple[str, ...] = (scope,) if scope.startswith("organizations/") else ()
        if not above:
            above = resource_manager.read_above(self._apis, builder, scope, known)
        if above and above[-1].startswith("organizations/"):
            iam_api.read_boundaries(self._apis, builder, above[-1])
        known.update(above)

    def _judge(
        self,
        inventory: Inventory,
        run: AuditRun,
        catalogue: RoleCatalogue | None,
        result: AuditResult,
        *,
        shard: Sequence[str] = (),
    ) -> None:
        engine = self._make_engine(catalogue, inventory)
        verdict = engine.judge_inventory(inventory)
        self._tell_what_is_off(engine, run)
        change = reconcile(
            run,
            inventory,
            verdict,
            engine.inventory_rules,
            self._store,
            now=self._clock(),
            shard=shard[0] if shard else "",
            projects=shard or None,
        )
        keep_teams(inventory, self._team_of, self._store, seen_at=run.as_of)
        for kind in ("opened", "reopened", "confirmed", "resolved", "unresolved"):
            result.changes[kind] += len(getattr(change, kind))
        result.not_read += [str(coverage) for coverage in inventory.failures()]
        result.failures += [f"{failure.rule_id}: {failure.error}" for failure in verdict.failures]

    def _tell_what_is_off(self, engine: Engine, run: AuditRun) -> None:
        """Keep with the run which rules are off for want of a file; once, since the rows of all shards have one key."""
        rows = [
            run.rows().row(
                "not-checked",
                recorded_at=self._clock(),
                rule_id=item.rule_id,
                part="outside",
                place="",
                sight="not-in-input",
                reason=f"the settings lack {', '.join(f'[outside].{name}' for name in item.lacks)}",
            )
            for item in (*engine.off, *switched_off(WINDOW_RULES, engine.context))
        ]
        if rows:
            self._store.append({Table.RUNS: rows})

    # What Asset Inventory lacks

    def _read_deny_policies(self, builder: InventoryBuilder, containers: Iterable[str], deadline: float) -> None:
        """Deny policies, oldest first until the time is up; the others as they were when they were last read."""
        known = self._remembered
        never = datetime.min.replace(tzinfo=UTC)
        names = {canonical(container): container for container in containers}
        ages = {name: known[name]["seen_at"] if name in known else never for name in names}
        oldest: datetime | None = None
        # The containers above projects first: one policy there guards them all.
        for name in sorted(names, key=lambda name: ("/projects/" in name, ages[name], name)):
            container = names[name]
            if self._monotonic() <= deadline:
                try:
                    policies = iam_api.deny_policies_of(self._apis, container)
                except NotReadError as refused:
                    builder.could_not_read(Part.DENY_POLICIES, name, refused.reason)
                    continue
                iam_api.take_deny_policies(builder, container, policies)
                self._remember(name, "deny-policies", json.dumps(policies, sort_keys=True))
            elif name in known:
                iam_api.take_deny_policies(builder, container, _decoded(known[name]["content"]))
                oldest = min(oldest or ages[name], ages[name])
            else:
                reason = "not read yet: the IAM API allows five reads a minute; the next audits go on with it"
                builder.could_not_read(Part.DENY_POLICIES, name, reason)
        if oldest is not None:
            builder.note(f"deny policies as of {oldest:%Y-%m-%d %H:%M} and later: five reads a minute are allowed")

    def _catalogue(self, log: Log) -> RoleCatalogue | None:
        """The predefined roles with their permissions, read anew each week; None where they never could be."""
        rows = self._store.ask("store/snapshots", {"kind": "roles"})
        if rows and rows[0]["seen_at"] > self._clock() - _FRESH_ROLES:
            return read_catalogue(rows[0]["content"])
        try:
            documents = list(iam_api.predefined_roles(self._apis))
            text = json.dumps({"roles": documents}).encode()
            catalogue = RoleCatalogue.parse(text, source="roles.list", as_of=f"{self._clock():%Y-%m-%d}")
        except (NotReadError, InputError) as error:
            log.warning("the catalogue of roles could not be read", reason=str(error))
            return read_catalogue(rows[0]["content"]) if rows else None
        self._remember(_ROLES, "roles", base64.b64encode(catalogue.to_bytes()).decode("ascii"))
        return catalogue

    def _remember(self, resource: str, kind: str, content: str) -> None:
        seen_at = timestamp(self._clock())
        row = {
            # With the time: what is as it was a year ago was still seen now, and not a year ago.
            "snapshot_key": digest(resource, kind, content, seen_at),
            "resource": resource,
            "kind": kind,
            "seen_at": seen_at,
            "etag": "",
            "content": content,
            "project": "",
            "grants": [],
        }
        self._store.append({Table.SNAPSHOTS: [row]})


def kept_catalogue(store: SqlStore) -> RoleCatalogue | None:
    """The catalogue of roles that the last audit kept; None where there is none yet."""
    rows = store.ask("store/snapshots", {"kind": "roles"})
    return read_catalogue(rows[0]["content"]) if rows else None


def read_catalogue(content: str) -> RoleCatalogue | None:
    """The catalogue that an audit kept; None where it cannot be read (of another version)."""
    try:
        return RoleCatalogue.from_bytes(base64.b64decode(content))
    except (InputError, ValueError):
        return None


def _decoded(content: str) -> list[Any]:
    try:
        value = json.loads(content)
    except ValueError:
        return []
    return value if isinstance(value, list) else []
