"""Saved views of the diary: a list of them, and a form for one.

Whoever sees the diary has views of their own; whoever may change the practice keeps those of all.
"""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse

from practice.exceptions import PracticeError
from practice.models import DiaryView, Location, Practitioner
from practice.reads.diary_rows import people_and_places
from practice.reads.diary_views import diary_views
from practice.services.diary_views import ViewValues, remove_view, save_view
from practice.site.addresses import number
from practice.staff.base import StaffPage, found_or_404

MOST_PLACES = 999


class DiaryViewForm(forms.Form):
    """A name, whose columns in which order, at which places; ``place_9`` is that of person 9."""

    name = forms.CharField(max_length=60, help_text="Such as: Upstairs team.")
    for_practice = forms.BooleanField(
        label="For the whole practice", required=False, help_text="Everybody here can choose it."
    )
    locations = forms.MultipleChoiceField(
        label="Only at", required=False, widget=forms.CheckboxSelectMultiple
    )
    show_hidden = forms.BooleanField(label="Show cancelled and withdrawn too", required=False)

    def __init__(
        self,
        sent: QueryDict | None,
        *,
        people: list[Practitioner],
        places: list[Location],
        manages: bool,
        initial: dict[str, Any],
    ) -> None:
        super().__init__(sent, initial=initial)
        fields: dict[str, Any] = self.fields
        fields["locations"].choices = [(str(place.pk), str(place)) for place in places]
        if not manages:
            del fields["for_practice"]
        if len(places) < 2:
            del fields["locations"]
        self.people = people
        for person in people:
            fields[f"place_{person.pk}"] = forms.IntegerField(
                label=str(person), required=False, min_value=1, max_value=MOST_PLACES
            )

    @property
    def own_fields(self) -> list[forms.BoundField]:
        """All but the places of people."""
        return [field for field in self if not field.name.startswith("place_")]

    @property
    def place_fields(self) -> list[forms.BoundField]:
        return [self[f"place_{person.pk}"] for person in self.people]

    def values(self) -> ViewValues:
        given = self.cleaned_data
        placed = [
            (place, at, person.pk)
            for at, person in enumerate(self.people)
            if (place := given[f"place_{person.pk}"])
        ]
        return ViewValues(
            name=given["name"],
            for_practice=given.get("for_practice", False),
            holder_ids=tuple(pk for _, _, pk in sorted(placed)),
            location_ids=tuple(int(pk) for pk in given.get("locations", [])),
            show_hidden=given["show_hidden"],
        )


class DiaryViews(StaffPage):
    """The views that somebody may choose from."""

    permission = "practice.view_appointment"
    template = "staff/diary_views/page.html"
    title = "Views of the diary"

    def get(self, request: HttpRequest) -> HttpResponse:
        views = diary_views(organisation=self.practice, user=self.reader)
        return self.render(views=views, manages=manages(request))


def manages(request: HttpRequest) -> bool:
    """Whether somebody may say how the whole practice looks at the diary."""
    return request.user.has_perm("practice.change_organisation")


class DiaryViewPage(StaffPage):
    """A view: made, changed, forgotten. ``pk``: one that there is."""

    permission = "practice.view_appointment"
    template = "staff/diary_views/view.html"
    title = "A view of the diary"

    def get(self, request: HttpRequest, pk: int = 0) -> HttpResponse:
        return self.show(self.form(None, self.find(pk)), pk)

    def post(self, request: HttpRequest, pk: int = 0) -> HttpResponse:
        view = self.find(pk)
        arguments: dict[str, Any] = {
            "organisation": self.practice,
            "user": self.reader,
            "manages": manages(request),
            "actor": self.actor,
            "now": self.now,
            "view_id": pk,
        }
        form = self.form(request.POST, view)
        try:
            if view and request.POST.get("do") == "forget":
                remove_view(**arguments)
                return self.done(f"The view {view} is gone.", reverse("admin:diary_views"))
            if form.is_valid():
                saved = save_view(values=form.values(), **arguments)
                chosen = urlencode({"choose": saved.pk})
                return self.done(
                    f"The view {saved} is saved.", f"{reverse('admin:diary')}?{chosen}"
                )
        except PracticeError as refusal:
            form.add_error(None, str(refusal))
        return self.show(form, pk, status=422)

    def find(self, pk: int) -> DiaryView | None:
        """Return the view that is to be changed, or answer 404; None: a new one."""
        if not pk:
            return None
        seen = diary_views(organisation=self.practice, user=self.reader).filter(pk=pk)
        return found_or_404(seen.first())

    def form(self, sent: QueryDict | None, view: DiaryView | None) -> DiaryViewForm:
        people, places = people_and_places(self.practice)
        if view is None:
            asked = self.request.GET  # what the diary was narrowed to
            now: dict[str, Any] = {
                "locations": [asked.get("location", "")],
                f"place_{number(asked.get('holder'))}": 1,
            }
        else:
            holders, locations = list(view.holders.all()), list(view.locations.all())
            people += [
                each.practitioner
                for each in holders
                if all(person.pk != each.practitioner_id for person in people)
            ]
            places += [each.location for each in locations if each.location not in places]
            now = {
                "name": view.name,
                "for_practice": view.user_id is None,
                "show_hidden": view.show_hidden,
                "locations": [str(each.location_id) for each in locations],
                **{f"place_{each.practitioner_id}": each.position for each in holders},
            }
        return DiaryViewForm(
            sent, people=people, places=places, manages=manages(self.request), initial=now
        )

    def show(self, form: DiaryViewForm, pk: int, *, status: int = 200) -> HttpResponse:
        return self.render(form=form, pk=pk, status=status)
