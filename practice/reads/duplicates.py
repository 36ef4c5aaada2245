"""Whether somebody who is about to be registered is here already, perhaps spelled otherwise."""

from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher

from django.db.models import Exists, OuterRef, Q

from practice.models import Organisation, Patient
from practice.reads.patient_search import with_telephone

MOST = 5
LOOKED_AT = 300  # who shares a birthday or a name is compared letter by letter, so many at most
ALIKE, NEARLY_ALIKE, CERTAIN = 0.85, 0.6, 10.0


@dataclass(frozen=True)
class Person:
    """Who is about to be registered, as it was typed; ``telephone`` is digits only."""

    given_names: str
    family_name: str
    birth_date: date
    nhs_number: str | None = None
    telephone: str = ""

    @property
    def name(self) -> str:
        return f"{self.given_names} {self.family_name}".casefold()


@dataclass(frozen=True)
class Likeness:
    """A patient who may be the same person, and what differs, in words."""

    patient: Patient
    differs: list[str]
    is_certain: bool  # the NHS number is the same


def possible_duplicates(person: Person, *, organisation: Organisation) -> list[Likeness]:
    """Return who may be the same person, the likeliest first: one query."""
    born = {person.birth_date, *swapped(person.birth_date)}
    same = Q(birth_date__in=born) | Q(
        family_name__iexact=person.family_name, given_names__istartswith=person.given_names[:1]
    )
    if person.nhs_number:
        same |= Q(nhs_number=person.nhs_number)
    if person.telephone:
        same |= Q(Exists(with_telephone(person.telephone).filter(patient=OuterRef("pk"))))
    found = Patient.objects.filter(same, organisation=organisation)
    scored = [
        (score, each.pk, each)
        for each in found.order_by("-active", "pk")[:LOOKED_AT]
        if (score := likeness(person, each))
    ]
    scored.sort(key=lambda each: (-each[0], each[1]))
    return [
        Likeness(each, differences(person, each), score >= CERTAIN)
        for score, _, each in scored[:MOST]
    ]


def likeness(person: Person, patient: Patient) -> float:
    """How likely a patient is the same person; 0: they are not."""
    if person.nhs_number and person.nhs_number == patient.nhs_number:
        return CERTAIN
    if person.nhs_number and patient.nhs_number:
        return 0  # two numbers are two people
    name = SequenceMatcher(None, person.name, _name(patient)).ratio()
    if patient.birth_date == person.birth_date and name >= NEARLY_ALIKE:
        return 2 + name
    if patient.birth_date in swapped(person.birth_date) and name >= NEARLY_ALIKE:
        return 1 + name
    return name if name >= ALIKE else 0


def _name(patient: Patient) -> str:
    return f"{patient.given_names} {patient.family_name}".casefold()


def swapped(day: date) -> list[date]:
    """Return the date with day and month changed about, if that is one."""
    return [date(day.year, day.day, day.month)] if day.day <= 12 and day.day != day.month else []


def differences(person: Person, patient: Patient) -> list[str]:
    """Say what differs between what was typed and what is held."""
    found = []
    if person.given_names.casefold() != patient.given_names.casefold():
        found.append("first name")
    if person.family_name.casefold() != patient.family_name.casefold():
        found.append("surname")
    if patient.birth_date in swapped(person.birth_date):
        found.append("day and month of birth changed about")
    elif patient.birth_date != person.birth_date:
        found.append("date of birth")
    return found or ["nothing"]
