"""What a supplier's requests can name in their sandbox: somebody, some place, some time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from practice import demographics
from practice.demographics import Demographics
from practice.exceptions import DemographicsUnavailable
from practice.models import Appointment, Location, Organisation, Patient, Practitioner, Slot
from practice.reads import directory, patients, slot_search
from practice.reads.appointments import appointments
from practice.reads.profile_limits import BookingParty

# People of the demo's national record whom no practice knows (demo/demographics.yaml): others than
# those that a sandbox begins with, so that they can be registered.
NEWCOMERS = ("9990026270", "9990026645", "9990027013", "9990027382", "9990027757")
LEAD = timedelta(hours=2)  # so that a request that is pasted a little later still finds it ahead
RANGE = timedelta(days=14)


@dataclass(frozen=True)
class SandboxExamples:
    """Records that interactions may be tried with; None where the sandbox has none just now.

    ``appointments`` are two that lie ahead, or fewer; their patients may be seen by others.
    """

    patient: Patient | None
    practitioner: Practitioner | None
    location: Location | None
    free: Slot | None
    newcomer: Demographics | None
    appointments: tuple[Appointment, ...]


def sandbox_examples(
    *, organisation: Organisation, requester: BookingParty, now: datetime
) -> SandboxExamples:
    """Return what can be named in requests of ``requester`` to a sandbox."""
    seen = patients.visible_patients(organisation=organisation, now=now, asked_by="")
    people = directory.practitioners(organisation=organisation).exclude(sds_user_id=None)
    booked = appointments(organisation=organisation).filter(
        patient__in=seen, start__gt=now + LEAD, status=Appointment.Status.BOOKED
    )
    return SandboxExamples(
        patient=seen.exclude(nhs_number=None).order_by("pk").first(),
        practitioner=people.order_by("pk").first(),
        location=directory.locations(organisation=organisation).order_by("pk").first(),
        free=free_slot(organisation=organisation, requester=requester, now=now),
        newcomer=newcomer(organisation=organisation),
        appointments=tuple(
            booked.select_related("patient", "schedule").order_by("start", "pk")[:2]
        ),
    )


def free_slot(*, organisation: Organisation, requester: BookingParty, now: datetime) -> Slot | None:
    """Return the first slot that is offered to a requester, with its session."""
    start = now + LEAD
    found = slot_search.free_slots(
        organisation=organisation, requester=requester, start=start, end=start + RANGE, now=now
    )
    if not found:
        return None
    return Slot.objects.select_related("schedule").get(organisation=organisation, pk=found[0][0])


def newcomer(*, organisation: Organisation) -> Demographics | None:
    """Return the first of the national record who can be registered at a sandbox."""
    known = set(
        Patient.objects.filter(
            organisation=organisation, nhs_number__in=NEWCOMERS, active=True
        ).values_list("nhs_number", flat=True)
    )
    record = demographics.service(for_sandbox=True)
    try:
        people = (record.retrieve(number) for number in NEWCOMERS if number not in known)
        return next(filter(None, people), None)
    except DemographicsUnavailable:
        return None
