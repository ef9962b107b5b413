"""Group commit: callers at the same time share one write, and each returns after its own part is durable."""

import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class _Waiting(Generic[T]):
    __slots__ = ("after", "done", "error", "item", "turn")

    def __init__(self, item: T) -> None:
        self.item = item
        self.done = False
        self.error: BaseException | None = None
        self.after: _Waiting[T] | None = None
        self.turn = threading.Lock()
        self.turn.acquire()


class GroupCommit(Generic[T]):
    """Writes what many threads submit in as few writes as there is time for.

    The first to come writes at once; who comes meanwhile waits and goes together with the next write. There is no
    thread of its own and no delay: a lone caller pays for its own write only. When a shared write raises
    `splits_on`, each part is written alone, so that what one caller sent never fails its neighbours; any other error
    reaches all who shared the write.

    Each waits for a turn of its own: a write wakes whoever leads the next, and one of those it was for, who wakes the
    next of them. Waking all at once would let them fight for the interpreter, which costs more than the rules do.
    """

    def __init__(
        self, write: Callable[[list[T]], None], *, most: int = 256, splits_on: type[Exception] | None = None
    ) -> None:
        self._write: Final = write
        self._most: Final = most
        self._splits_on: Final = splits_on
        self._lock: Final = threading.Lock()
        self._waiting: list[_Waiting[T]] = []
        self._is_writing = False

    def submit(self, item: T) -> None:
        """Write this item; returns when it is durable, raises what kept it from being so."""
        mine = _Waiting(item)
        with self._lock:
            self._waiting.append(mine)
            leads = not self._is_writing
            self._is_writing = True
        if not leads:
            mine.turn.acquire()
            if mine.after is not None:
                mine.after.turn.release()
        if not mine.done:
            self._lead()
        if mine.error is not None:
            raise mine.error

    def _lead(self) -> None:
        """Write for those who wait, oldest first, the leader among them; then let the oldest of the rest lead."""
        with self._lock:
            group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            self._commit(group)
        finally:
            with self._lock:
                successor = self._waiting[0] if self._waiting else None
                self._is_writing = successor is not None
            if successor is not None:
                successor.turn.release()
            for waiting, after in pairwise((*group[1:], None)):
                assert waiting is not None
                waiting.done = True
                waiting.after = after
            group[0].done = True
            if len(group) > 1:
                group[1].turn.release()

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
