"""A session as template, closures and people want it, beside the one that the diary has."""

from dataclasses import dataclass
from datetime import date

from practice.clock import seconds
from practice.models import Schedule, SessionTemplate
from practice.services.generation.closed_times import Closed
from practice.services.generation.planned_sessions import PlannedSession, PlannedSlot
from practice.services.generation.plans import HeldAppointment, SessionValues
from practice.services.generation.slot_differences import Covered
from practice.services.generation.stored_sessions import values_of


@dataclass(frozen=True, eq=False)
class WantedSession:
    """A session as template and closures together want it, and the one in the diary, if any."""

    template: SessionTemplate
    day: date
    schedule: Schedule | None
    name: str
    values: SessionValues
    slots: list[PlannedSlot]
    closures: list[Closed]
    added: list[PlannedSlot]

    @property
    def covered(self) -> Covered:
        """The time in which the session takes place, what a person has added to it included."""
        return Covered(sorted([*self.slots, *self.added], key=lambda slot: slot.start))

    @property
    def was(self) -> SessionValues:
        """What the session in the diary is now."""
        assert self.schedule is not None
        return values_of(self.schedule)

    @property
    def moves(self) -> bool:
        """Whether the time at which somebody is occupied changes."""
        return _occupation(self.was) != _occupation(self.values)

    def has_room_for(self, appointment: HeldAppointment, covered: Covered) -> bool:
        """Whether an appointment still has its time: within the slots, or an extra one beside them.

        An extra slot is not planned, so that only a closure takes its time away.
        """
        if not appointment.extra:
            return covered.holds(appointment.start, appointment.end)
        return not any(
            start < appointment.end and appointment.start < end for start, end, _ in self.closures
        )


def _occupation(values: SessionValues) -> tuple[int | None, int, int]:
    return values.session_holder_id, values.start, values.end


def span(whole: PlannedSession, schedule: Schedule | None) -> tuple[int, int]:
    """From when to when a session is: as planned, and what a person has added before and after."""
    start, end = whole.start, whole.end
    if schedule and schedule.extended_from:
        start = min(start, seconds(schedule.extended_from))
    if schedule and schedule.extended_to:
        end = max(end, seconds(schedule.extended_to))
    return start, end
