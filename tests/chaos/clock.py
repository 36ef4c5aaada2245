"""The clock of a process, as a test sets it: ``python -m tests.chaos.clock manage.py seal_audit``.

``CHAOS_CLOCK`` names a file with the seconds that are added to the machine's clock at each reading,
so a test can set the clock of running processes forward and back. Both clocks that the program
reads are set, ``timezone.now`` and ``time.time`` (tests/test_house.py lets it read no other). The
machine's own and PostgreSQL's stay as they are: the program asks neither for the time.
"""

import os
import runpy
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from django.utils import timezone

CHAOS_CLOCK = "CHAOS_CLOCK"

machine: Callable[[], float] = time.time


class Clock:
    """The clock of the processes that are started with ``environment``."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.environment = {CHAOS_CLOCK: str(file)}

    def set(self, moment: datetime) -> None:
        """Let it be that moment, and go on from there."""
        new = self.file.with_suffix(".new")
        new.write_text(repr(moment.timestamp() - machine()))
        os.replace(new, self.file)

    def seconds(self) -> float:
        return machine() + float(self.file.read_text())

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)


def obey() -> None:
    """Let this process go by the clock of the test that started it, if there is one."""
    if file := os.environ.get(CHAOS_CLOCK):
        clock = Clock(Path(file))
        time.time = clock.seconds
        timezone.now = clock.now


if __name__ == "__main__":
    obey()
    del sys.argv[0]
    sys.path.insert(0, os.getcwd())
    runpy.run_path(sys.argv[0], run_name="__main__")
