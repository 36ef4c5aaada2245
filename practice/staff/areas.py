"""Pages of area managers, who stand above practices and reach no patient.

They work in no practice: in reach of the area's page are what the watch keeps of its practices, and
of the groups' pages nothing but the groups, which are written by their service alone.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views import View

from practice.db.row_security import bound_to
from practice.exceptions import GroupRefused
from practice.models import Area, ConsumerGroup, Member
from practice.reads import areas, consumer_groups
from practice.services.consumer_groups import remove_group, save_group
from practice.site.fields import DayField
from practice.site.people import actor_of
from practice.site.spreadsheets import spreadsheet
from practice.staff.base import StaffPage, found_or_404

NEW_LINES = 3


class AbovePractices(StaffPage):
    """A page that works in no practice; ``self.areas`` are those of its reader."""

    areas: list[Area]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not self.is_allowed(request):
            raise PermissionDenied
        self.now, self.actor = timezone.now(), actor_of(request)
        self.areas = areas.areas_of(self.reader)
        practices = {each.pk for area in self.areas for each in area.practices.all()}
        with bound_to(*practices):
            return View.dispatch(self, request, *args, **kwargs)

    def render(self, *, template: str = "", status: int = 200, **context: Any) -> TemplateResponse:
        around = {
            **admin.site.each_context(self.request),
            "layout": "staff/part.html" if self.is_step else "staff/base.html",
            "title": self.title,
            "now": self.now,
            "today": self.today,
        }
        return TemplateResponse(
            self.request, template or self.template, {**around, **context}, status=status
        )


class AreaPage(AbovePractices):
    """Practices by the coming days: promised, offered, booked; ``?csv=1`` the same as a file."""

    permission = "practice.view_area"
    template = "staff/areas/page.html"
    title = "Promises in the area"

    def get(self, request: HttpRequest) -> HttpResponse:
        books = areas.area_books(self.areas, self.today)
        if request.GET.get("csv"):
            return self.file(books)
        return self.render(books=books)

    def file(self, books: list[areas.AreaBook]) -> HttpResponse:
        """A line for each practice, promise and day."""
        head = "Area,ODS code,Practice,Promised to,Day,Promised,Offered,Booked,Missing,Causes"
        rows: list[list[Any]] = [head.split(",")]
        for book in books:
            for row in book.rows:
                who = [book.area.name, row.practice.ods_code, row.practice.name, row.promise]
                for cell in row.cells:
                    if cell:
                        found = cell.found
                        numbers = [found.promised, found.offered, found.taken, found.missing]
                        rows.append([*who, found.day, *numbers, " ".join(cell.causes)])
                if not any(row.cells):
                    rows.append([*who, *[""] * 6])
        return spreadsheet(f"area-{self.today}.csv", rows)


class Groups(AbovePractices):
    """Every group, who is in it, what is about to change, and how many practices name it."""

    permission = "practice.change_consumergroup"
    template = "staff/areas/groups.html"
    title = "Groups of organisations"

    def get(self, request: HttpRequest) -> HttpResponse:
        numbers = consumer_groups.numbers_of_practices()
        soon = self.today + consumer_groups.SOON
        rows = [
            {
                "group": group,
                "now": group.members_on(self.today),
                "coming": group.changes(self.today, soon),
                "practices": numbers.get(group.pk, 0),
            }
            for group in consumer_groups.groups()
        ]
        return self.render(rows=rows)


class MemberForm(forms.Form):
    """A line: an organisation, and from when until when it is in the group."""

    ods_code = forms.CharField(label="ODS code", max_length=20, required=False)
    name = forms.CharField(label="Name", max_length=200, required=False)
    since = DayField(label="First day", required=False)
    until = DayField(label="Last day", required=False)


Members = forms.formset_factory(MemberForm, extra=NEW_LINES, max_num=203, absolute_max=203)


class EditGroup(AbovePractices):
    """A new group, or one that there is; POST ``do=remove`` removes it."""

    permission = "practice.change_consumergroup"
    template = "staff/areas/group.html"
    title = "A group of organisations"

    def get(self, request: HttpRequest, group: int | None = None) -> HttpResponse:
        found = self.group(group)
        lines = Members(initial=[dict(each) for each in found.members])
        return self.shown(found, found.name, lines)

    def post(self, request: HttpRequest, group: int | None = None) -> HttpResponse:
        found = self.group(group)
        there = reverse("admin:groups")
        lines = Members(request.POST)
        name = request.POST.get("name", "")[:100]
        try:
            if request.POST.get("do") == "remove" and group is not None:
                if not request.user.has_perm("practice.delete_consumergroup"):
                    raise PermissionDenied
                remove_group(found, actor=self.actor, now=self.now)
                return self.done(f"“{found}” is no longer there.", there)
            if not lines.is_valid():
                return self.shown(found, name, lines, status=422)
            touched = save_group(
                found,
                name=name,
                members=[member_of(each) for each in lines.cleaned_data if each.get("ods_code")],
                actor=self.actor,
                now=self.now,
                seen=request.POST.get("seen", "") if group is not None else None,
            )
        except GroupRefused as refusal:
            return self.shown(found, name, lines, refused=str(refusal), status=422)
        return self.done(f"Saved: it is so for {touched} practices that name “{name}”.", there)

    def group(self, pk: int | None) -> ConsumerGroup:
        return ConsumerGroup() if pk is None else found_or_404(consumer_groups.group_by_id(pk))

    def shown(
        self, group: ConsumerGroup, name: str, lines: Any, *, refused: str = "", status: int = 200
    ) -> HttpResponse:
        named = consumer_groups.practices_naming(group) if group.pk else []
        return self.render(
            group=group,
            name=name,
            lines=lines,
            refused=refused,
            practices=named,
            seen=consumer_groups.fingerprint(group),
            status=status,
        )


def member_of(line: dict[str, Any]) -> Member:
    """A line of the form as a member."""
    since, until = (day.isoformat() if day else "" for day in (line["since"], line["until"]))
    return Member(ods_code=line["ods_code"], name=line["name"], since=since, until=until)
