"""What every day-to-day page has in common: who is there, in which practice they work, when it is.

A page is a view of the admin site: the same sign-in, menu and look. It works in one practice at a
time, the one that its reader chose (or the only one there is), and meets nothing of any other.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, ClassVar, TypeVar, cast

from django.contrib import admin, messages
from django.contrib.auth.mixins import AccessMixin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View

from practice import clock
from practice.db.row_security import bound_to
from practice.models import Organisation
from practice.services.audit.recording import Actor
from practice.site.people import actor_of, current_practice, own_practice_of, sole_practice
from practice.site.shown import record_shown

Found = TypeVar("Found")


class StaffPage(AccessMixin, View):
    """A page of the admin site, in one practice.

    ``permission`` is what its reader must be allowed ("practice.view_slot"); ``template`` and
    ``title`` are what it looks like. ``self.practice``, ``self.now`` (the one reading of the clock)
    and ``self.actor`` are there in every handler.
    """

    permission: ClassVar[str]
    template: ClassVar[str]
    title: ClassVar[str] = ""

    practice: Organisation
    now: datetime
    actor: Actor

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not self.is_allowed(request):
            raise PermissionDenied
        practice = self.practice_asked_for(request)
        if practice is None:
            raise PermissionDenied("You work at no practice yet: ask for a membership.")
        self.practice, self.now = practice, timezone.now()
        self.actor = actor_of(request, practice)
        with bound_to(practice.pk):
            return super().dispatch(request, *args, **kwargs)

    def is_allowed(self, request: HttpRequest) -> bool:
        """Whether somebody may come in; what they may do there is said where it is done."""
        return request.user.has_perm(self.permission)

    def practice_asked_for(self, request: HttpRequest) -> Organisation | None:
        """Return the practice in which the page works.

        Somebody who works at several and has chosen none meets the records of all of them in lists:
        a page works in the practice of the record that it is about, else in the first of theirs.
        """
        if sole_practice(request) is None:
            for model, pk in self.about():
                if pk and (practice := own_practice_of(model, pk, request)):
                    return practice
        return current_practice(request)

    def about(self) -> Iterable[tuple[type[Model], int]]:
        """Return which records the address names, as model and id (0: none); the first counts."""
        return ()

    @property
    def is_step(self) -> bool:
        """Whether a page that is open asks for the next one, to put it in its own place."""
        htmx = self.request.htmx  # type: ignore[attr-defined]
        return bool(htmx.boosted or htmx.target == "found")

    @property
    def sent(self) -> QueryDict:
        """What stands in the form that was posted, or else in the address."""
        return self.request.POST if self.request.method == "POST" else self.request.GET

    @property
    def reader(self) -> User:
        """The member of staff who reads the page: nobody else gets as far."""
        return cast(User, self.request.user)

    @property
    def today(self) -> date:
        """The date on a London calendar."""
        return clock.today(self.now)

    def render(self, *, template: str = "", status: int = 200, **context: Any) -> TemplateResponse:
        """Show the page, with what every page of the site has around it."""
        around = {
            **admin.site.each_context(self.request),
            "layout": "staff/part.html" if self.is_step else "staff/base.html",
            "title": self.title,
            "practice": self.practice,
            "now": self.now,
            "today": self.today,
        }
        return TemplateResponse(
            self.request, template or self.template, {**around, **context}, status=status
        )

    def record_shown(self, event: str, patients: Iterable[int | None], **detail: Any) -> None:
        """Audit which patients the page names: one event, such as "clinic_list.viewed"."""
        record_shown(
            event, patients, practice=self.practice, actor=self.actor, now=self.now, detail=detail
        )

    def done(self, message: str, to: str) -> HttpResponse:
        """Say what was done, and go on to a page of ours."""
        messages.success(self.request, message)
        return redirect(to)

    def refused(self, message: str, to: str) -> HttpResponse:
        """Say why nothing was done, and go back to a page of ours."""
        messages.error(self.request, message)
        return redirect(to)

    def back(self, default: str) -> str:
        """Return the address of ours that a form wants to go back to, or the default."""
        wanted = self.request.POST.get("back") or self.request.GET.get("back") or ""
        safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
        return wanted if safe and wanted.startswith("/admin/") else default


class RecordPage(StaffPage):
    """A page about one record, whose id stands in the address as ``pk``."""

    model: ClassVar[type[Model]]

    def about(self) -> Iterable[tuple[type[Model], int]]:
        return [(self.model, self.kwargs["pk"])]


def found_or_404(record: Found | None) -> Found:
    """Return what a question found at the practice, or answer 404."""
    if record is None:
        raise Http404("There is no such record at this practice.")
    return record
