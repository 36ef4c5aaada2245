"""What the practice has promised to offer to others, each day against what they find."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from practice.models import Promise
from practice.reads.access_profiles import profiles
from practice.reads.consumer_groups import coming_changes
from practice.reads.profile_limits import ANYBODY
from practice.reads.promises import (
    DayOfPromise,
    PromisesOfPractice,
    is_promised,
    parties,
    promise_of,
)
from practice.services import promises
from practice.site.fields import WEEKDAYS
from practice.staff.base import StaffPage, found_or_404


class PromiseForm(forms.ModelForm):
    """To whom, how many, when, and who is told; what contradicts itself is said at its field."""

    weekdays = forms.TypedMultipleChoiceField(
        label="Days of the week",
        coerce=int,
        choices=list(enumerate(WEEKDAYS)),
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Promise
        fields = (
            "name",
            "ods_code",
            "organisation_type",
            "access_profile",
            "slots_a_day",
            "patients_for_each_slot",
            "weekdays",
            "start_time",
            "end_time",
            "days_ahead",
            "silent_after_days",
            "mail_to",
        )
        labels: ClassVar[dict[str, str]] = {
            "name": "Promised to",
            "slots_a_day": "Slots a day",
            "patients_for_each_slot": "Or one for every so many patients",
            "days_ahead": "Days to watch",
            "silent_after_days": "Silent after so many days without a search",
            "mail_to": "Who is told by e-mail",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "mail_to": "One address a line. They hear of a short day once for each cause.",
            "ods_code": "The organisation that searches, such as the 111 provider.",
        }
        widgets: ClassVar[dict[str, Any]] = {
            "start_time": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "end_time": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "mail_to": forms.Textarea(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own: Any = self.fields["access_profile"]
        own.queryset = profiles(organisation=self.instance.organisation)

    def clean_ods_code(self) -> str:
        return str(self.cleaned_data["ods_code"]).strip().upper()

    def clean_mail_to(self) -> str:
        addresses = str(self.cleaned_data["mail_to"]).split()
        for each in addresses:
            try:
                validate_email(each)
            except ValidationError:
                raise ValidationError(f"“{each}” is not an e-mail address.") from None
        return "\n".join(addresses)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        practice, name = self.instance.organisation, given.get("name")
        if is_promised(name or "", but=self.instance.pk, organisation=practice):
            self.add_error("name", f"There is a promise to “{name}” already: change that one.")
        named = [given.get(name) for name in ("ods_code", "organisation_type", "access_profile")]
        if not any(named):
            self.add_error("ods_code", "Say to whom: an ODS code, a type, or an access profile.")
        if given.get("access_profile") and (named[0] or named[1]):
            self.add_error("access_profile", "A profile says itself who is meant: choose one way.")
        how_many = [given.get("slots_a_day"), given.get("patients_for_each_slot")]
        if how_many.count(None) != 1 and not self.has_error("slots_a_day"):
            self.add_error(
                "slots_a_day", "Say how many: so many a day, or one for so many patients."
            )
        start, end = given.get("start_time"), given.get("end_time")
        if start and end and end <= start:
            self.add_error("end_time", "The hours end before they begin.")
        return given


class Promises(StaffPage):
    """The page: every promise, and each of its days."""

    permission = "practice.view_promise"
    template = "staff/promises/page.html"
    title = "Promised to others"

    def get(self, request: HttpRequest) -> HttpResponse:
        standing = PromisesOfPractice.of(self.practice, now=self.now)
        rows = [
            (promise, [self.shown(standing, promise, day) for day in standing.days(promise)])
            for promise in standing.promises
        ]
        return self.render(
            rows=rows,
            patients=standing.patients if rows else 0,
            coming=coming_changes(organisation=self.practice, today=self.today),
        )

    def shown(
        self, standing: PromisesOfPractice, promise: Promise, day: DayOfPromise
    ) -> dict[str, Any]:
        """A day as the page shows it; why it is short is looked up for those that are."""
        return {
            "day": day,
            "causes": standing.causes(promise, day) if day.is_short else [],
            "visibility": self.visibility_of(promise, day),
        }

    def visibility_of(self, promise: Promise, day: DayOfPromise) -> str:
        """The page that explains the day to the first of those who are promised something."""
        first = next(iter(parties(promise, day.day)), ANYBODY)
        asked = {
            "ods_code": next(iter(first.ods_codes), ""),
            "organisation_type": next(iter(first.organisation_types), ""),
            "first": day.day.isoformat(),
            "last": day.day.isoformat(),
        }
        return f"{reverse('admin:visibility')}?{urlencode(asked)}"


class EditPromise(StaffPage):
    """A new promise, or one that there is; POST ``do=withdraw`` takes it back."""

    permission = "practice.view_promise"
    template = "staff/promises/edit.html"
    title = "A promise"

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        return self.render(form=PromiseForm(instance=self.promise(pk)), pk=pk)

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        promise = self.promise(pk)
        if request.POST.get("do") == "withdraw" and pk is not None:
            self.require("delete")
            promises.withdraw_promise(promise, actor=self.actor, now=self.now)
            return self.done(f"“{promise}” is promised no longer.", reverse("admin:promises"))
        self.require("add" if pk is None else "change")
        form = PromiseForm(request.POST, instance=promise)
        if not form.is_valid():
            return self.render(form=form, pk=pk, status=422)
        promises.make_promise(form.instance, actor=self.actor, now=self.now)
        return self.done(f"“{form.instance}” is watched from now on.", reverse("admin:promises"))

    def promise(self, pk: int | None) -> Promise:
        if pk is None:
            return Promise(organisation=self.practice)
        return found_or_404(promise_of(organisation=self.practice, pk=pk))

    def require(self, verb: str) -> None:
        if not self.request.user.has_perm(f"practice.{verb}_promise"):
            raise PermissionDenied
