"""What people decide about findings: to mute them for a time, to close them, to take a mute back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bindwatch.errors import InputError
from bindwatch.model.finding import State
from bindwatch.pipeline.ports import FindingStore, Row, StandingFinding, Table
from bindwatch.pipeline.rows import digest, ending_event, timestamp

SELECTORS: Final = ("finding_id", "rule_id", "category", "project", "resource_name", "principal", "subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Findings whose alerts are not to be sent until `expires_at`, who answers for that, and why.

    Every selector that is not empty must match; one that ends in `*` matches what begins so. The findings are kept.
    """

    owner: str
    reason: str
    expires_at: datetime
    finding_id: str = ""
    rule_id: str = ""
    category: str = ""
    project: str = ""
    resource_name: str = ""
    principal: str = ""
    subject: str = ""
    origin: str = "person"

    @property
    def selectors(self) -> dict[str, str]:
        """What it matches by, selectors that are empty included."""
        return {name: str(getattr(self, name)) for name in SELECTORS}

    @property
    def mute_id(self) -> str:
        """The identity of the mute: what it matches, who owns it and until when. Muting again so changes nothing."""
        return digest(*self.selectors.values(), self.owner, timestamp(self.expires_at))[:12]

    def row(self, action: str, recorded_at: datetime) -> Row:
        """The mute, or its removal, as a row."""
        return {
            "mute_id": self.mute_id,
            "action": action,
            "recorded_at": timestamp(recorded_at),
            "expires_at": timestamp(self.expires_at),
            "owner": self.owner,
            "reason": self.reason,
            "origin": self.origin,
            **self.selectors,
        }


def mute(store: FindingStore, wanted: Mute, *, now: datetime) -> str:
    """Mute findings, now and to come; the id of the mute. Raises InputError where it would be for all or for ever."""
    if not any(wanted.selectors.values()):
        raise InputError(
            "mute",
            "needs a finding, or a rule, project or the like to go by: it would mute everything",
        )
    for name in ("owner", "reason"):
        if not getattr(wanted, name).strip():
            raise InputError(name, "must be given: a mute nobody answers for is a blind spot")
    if wanted.expires_at <= now:
        raise InputError("mute", f"would end at {wanted.expires_at:%Y-%m-%d %H:%M} UTC, which is past")
    store.append({Table.MUTES: [wanted.row("MUTED", now)]})
    return wanted.mute_id


def unmute(store: FindingStore, standing: Mapping[str, object], *, now: datetime) -> None:
    """Take back a mute, given as `active_mutes` shows it; what it kept quiet and still stands becomes due."""
    expires_at = standing["expires_at"]
    assert isinstance(expires_at, datetime)
    row: dict[str, str] = {name: str(standing[name]) for name in ("mute_id", "owner", "reason", "origin", *SELECTORS)}
    row |= {"action": "UNMUTED", "recorded_at": timestamp(now), "expires_at": timestamp(expires_at)}
    store.append({Table.MUTES: [row]})


def close(store: FindingStore, finding: StandingFinding, *, actor: str, reason: str, now: datetime) -> None:
    """Close an open finding by hand. It opens again when an entry later than now shows it anew."""
    if finding.state != State.OPEN.value:
        raise InputError(finding.finding_id, f"is {finding.state}, not OPEN")
    for name, value in (("actor", actor), ("reason", reason)):
        if not value.strip():
            raise InputError(name, "must be given")
    store.append(
        {
            Table.FINDING_EVENTS: [
                ending_event(finding, State.CLOSED, observed_at=now, recorded_at=now, reason=reason, actor=actor)
            ]
        }
    )
