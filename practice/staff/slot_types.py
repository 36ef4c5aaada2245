"""National categories: what each slot type counts as, all on one page; and the page of one type."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse

from practice.exceptions import PracticeError
from practice.models import SlotType
from practice.national_data import NationalData
from practice.reads import national_data, slot_types
from practice.reads.mapping import TypeInUse, mapping_overview
from practice.services.slot_types import (
    CountsAs,
    accept_warnings,
    add_slot_type,
    change_slot_type,
    map_slot_types,
)
from practice.site.addresses import number
from practice.site.fields import DayField
from practice.site.widgets import QuickSelect
from practice.staff.base import RecordPage, StaffPage, found_or_404

AS_CHANNEL = "as-channel"  # the mode of a slot is that of its delivery channel


class CountsAsForm(forms.Form):
    """What types are mapped to, and from when; empty: as suggested, or as it is."""

    category = forms.ChoiceField(label="National category", required=False, widget=QuickSelect)
    setting = forms.ChoiceField(label="Service setting", required=False, widget=QuickSelect)
    mode = forms.ChoiceField(required=False, widget=QuickSelect)
    first_day = DayField(label="From")

    def __init__(
        self, sent: QueryDict | None, *, lists: NationalData, empty: str, **kwargs: Any
    ) -> None:
        super().__init__(sent, **kwargs)
        fields: dict[str, Any] = self.fields
        for name, listed in (("category", lists.categories), ("setting", lists.settings)):
            fields[name].choices = [("", empty), *((each, each) for each in listed)]
        modes = [(AS_CHANNEL, "As the slot’s channel"), *((each, each) for each in lists.modes)]
        fields["mode"].choices = [("", empty), *modes]


class NationalCategories(StaffPage):
    """Every slot type; ``?name=`` is one that somebody wants to plan with."""

    permission = "practice.view_slottype"
    template = "staff/slot_types/page.html"
    title = "National categories"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm("practice.change_slottype"):
            raise PermissionDenied("Only some roles may say what a slot type counts as.")
        what, _, pk = request.POST.get("do", "").partition("-")
        if what == "accept":
            return self.accept(number(pk))
        form = self.form(national_data.in_force(), request.POST)
        chosen = [number(pk)] if what == "take" else list(map(number, request.POST.getlist("type")))
        if not form.is_valid():
            return self.show(form=form, chosen=chosen, status=422)
        values = dict.fromkeys(form.cleaned_data, "") | {
            "first_day": form.cleaned_data["first_day"]
        }
        return self.map(chosen, values if what == "take" else form.cleaned_data, form)

    def map(self, chosen: list[int], values: dict[str, Any], form: forms.Form) -> HttpResponse:
        """Map the chosen types, each as it was said, or else as suggested or as it is."""
        found = mapping_overview(organisation=self.practice, now=self.now)
        there = {each.slot_type.pk: each for each in found.types}
        wanted = {
            pk: counts_as(there.get(pk), values, default=found.lists.settings[0]) for pk in chosen
        }
        try:
            if not wanted:
                raise PracticeError("Choose slot types first.")
            if undecided := [
                pk for pk, each in wanted.items() if not each.category and pk in there
            ]:
                names = ", ".join(there[pk].slot_type.name for pk in undecided)
                raise PracticeError(f"Choose a category for {names}: its name suggests none.")
            made = map_slot_types(
                organisation=self.practice,
                wanted=wanted,
                first_day=values["first_day"],
                actor=self.actor,
                now=self.now,
            )
        except PracticeError as refusal:
            form.add_error(None, str(refusal))
            return self.show(form=form, chosen=chosen, status=422)
        mapped = f"{len(made)} slot type{'' if len(made) == 1 else 's'} mapped"
        return self.done(f"{mapped} from {values['first_day']:%a %d %b %Y}.", self.address)

    def accept(self, pk: int) -> HttpResponse:
        """Call right what a type is mapped to, whatever it is warned of now."""
        found = mapping_overview(organisation=self.practice, now=self.now)
        kinds = [w.kind for each in found.types if each.slot_type.pk == pk for w in each.warnings]
        try:
            accept_warnings(
                organisation=self.practice,
                slot_type_id=pk,
                warnings=kinds,
                actor=self.actor,
                now=self.now,
            )
        except PracticeError as refusal:
            return self.refused(str(refusal), self.address)
        return self.done("Noted: the mapping is right.", self.address)

    @property
    def address(self) -> str:
        return reverse("admin:practice_slottype_changelist")

    def form(self, lists: NationalData, sent: QueryDict | None = None) -> CountsAsForm:
        """What the chosen types are to count as."""
        words = "As suggested, or as it is"
        return CountsAsForm(sent, lists=lists, empty=words, initial={"first_day": self.today})

    def show(
        self, *, form: forms.Form | None = None, chosen: Iterable[int] = (), status: int = 200
    ) -> HttpResponse:
        found = mapping_overview(organisation=self.practice, now=self.now)
        asked = self.request.GET.get("name", "")[:100]
        known = {each.slot_type.name for each in found.types}
        most = max((n for _, n in found.by_category), default=0)
        return self.render(
            found=found,
            form=form or self.form(found.lists),
            chosen=set(chosen),
            asked=asked if asked and asked not in known else "",
            bars=[
                (name, n, 100 * n / found.total, 100 * n / most) for name, n in found.by_category
            ],
            may_map=self.request.user.has_perm("practice.change_slottype"),
            status=status,
        )


def counts_as(each: TypeInUse | None, values: dict[str, Any], *, default: str) -> CountsAs:
    """What a type is to count as: what was chosen, what it is, or what its name suggests."""
    now = each and (each.mapping or each.suggested)
    mode = values["mode"] or (now.mode if now else "")
    return CountsAs(
        category=values["category"] or (now.category if now else ""),
        setting=values["setting"] or (now.setting if now else default),
        mode="" if mode == AS_CHANNEL else mode,
    )


# ---------------------------------------------------------------- one type


class SlotTypeForm(forms.ModelForm):
    """What a type says to staff."""

    class Meta:
        model = SlotType
        fields = ("name", "hint", "default_minutes", "archived")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            del self.fields["name"]
        else:
            del self.fields["archived"]
            self.fields["name"].help_text = "Shown to other organisations too. It stays."


class AddSlotType(StaffPage):
    """A new type, with what it counts as; ``?name=`` is how it is to be called."""

    permission = "practice.add_slottype"
    template = "staff/slot_types/add.html"
    title = "Add a slot type"

    def get(self, request: HttpRequest) -> HttpResponse:
        name = request.GET.get("name", "")[:100]
        return self.show(SlotTypeForm(initial={"name": name}), self.counting(None))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SlotTypeForm(request.POST, instance=SlotType(organisation=self.practice))
        counting = self.counting(request.POST)
        if form.is_valid() & counting.is_valid():
            try:
                return self.add(form.instance, counting.cleaned_data)
            except PracticeError as refusal:
                form.add_error(None, str(refusal))
        return self.show(form, counting, status=422)

    def add(self, slot_type: SlotType, values: dict[str, Any]) -> HttpResponse:
        add_slot_type(slot_type=slot_type, actor=self.actor, now=self.now)
        page = reverse("admin:practice_slottype_changelist")
        if not values["category"]:
            return self.done(f"Added: {slot_type}. It waits for its national category.", page)
        map_slot_types(
            organisation=self.practice,
            wanted={slot_type.pk: counts_as(None, values, default=self.lists.settings[0])},
            first_day=values["first_day"],
            actor=self.actor,
            now=self.now,
        )
        return self.done(f"Added: {slot_type}, which counts as {values['category']}.", page)

    def counting(self, sent: QueryDict | None) -> CountsAsForm:
        self.lists = national_data.in_force()
        return CountsAsForm(
            sent, lists=self.lists, empty="Not said yet", initial={"first_day": self.today}
        )

    def show(self, form: SlotTypeForm, counting: CountsAsForm, status: int = 200) -> HttpResponse:
        return self.render(form=form, counting=counting, status=status)


class SlotTypePage(RecordPage):
    """A type: what it says to staff, and what it counted as, from when and by whom."""

    permission = "practice.view_slottype"
    template = "staff/slot_types/type.html"
    model = SlotType

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        record = self.record(pk)
        return self.show(record, SlotTypeForm(instance=record))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        record = self.record(pk)
        if not request.user.has_perm("practice.change_slottype"):
            raise PermissionDenied("Only some roles may change slot types.")
        form = SlotTypeForm(request.POST, instance=record)
        if form.is_valid():
            try:
                change_slot_type(slot_type=form.instance, actor=self.actor, now=self.now)
            except PracticeError as refusal:
                form.add_error(None, str(refusal))
            else:
                page = reverse("admin:practice_slottype_change", args=[pk])
                return self.done(f"Saved: {record}.", page)
        return self.show(record, form, status=422)

    def record(self, pk: int) -> SlotType:
        found = found_or_404(slot_types.slot_type_of(organisation=self.practice, pk=pk))
        found.organisation = self.practice
        return found

    def show(self, record: SlotType, form: SlotTypeForm, status: int = 200) -> HttpResponse:
        return self.render(
            title=record.name,
            record=record,
            form=form,
            history=slot_types.history(record),
            may_change=self.request.user.has_perm("practice.change_slottype"),
            status=status,
        )
