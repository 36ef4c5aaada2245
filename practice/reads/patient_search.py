"""Finding a patient by what reception is told, and what to know before booking for them."""

from collections.abc import Iterable
from datetime import date, datetime

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Replace

from practice import clock
from practice.models import Appointment, Organisation, Patient, PatientTelecom


def find_patients(
    *, organisation: Organisation, words: str, born: date | None, most: int
) -> list[Patient]:
    """Return who fits, by name, registered people first; each with their ``telephones``.

    ``words`` are an NHS number, a telephone number, or a family name and first letters in either
    order.
    """
    found = Patient.objects.filter(organisation=organisation)
    parts = words.replace(",", " ").split()
    digits = "".join(parts).replace("-", "")
    if is_telephone(digits):
        found = found.filter(Exists(with_telephone(digits).filter(patient=OuterRef("pk"))))
    elif digits.isdigit():
        found = found.filter(nhs_number=digits)
    elif parts:
        found = found.filter(_named(parts))
    if born:
        found = found.filter(birth_date=born)
    numbers = PatientTelecom.objects.filter(system="phone").order_by("pk")
    telephones = Prefetch("telecoms", queryset=numbers, to_attr="telephones")
    return list(
        found.prefetch_related(telephones).order_by(
            "-active", "family_name", "given_names", "birth_date"
        )[:most]
    )


def is_telephone(digits: str) -> bool:
    """Whether digits are a British telephone number: a zero at first, which no NHS number needs."""
    return digits.isdigit() and digits.startswith("0") and len(digits) in (10, 11)


def with_telephone(digits: str) -> QuerySet[PatientTelecom]:
    """Telephone numbers that are these digits, however they are spaced."""
    plain = Replace(Replace("value", Value(" "), Value("")), Value("-"), Value(""))
    return PatientTelecom.objects.alias(plain=plain).filter(system="phone", plain=digits)


def _named(words: list[str]) -> Q:
    """Family name and first letters, in either order; a family name may have several words."""
    whole = " ".join(words)
    fits = Q(family_name__istartswith=whole)
    for cut in range(1, len(words)):
        before, after = " ".join(words[:cut]), " ".join(words[cut:])
        fits |= Q(family_name__istartswith=before, given_names__istartswith=after)
        fits |= Q(given_names__istartswith=before, family_name__istartswith=after)
    return fits


def warnings(patient: Patient, days: Iterable[date], *, now: datetime) -> list[str]:
    """Return what a receptionist should know before booking: one sentence for each.

    That nobody books for a patient any more says ``patients.why_nobody_books_for``.
    """
    found = []
    if patient.registration_type == "T" and patient.registration_end:
        found.append(f"Registered for a time, until {patient.registration_end:%d %b %Y}.")
    for day in sorted(set(days)):
        booked = Appointment.objects.filter(
            patient=patient,
            start__gte=clock.day_start(day),
            start__lt=clock.day_end(day),
            status__in=[Appointment.Status.BOOKED, Appointment.Status.ARRIVED],
        ).select_related("schedule__session_holder")
        for appointment in booked:
            when = clock.local(appointment.start)
            whom = appointment.schedule.session_holder or appointment.session_name
            found.append(f"Already booked that day: {when:%d %b, %H:%M} with {whom}.")
    return found
