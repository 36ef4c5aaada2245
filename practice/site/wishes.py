"""What somebody on the cancellation list would come for, in words."""

from datetime import date

from practice.models import CancellationListEntry
from practice.reads.cancellation_list import minutes_needed
from practice.site.fields import weekdays_in_words


def wish_in_words(entry: CancellationListEntry) -> str:
    """Return 1 Dec to 24 Dec, Mon to Wed, 09:00 to 12:00, Routine, 20 minutes, with Dr Fauxley."""
    minutes = minutes_needed(entry)
    people = [str(each.practitioner) for each in entry.clinicians.all()]
    said = [
        f"{_day(entry.first_day)} to {_day(entry.last_day)}",
        weekdays_in_words(entry.weekdays),
        _hours(entry),
        entry.slot_type,
        f"{minutes} minutes" if minutes else "",
        f"with {' or '.join(people)}" if people else "with anybody",
    ]
    return ", ".join(filter(None, said))


def _day(day: date) -> str:
    return f"{day.day} {day:%b}"


def _hours(entry: CancellationListEntry) -> str:
    start, end = entry.start_time, entry.end_time
    if start and end:
        return f"{start:%H:%M} to {end:%H:%M}"
    return f"from {start:%H:%M}" if start else f"over by {end:%H:%M}" if end else ""
