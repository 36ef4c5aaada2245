"""What a form says when a slot is ticked GP Connect bookable that nobody outside could ever see."""

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from practice import terminology
from practice.models import Slot
from practice.services.slots import lacks_address, why_never_seen


def obstacles(slot: Slot) -> list[str | SafeString]:
    """Return why nobody outside could ever see this slot, and where that is changed.

    The slot need not be saved, nor its session; no sentence: it can be seen. To the service's
    reasons this adds what only the forms can put right (AVAIL-053, STAFF-026).
    """
    schedule, found = slot.schedule, list[str | SafeString]()
    found += why_never_seen(slot, organisation=slot.organisation)
    role = schedule.practitioner_role
    if role and role not in terminology.value_set("practitioner_role").codes:
        found.append(f"The session's role {role} is not in the national list: choose another one.")
    place = schedule.location
    if lacks_address(place):
        url = reverse("admin:practice_location_change", args=[place.pk])
        found.append(format_html('Its address: <a href="{}" class="text-link">{}</a>.', url, place))
    if found and schedule.pk:
        url = reverse("admin:practice_schedule_change", args=[schedule.pk])
        found.append(
            format_html(
                "Role, place and limits of the session are changed there: "
                '<a href="{}" class="text-link">{}</a>.',
                url,
                schedule,
            )
        )
    return found
