"""Registering somebody at the desk, and booking for them: both or neither.

Nobody whom the desk registers is visible outside before their NHS number is verified: a find from
outside verifies a number that the national record confirms (practice.services.registration).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from practice import clock
from practice.db.transactions import atomic_service
from practice.exceptions import AlreadyRegistered
from practice.models import Appointment, Organisation, Patient, PatientAddress, PatientTelecom
from practice.reads.patients import TO_BE_TRACED
from practice.services.appointments.booking import book_appointment
from practice.services.appointments.how_booked import Said
from practice.services.audit.recording import Actor, record_done
from practice.services.registration import TEMPORARY, provenance

REGULAR, AT_ONCE = "R", "IN"
AT_ONCE_DAYS = 14  # of immediately necessary care
NOT_TRACED = "02"
# Why somebody has no NHS number, as the national list of verification states has it.
WITHOUT_NUMBER = {
    TO_BE_TRACED: "Not known yet: to be traced",
    "08": "A baby, whose number is to come",
    "07": "None, and none is needed: from abroad",
}


@dataclass(frozen=True)
class NewPatient:
    """Who is registered; ``nhs_number`` None: see ``without_number``, one of WITHOUT_NUMBER."""

    given_names: str
    family_name: str
    birth_date: date
    gender: str
    registration_type: str
    telephone: str
    nhs_number: str | None = None
    without_number: str = TO_BE_TRACED
    address_line_1: str = ""
    city: str = ""
    postal_code: str = ""


@dataclass(frozen=True)
class NewAppointment:
    """What is booked for them."""

    slot_ids: Sequence[int]
    description: str
    comment: str = ""
    how: Said | None = None


@atomic_service
def register_at_desk(
    new: NewPatient,
    appointment: NewAppointment | None = None,
    *,
    organisation: Organisation,
    registered_by: User,
    actor: Actor,
    now: datetime,
) -> tuple[Patient, Appointment | None]:
    """Register somebody, and book for them if there is an appointment.

    Raises AlreadyRegistered when a patient of the practice has the NHS number, and the refusals of
    ``book_appointment``: then nobody is registered.
    """
    patient = _create(new, organisation, actor=actor, now=now)
    PatientTelecom.objects.create(
        patient=patient,
        system="phone",
        value=new.telephone,
        use="mobile" if new.telephone.replace(" ", "").startswith("07") else "home",
    )
    if new.address_line_1 or new.postal_code:
        PatientAddress.objects.create(
            patient=patient,
            use="home" if new.registration_type == REGULAR else "temp",
            address_line_1=new.address_line_1,
            city=new.city,
            postal_code=new.postal_code,
        )
    detail = {
        "registration_type": new.registration_type,
        "nhs_number_verification": patient.nhs_number_verification,
    }
    record_done("patient.registered", patient, actor=actor, now=now, detail=detail)
    if appointment is None:
        return patient, None
    booked = book_appointment(
        organisation=organisation,
        patient_id=patient.pk,
        slot_ids=appointment.slot_ids,
        description=appointment.description,
        comment=appointment.comment,
        how=appointment.how,
        booked_by=registered_by,
        actor=actor,
        now=now,
    )
    return patient, booked


def _create(new: NewPatient, organisation: Organisation, *, actor: Actor, now: datetime) -> Patient:
    today = clock.today(now)
    days = {TEMPORARY: organisation.temporary_registration_days, AT_ONCE: AT_ONCE_DAYS}
    stays = days.get(new.registration_type)
    try:
        with transaction.atomic():
            return Patient.objects.create(
                organisation=organisation,
                nhs_number=new.nhs_number,
                nhs_number_verification=NOT_TRACED if new.nhs_number else new.without_number,
                given_names=new.given_names,
                family_name=new.family_name,
                birth_date=new.birth_date,
                gender=new.gender,
                registration_type=new.registration_type,
                registration_start=today,
                registration_end=today + timedelta(days=stays) if stays else None,
                registration_provenance=provenance(actor=actor, now=now, differing=[]),
            )
    except IntegrityError as error:  # the constraint has the last word on the number
        raise AlreadyRegistered from error
