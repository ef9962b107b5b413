"""The exceptions of the settings file as mutes of the store, so that no alert is sent for what they cover."""

from collections.abc import Iterable
from datetime import datetime

from bindwatch.adapters.sql_store import SqlStore
from bindwatch.customization.exemptions import Exemption
from bindwatch.pipeline.ports import Table
from bindwatch.pipeline.triage import Mute, unmute


def keep_mutes(store: SqlStore, exemptions: Iterable[Exemption], *, now: datetime) -> int:
    """Make the store's mutes of this origin those of the file, and say how many changed. Again changes nothing."""
    wanted = {mute.mute_id: mute for mute in map(_mute, exemptions) if mute.expires_at > now}
    standing = {str(row["mute_id"]): row for row in store.active_mutes() if row["origin"] == "settings"}
    new = [mute.row("MUTED", now) for mute_id, mute in wanted.items() if mute_id not in standing]
    if new:
        store.append({Table.MUTES: new})
    gone = [row for mute_id, row in standing.items() if mute_id not in wanted]
    for row in gone:
        unmute(store, row, now=now)
    return len(new) + len(gone)


def _mute(item: Exemption) -> Mute:
    return Mute(
        owner=item.owner,
        reason=item.reason,
        expires_at=item.expires,
        finding_id=item.finding_id,
        rule_id=item.rule,
        category=item.category,
        project=item.project,
        resource_name=item.resource,
        principal=item.principal,
        subject=item.subject,
        origin="settings",
    )
