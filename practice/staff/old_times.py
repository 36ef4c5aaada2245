"""After a closure has gone: whom it had moved, and the way back to their old time."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice.reads.old_times import OldTime, old_times
from practice.site.addresses import number
from practice.staff.base import StaffPage

MOST = 200  # people; their ids stand in the address


class OldTimes(StaffPage):
    """``?moved=12&moved=13``: those who were moved. Each goes back by the page that moves."""

    permission = "practice.change_appointment"
    template = "staff/old_times/page.html"
    title = "Offer their old time"

    def get(self, request: HttpRequest) -> HttpResponse:
        ids = [number(each) for each in request.GET.getlist("moved")[:MOST]]
        found = old_times([pk for pk in ids if pk], organisation=self.practice, now=self.now)
        self.record_shown("old_times.viewed", [each.appointment.patient_id for each in found])
        return self.render(
            people=[(each, way_back(each)) for each in found],
            free=sum(bool(each.slots) for each in found),
        )


def way_back(old: OldTime) -> str:
    """Return the address that asks whether to move somebody back; "": the time has gone."""
    if not old.slots:
        return ""
    query = urlencode([("slot", slot.pk) for slot in old.slots])
    return f"{reverse('admin:move', args=[old.appointment.pk])}?{query}"
