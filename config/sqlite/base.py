"""SQLite, but writers queue instead of polling: ``ENGINE = "config.sqlite"``.

SQLite has one writer at a time. Its busy handler lets the others sleep and try again, each for a
little longer, so that under load the one who has waited longest is the least likely to be next: 50
rivals for one slot then wait for seconds, and some would be told "database is locked"
(docs/techniques.md, "Many bookers, one slot"). So a transaction takes its turn before
``BEGIN IMMEDIATE``: first among the threads of this process, in order of arrival, then among
processes, by a lock on a file beside the database.

It holds for what begins with ``transaction.atomic``. A single statement outside is left to the busy
handler; so is another program, such as the sqlite3 shell, that has the database open.
"""

import fcntl
import os
from collections import deque
from threading import Event, Lock
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base


class Queue:
    """The queue before one database file, for the threads of this process."""

    def __init__(self, path: str) -> None:
        self.path = f"{path}-queue"
        self.guard = Lock()
        self.is_taken = False
        self.waiting: deque[Event] = deque()

    def enter(self, timeout: float) -> int:
        """Wait for the turn; what it returns is for ``leave``. OperationalError after ``timeout``.

        The time is for the threads in front. Another process is waited for without a limit: it
        gives up its place at the latest when it ends, however it ends.
        """
        turn = Event()
        with self.guard:
            if self.is_taken:
                self.waiting.append(turn)
            else:
                self.is_taken = True
                turn.set()
        if not turn.wait(timeout):
            with self.guard:
                if not turn.is_set():
                    self.waiting.remove(turn)
                    raise OperationalError("database is locked: too many writers are waiting")
        try:
            return self.lock_file()
        except BaseException:
            self.call_next()
            raise

    def lock_file(self) -> int:
        """Wait for the other processes; the lock holds until the file is closed."""
        # Opened anew each time: a process that is forked off would share the lock of an open file.
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except BaseException:
            os.close(file)
            raise
        return file

    def leave(self, file: int) -> None:
        os.close(file)
        self.call_next()

    def call_next(self) -> None:
        with self.guard:
            if self.waiting:
                self.waiting.popleft().set()
            else:
                self.is_taken = False


_queues: dict[str, Queue] = {}


def queue(path: str) -> Queue:
    """The one queue of this process before a database file (``setdefault`` is one step)."""
    return _queues.setdefault(path, Queue(path))


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that takes its turn when a transaction begins, and gives it up at its end."""

    turn: int | None = None

    def _start_transaction_under_autocommit(self) -> None:
        if not self.is_in_memory_db() and self.turn is None:
            timeout = self.settings_dict["OPTIONS"].get("timeout", 5.0)
            self.turn = queue(str(self.settings_dict["NAME"])).enter(timeout)
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._give_up_turn()
            raise

    def _commit(self) -> Any:
        super()._commit()  # type: ignore[misc]  # if it fails, Django rolls back
        self._give_up_turn()

    def _rollback(self) -> Any:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._give_up_turn()

    def _close(self) -> Any:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._give_up_turn()

    def _give_up_turn(self) -> None:
        if self.turn is not None:
            file, self.turn = self.turn, None
            queue(str(self.settings_dict["NAME"])).leave(file)
