"""A clinician's list of a day: who comes, who waits and for how long, who is in, what is free."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Prefetch

from practice.models import (
    Appointment,
    DeskMessage,
    Membership,
    Organisation,
    PatientNote,
    Practitioner,
    Schedule,
    Slot,
)
from practice.reads.clinic_list import people_expected, sessions_on, slots_without_patient
from practice.reads.diary_columns import called_in_at
from practice.reads.front_page import known_arrival

Status = Appointment.Status
STATES: dict[str, str] = {
    Status.ARRIVED: "waiting",
    Status.FULFILLED: "seen",
    Status.NO_SHOW: "missed",
}


@dataclass(frozen=True)
class Line:
    """Somebody of the list. ``state``: to come, waiting, in, seen or missed; waits are minutes."""

    appointment: Appointment
    state: str
    arrived: datetime | None
    called_in: datetime | None
    waited: int | None
    messages: list[DeskMessage]
    notes: list[PatientNote]

    @property
    def start(self) -> datetime:
        return self.appointment.start

    @property
    def unseen(self) -> list[DeskMessage]:
        """What reception has written, and nobody here has seen."""
        reception = DeskMessage.Side.RECEPTION
        return [m for m in self.messages if m.side == reception and m.seen_at is None]


@dataclass(frozen=True)
class OwnList:
    """The sessions of a holder on a day, and by time who comes and which slots nobody has."""

    sessions: list[Schedule]
    lines: list[Line]
    free: list[Slot]

    @property
    def counts(self) -> dict[str, int]:
        """How many there are in each state, and free slots to come."""
        states = [line.state for line in self.lines]
        names = ("to come", "waiting", "in", "seen", "missed")
        return {name: states.count(name) for name in names}

    @property
    def patients(self) -> set[int]:
        return {line.appointment.patient_id for line in self.lines}

    @property
    def by_time(self) -> list[Line | Slot]:
        """People and free slots together."""
        rows: list[Line | Slot] = [*self.lines, *self.free]
        return sorted(rows, key=lambda row: row.start)


def holder_of(*, organisation: Organisation, user_id: int) -> Practitioner | None:
    """Return who a member of staff is in the diary of a practice, if an administrator said so."""
    here = Membership.objects.filter(organisation=organisation, user=user_id)
    member = here.select_related("session_holder").first()
    return member.session_holder if member else None


def own_list(
    *, organisation: Organisation, holder: Practitioner, day: date, now: datetime
) -> OwnList:
    """Return the list of a day: six queries, however many they are."""
    sessions = sessions_on(organisation=organisation, day=day, holder=holder)
    people = people_expected(
        organisation=organisation, sessions=sessions, also=WITH_NOTES, with_one=("called_in",)
    )
    slots = slots_without_patient(organisation=organisation, sessions=sessions)
    free = [slot for slot in slots if slot.status == Slot.Status.FREE and slot.end > now]
    taking_place = [session for session in sessions if not session.withdrawn]
    return OwnList(taking_place, [line_of(each, now=now) for each in people], free)


WITH_NOTES = (
    "desk_messages",
    Prefetch(
        "patient__notes", PatientNote.objects.filter(ended_at__isnull=True), to_attr="standing"
    ),
)


def line_of(appointment: Appointment, *, now: datetime) -> Line:
    """Say how far somebody has come, and how long they have waited, or waited until called in."""
    called = called_in_at(appointment)
    state = STATES.get(appointment.status, "to come")
    if state == "waiting" and called:
        state = "in"
    has_come = state in {"waiting", "in", "seen"}
    arrived = known_arrival(appointment) if has_come else None
    until = now if state == "waiting" else called
    waited = None
    if arrived and until:
        waited = max((until - arrived) // timedelta(minutes=1), 0)
    return Line(
        appointment,
        state,
        arrived,
        called if has_come else None,
        waited,
        list(appointment.desk_messages.all()),
        appointment.patient.standing,  # type: ignore[attr-defined]
    )


def is_on_own_list(
    *, organisation: Organisation, holder: Practitioner, appointment_id: int, day: date
) -> bool:
    """Whether somebody is on a holder's own list of a day: nobody else is theirs to mark."""
    here = Appointment.objects.live().filter(organisation=organisation, pk=appointment_id)
    return here.filter(schedule__session_holder=holder, schedule__date=day).exists()
