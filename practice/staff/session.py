"""The pages of a session (Schedule): a session for one day, and what becomes of one there is."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse

from practice import clock, terminology
from practice.exceptions import PracticeError
from practice.models import Organisation, Schedule
from practice.models.common import OFFER_LIMITS
from practice.reads import sessions
from practice.reads.access_profiles import profiles
from practice.reads.diary_columns import key_of
from practice.reads.directory import possible_holders
from practice.reads.service_filtering import is_open
from practice.reads.slots import last_slot, slots_of_session
from practice.services.audit.recording import record_done
from practice.services.by_hand import LONGEST_SLOT_MINUTES
from practice.services.generation.planned_sessions import SlotKind
from practice.services.sessions import (
    SessionWords,
    change_session,
    change_session_holder,
    create_session,
    extend_session,
)
from practice.site.addresses import number, read_date
from practice.site.fields import DayField, record_choice
from practice.site.services import (
    ServiceField,
    as_chosen,
    check_chosen,
    chosen_in,
    offer_services,
    offer_where_due,
)
from practice.site.slot_types import suggested_types
from practice.site.states import state_in_words, state_of
from practice.site.widgets import SuggestingInput, time_input
from practice.site.words import day_and_time
from practice.staff.base import StaffPage, found_or_404
from practice.staff.diary_details import Detail, came_from, leads_back, when_words
from practice.staff.diary_layout import wall_time
from practice.staff.slot import OfferForm

LONGEST_EXTENSION = timedelta(hours=12)  # what would be longer is a time that lies before


class WhereAndWhoForm(forms.Form):
    """What a session has from its first day on: its name, place, role and profile."""

    session_name = forms.CharField(
        max_length=100, required=False, help_text="Shown to other organisations too."
    )
    location = record_choice(empty_label="Select value")
    practitioner_role = forms.ChoiceField(
        label="Role",
        required=False,
        help_text="Needed before any slot of the session can be GP Connect bookable.",
    )
    service = ServiceField()

    def offer(self, practice: Organisation, *, now_at: int | None = None) -> None:
        """Offer what this practice has."""
        fields: dict[str, Any] = self.fields
        places = sessions.possible_places(organisation=practice, now_at=now_at)
        fields["location"].queryset = places
        roles = terminology.practitioner_roles()
        fields["practitioner_role"].choices = [("", "None"), *roles]
        fields["access_profile"].queryset = profiles(organisation=practice)
        fields["access_profile"].empty_label = "Everybody"
        offer_services(self, practice)


# ---------------------------------------------------------------- a session there is


class SessionForm(WhereAndWhoForm, OfferForm):
    """What can be changed of a session, apart from who holds it."""

    field_order = ["session_name", "location", "practitioner_role", "service"]

    def __init__(self, sent: QueryDict | None, *, session: Schedule) -> None:
        self.session = session
        now = {name: getattr(session, name) for name in SessionWords._fields}
        now |= {"location": session.location_id, "access_profile": session.access_profile_id}
        super().__init__(sent, initial={**now, "service": as_chosen(session)})
        self.offer(session.organisation, now_at=session.location_id)

    def words(self) -> SessionWords:
        values = dict(self.cleaned_data)
        place, profile = values.pop("location"), values.pop("access_profile")
        values.pop("service", None)
        return SessionWords(
            location_id=place.pk,
            access_profile_id=profile and profile.pk,
            **chosen_in(self, self.session)._asdict(),
            **values,
        )


class HolderForm(forms.Form):
    """Whose session it is."""

    holder = record_choice(
        label="Session holder",
        required=False,
        empty_label="Nobody by name",
    )

    def __init__(self, sent: QueryDict | None, *, session: Schedule) -> None:
        super().__init__(sent, initial={"holder": session.session_holder_id})
        field: Any = self.fields["holder"]
        field.queryset = possible_holders(
            organisation=session.organisation, also=session.session_holder_id
        )


class SlotKindForm(forms.Form):
    """What the slots are that a session is filled with."""

    slot_minutes = forms.IntegerField(
        label="Slot length (minutes)", min_value=1, max_value=LONGEST_SLOT_MINUTES, initial=10
    )
    slot_type = forms.CharField(
        max_length=100,
        help_text="The practice's own words. Shown to other organisations.",
        widget=SuggestingInput,
    )
    delivery_channel = forms.ChoiceField(required=False)
    gp_connect_bookable = forms.BooleanField(label="GP Connect bookable", required=False)

    def offer_kinds(self, practice: Organisation) -> None:
        fields: dict[str, Any] = self.fields
        fields["slot_type"].widget.suggested = suggested_types(practice)
        fields["delivery_channel"].choices = [("", "None"), *terminology.delivery_channels()]


class ExtendForm(SlotKindForm):
    """From when to when a session is once it is longer, and what fills the time that it gains."""

    start = forms.TimeField(label="From", widget=time_input())
    end = forms.TimeField(label="To", widget=time_input())
    access_profile = record_choice(
        required=False, empty_label="As for the session", help_text="Who outside may book."
    )
    service = ServiceField(
        label="Service of the session",
        help_text="Needed before any slot of it can be GP Connect bookable.",
    )
    field_order = ["start", "end"]

    def __init__(self, sent: QueryDict | None, *, session: Schedule) -> None:
        self.session = session
        self.now_at = clock.local(session.start).time(), clock.local(session.end).time()
        now: dict[str, Any] = dict(zip(("start", "end"), self.now_at, strict=True))
        if last := last_slot(session):
            now["slot_minutes"] = (clock.seconds(last.end) - clock.seconds(last.start)) // 60
            now["slot_type"] = last.slot_type
            now["delivery_channel"] = last.delivery_channel
        super().__init__(sent, initial=now)
        self.offer_kinds(session.organisation)
        fields: dict[str, Any] = self.fields
        fields["access_profile"].queryset = profiles(organisation=session.organisation)
        offer_where_due(self, session)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        is_offered = bool(cleaned.get("gp_connect_bookable"))
        check_chosen(self, is_offered=is_offered, organisation=self.session.organisation)
        return cleaned

    def clean_start(self) -> datetime:
        """Return when it begins: as it does, or earlier on its day."""
        wall: time = self.cleaned_data["start"]
        if wall == self.now_at[0]:
            return self.session.start
        earlier = [
            at for at in clock.times_of_day(self.session.date, wall) if at < self.session.start
        ]
        if not earlier:
            raise forms.ValidationError(f"It begins at {wall_time(self.session.start)} already.")
        return earlier[-1]

    def clean_end(self) -> datetime:
        """Return when it ends: as it does, or later, if need be after midnight."""
        wall: time = self.cleaned_data["end"]
        if wall == self.now_at[1]:
            return self.session.end
        later = clock.next_time(self.session.end, wall)
        if later - self.session.end > LONGEST_EXTENSION:
            raise forms.ValidationError(f"It goes on until {wall_time(self.session.end)} already.")
        return later

    def kind(self) -> SlotKind:
        values = self.cleaned_data
        profile = values["access_profile"]
        return SlotKind(
            values["slot_type"],
            values["delivery_channel"],
            values["gp_connect_bookable"],
            profile and profile.pk,
            None,
            None,
            None,
        )


class SessionPage(Detail):
    """A session: who holds it and where, its slots, and whom they are offered to."""

    permission = "practice.view_schedule"
    change = "practice.change_schedule"
    title = "Session"
    part = "staff/session/part.html"
    what = "schedule"
    model = Schedule

    @property
    def steps(self) -> dict[str, Callable[[Schedule, Any], str]]:
        return {
            "change": self.change_words,
            "holder": self.change_holder,
            "extend": self.extend,
        }

    def form_of(self, step: str, record: Schedule, sent: QueryDict | None) -> forms.Form | None:
        form = {"change": SessionForm, "holder": HolderForm, "extend": ExtendForm}.get(step)
        return form(sent, session=record) if form else None

    def change_words(self, session: Schedule, form: SessionForm) -> str:
        change_session(words=form.words(), **self.change_arguments(session))
        return "The session is changed."

    def change_holder(self, session: Schedule, form: HolderForm) -> str:
        person = form.cleaned_data["holder"]
        change_session_holder(
            practitioner_id=person and person.pk, **self.change_arguments(session)
        )
        return f"The session is now held by {person or 'nobody by name'}."

    def extend(self, session: Schedule, form: ExtendForm) -> str:
        start, end = form.cleaned_data["start"], form.cleaned_data["end"]
        gained = extend_session(
            start=start,
            end=end,
            slot_minutes=form.cleaned_data["slot_minutes"],
            kind=form.kind(),
            service=chosen_in(form),
            **self.change_arguments(session),
        )
        slots = "1 more slot" if gained == 1 else f"{gained} more slots"
        return f"The session is from {wall_time(start)} to {wall_time(end)} now, with {slots}."

    def change_arguments(self, session: Schedule) -> dict[str, Any]:
        """What every service needs that changes a session."""
        return {
            "organisation": self.practice,
            "schedule_id": session.pk,
            "actor": self.actor,
            "now": self.now,
            "expected_version": self.expected_version,
        }

    # ------------------------------------------------------------ what is shown

    def session_of(self, record: Schedule) -> Schedule:
        return record

    def find(self, pk: int) -> Schedule:
        return found_or_404(sessions.session_in_detail(organisation=self.practice, schedule_id=pk))

    def facts(self, record: Schedule) -> dict[str, Any]:
        slots = slots_of_session(record)
        for slot in slots:
            shown: Any = slot
            shown.state = state_of(slot, now=self.now)
            shown.state_in_words = state_in_words(slot, now=self.now)
        may_see_trail = self.request.user.has_perm("practice.view_auditevent")
        template = record.template_id
        return {
            "session": record,
            "when": when_words(record.start, record.end, self.today),
            "slots": slots,
            "number_booked": sessions.number_booked(record),
            "may_add_slot": self.request.user.has_perm("practice.add_slot")
            and not record.withdrawn
            and record.end > self.now,
            "may_extend": not record.withdrawn,
            "with_services": is_open(self.practice),
            "limits": [
                (OfferForm.base_fields[name].label, value)
                for name in OFFER_LIMITS
                if (value := getattr(record, name)) is not None
            ],
            "links": {
                "extra": f"{reverse('admin:practice_slot_add')}?session={record.pk}",
                "clinic_list": f"{reverse('admin:clinic_list')}?schedule={record.pk}",
                "template": reverse("admin:practice_sessiontemplate_change", args=[template])
                if template
                else "",
                "history": reverse("admin:practice_schedule_history", args=[record.pk])
                if may_see_trail
                else "",
            },
        }

    def record_view(self, record: Schedule, facts: dict[str, Any]) -> None:
        """Name the patients who have its slots: the page shows them."""
        held = [each for slot in facts["slots"] for each in slot.held_by]
        if patients := sorted({each.appointment.patient_id for each in held}):
            shown = {"patients": patients}
            record_done("schedule.viewed", record, actor=self.actor, now=self.now, detail=shown)


# ---------------------------------------------------------------- a session for one day


class NewSessionForm(WhereAndWhoForm, SlotKindForm):
    """One session by hand, filled with slots of one kind."""

    session_holder = record_choice(required=False, empty_label="Nobody by name")
    date = DayField()
    start = forms.TimeField(label="From", widget=time_input())
    end = forms.TimeField(label="To", widget=time_input())
    access_profile = record_choice(required=False, help_text="Who outside may book.")
    field_order = [
        "session_name",
        "session_holder",
        "location",
        "practitioner_role",
        "service",
        "date",
        "start",
        "end",
        *SlotKindForm.base_fields,
    ]

    def __init__(self, *args: Any, practice: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.practice = practice
        self.offer(practice)
        fields: dict[str, Any] = self.fields
        fields["session_holder"].queryset = possible_holders(organisation=practice)
        self.offer_kinds(practice)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end = cleaned.get("start"), cleaned.get("end")
        if start and end and end <= start:
            self.add_error("end", "The session ends before it begins.")
        is_offered = bool(cleaned.get("gp_connect_bookable"))
        check_chosen(self, is_offered=is_offered, organisation=self.practice)
        return cleaned


class NewSession(StaffPage):
    """A session for one day; what repeats belongs in a template."""

    permission = "practice.add_schedule"
    template = "staff/session/new.html"
    title = "Add a session for one day"

    def get(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET
        first = {
            "date": read_date(asked.get("date", "")) or self.today,
            "session_holder": number(asked.get("holder")) or None,
            "location": number(asked.get("location")) or None,
        }
        return self.show(NewSessionForm(practice=self.practice, initial=first))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewSessionForm(request.POST, practice=self.practice)
        if form.is_valid():
            try:
                session = self.create(form)
            except PracticeError as refusal:
                form.add_error(None, str(refusal))
            else:
                when = day_and_time(session.start, session.end)
                address = reverse("admin:practice_schedule_change", args=[session.pk])
                if back := self.diary_behind():
                    address = f"{back}#column-{key_of(session)}"
                return self.done(f"Session added with its slots: {when}.", address)
        return self.show(form, status=422)

    def create(self, form: NewSessionForm) -> Schedule:
        values = form.cleaned_data
        holder, profile = values["session_holder"], values["access_profile"]
        return create_session(
            organisation=self.practice,
            location_id=values["location"].pk,
            start=clock.instant(values["date"], values["start"]),
            end=clock.instant(values["date"], values["end"]),
            slot_minutes=values["slot_minutes"],
            slot_type=values["slot_type"],
            actor=self.actor,
            now=self.now,
            session_holder_id=holder and holder.pk,
            session_name=values["session_name"],
            practitioner_role=values["practitioner_role"],
            delivery_channel=values["delivery_channel"],
            gp_connect_bookable=values["gp_connect_bookable"],
            access_profile_id=profile and profile.pk,
            service=chosen_in(form),
        )

    def show(self, form: NewSessionForm, status: int = 200) -> HttpResponse:
        lists = reverse("admin:practice_schedule_changelist")
        return self.render(form=form, back=self.diary_behind(), lists=lists, status=status)

    def diary_behind(self) -> str:
        """The diary from which it was asked for, if it was."""
        address = (self.back("") or came_from(self.request)).partition("#")[0]
        return address if leads_back(address.partition("?")[0]) else ""
