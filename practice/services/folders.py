"""Folders that files are put into: one run at a time, and on the disk when it says so."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from practice.exceptions import PracticeError


@contextmanager
def own_folder(folder: Path, refused: Callable[[str], PracticeError]) -> Iterator[Path]:
    """A folder, made where it is not there, for us alone until we end, however we end.

    Raises ``refused`` where it cannot be made or opened, or where another run writes.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise refused(f"{folder}: {error.strerror}.") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise refused(f"{folder}: another run writes there.") from error
    try:
        yield folder
    finally:
        os.close(handle)


def settle(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
