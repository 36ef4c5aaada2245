"""Why slots that a form describes could never be offered, with a link to where that is mended."""

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from practice import terminology
from practice.models import Slot
from practice.services.slots import lacks_address, why_never_seen


def why_not_offered(slot: Slot) -> list[str | SafeString]:
    """Return why nobody outside could ever see such a slot; it need not be saved."""
    found: list[str | SafeString] = [*why_never_seen(slot, organisation=slot.organisation)]
    role, place = slot.schedule.practitioner_role, slot.schedule.location
    if role and role not in terminology.value_set("practitioner_role").codes:
        found.append(f"The session's role {role} is not in the national list: choose another one.")
    if lacks_address(place):
        url = reverse("admin:practice_location_change", args=[place.pk])
        found.append(format_html('Its address: <a href="{}" class="text-link">{}</a>.', url, place))
    return found
