"""What all parts of an import share: the report, what was found so far, and how rows are stored."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from practice.db.rows import insert_rows, keep_ids_free, new_ids
from practice.models import ImportedRecord, Organisation, Practitioner
from practice.services.audit.recording import Actor
from practice.services.dumps import kinds
from practice.services.dumps.kinds import MISSING, Entry, Kind
from practice.services.dumps.reading import values_of
from practice.services.importing.records import Report
from practice.services.importing.resolving import Found, Resolver, ours_by_id, remembered
from practice.services.importing.stage import BROKEN, DONE, LEFT, Stage, Staged

SECTIONS = {kind.model.__name__: kind for kind in (kinds.PRACTICE, kinds.PRACTITIONERS, *kinds.OWN)}
# Columns that get their value after the others have been checked.
COMPLETED = {"Schedule": ("date", "start", "end"), "Appointment": ("created",)}
GIVEN_HERE = ("id", "updated_at", "version")  # columns that no file fills

Progress = Callable[[int], object]
# A record, its values by column, and those of its parts.
Rows = list[tuple[Staged, Entry, dict[str, list[Entry]]]]


class Import:
    """One import into one practice."""

    organisation: Organisation
    resolver: Resolver

    def __init__(
        self, report: Report, stage: Stage, actor: Actor, now: datetime, progress: Progress
    ) -> None:
        self.report, self.stage, self.actor, self.now = report, stage, actor, now
        self.progress = progress
        self.is_new = False  # the practice comes with the files

    def each_page(self, kind: str, store: Callable[["Import", list[Staged]], None]) -> None:
        """Let the records of a kind be stored, some at a time."""
        for page in self.stage.pages(kind):
            store(self, page)
            self.progress(len(page))

    def look_at(self, kind: str, note: Callable[["Import", list[Staged]], None]) -> None:
        """Let something be noted of the records of a kind, before they are stored."""
        for page in self.stage.pages(kind):
            note(self, page)

    def problem(self, record: Staged, reason: str) -> None:
        """Tell what is wrong with a record; what refers to it then says nothing more."""
        self.report.problem(record.place, record.shown, reason)
        self.stage.set("state", [(BROKEN, record.id)])

    def leave(self, record: Staged, why: str) -> None:
        """Leave a record, and count why."""
        self.report.left[record.kind][why] += 1
        self.stage.set("state", [(LEFT, record.id)])

    def refer(self, record: Staged, column: str, *, needed: bool = False) -> int | None:
        """What a record refers to, where that is here; else it is told or left, if it is needed."""
        for reference in record.refers.get(column, [])[:1]:
            found: Found = self.resolver.find(reference)
            if found.state == DONE:
                return found.pk
            if found.reason:
                self.problem(record, found.reason)
            elif needed and found.state == LEFT:
                self.leave(record, "it belongs to what was left")
            elif found.state != LEFT:
                self.stage.set("state", [(BROKEN, record.id)])
            return None
        if needed:
            self.problem(record, f"it has no {column}")
        return None

    def found(self, record: Staged, pk: int, known: ImportedRecord | None) -> None:
        """Note that a record is here already, as what."""
        self.stage.set("state pk", [(DONE, pk, record.id)])
        self.report.here[record.kind] += 1
        if known is None:
            self.remember([(record, pk)])

    def not_here(self, page: list[Staged], same: Callable[[Staged], int | None]) -> list[Staged]:
        """Those that are not here yet: neither imported before, nor known by ``same``."""
        known = remembered(self.organisation, page)
        by_id = {} if self.is_new else ours_by_id(self.organisation, page)
        rest = []
        for record in page:
            before = known.get(record.source)
            if before and before.said != record.said.hex():
                self.problem(
                    record,
                    "another one was imported before under this name: say with --source which "
                    "system it comes from, if that is another one",
                )
            elif before:
                self.found(record, before.record, before)
            elif pk := by_id.get(record.id) or same(record):
                self.found(record, pk, None)
            else:
                rest.append(record)
        return rest

    def pks_of(self, page: list[Staged]) -> dict[bytes, int]:
        """What records became or were found to be, by source."""
        return {source: each.record for source, each in remembered(self.organisation, page).items()}

    def remember(self, found: Iterable[tuple[Staged, int]]) -> None:
        """Note which record a file's record is, for the next import."""
        names = ("organisation", "source", "said", "kind", "record", "at")
        insert_rows(
            ImportedRecord,
            names,
            [
                (self.organisation.pk, each.source.hex(), each.said.hex(), each.kind, pk, self.now)
                for each, pk in found
            ],
        )

    def checked(self, name: str, page: list[Staged]) -> Rows:
        """Records with their values, each as its column wants it; what is wrong is told."""
        kind = SECTIONS[name]
        good: Rows = []
        for record in page:
            values, wrong = read_columns(record.values, name)
            lists: dict[str, list[Entry]] = {part.name: [] for part in kind.parts}
            for part in kind.parts:
                for item in record.values.get(part.name, []):
                    inner, faults = read_columns(item, part.model.__name__)
                    lists[part.name].append(inner)
                    wrong += [f"{part.name}: {fault}" for fault in faults]
            for reason in wrong:
                self.problem(record, reason.rstrip("."))
            if not wrong:
                values["version"] = max(1, record.version) if self.keeps_id(record) else 1
                good.append((record, values, lists))
        return good

    def keeps_id(self, record: Staged) -> bool:
        """Whether a record has an id that others may hold."""
        return self.is_new and record.own_id is not None

    def store(self, name: str, rows: Rows) -> Rows:
        """Store records with their parts, and return them; or none, and tell which cannot be."""
        if not rows:
            return []
        kind = SECTIONS[name]
        self._give_ids(kind, rows)
        try:
            with transaction.atomic():
                self._insert(kind, rows)
        except IntegrityError:
            for row in rows:
                try:
                    with transaction.atomic():
                        self._insert(kind, [row])
                except IntegrityError as error:
                    self.problem(row[0], broken_rule(error))
            return []
        if kind.model is Organisation:
            self.organisation = Organisation.objects.get(pk=rows[0][1]["id"])
        self.stage.set(
            "state pk made", [(DONE, values["id"], 1, rec.id) for rec, values, _ in rows]
        )
        self.report.made[rows[0][0].kind] += len(rows)
        self.remember((record, values["id"]) for record, values, _ in rows)
        return rows

    def _give_ids(self, kind: Kind, rows: Rows) -> None:
        wanted = {record.own_id: values for record, values, _ in rows if self.keeps_id(record)}
        taken = set(kind.model._default_manager.filter(pk__in=wanted).values_list("pk", flat=True))
        if taken:
            note = f"{rows[0][0].kind}: an id is taken in this database, so it has a new one"
            self.report.notes[note] += len(taken)
        free = {pk: values for pk, values in wanted.items() if pk not in taken}
        if free:
            keep_ids_free(kind.model, max(pk for pk in free if pk))
        for pk, values in free.items():
            values["id"] = pk
        others = [values for _, values, _ in rows if "id" not in values]
        for pk, values in zip(self._fresh(kind, len(others), free), others, strict=True):
            values["id"] = pk

    def _fresh(self, kind: Kind, number: int, but: dict[int | None, Entry]) -> list[int]:
        if not number:
            return []
        ids = new_ids(kind.model, number + len(but))
        return [pk for pk in ids if pk not in but][:number]

    def _insert(self, kind: Kind, rows: Rows) -> None:
        names = [column.name for column in kind.columns]
        is_own = kind.model not in (Organisation, Practitioner)
        mine = (self.organisation.pk,) if is_own else ()
        for _, values, _ in rows:
            values["updated_at"] = self.now
        insert_rows(
            kind.model,
            [*names, *(["organisation"] if is_own else [])],
            ([*(values[name] for name in names), *mine] for _, values, _ in rows),
        )
        for part in kind.parts:
            columns = [column.name for column in part.columns]
            insert_rows(
                part.model,
                [*columns, part.owner],
                (
                    [*(inner[name] for name in columns), values["id"]]
                    for _, values, lists in rows
                    for inner in lists.get(part.name, [])
                ),
            )


def read_columns(given: Entry, name: str) -> tuple[Entry, list[str]]:
    """All columns of a record but its id, and what is wrong, in words."""
    known = COLUMNS[name]
    said = {key: each for key, each in given.items() if key in known and each is not None}
    values, wrong = values_of(said, {key: known[key] for key in said}, {})
    whole = {**EMPTY[name], **values}
    wrong += [
        f"{key} is missing"
        for key in known
        if whole[key] is MISSING and key not in COMPLETED.get(name, ())
    ]
    return whole, wrong


def default_of(column: kinds.Column) -> Any:
    """What a new record has in a column of which nothing is said."""
    default = column.field.get_default()
    return default if default is not None else column.empty


def broken_rule(error: IntegrityError) -> str:
    """Say which rule of the database a record breaks, without its values."""
    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    if name is None:
        name = str(error).partition("failed: ")[2].removeprefix("index ") or "of the database"
    return f"it breaks the rule “{name.replace('_', ' ').strip()}”"


HOLDERS: tuple[Any, ...] = (
    *SECTIONS.values(), *(part for kind in SECTIONS.values() for part in kind.parts)
)  # fmt: skip
COLUMNS: dict[str, dict[str, kinds.Column]] = {
    each.model.__name__: {
        column.name: column
        for column in each.columns
        if column.name not in GIVEN_HERE and not column.refers_to and not column.is_user
    }
    for each in HOLDERS
}
EMPTY: dict[str, Entry] = {
    each.model.__name__: {
        column.name: default_of(column) for column in each.columns if column.name != "id"
    }
    for each in HOLDERS
}
