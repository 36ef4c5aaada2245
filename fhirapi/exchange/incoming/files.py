"""The files that paths lead to: folders walked, .gz and .zip opened, and none without a bound.

What is packed is unpacked as it is read, never on to the disk. A small file that unpacks to a huge
one is refused by its ratio, before much of it has been read.
"""

import gzip
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fhirapi.exchange.incoming.pieces import Readable, Unreadable

MOST_RATIO = 200  # bytes unpacked for one packed; FHIR in JSON has about 20
FREE_OF_RATIO = 1024 * 1024  # bytes unpacked of which the ratio is not asked
MOST_MEMBERS = 100_000  # files in one zip
MOST_UNPACKED = 64 * 1024**3  # bytes that one packed file may become
NAMES = (".json", ".ndjson", ".jsonl", ".xml", ".fhir")
PACKED = (".gz", ".zip")

Progress = Callable[[int], object]


class Source:
    """A file to be read: ``name`` for people, ``open`` gives its bytes.

    ``is_found``: nobody named it, it was found in a folder or in a zip.
    """

    def __init__(
        self, name: str, path: Path, *, is_found: bool, member: zipfile.ZipInfo | None = None
    ) -> None:
        self.name, self.path, self.is_found, self.member = name, path, is_found, member

    @contextmanager
    def open(self, progress: Progress) -> Iterator[Readable]:
        """Its bytes, unpacked. Raises Unreadable, also while they are read, and OSError."""
        try:
            with self.path.open("rb") as raw:
                counted: Any = Counted(raw, progress)
                if self.member is not None:
                    with zipfile.ZipFile(counted) as archive, archive.open(self.member) as inner:
                        yield Unpacked(inner, packed_size(self.member))
                elif is_packed(self.path, b"\x1f\x8b"):
                    with gzip.GzipFile(fileobj=counted) as inner:
                        yield Unpacked(inner, lambda: counted.count or 1)
                else:
                    yield counted
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            is_short = isinstance(error, EOFError)
            words = "it ends in the middle: it was cut off" if is_short else "it cannot be unpacked"
            raise Unreadable(words) from error
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise Unreadable("it cannot be unpacked: damaged, or with a password") from error


def packed_size(member: zipfile.ZipInfo) -> Callable[[], int]:
    """How much of a zip a file in it takes."""
    return lambda: member.compress_size or 1


class Counted:
    """A file that tells how far it has been read."""

    def __init__(self, raw: Any, progress: Progress) -> None:
        self.raw, self.progress, self.count = raw, progress, 0

    def read(self, size: int = -1, /) -> bytes:
        data: bytes = self.raw.read(size)
        self.count += len(data)
        self.progress(len(data))
        return data

    def __getattr__(self, name: str) -> object:
        return getattr(self.raw, name)


class Unpacked:
    """What comes out of a packed file, for as long as it is in proportion to what goes in."""

    def __init__(self, inner: Any, packed: Callable[[], int]) -> None:
        self.inner, self.packed, self.count = inner, packed, 0

    def read(self, size: int, /) -> bytes:
        data: bytes = self.inner.read(size)
        self.count += len(data)
        if self.count > MOST_UNPACKED or (
            self.count > FREE_OF_RATIO and self.count > MOST_RATIO * self.packed()
        ):
            raise Unreadable("it unpacks to far more than any real file: it is not read")
        return data


def is_packed(path: Path, mark: bytes) -> bool:
    """Whether a file begins as a packed one does, whatever it is called."""
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def sources(paths: Iterable[Path]) -> Iterator[Source | tuple[str, str]]:
    """The files that paths lead to, folders in the order of names; or a name and what is wrong.

    In folders, files of other kinds and links are passed over. Raises OSError for a path itself.
    """
    for path in paths:
        if path.is_dir():
            found = sorted(each for each in path.rglob("*") if each.is_file())
            wanted = [
                each
                for each in found
                if each.suffix.lower() in NAMES + PACKED and not each.is_symlink()
            ]
            if not wanted:
                yield str(path), "there is no file of JSON or XML in the folder"
        else:
            wanted = [path]
        for each in wanted:
            yield from opened(each, is_found=path.is_dir())


def opened(path: Path, *, is_found: bool) -> Iterator[Source | tuple[str, str]]:
    """A file, or the files in a zip."""
    if not is_packed(path, b"PK\x03\x04"):
        yield Source(str(path), path, is_found=is_found)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError):
        yield str(path), "it cannot be unpacked: it is damaged or was cut off"
        return
    if len(members) > MOST_MEMBERS:
        yield str(path), f"it has more than {MOST_MEMBERS:,} files in it"
        return
    for member in sorted(members, key=lambda each: each.filename):
        name = Path(member.filename).suffix.lower()
        if name in PACKED:
            yield f"{path}: {member.filename}", "it is packed twice: unpack it first"
        elif name in NAMES:
            yield Source(f"{path}: {member.filename}", path, is_found=True, member=member)


def size_of(paths: Iterable[Path]) -> int:
    """How many bytes will be read, about."""
    return sum(
        each.stat().st_size
        for path in paths
        for each in (path.rglob("*") if path.is_dir() else [path])
        if each.is_file()
    )
