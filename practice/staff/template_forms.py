"""The forms of a template: the session itself, and its blocks. What cannot work is said."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet, inlineformset_factory

from practice.models import (
    AccessProfile,
    Organisation,
    Schedule,
    SessionTemplate,
    Slot,
    TemplateBlock,
)
from practice.models.common import OFFER_LIMITS
from practice.reads import access_profiles, directory, templates
from practice.site.addresses import number
from practice.site.fields import DayField, WeekdaysField
from practice.site.mending import never_offered_with_links
from practice.site.plan_words import block_minutes
from practice.site.services import ServiceField, as_chosen, offer_services
from practice.site.slot_types import why_not_with_links
from practice.site.widgets import time_input

MOST_BLOCKS = 60
SLOT_TYPES = "slot-types"  # the list of suggestions, once on the page
BLOCK_FIELDS = (
    "position",
    "start",
    "end",
    "slot_minutes",
    "slot_count",
    "slot_type",
    "delivery_channel",
    "gp_connect_bookable",
    "access_profile",
    *OFFER_LIMITS,
)
FIRST_BLOCK = {
    "position": 0,
    "start": time(9),
    "end": time(12),
    "slot_minutes": 10,
    "slot_type": "Routine",
    "delivery_channel": "In-person",
}
SHORT_HELP = {
    "booking_window_days": "How many days ahead others may book; 0: only on the day. "
    "Empty: as for the practice.",
    "embargo_minutes": "Hidden until this long before it starts; 0: not hidden. "
    "Empty: as for the practice.",
    "minimum_notice_minutes": "Not bookable any more within it; 0: until it starts. "
    "Empty: as for the practice.",
}
WHEN_EMPTY = {
    "slot_minutes": "break",
    "slot_count": "all",
    **dict.fromkeys(OFFER_LIMITS, "as session"),
}


def name_empty(form: Any, name: str, words: str) -> None:
    """Say in a list of codes what it means to choose none."""
    form.fields[name].choices = [
        (code, label if code else words) for code, label in form.fields[name].choices
    ]


# ---------------------------------------------------------------- the session


class TemplateEditForm(forms.ModelForm):
    """The session itself: whose, where, when, and who may book."""

    weekdays = WeekdaysField(label="On", widget=forms.CheckboxSelectMultiple)
    service = ServiceField()

    class Meta:
        model = SessionTemplate
        fields = (
            "session_name",
            "session_holder",
            "location",
            "practitioner_role",
            "access_profile",
            "weekdays",
            "every_n_weeks",
            "nth_of_month",
            "effective_from",
            "effective_to",
            "runs_on_bank_holidays",
            *OFFER_LIMITS,
        )
        field_classes = {"effective_from": DayField, "effective_to": DayField}

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["session_holder"].queryset = directory.possible_holders(
            organisation=organisation, also=self.instance.session_holder_id
        )
        fields["session_holder"].empty_label = "Nobody in particular"
        fields["location"].queryset = directory.locations(organisation=organisation)
        fields["access_profile"].queryset = access_profiles.profiles(organisation=organisation)
        fields["access_profile"].empty_label = "Everybody"
        fields["access_profile"].help_text = "Who outside may book, unless a block says otherwise."
        fields["session_name"].help_text = "Shown to other organisations too."
        name_empty(self, "nth_of_month", "Every one")
        fields["nth_of_month"].label = "Of the month"
        name_empty(self, "practitioner_role", "None: never offered outside")
        for name in OFFER_LIMITS:
            fields[name].help_text = SHORT_HELP[name]
        offer_services(self, organisation)
        self.initial["service"] = as_chosen(self.instance)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        first, last = self.cleaned_data.get("effective_from"), self.cleaned_data.get("effective_to")
        if first and last and last < first:
            self.add_error("effective_to", "The last date is before the first date.")
        every, nth = self.cleaned_data.get("every_n_weeks"), self.cleaned_data.get("nth_of_month")
        if nth and every and every > 1:
            self.add_error(
                "nth_of_month",
                "Choose one: every few weeks, or a certain week of the month (then every 1 week).",
            )
        if "service" in self.cleaned_data:
            chosen = self.cleaned_data["service"]
            self.instance.healthcare_service_id = chosen.healthcare_service_id
            self.instance.no_healthcare_service = chosen.no_healthcare_service
        return cleaned


# ---------------------------------------------------------------- a block


class BlockEditForm(forms.ModelForm):
    """One block: slots of one kind, or a break. The buttons of the page keep its position."""

    class Meta:
        model = TemplateBlock
        fields = BLOCK_FIELDS
        widgets = {"position": forms.HiddenInput, "start": time_input(), "end": time_input()}
        labels = {"slot_minutes": "Minutes", "slot_count": "How many"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, words in WHEN_EMPTY.items():  # The page says it once, above all blocks.
            self.fields[name].help_text = ""
            self.fields[name].widget.attrs["placeholder"] = words
        for name in ("slot_type", "access_profile"):
            self.fields[name].help_text = ""
        self.fields["slot_type"].widget.attrs["list"] = SLOT_TYPES
        name_empty(self, "delivery_channel", "None")

    @property
    def shown(self) -> TemplateBlock:
        """The block as the form has it now, saved or not."""
        if self.is_bound or self.instance.pk:
            return self.instance  # type: ignore[no-any-return]
        return TemplateBlock(**{**self.initial})

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        start, end = self.cleaned_data.get("start"), self.cleaned_data.get("end")
        minutes, count = self.cleaned_data.get("slot_minutes"), self.cleaned_data.get("slot_count")
        if self.errors or not start or not end:
            return cleaned
        if minutes:
            self._check_slots(block_minutes(start, end), minutes, count)
        else:
            self._check_break(count)
        return cleaned

    def _check_slots(self, length: int, minutes: int, count: int | None) -> None:
        start, end = self.cleaned_data["start"], self.cleaned_data["end"]
        between = f"between {start:%H:%M} and {end:%H:%M}"
        if minutes > length:
            self.add_error(
                "slot_minutes",
                f"A slot of {minutes} minutes does not fit {between} ({length} minutes).",
            )
        elif count and count * minutes > length:
            self.add_error(
                "slot_count",
                f"{count} slots of {minutes} minutes do not fit {between}: at most "
                f"{length // minutes} do.",
            )
        if not self.cleaned_data.get("slot_type"):
            self.add_error("slot_type", "Say what kind of slots these are, such as Routine.")
        bookable = self.cleaned_data.get("gp_connect_bookable")
        if bookable and not self.cleaned_data.get("delivery_channel"):
            self.add_error("gp_connect_bookable", "It has no delivery channel: choose one first.")

    def _check_break(self, count: int | None) -> None:
        if self.cleaned_data.get("gp_connect_bookable"):
            self.add_error(
                "gp_connect_bookable",
                "A break has no slots to book. Give the slot length, or untick this.",
            )
        elif count or self.cleaned_data.get("delivery_channel"):
            self.add_error(
                "slot_minutes",
                "Give the slot length. For a break, leave number and channel empty.",
            )


# ---------------------------------------------------------------- all blocks


class BlockEditFormSet(BaseInlineFormSet):
    """The blocks of a session, which follow each other by position."""

    profiles: QuerySet[AccessProfile]

    @property
    def live(self) -> list[BlockEditForm]:
        """The forms that have not been removed, in the order of the session."""
        there: list[Any] = [form for form in self.forms if not self._removed(form)]
        return sorted(there, key=lambda form: number(str(form["position"].value() or 0)))

    @property
    def removed(self) -> list[BlockEditForm]:
        """The forms of blocks that go when the template is saved."""
        gone: list[Any] = [form for form in self.forms if self._removed(form)]
        return gone

    @property
    def blocks(self) -> list[TemplateBlock]:
        """The blocks as they are to be saved, once the formset is valid."""
        return [form.instance for form in self.live if form.cleaned_data]

    def _removed(self, form: Any) -> bool:
        return self.is_bound and bool(self.data.get(f"{form.prefix}-DELETE"))

    def add_fields(self, form: Any, index: Any) -> None:
        super().add_fields(form, index)
        form.fields["DELETE"].widget = forms.HiddenInput()
        chosen = form.fields["access_profile"]
        chosen.queryset = self.profiles
        chosen.choices = self.profile_choices
        chosen.empty_label = "As for the session"
        chosen.help_text = ""

    @property
    def profile_choices(self) -> list[tuple[Any, str]]:
        """The practice's access profiles, asked for once and not for each block."""
        if not hasattr(self, "_profile_choices"):
            names = [(profile.pk, str(profile)) for profile in self.profiles]
            self._profile_choices = [("", "As for the session"), *names]
        return self._profile_choices

    def clean(self) -> None:
        super().clean()
        if any(form.errors for form in self.forms):
            return
        blocks = [
            form
            for form in self.forms
            if getattr(form, "cleaned_data", None) and form not in self.deleted_forms
        ]
        blocks.sort(key=lambda form: form.cleaned_data.get("position") or 0)
        if not any(form.cleaned_data.get("slot_minutes") for form in blocks):
            raise forms.ValidationError("Add a block with slots: a session of breaks offers none.")
        self._check_order(blocks)
        self._check_slot_types(blocks)
        for form in blocks:
            if form.cleaned_data.get("gp_connect_bookable"):
                self._check_can_be_offered(form)

    def _check_order(self, blocks: list[Any]) -> None:
        """Follow the blocks as generation does: what starts too early would be the next day's."""
        day = datetime(2000, 1, 1)
        begin = previous_end = None
        before: dict[str, Any] = {}
        for form in blocks:
            block = form.cleaned_data
            start = datetime.combine((previous_end or day).date(), block["start"])
            if previous_end and start < previous_end:
                start += timedelta(days=1)
            begin = begin or start
            end = start + timedelta(minutes=block_minutes(block["start"], block["end"]))
            late = previous_end is not None and start - previous_end > timedelta(hours=12)
            if late or end - begin > timedelta(days=1):
                previous = f"{before['start']:%H:%M} to {before['end']:%H:%M}" if before else ""
                form.add_error(
                    "start",
                    f"This block starts at {block['start']:%H:%M}, before the block above it "
                    f"({previous}) has ended. Change the times, or move the blocks into order.",
                )
                return
            previous_end, before = end, block

    def _check_slot_types(self, blocks: list[Any]) -> None:
        """Types without a national category are not planned with, unless they were before."""
        planned = {
            form: str(form.cleaned_data.get("slot_type"))
            for form in blocks
            if form.cleaned_data.get("slot_minutes")
        }
        not_yet = why_not_with_links(self.instance.organisation, set(planned.values()))
        for form, name in planned.items():
            if name in not_yet:
                form.add_error("slot_type", not_yet[name])

    def _check_can_be_offered(self, form: Any) -> None:
        template, block = self.instance, form.instance
        if template.location_id is None:
            return  # The form above says so.
        for reason in never_offered_with_links(slot_of(block, template)):
            form.add_error("gp_connect_bookable", reason)


def slot_of(block: TemplateBlock, template: SessionTemplate) -> Slot:
    """Return a slot as this block would make it, not saved."""
    session = Schedule(
        organisation=template.organisation,
        location=template.location,
        session_name=template.session_name,
        practitioner_role=template.practitioner_role,
        access_profile=template.access_profile,
        **{name: getattr(template, name) for name in OFFER_LIMITS},
    )
    return Slot(
        organisation=template.organisation,
        schedule=session,
        slot_type=block.slot_type,
        delivery_channel=block.delivery_channel,
        access_profile=block.access_profile,
        **{name: getattr(block, name) for name in OFFER_LIMITS},
    )


def template_forms(
    template: SessionTemplate,
    *,
    sent: Any = None,
    first_blocks: list[dict[str, Any]] | None = None,
) -> tuple[TemplateEditForm, BlockEditFormSet]:
    """Return the two forms: of what is stored, of what was sent, or of what a new one begins with.

    ``template`` has its practice, saved or not.
    """
    practice = template.organisation
    form = TemplateEditForm(sent, instance=template, organisation=practice)
    kind: Any = inlineformset_factory(
        SessionTemplate,
        TemplateBlock,
        form=BlockEditForm,
        formset=BlockEditFormSet,
        fields=BLOCK_FIELDS,
        extra=len(first_blocks or ()),
        max_num=MOST_BLOCKS,
        can_delete=True,
    )
    kind.profiles = access_profiles.profiles(organisation=practice)
    formset = kind(
        data=sent,
        instance=template,
        queryset=templates.blocks_in_order(),
        initial=first_blocks,
        prefix="blocks",
    )
    return form, formset
