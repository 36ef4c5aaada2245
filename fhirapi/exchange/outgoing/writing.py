"""Writing a practice's whole book as FHIR into a new folder, as it is at one moment.

A file for each type, or several of at most 10,000 entries; the manifest comes last, so that a
folder without one is not finished. Memory does not grow with the practice.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from fhirapi.exchange.outgoing.no_room import NoRoom, found_no_room
from fhirapi.exchange.outgoing.resources import TYPES, Written
from practice.db.rows import batches
from practice.exceptions import DumpRefused
from practice.models import Organisation
from practice.services.audit.recording import Actor
from practice.services.dumps.writing import book_at_one_moment, new_file
from practice.services.folders import settle

EVENT = "practice.exported"
MOST_ENTRIES = 10_000  # in a file
MANIFEST, REPORT = "manifest.json", "report"
FHIR_VERSION = "3.0.1"

Progress = Callable[[int], object]


@dataclass(frozen=True)
class ExportedFile:
    """A file of an export: of which type, how many entries, and how to tell that it is whole."""

    name: str
    type: str
    entries: int
    bytes: int
    sha256: str


@dataclass
class Exported:
    """What was written, and what had no place in it."""

    files: list[ExportedFile] = field(default_factory=list)
    no_room: list[NoRoom] = field(default_factory=list)

    @property
    def entries(self) -> dict[str, int]:
        """How many resources of each type."""
        counts = dict.fromkeys(TYPES, 0)
        for file in self.files:
            counts[file.type] += file.entries
        return counts


@dataclass(frozen=True)
class Layout:
    """How a file is laid out: as a Bundle, or as NDJSON with a resource a line."""

    address: str  # what full addresses begin with: the practice's service root
    ndjson: bool = False
    most: int = MOST_ENTRIES

    @property
    def suffix(self) -> str:
        return "ndjson" if self.ndjson else "json"

    def pieces(self, kind: str, written: Iterable[Written]) -> Iterator[bytes]:
        """What is written into a file."""
        if self.ndjson:
            for _, resource in written:
                yield resource + b"\n"
            return
        before = b'{"resourceType":"Bundle","type":"collection","entry":[\n'
        for pk, resource in written:
            full_url = as_json(f"{self.address}/{kind}/{pk}")
            yield before + b'{"fullUrl":' + full_url + b',"resource":' + resource + b"}"
            before = b",\n"
        yield b"\n]}\n"


def as_json(text: str) -> bytes:
    """A text as JSON."""
    return json.dumps(text).encode()


def export_practice(
    *,
    organisation: Organisation,
    folder: Path,
    layout: Layout,
    actor: Actor,
    now: datetime,
    progress: Progress,
) -> Exported:
    """Write a practice into a new folder that only its owner may read.

    Bookings go on meanwhile. The event comes first, so that nothing leaves unrecorded.
    ``progress`` hears of each resource. Raises DumpRefused when the folder is there already or
    cannot be written; then nothing is left behind.
    """
    done = Exported()
    taken = book_at_one_moment(
        EVENT, organisation=organisation, actor=actor, now=now, detail={"folder": folder.name}
    )
    with _new_folder(folder), taken:
        for number, (kind, find) in enumerate(TYPES.items(), 1):
            for part, some in enumerate(portions(find(organisation), layout.most), 1):
                name = f"{number}-{kind}-{part:04}.{layout.suffix}"
                done.files.append(_write_file(folder / name, kind, some, layout, progress))
        done.no_room = found_no_room(organisation)
        _tell(folder, organisation, done, layout, now)
    return done


def portions(written: Iterable[Written], most: int) -> Iterator[Iterator[Written]]:
    """Parts of at most so many, none empty; each is to be read to its end before the next."""
    waiting = iter(written)
    for first in waiting:
        yield chain([first], islice(waiting, most - 1))


def _write_file(
    path: Path, kind: str, written: Iterable[Written], layout: Layout, progress: Progress
) -> ExportedFile:
    digest, size, entries = hashlib.sha256(), 0, 0

    def counted() -> Iterator[Written]:
        nonlocal entries
        for each in written:
            entries += 1
            yield each

    with new_file(path) as file:
        for pieces in batches(layout.pieces(kind, counted()), 1000):
            text = b"".join(pieces)
            digest.update(text)
            size += len(text)
            file.buffer.write(text)
            progress(len(pieces))
    return ExportedFile(path.name, kind, entries, size, digest.hexdigest())


@contextmanager
def _new_folder(path: Path) -> Iterator[None]:
    try:
        path.mkdir(mode=0o700)
    except OSError as error:
        raise DumpRefused(f"{path}: {error.strerror}.") from error
    try:
        yield
        settle(path)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


# ---------------------------------------------------------------- what is told of it


def _tell(
    folder: Path, organisation: Organisation, done: Exported, layout: Layout, now: datetime
) -> None:
    """The report, for people and for programs; then the manifest, which says that all is there."""
    head: dict[str, Any] = {
        "practice": organisation.ods_code,
        "name": organisation.name,
        "at": now.isoformat(timespec="seconds"),
        "entries": done.entries,
    }
    report = {**head, "no_room": [asdict(each) for each in done.no_room]}
    _write_text(folder / f"{REPORT}.json", _json(report))
    _write_text(folder / f"{REPORT}.txt", "\n".join([*told(organisation, done), ""]))
    manifest = {
        **head,
        "fhir_version": FHIR_VERSION,
        "format": "ndjson" if layout.ndjson else "Bundle, collection",
        "address": layout.address,
        "files": [asdict(each) for each in done.files],
    }
    _write_text(folder / MANIFEST, _json(manifest))


def told(organisation: Organisation, done: Exported) -> Iterator[str]:
    """The report as lines for people."""
    yield f"{organisation} as FHIR STU3"
    yield ""
    for kind, number in done.entries.items():
        yield f"{number:>9,} {kind}"
    yield ""
    if not done.no_room:
        yield "FHIR has room for all that this practice has."
        return
    yield "FHIR has no room for the following, and it is not in the files:"
    yield ""
    for each in done.no_room:
        yield f"{each.number:>9,} {each.what}: {each.why}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _write_text(path: Path, text: str) -> None:
    with new_file(path) as file:
        file.write(text)
