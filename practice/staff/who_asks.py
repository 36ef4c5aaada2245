"""Who really asks: from the audit trail, not from what somebody set up."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from practice.reads.asking import SHOWN_DAYS, Row, watch_of, who_asks
from practice.staff.base import StaffPage


class WhoAsks(StaffPage):
    """The page: a line for everybody who searched or booked, or is promised something."""

    permission = "practice.view_promise"
    template = "staff/who_asks/page.html"
    title = "Who really asks"

    def get(self, request: HttpRequest) -> HttpResponse:
        watch = watch_of(organisation=self.practice)
        rows = who_asks(organisation=self.practice, watch=watch, now=self.now)
        return self.render(
            rows=[(row, self.visibility_of(row), self.events_of(row)) for row in rows],
            watch=watch,
            shown_days=SHOWN_DAYS,
        )

    def visibility_of(self, row: Row) -> str:
        """The page that says what it is offered now, and why not more."""
        asked: dict[str, Any] = {
            "ods_code": min(row.party.ods_codes, default=""),
            "organisation_type": min(row.party.organisation_types, default=""),
            "first": self.today.isoformat(),
            "last": (self.today + timedelta(days=6)).isoformat(),
        }
        return f"{reverse('admin:visibility')}?{urlencode(asked)}"

    def events_of(self, row: Row) -> str:
        """Its events in the trail, for those who may read that."""
        if row.asking is None or not row.asking.ods_code:
            return ""
        asked = {"door": "gp-connect", "user_organisation": f"({row.asking.ods_code})"}
        return f"{reverse('admin:audit_trail')}?{urlencode(asked)}"
