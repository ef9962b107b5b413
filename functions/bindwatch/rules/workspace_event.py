"""What a Google Workspace entry tells: its events and their parameters."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bindwatch.model.document import Document
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Method
from bindwatch.rules.methods import activity

ADMIN: Final = "admin.googleapis.com"
LOGIN: Final = "login.googleapis.com"
_ADMIN_SERVICE: Final = "google.admin.AdminService."
_LOGIN_SERVICE: Final = "google.login.LoginService."
_CLOUD_IDENTITY: Final = "cloudidentity.googleapis.com"
_MEMBERSHIPS: Final = "google.apps.cloudidentity.groups.v1*.MembershipsService."


def admin(*names: str) -> tuple[Method, ...]:
    """Events of the Admin console; they reach Cloud Logging only where Workspace shares its logs."""
    return activity(ADMIN, *(_ADMIN_SERVICE + name for name in names))


MEMBERS_ADDED: Final = (
    *admin("addGroupMember", "updateGroupMember"),
    *activity(_CLOUD_IDENTITY, _MEMBERSHIPS + "CreateMembership", _MEMBERSHIPS + "UpdateMembership"),
)
"""The two ways in which a member of a group is logged: by the Admin console, and by the API of Cloud Identity."""


def login(*names: str) -> tuple[Method, ...]:
    """Sign-in events; Data Access entries of the organization that no audit config switches off."""
    return tuple(Method(LOGIN, _LOGIN_SERVICE + name, "data_access") for name in names)


@dataclass(frozen=True, slots=True)
class WorkspaceEvent:
    """One event of an entry: its name in the Reports API (`ADD_GROUP_MEMBER`), and its parameters."""

    name: str
    parameters: tuple[Document, ...]

    def text(self, parameter: str) -> str:
        """The value of a parameter, the first one of a repeated parameter; '' where there is none."""
        for item in self.parameters:
            if item.text("name").upper() == parameter.upper():
                flag = item.flag("boolValue")
                if flag is not None:
                    return "true" if flag else "false"
                return item.text("value") or next(iter(item.texts("multiStrValue")), "") or item.text("intValue")
        return ""

    def texts(self, parameter: str) -> tuple[str, ...]:
        """All values of a repeated parameter."""
        for item in self.parameters:
            if item.text("name").upper() == parameter.upper():
                return item.texts("multiStrValue") or item.texts("value")
        return ()


def events_of(entry: LogEntry) -> Iterator[WorkspaceEvent]:
    """The events of an entry, in their order; the one its method is called after, where the entry lost the others."""
    events = entry.metadata.documents("event")
    for event in events:
        yield WorkspaceEvent(event.text("eventName").upper(), event.documents("parameter"))
    if not events:
        name = entry.method.rpartition(".")[2]
        yield WorkspaceEvent(_WORD.sub("_", name).upper(), ())


def members_added(entry: LogEntry) -> Iterator[tuple[str, str]]:
    """The (group, member) of each membership that an entry of `MEMBERS_ADDED` makes, as addresses.

    Not verified: no entry of Cloud Identity was seen. A delta in its metadata and the request of its API are both read.
    """
    if entry.service != _CLOUD_IDENTITY:
        for event in events_of(entry):
            yield event.text("GROUP_EMAIL"), event.text("USER_EMAIL")
        return
    metadata, request = entry.metadata, entry.request
    roles = metadata.documents("membershipDelta.roleDeltas")
    if roles and all(role.text("action").upper() == "REMOVE" for role in roles):
        return
    group = metadata.text("group") or request.text("parent") or entry.raw_resource_name
    member = metadata.text("membershipDelta.member") or next(
        (text for path in _MEMBER_KEYS if (text := request.text(path))), ""
    )
    yield _address_in(group), _address_in(member)


_MEMBER_KEYS: Final = ("membership.preferredMemberKey.id", "membership.memberKey.id")


def _address_in(text: str) -> str:
    """The address in `group:a@example.com` or `groups/a@example.com`; '' where there is none."""
    found = re.search(r"[^:/\s]+@[^:/\s]+", text)
    return found[0] if found else ""


# The Admin SDK calls `accountDisabledPasswordLeak` ACCOUNT_DISABLED_PASSWORD_LEAK.
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
