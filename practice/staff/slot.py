"""The page of a slot: book it, block it, offer it outside, withdraw it, change what it says."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import QueryDict
from django.urls import reverse

from practice import clock, terminology
from practice.exceptions import DiaryRefused
from practice.models import Schedule, Slot
from practice.models.common import MOST_WINDOW_DAYS, YEAR_MINUTES, OfferLimits
from practice.reads.access_profiles import profiles
from practice.reads.cancellation_list import numbers_who_would_take
from practice.reads.diary_columns import entry_of_slot
from practice.reads.service_filtering import must_choose
from practice.reads.slot_types import hints
from practice.reads.slots import appointment_in, slot_after, slot_in_detail
from practice.services import cutting, slots
from practice.services.audit.recording import record_done
from practice.services.slots import SlotWords
from practice.site.addresses import number
from practice.site.fields import record_choice
from practice.site.mending import never_offered_with_links
from practice.site.services import ServiceField, chosen_in, offer_where_due
from practice.site.slot_types import suggested_types
from practice.site.widgets import SuggestingInput
from practice.staff.base import found_or_404
from practice.staff.diary_details import Detail, when_words
from practice.staff.diary_layout import time_words, wall_time


def limit_field(name: str, most: int) -> forms.IntegerField:
    """Return the field of one of the three offer limits, with the words of its column."""
    column: Any = OfferLimits._meta.get_field(name)
    return forms.IntegerField(
        label=str(column.verbose_name).capitalize(),
        help_text=str(column.help_text),
        required=False,
        min_value=0,
        max_value=most,
    )


class OfferForm(forms.Form):
    """To whom a slot or a session is offered, and when."""

    access_profile = record_choice(required=False)
    booking_window_days = limit_field("booking_window_days", MOST_WINDOW_DAYS)
    embargo_minutes = limit_field("embargo_minutes", YEAR_MINUTES)
    minimum_notice_minutes = limit_field("minimum_notice_minutes", YEAR_MINUTES)


class SlotForm(OfferForm):
    """What a slot says of itself."""

    slot_type = forms.CharField(
        max_length=100, help_text="Shown to other organisations.", widget=SuggestingInput
    )
    delivery_channel = forms.ChoiceField(required=False)
    note = forms.CharField(max_length=200, required=False, help_text="For staff only.")
    changed_by_hand = forms.BooleanField(
        label="Generating again leaves the slot as it is", required=False
    )
    field_order = ["slot_type", "delivery_channel", "note"]

    def __init__(self, sent: QueryDict | None, *, slot: Slot) -> None:
        now = {name: getattr(slot, name) for name in SlotWords._fields}
        super().__init__(sent, initial={**now, "access_profile": slot.access_profile_id})
        fields: dict[str, Any] = self.fields
        fields["slot_type"].widget.suggested = suggested_types(slot.organisation)
        fields["delivery_channel"].choices = [("", "None"), *terminology.delivery_channels()]
        fields["access_profile"].queryset = profiles(organisation=slot.organisation)
        fields["access_profile"].empty_label = "As for the session"

    def words(self) -> SlotWords:
        values = dict(self.cleaned_data)
        profile = values.pop("access_profile")
        return SlotWords(access_profile_id=profile and profile.pk, **values)


class ServiceOfSessionForm(forms.Form):
    """The service of a slot's session, where it has to be said before others may book."""

    service = ServiceField(
        label="Service of the session",
        required=True,
        help_text="Choose the service that the session belongs to, or “Not applicable”.",
    )

    def __init__(self, sent: QueryDict | None, *, session: Schedule) -> None:
        super().__init__(sent)
        offer_where_due(self, session)


class SplitForm(forms.Form):
    """Where a slot is split in two."""

    first_minutes = forms.IntegerField(label="Minutes of the first part", min_value=1)

    def __init__(self, sent: QueryDict | None, *, slot: Slot) -> None:
        minutes = (clock.seconds(slot.end) - clock.seconds(slot.start)) // 60
        super().__init__(sent, initial={"first_minutes": minutes // 2 or None})
        whole = f"The slot lasts {minutes} minutes, from {wall_time(slot.start)}."
        self.fields["first_minutes"].help_text = whole


class SlotPage(Detail):
    """A slot: book, block, offer to others, withdraw, each the other way, and change its words."""

    permission = "practice.view_slot"
    change = "practice.change_slot"
    title = "Slot"
    part = "staff/slot/part.html"
    what = "slot"
    model = Slot

    # ------------------------------------------------------------ what can be done

    def offer(self, slot: Slot, form: Any) -> str:
        """Offer it outside; where its session needs a service first, with what was chosen."""
        words = {"service": chosen_in(form)} if form else {}
        return self.apply(slot, slots.make_bookable, "GP Connect bookable", **words)

    @property
    def steps(self) -> dict[str, Callable[[Slot, Any], str]]:
        note = self.request.POST.get("note", "").strip()
        return {
            "block": lambda slot, _: self.apply(slot, slots.block_slots, "blocked", note=note),
            "unblock": lambda slot, _: self.apply(slot, slots.unblock_slots, "free again"),
            "offer": self.offer,
            "withhold": lambda slot, _: self.apply(
                slot, slots.make_not_bookable, "no longer GP Connect bookable"
            ),
            "withdraw": lambda slot, _: self.apply(slot, slots.withdraw_slots, "withdrawn"),
            "restore": lambda slot, _: self.apply(slot, slots.restore_slots, "back in the diary"),
            "change": self.change_words,
            "split": self.split,
            "merge": self.merge,
        }

    def form_of(self, step: str, record: Slot, sent: QueryDict | None) -> forms.Form | None:
        if step == "offer":
            return ServiceOfSessionForm(sent, session=record.schedule) if self.due(record) else None
        form = {"change": SlotForm, "split": SplitForm}.get(step)
        return form(sent, slot=record) if form else None

    def due(self, slot: Slot) -> bool:
        """Whether the service of its session has to be chosen before others may book it."""
        return must_choose(slot.schedule, organisation=self.practice)

    def apply(self, slot: Slot, change: Callable[..., Any], words: str, **kwargs: Any) -> str:
        outcome = change(
            organisation=self.practice,
            slot_ids=[slot.pk],
            actor=self.actor,
            now=self.now,
            expected_version=self.expected_version,
            **kwargs,
        )
        if outcome.refused:
            raise DiaryRefused(f"Nothing was changed. {outcome.refused[0].why}")
        return f"The slot at {wall_time(slot.start)} is {words}."

    def change_words(self, slot: Slot, form: SlotForm) -> str:
        slots.change_slot(
            organisation=self.practice,
            slot_id=slot.pk,
            words=form.words(),
            actor=self.actor,
            now=self.now,
            expected_version=self.expected_version,
        )
        return f"The slot at {wall_time(slot.start)} is changed."

    @property
    def may_cut(self) -> bool:
        """Who changes sessions by hand cuts their slots anew."""
        return self.request.user.has_perm("practice.change_schedule")

    def split(self, slot: Slot, form: SplitForm) -> str:
        first = cutting.split_slot(
            slot_id=slot.pk,
            first_minutes=form.cleaned_data["first_minutes"],
            **self.cut_arguments(),
        )
        parts = f"{wall_time(slot.start)} to {wall_time(first.end)} and until {wall_time(slot.end)}"
        return f"The slot is two now: {parts}."

    def merge(self, slot: Slot, _: Any) -> str:
        following = number(self.request.POST.get("following"))
        whole = cutting.merge_slots(slot_ids=[slot.pk, following], **self.cut_arguments())
        return f"The slot is from {wall_time(whole.start)} to {wall_time(whole.end)} now."

    def cut_arguments(self) -> dict[str, Any]:
        """What both services need; it is for whoever may cut."""
        if not self.may_cut:
            raise PermissionDenied
        return {
            "organisation": self.practice,
            "actor": self.actor,
            "now": self.now,
            "expected_version": self.expected_version,
        }

    # ------------------------------------------------------------ what is shown

    def find(self, pk: int) -> Slot:
        return found_or_404(slot_in_detail(organisation=self.practice, slot_id=pk))

    def facts(self, record: Slot) -> dict[str, Any]:
        holding = appointment_in(record)
        entry = entry_of_slot(record, self.practice, now=self.now)
        is_over = record.end <= self.now
        in_diary = not record.withdrawn and not record.schedule.withdrawn
        is_free = record.status == Slot.Status.FREE and in_diary and not is_over
        is_blocked = record.status == Slot.Status.BUSY_UNAVAILABLE and in_diary
        booked = holding is not None
        settled = record.gp_connect_bookable or is_over or booked
        why_not = [] if settled else never_offered_with_links(record)
        may_cut = self.may_cut and not cutting.why_not_cut(record, now=self.now)
        after = slot_after(record) if may_cut else None
        return {
            "slot": record,
            "entry": entry,
            "when": when_words(record.start, record.end, self.today),
            "holding": holding,
            "hints": hints([record.slot_type], organisation=self.practice),
            "profile": record.access_profile or record.schedule.access_profile,
            "why_not": why_not,
            "service_due": self.due(record),
            "may": {
                "book": is_free and not booked,
                "block": is_free and not booked,
                "unblock": is_blocked,
                "offer": not (record.gp_connect_bookable or is_over or booked or why_not)
                and in_diary,
                "withhold": record.gp_connect_bookable and not is_over,
                "withdraw": (is_free or is_blocked) and not is_over and not booked,
                "split": may_cut and entry.minutes > 1,
                "restore": record.withdrawn and not record.schedule.withdrawn and not is_over,
            },
            "following": after if after and not cutting.why_not_one(record, after) else None,
            "offered": is_free and not booked,
            "would_come": numbers_who_would_take(
                [record] if is_free and not booked else [],
                organisation=self.practice,
                now=self.now,
            ),
            "may_book": self.request.user.has_perm("practice.add_appointment"),
            "until": time_words(entry.until, self.today) if entry.until else "",
            "links": self.links(record),
        }

    def links(self, record: Slot) -> dict[str, str]:
        may_see_trail = self.request.user.has_perm("practice.view_auditevent")
        trail = f"{reverse('admin:audit_trail')}?from_date=&resource=Slot/{record.pk}"
        history = reverse("admin:practice_slot_history", args=[record.pk])
        book = {"slot": record.pk, "back": self.address_back(record).partition("#")[0]}
        return {
            "book": f"{reverse('admin:practice_appointment_add')}?{urlencode(book)}",
            "session": reverse("admin:practice_schedule_change", args=[record.schedule_id]),
            "history": history if may_see_trail else "",
            "trail": trail if may_see_trail else "",
        }

    def record_view(self, record: Slot, facts: dict[str, Any]) -> None:
        """Name who has the slot by now, if anybody: the page leads to them."""
        if holding := facts["holding"]:
            shown = {"patients": [holding.patient_id]}
            record_done("slot.viewed", record, actor=self.actor, now=self.now, detail=shown)
