"""Group commit: callers at the same time share one write, and each returns after its own part is durable."""

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class _Waiting(Generic[T]):
    __slots__ = ("done", "error", "item", "leads")

    def __init__(self, item: T) -> None:
        self.item = item
        self.done = False
        self.leads = False
        self.error: BaseException | None = None


class GroupCommit(Generic[T]):
    """Writes what many threads submit in as few writes as there is time for.

    The first to come writes at once; who comes meanwhile waits and goes together with the next write. There is no
    thread of its own and no delay: a lone caller pays for its own write only. When a shared write raises
    `splits_on`, each part is written alone, so that what one caller sent never fails its neighbours; any other error
    reaches all who shared the write.
    """

    def __init__(
        self, write: Callable[[list[T]], None], *, most: int = 256, splits_on: type[Exception] | None = None
    ) -> None:
        self._write: Final = write
        self._most: Final = most
        self._splits_on: Final = splits_on
        self._changed: Final = threading.Condition()
        self._waiting: list[_Waiting[T]] = []
        self._is_writing = False

    def submit(self, item: T) -> None:
        """Write this item; returns when it is durable, raises what kept it from being so."""
        mine = _Waiting(item)
        with self._changed:
            self._waiting.append(mine)
            while not mine.done and self._is_writing:
                self._changed.wait()
            if not mine.done:
                self._is_writing = True
                mine.leads = True
                group = self._take(mine)
        if mine.leads:
            try:
                self._commit(group)
            finally:
                with self._changed:
                    for other in group:
                        other.done = True
                    self._is_writing = False
                    self._changed.notify_all()
        if mine.error is not None:
            raise mine.error

    def _take(self, leader: _Waiting[T]) -> list[_Waiting[T]]:
        """The leader's own part first: it may have come later than others that fill the group."""
        others = [waiting for waiting in self._waiting if waiting is not leader]
        group = [leader, *others[: self._most - 1]]
        self._waiting = others[self._most - 1 :]
        return group

    def _commit(self, group: list[_Waiting[T]]) -> None:
        error = self._try([waiting.item for waiting in group])
        if error is not None and len(group) > 1 and self._splits_on and isinstance(error, self._splits_on):
            for waiting in group:
                waiting.error = self._try([waiting.item])
            return
        for waiting in group:
            waiting.error = error

    def _try(self, items: list[T]) -> BaseException | None:
        try:
            self._write(items)
        except BaseException as error:  # it belongs to those who wait, and is raised in their threads
            return error
        return None
