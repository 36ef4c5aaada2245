"""The page of help: what each page is for, and which keys work there."""

from django.http import HttpRequest, HttpResponse

from practice.site.help import EVERYWHERE, TOPICS
from practice.staff.base import StaffPage


class Help(StaffPage):
    """Everybody who has signed in may read it: it says nothing of any practice."""

    template = "staff/help/page.html"
    title = "Help"

    def is_allowed(self, request: HttpRequest) -> bool:
        return True

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.render(topics=TOPICS, everywhere=EVERYWHERE)
