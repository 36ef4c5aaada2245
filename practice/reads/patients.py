"""Which patients there are, and which of them others may know of."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from django.db.models import Model, Q, QuerySet

from practice import clock
from practice.db.prepared import Number, Numbers, Prepared
from practice.models import (
    Organisation,
    Patient,
    PatientAddress,
    PatientContact,
    PatientLanguage,
    PatientTelecom,
)
from practice.reads import rehearsals

VERIFIED = "01"

# For a booking, which asks whether the slots are of the same rehearsal, or of none.
PATIENT_OR_TEST = Prepared(
    lambda: Patient.with_tests.filter(
        organisation=Number("organisation"),
        pk=Number("patient"),
    )
)


PATIENT = Prepared(
    lambda: Patient.objects.filter(
        organisation=Number("organisation"),
        pk=Number("patient"),
    )
)


def patient_by_id(*, organisation: Organisation, patient_id: int) -> Patient | None:
    """Return a patient of the practice, whatever is to be known of them."""
    found: Patient | None = PATIENT.first(organisation=organisation.pk, patient=patient_id)
    return found


def why_nobody_books_for(patient: Patient, *, now: datetime) -> str:
    """Return why no appointment can be made for a patient any more, in words; empty: one can."""
    if patient.deceased_at:
        return f"The patient died on {patient.deceased_at:%d %b %Y}."
    if not patient.active:
        return "The patient is not registered at the practice any more."
    if patient.registration_end and patient.registration_end < clock.today(now):
        return f"The registration ended on {patient.registration_end:%d %b %Y}."
    return ""


def patient_with_nhs_number(
    *, organisation: Organisation, nhs_number: str, but: int = 0
) -> Patient | None:
    """Return the practice's patient with this number, unless it is the patient ``but``."""
    found = Patient.objects.filter(organisation=organisation, nhs_number=nhs_number)
    return found.exclude(pk=but).first()


def known_patients(*, organisation: Organisation, now: datetime) -> QuerySet[Patient]:
    """Patients who are registered today, alive and not flagged sensitive, verified or not."""
    return _known(clock.today(now)).filter(organisation=organisation)


TO_BE_TRACED = "03"  # of the national list of verification states


def to_be_traced(*, organisation: Organisation) -> int:
    """How many people are registered whose NHS number nobody has found yet."""
    unknown = {"nhs_number__isnull": True, "nhs_number_verification": TO_BE_TRACED}
    return Patient.objects.filter(organisation=organisation, active=True, **unknown).count()


def visible_patients(
    *, organisation: Organisation, now: datetime, asked_by: str
) -> QuerySet[Patient]:
    """Patients whom others may see: known ones with a verified NHS number (PAT-011).

    ``asked_by`` is the ODS code of whoever asks: it meets the test patient of its rehearsal too.
    """
    today = clock.today(now)
    found = visible_to_others(today)
    if rehearsals.may_stand(organisation, now=now):
        standing = rehearsals.standing(organisation=organisation, ods_code=asked_by, now=now)
        shown = Patient.with_tests.filter(Q(rehearsal=None) | Q(rehearsal__in=standing))
        found = _known(today, shown).filter(nhs_number_verification=VERIFIED)
    return found.filter(organisation=organisation)


def visible_to_others(today: Any) -> QuerySet[Patient]:
    """The real ones of all practices, on a day or on a parameter that stands for it."""
    return _known(today).filter(nhs_number_verification=VERIFIED)


def _known(today: Any, among: QuerySet[Patient] | None = None) -> QuerySet[Patient]:
    among = Patient.objects.all() if among is None else among
    return among.filter(
        Q(registration_end__isnull=True) | Q(registration_end__gte=today),
        active=True,
        sensitive=False,
        deceased_at__isnull=True,
    )


def why_hidden(patient: Patient, *, today: date) -> list[str]:
    """Say why other organisations do not see a patient; nothing: they do (PAT-010 to PAT-022)."""
    ended = patient.registration_end is not None and patient.registration_end < today
    unverified = patient.nhs_number_verification != VERIFIED
    return [
        reason
        for reason, holds in (
            ("deceased", patient.deceased_at is not None),
            ("not registered", not patient.active or ended),
            ("sensitive", patient.sensitive),
            ("no NHS number", not patient.nhs_number),
            ("NHS number not verified", bool(patient.nhs_number) and unverified),
        )
        if holds
    ]


# ---------------------------------------------------------------- as other organisations see them


class PatientRow(NamedTuple):
    """A patient without the parts that they may have several of."""

    pk: int
    version: int
    registration_start: date | None
    registration_end: date | None
    registration_type: str
    preferred_branch: int | None
    nhs_number: str | None
    nhs_number_verification: str
    active: bool
    prefix: str
    given_names: str
    family_name: str
    gender: str
    birth_date: date
    general_practitioner: int | None
    organisation: int


class LanguageRow(NamedTuple):
    """A language that a patient speaks."""

    language: str
    preferred: bool | None
    mode: str
    proficiency: str
    interpreter_required: bool | None


class TelecomRow(NamedTuple):
    """A telephone number or e-mail address of a patient."""

    system: str
    value: str
    use: str
    start: date | None
    end: date | None


class AddressRow(NamedTuple):
    """An address of a patient."""

    use: str
    type: str
    start: date | None
    end: date | None
    address_line_1: str
    address_line_2: str
    address_line_3: str
    city: str
    district: str
    postal_code: str
    country: str


class ContactRow(NamedTuple):
    """Somebody who may be asked about a patient."""

    relationship: str
    prefix: str
    given_names: str
    family_name: str
    telephone: str
    telephone_use: str
    gender: str
    address_line_1: str
    address_line_2: str
    address_line_3: str
    city: str
    district: str
    postal_code: str
    country: str


class PatientRecord(NamedTuple):
    """A patient with all of their parts, in the order in which they were stored."""

    patient: PatientRow
    languages: Sequence[LanguageRow]
    telecoms: Sequence[TelecomRow]
    addresses: Sequence[AddressRow]
    contacts: Sequence[ContactRow]


Part = TypeVar("Part")


class PartsOfPatients(Generic[Part]):
    """The query for the parts of one kind that patients have."""

    def __init__(
        self, model: type[Model], columns: Sequence[str], make: Callable[[Iterable[Any]], Part]
    ) -> None:
        self.make = make
        self.statement = Prepared(
            lambda: (
                model._default_manager.filter(patient__pk__among=Numbers("patients"))
                .order_by("pk")
                .values_list("patient", *columns)
            )
        )

    def of(self, patient_ids: Sequence[int]) -> dict[int, list[Part]]:
        """The parts, by patient; no query when there is no patient."""
        grouped: dict[int, list[Part]] = defaultdict(list)
        for patient, *values in self.statement.rows(patients=patient_ids) if patient_ids else ():
            grouped[patient].append(self.make(values))
        return grouped


LANGUAGES = PartsOfPatients(PatientLanguage, LanguageRow._fields, LanguageRow._make)
TELECOMS = PartsOfPatients(PatientTelecom, TelecomRow._fields, TelecomRow._make)
ADDRESSES = PartsOfPatients(PatientAddress, AddressRow._fields, AddressRow._make)
CONTACTS = PartsOfPatients(PatientContact, ContactRow._fields, ContactRow._make)


def patient_records(found: QuerySet[Patient]) -> list[PatientRecord]:
    """Return every one of ``found``, by id: a query for them, and one for each kind of parts."""
    rows = [PatientRow._make(row) for row in found.order_by("pk").values_list(*PatientRow._fields)]
    ids = [row.pk for row in rows]
    languages, telecoms = LANGUAGES.of(ids), TELECOMS.of(ids)
    addresses, contacts = ADDRESSES.of(ids), CONTACTS.of(ids)
    return [
        PatientRecord(row, languages[row.pk], telecoms[row.pk], addresses[row.pk], contacts[row.pk])
        for row in rows
    ]


def patient_record(*, patient_id: int) -> PatientRecord:
    """Return a patient who has just been registered, whoever may see them later."""
    (record,) = patient_records(Patient.objects.filter(pk=patient_id))
    return record
