"""Files, one after another, into what a practice can take: staged, counted, or a problem told.

Strict about the eight types that a practice takes, tolerant of all others, which are counted and
left. A file that cannot be read to its end is a problem, and then nothing of any is imported.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import orjson

from fhirapi.exchange.incoming import diary, directory, patients
from fhirapi.exchange.incoming.files import Progress, Source, sources
from fhirapi.exchange.incoming.pieces import TAKEN, Piece, Unreadable, pieces
from fhirapi.exchange.incoming.references import Names, names_of
from fhirapi.exchange.incoming.versions_of_fhir import SAID, is_later_than_stu3
from fhirapi.resources.common import Element, logical_id
from fhirapi.validation import problems_of, resource_class
from fhirapi.well_formed import JSON, Malformed
from practice.services.dumps.kinds import HIGHEST_ID
from practice.services.importing.records import Incoming, Place, Report
from practice.services.importing.stage import Stage

BUNDLES = ("collection", "batch", "transaction", "searchset", "document")
# What a record of a diary may refer to, though a practice does not keep it.
BYSTANDERS = ("HealthcareService", "RelatedPerson", "Device", "Group")
CONTAINED = ("Practitioner", "Location", "Patient")
LARGEST_KEPT_ID = 2**40  # so that the ids of new records do not begin where numbers end

MAKERS: dict[str, Callable[[Element, Names], Incoming]] = {
    "Location": directory.location,
    "Practitioner": directory.practitioner,
    "PractitionerRole": directory.practitioner_role,
    "Patient": patients.patient,
    "Schedule": diary.schedule,
    "Slot": diary.slot,
    "Appointment": diary.appointment,
}


def collect(paths: Iterable[Path], *, ods_code: str, stage: Stage, progress: Progress) -> Report:
    """Stage what is in files, and say what was read, what was left and what is wrong.

    ``progress`` hears how many bytes more have been read. Raises OSError for a path that cannot be
    read at all.
    """
    collector = Collector(ods_code, stage)
    for source in sources(paths):
        if isinstance(source, tuple):
            collector.report.problem(Place(source[0]), "", source[1])
        else:
            collector.read(source, progress)
    return collector.report


class Collector:
    """What was collected so far, for one practice."""

    def __init__(self, ods_code: str, stage: Stage) -> None:
        self.ods_code, self.stage = ods_code, stage
        self.report = Report(ods_code)
        self.file, self.name = 0, ""

    def read(self, source: Source, progress: Progress) -> None:
        """One file, to its end or to where it cannot be read any more."""
        self.file, self.name = self.stage.file(source.name), source.name
        self.report.files += 1
        entries, others = 0, 0

        def heard(number: int) -> None:
            self.report.bytes += number
            progress(number)

        try:
            with source.open(heard) as stream:
                for piece in pieces(stream):
                    if piece.is_entry:
                        entries += 1
                        self._entry(piece)
                    elif self._is_no_fhir(piece, source, entries):
                        others += 1
                    else:
                        self._whole(piece, entries)
        except Unreadable as refusal:
            self._problem("", "", str(refusal))

    def _problem(self, entry: str, what: str, reason: str) -> None:
        self.report.problem(Place(self.name, entry), what, reason)

    def _is_no_fhir(self, piece: Piece, source: Source, entries: int) -> bool:
        """Whether a file that was found in a folder is something else, which is passed over."""
        is_other = (
            source.is_found and not piece.wrong and not entries
            and not piece.place and "resourceType" not in piece.value
        )  # fmt: skip
        if is_other:
            self.report.others["file that is not FHIR"] += 1
        return is_other

    # ------------------------------------------------------------ pieces

    def _whole(self, piece: Piece, entries: int) -> None:
        """A resource by itself, or what is around the entries of a Bundle."""
        if piece.wrong:
            self._problem(piece.place, "", piece.wrong)
        elif piece.value.get("resourceType") == "Bundle":
            kind = piece.value.get("type")
            if kind not in BUNDLES:
                told = f"of type {kind}" if kind in OTHER_BUNDLES else "without a known type"
                self._problem(
                    piece.place,
                    "Bundle",
                    f"a Bundle {told} is not taken, only {', '.join(BUNDLES)}",
                )
        elif entries and piece.value.get("resourceType") != "List":
            self._problem(piece.place, "", "it has entries, and is no Bundle")
        elif not entries:
            self._resource(piece, piece.value, {})

    def _entry(self, piece: Piece) -> None:
        if piece.wrong:
            name = piece.value.get("resourceType", "")
            self._problem(piece.place, str(name), piece.wrong)
            return
        resource = piece.value.get("resource")
        if resource is None:
            self.report.others["entry without a resource"] += 1
        elif not isinstance(resource, dict):
            self._problem(piece.place, "", "its resource is no object")
        else:
            self._resource(piece, resource, piece.value)

    def _resource(self, piece: Piece, resource: Element, entry: Element) -> None:
        kind = resource.get("resourceType")
        if is_later_than_stu3(resource):
            raise Unreadable(SAID)
        if kind == "Bundle":
            self._problem(piece.place, "Bundle", "a Bundle within a Bundle is not taken")
        elif kind in TAKEN:
            self._taken(piece, resource, entry, str(kind))
        elif kind in BYSTANDERS:
            self.report.others[str(kind)] += 1
            names = names_of(entry, resource, str(kind))
            self.stage.add(directory.bystander(resource, names), self.file, piece.place)
        elif resource_class(kind):
            self.report.others[str(kind)] += 1
        else:
            self._problem(piece.place, "", "it is no resource of FHIR STU3")

    def _taken(self, piece: Piece, resource: Element, entry: Element, kind: str) -> None:
        names = Names(kind)
        try:
            piece.check_strictly()
            names = names_of(entry, resource, kind)
            wrong = [each.rstrip(".") for each in problems_of(as_plain(resource), kind)]
        except Malformed as refusal:
            wrong = [str(refusal).rstrip(".")]
        if wrong:
            record = Incoming(kind, names.all(), problems=wrong)
        else:
            self._contained(piece, resource, names)
            record = self._made(resource, names, kind)
        number = logical_id(names.id)
        record.id = number if 0 < number <= min(HIGHEST_ID, LARGEST_KEPT_ID) else None
        version = str(resource.get("meta", {}).get("versionId", "1")) if not wrong else "1"
        record.version = int(version) if re.fullmatch(r"0|[1-9][0-9]{0,8}", version) else 1
        self._add(record, piece.place)

    def _made(self, resource: Element, names: Names, kind: str) -> Incoming:
        if kind == "Organization":
            return directory.organization(resource, names, self.ods_code)
        return MAKERS[kind](resource, names)

    def _contained(self, piece: Piece, resource: Element, names: Names) -> None:
        """What stands in a resource goes by its content: the same in two is one."""
        for inner in resource.get("contained", []):
            kind = inner.get("resourceType")
            if kind not in CONTAINED or not inner.get("id") or not names.all():
                continue
            content = {name: value for name, value in inner.items() if name != "id"}
            known = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
            own = Names(kind, others=[f"contained {known}", f"{names.all()[0]}#{inner['id']}"])
            record = MAKERS[kind](inner, own)
            self._add(record, piece.place, is_contained=True)

    def _add(self, record: Incoming, entry: str, *, is_contained: bool = False) -> None:
        for reason in record.problems:
            self._problem(entry, record.shown, reason)
        for note in record.notes:
            self.report.notes[note] += 1
        said = self.stage.add(record, self.file, entry)
        if said == "twice":
            self._problem(entry, record.shown, "it is there twice, with different contents")
        elif said and not is_contained:
            self.report.notes["a resource that was there before, word for word, was left"] += 1
        elif record.left and not record.problems:
            self.report.left[record.kind][record.left] += 1


OTHER_BUNDLES = ("history", "message", "batch-response", "transaction-response")
PLAIN_DAY = "2000-01-01"


def as_plain(value: JSON) -> JSON:
    """The same with one date in the place of all, and without narrative: for checking only.

    Two resources that differ in nothing else are both valid or both not, and then only one of them
    need be looked at closely (fhirapi.validation).
    """
    if isinstance(value, dict):
        return {
            name: as_plain(each)
            for name, each in value.items()
            if not (name == "text" and "resourceType" in value)
        }
    if isinstance(value, list):
        return [as_plain(each) for each in value]
    if isinstance(value, str) and len(value) == len(PLAIN_DAY) and value[4:5] == "-":
        try:
            date.fromisoformat(value)
        except ValueError:
            return value
        return PLAIN_DAY
    return value
