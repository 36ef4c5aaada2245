"""Patients as a spreadsheet: a row for each, with their home address and how to reach them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from practice import clock, nhs_number, terminology
from practice.models import (
    Location,
    Patient,
    PatientAddress,
    PatientTelecom,
    Practitioner,
)
from practice.reads.directory import possible_holders
from practice.services.audit.changes import changes_between, stored_values
from practice.services.audit.recording import Actor, Facts, record_all, resource_of
from practice.services.patients import contradictions
from practice.services.sheets.columns import (
    Change,
    Column,
    SheetRow,
    Values,
    choice,
    date_column,
    record_number,
    set_values,
    truth_column,
)
from practice.services.sheets.planning import Kind, PlannedRow, differing

ADDRESS = tuple(
    Column(heading, name)
    for heading, name in (
        ("Address", "address_line_1"),
        ("Address, second line", "address_line_2"),
        ("Address, third line", "address_line_3"),
        ("Town or city", "city"),
        ("County", "district"),
        ("Postcode", "postal_code"),
        ("Country", "country"),
    )
)
# By field: which of a patient's numbers and addresses it is, as (kind, use).
TELECOMS = {
    "telephone": ("phone", "home"),
    "mobile": ("phone", "mobile"),
    "email": ("email", "home"),
}
REFERENCES = ("preferred_branch", "general_practitioner")
NOBODY = {
    "preferred_branch": "this practice has no location of that name",
    "general_practitioner": "nobody of that name or SDS user ID works at this practice",
}


def number_of_patient(text: str) -> str:
    """An NHS number, with or without spaces."""
    digits = re.sub(r"[\s-]", "", text)
    try:
        nhs_number.validate(digits)
    except ValidationError as error:
        raise ValueError(" ".join(error.messages).rstrip(".")) from None
    return digits


def telephone(text: str) -> str:
    """A telephone number; spreadsheet programs take away the nought that it begins with."""
    return f"0{text}" if re.fullmatch(r"[1-9]\d{8,9}", text) else text


COLUMNS = (
    Column("Record", "pk", record_number, str, hint="Our own number. Empty for somebody new."),
    Column("NHS number", "nhs_number", number_of_patient),
    choice(
        "NHS number verification",
        "nhs_number_verification",
        terminology.nhs_number_verification_statuses,
    ),
    Column("Title", "prefix"),
    Column("Given names", "given_names"),
    Column("Family name", "family_name", needed=True),
    date_column("Date of birth", "birth_date", needed=True),
    choice("Gender", "gender", terminology.administrative_genders),
    Column("Telephone", "telephone", telephone),
    Column("Mobile", "mobile", telephone),
    Column("E-mail", "email"),
    *ADDRESS,
    truth_column("Registered", "active"),
    choice("Registration", "registration_type", terminology.registration_types),
    date_column("Registered from", "registration_start"),
    date_column("Registered until", "registration_end"),
    Column("Preferred branch", "preferred_branch", hint="The name of one of your locations."),
    Column("General practitioner", "general_practitioner", hint="SDS user ID or full name."),
    truth_column("Sensitive", "sensitive"),
    date_column("Date of death", "deceased_at"),
)


class Patients(Kind):
    """Found by our own number, else by NHS number, else by name and date of birth without one."""

    columns: ClassVar[tuple[Column, ...]] = COLUMNS

    # ------------------------------------------------------------ what rows would do

    def plan(self, rows: Sequence[SheetRow], *, lock: bool = False) -> list[PlannedRow]:
        known = self._known(rows, lock=lock)
        return [self._plan_row(row, known) for row in rows]

    def _known(self, rows: Sequence[SheetRow], *, lock: bool) -> "Known":
        def all_of(name: str) -> set[object]:
            return {row.values[name] for row in rows if row.values.get(name)}

        nameless = Q(nhs_number__isnull=True, birth_date__in=all_of("birth_date"))
        found = Patient.objects.filter(
            Q(pk__in=all_of("pk")) | Q(nhs_number__in=all_of("nhs_number")) | nameless,
            organisation=self.organisation,
        ).order_by("pk")
        if lock:
            found = found.select_for_update(of=("self",), no_key=True)
        return Known(found, self)

    def _plan_row(self, row: SheetRow, known: "Known") -> PlannedRow:
        values = dict(row.values)
        problems = list(row.problems)
        record, refused = known.find(values)
        problems += refused
        is_new = record is None
        record = record or Patient(organisation=self.organisation)
        family = values.get("family_name") or record.family_name
        given = values.get("given_names") or record.given_names
        who = f"{family.upper()}, {given}".strip(", ") or "Nobody by name"
        planned = PlannedRow(row.number, who, is_new, record, record.pk, problems=problems)
        problems += self._missing(values, is_new, row.problems)
        for key in (record.pk and ("pk", record.pk), ("nhs", values.get("nhs_number"))):
            if key and key[1]:
                problems += [said for said in self.twice(key, row.number) if said not in problems]
        if is_new and not values.get("nhs_number"):
            name = (family.casefold(), given.casefold(), values.get("birth_date"))
            problems += self.twice(name, row.number)
        self._plan_values(planned, values, known)
        return planned

    def _missing(self, values: Values, is_new: bool, unreadable: list[str]) -> list[str]:
        missing = []
        for name in ("family_name", "birth_date"):
            heading = self.by_field[name].heading
            if values.get(name) is None and not any(
                said.startswith(heading) for said in unreadable
            ):
                missing.append(f"{heading}: this is missing.")
                values.pop(name, None)
        return missing

    def _plan_values(self, planned: PlannedRow, values: Values, known: "Known") -> None:
        record = planned.record
        values.pop("pk", None)
        details = {name: values.pop(name) for name in TELECOMS if name in values}
        address = {c.field: values.pop(c.field) for c in ADDRESS if c.field in values}
        for name in REFERENCES:
            if values.get(name):
                values[name], said = known.referred(name, values[name])
                planned.problems += said
                if said:
                    del values[name]
        before = {name: getattr(record, name) for name in known.fields}
        planned.parts = [PatientBefore(before)]
        columns = {**self.by_field, **known.references}
        changes, problems = set_values(record, values, columns)
        planned.changes += changes
        planned.problems += problems
        if not planned.problems:
            wrong = contradictions(record, today=clock.today(self.now))
            planned.problems += [f"{self.by_field[name].heading}: {words}" for name, words in wrong]
        known.plan_telecoms(planned, details)
        known.plan_address(planned, address)

    # ------------------------------------------------------------ doing it

    def apply(self, planned: Sequence[PlannedRow], *, actor: Actor, source: Values) -> None:
        todo = differing(planned)
        new = [row for row in todo if row.is_new]
        old = [row for row in todo if not row.is_new]
        Patient.objects.bulk_create([row.record for row in new])
        columns: set[str] = {"version", "updated_at"}
        for row in old:
            row.record.version += 1
            row.record.updated_at = self.now
            columns |= row.parts[0].differing(row.record)
        if old:
            Patient.objects.bulk_update([row.record for row in old], sorted(columns))
        records = _store_parts(todo)
        record_all(
            self._event(row, records[row.number], actor=actor, source=source) for row in todo
        )

    def _event(
        self,
        row: PlannedRow,
        records: list[Values],
        *,
        actor: Actor,
        source: Values,
    ) -> tuple[int, Facts]:
        """As the form of the record writes it, with the file and the row that it came from."""
        detail: dict[str, Any] = {**source, "row": row.number}
        old = None if row.is_new else row.parts[0].as_record()
        if changes := changes_between(old, row.record, row.parts[0].values):
            detail["changes"] = changes
        if records:
            detail["records"] = records
        facts = Facts(
            actor=actor,
            event="patient.add" if row.is_new else "patient.change",
            outcome="ok",
            now=self.now,
            patient_id=row.record.pk,
            resource=resource_of(row.record),
            detail=detail,
        )
        return self.organisation.pk, facts

    # ------------------------------------------------------------ taking them out

    def rows(self) -> Iterator[list[str]]:
        found = (
            Patient.objects.filter(organisation=self.organisation)
            .select_related(*REFERENCES)
            .prefetch_related("addresses", "telecoms")
            .order_by("family_name", "given_names", "birth_date", "pk")
        )
        for patient in found.iterator(chunk_size=2000):
            values = {c.field: getattr(patient, c.field, None) for c in COLUMNS}
            for name in REFERENCES:
                values[name] = _word_of(getattr(patient, name))
            for name, which in TELECOMS.items():
                telecom = _telecom(patient.telecoms.all(), which)
                values[name] = telecom and telecom.value
            address = _home(patient.addresses.all())
            values |= {c.field: address and getattr(address, c.field) for c in ADDRESS}
            yield self.row_of(values)


class PatientBefore:
    """What the columns of a patient said before a row changed them."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def differing(self, record: Patient) -> set[str]:
        return {name for name, value in self.values.items() if getattr(record, name) != value}

    def as_record(self) -> Patient:
        return Patient(**self.values)


class Known:
    """The patients whom rows may mean, with how to reach them: a query for each kind of these."""

    # What the columns of a file can change of the record itself.
    fields = tuple(
        column.field
        for column in COLUMNS
        if column.field not in {"pk", *TELECOMS, *(c.field for c in ADDRESS)}
    )

    def __init__(self, found: QuerySet[Patient], kind: Patients) -> None:
        patients = list(found)
        self.by_id = {patient.pk: patient for patient in patients}
        self.by_number = {p.nhs_number: p for p in patients if p.nhs_number}
        self.by_name: dict[object, list[Patient]] = defaultdict(list)
        for patient in patients:
            if not patient.nhs_number:
                self.by_name[
                    _name_of(patient.family_name, patient.given_names, patient.birth_date)
                ].append(patient)
        self.telecoms: dict[int, list[PatientTelecom]] = defaultdict(list)
        for telecom in PatientTelecom.objects.filter(patient__in=self.by_id).order_by("pk"):
            self.telecoms[telecom.patient_id].append(telecom)
        self.addresses: dict[int, list[PatientAddress]] = defaultdict(list)
        for address in PatientAddress.objects.filter(patient__in=self.by_id).order_by("pk"):
            self.addresses[address.patient_id].append(address)
        branches = Location.objects.filter(organisation=kind.organisation)
        people = possible_holders(organisation=kind.organisation) | Practitioner.objects.filter(
            pk__in=[p.general_practitioner_id for p in patients if p.general_practitioner_id]
        )
        self.records: dict[str, dict[int, Any]] = {
            "preferred_branch": {branch.pk: branch for branch in branches},
            "general_practitioner": {person.pk: person for person in people},
        }
        for patient in patients:  # so that showing them asks nothing more
            for name in REFERENCES:
                pk = getattr(patient, f"{name}_id")
                setattr(patient, name, self.records[name].get(pk) if pk else None)
        self.references = {
            name: Column(kind.by_field[name].heading, name, write=_word_of) for name in REFERENCES
        }

    def find(self, values: Values) -> tuple[Patient | None, list[str]]:
        """Whom a row means; nobody: somebody new, unless it says why it can be nobody."""
        pk, number = values.get("pk"), values.get("nhs_number")
        with_number = self.by_number.get(number) if number else None
        if pk is not None:
            record = self.by_id.get(pk)
            if record is None:
                return None, [f"Record: there is no patient {pk} at this practice."]
            if with_number and with_number.pk != pk:
                return record, [f"NHS number: the patient of record {with_number.pk} has it."]
            return record, []
        if with_number:
            return with_number, []
        name = _name_of(
            values.get("family_name"), values.get("given_names"), values.get("birth_date")
        )
        alike = self.by_name.get(name, [])
        if number and alike:
            same = f"record {alike[0].pk} has this name and date of birth, and no NHS number"
            return None, [f"NHS number: {same}; write {alike[0].pk} into the column Record."]
        if len(alike) > 1:
            return None, ["Several patients without an NHS number have this name: fill in Record."]
        return (alike[0] if alike else None), []

    def referred(self, name: str, words: str) -> tuple[Model | None, list[str]]:
        """The record that a cell names."""
        found = [
            record
            for record in self.records[name].values()
            if words.casefold() in _words_for(record)
        ]
        if len(found) == 1:
            return found[0], []
        said = f"several are called “{words}”; write the SDS user ID" if found else NOBODY[name]
        return None, [f"{self.references[name].heading}: {said}."]

    def plan_telecoms(self, planned: PlannedRow, values: Values) -> None:
        """Note what becomes of somebody's telephone numbers and e-mail address."""
        for name, value in values.items():
            column = next(c for c in COLUMNS if c.field == name)
            system, use = TELECOMS[name]
            there = _telecom(self.telecoms.get(planned.record.pk, ()), (system, use))
            before = there.value if there else ""
            if (value or "") == before.strip():
                continue
            planned.changes.append(Change(column.heading, before, value or ""))
            old = stored_values(there) if there else None
            if there is None:
                there = PatientTelecom(patient=planned.record, system=system, use=use)
            if value is not None:
                there.value = value
                planned.problems += _faults(there, {"value": column.heading})
            planned.parts.append((there, old, ("value",), value is not None))

    def plan_address(self, planned: PlannedRow, values: Values) -> None:
        """Note what becomes of somebody's home address."""
        there = _home(self.addresses.get(planned.record.pk, ()))
        old = stored_values(there) if there else None
        address = there or PatientAddress(patient=planned.record, use="home")
        columns = {column.field: column for column in ADDRESS}
        changes, problems = set_values(address, values, columns)
        if not changes:
            return
        planned.changes += changes
        planned.problems += problems
        is_kept = any(getattr(address, column.field) for column in ADDRESS)
        planned.parts.append((address, old, tuple(columns), is_kept))


def _store_parts(rows: Iterable[PlannedRow]) -> dict[int, list[Values]]:
    """Add, change and remove addresses and telecoms; return what the trail says of it, by row."""
    said: dict[int, list[Values]] = defaultdict(list)
    new: dict[Any, list[Any]] = defaultdict(list)
    changed: dict[Any, list[Any]] = defaultdict(list)
    gone: dict[Any, list[int]] = defaultdict(list)
    later = []
    for row in rows:
        for record, old, names, is_kept in row.parts[1:]:
            model, what = type(record), str(record._meta.verbose_name)
            if not is_kept:
                gone[model, names].append(record.pk)
                said[row.number].append({"removed": what, "values": old})
                continue
            (changed if record.pk else new)[model, names].append(record)
            before = model(**{name: old[name] for name in names}) if old else None
            changes = changes_between(before, record, names)
            entry = {"changed" if old else "added": what, "id": record.pk, "changes": changes}
            said[row.number].append(entry)
            later.append((entry, record))
    for (model, names), records in changed.items():
        model.objects.bulk_update(records, names)
    for (model, _), ids in gone.items():
        model.objects.filter(pk__in=ids).delete()
    for (model, _), records in new.items():
        model.objects.bulk_create(records)
    for entry, record in later:
        entry["id"] = record.pk
    return said


def _name_of(family: str | None, given: str | None, born: date | None) -> tuple[object, ...]:
    return (family or "").casefold(), (given or "").casefold(), born


def _telecom(telecoms: Iterable[PatientTelecom], which: tuple[str, str]) -> PatientTelecom | None:
    """The one that a column holds; an e-mail address, whatever it is used for."""
    system, use = which
    alike = [t for t in telecoms if t.system == system and (t.use == use or system == "email")]
    return min(alike, key=lambda telecom: telecom.pk, default=None)


def _home(addresses: Iterable[PatientAddress]) -> PatientAddress | None:
    homes = [address for address in addresses if address.use == "home"]
    return min(homes, key=lambda address: address.pk, default=None)


def _word_of(record: Model | None) -> str:
    """By which a file names a record: an SDS user ID, where somebody has one."""
    if record is None:
        return ""
    return str(getattr(record, "sds_user_id", None) or record)


def _words_for(record: Model) -> set[str]:
    return {str(record).casefold(), _word_of(record).casefold()}


def _faults(record: PatientTelecom, headings: dict[str, str]) -> list[str]:
    faults = []
    for name, heading in headings.items():
        field: Any = record._meta.get_field(name)
        try:
            field.clean(getattr(record, name), record)
        except ValidationError as error:
            faults.append(f"{heading}: {' '.join(error.messages)}")
    return faults
