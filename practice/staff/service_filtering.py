"""Services: the practice's list, its switch of service filtering; and the supplier's switch.

A practice meets none of it while the supplier's switch is not on there (SF-003).
"""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from practice.db.row_security import across_practices
from practice.exceptions import PracticeError
from practice.models import HealthcareService, Organisation, ServiceFilteringSwitch
from practice.reads import service_filtering
from practice.reads.history import Happening
from practice.reads.service_filtering import State
from practice.services.enablement import switch, why_not_filter
from practice.services.service_filtering import (
    remove_service,
    save_service,
    turn_supplier_switch,
)
from practice.site.fields import ODSCodesField
from practice.site.services import SEE_SERVICES
from practice.staff.areas import AbovePractices
from practice.staff.base import StaffPage, found_or_404

SUPPLIER_WORDS = {
    service_filtering.OFF: "Off",
    service_filtering.ELSEWHERE: "On, but not at this practice",
    service_filtering.HERE: "On at this practice",
    State.SELECTED.value: State.SELECTED.label,
    State.ON.value: State.ON.label,
}
NAMES = {
    "service_filtering_enabled": "Service filtering",
    "service_filtering_open": "Opened by the supplier",
    "gp_connect_enabled": "GP Connect",
    "appointment_management_enabled": "GP Connect appointment management",
    "state": "Supplier’s switch",
    "ods_codes": "Selected practices",
}


def in_words(name: str, value: Any) -> str:
    """What a switch was, or became, as people say it."""
    if isinstance(value, list):
        return ", ".join(value) or "None"
    if isinstance(value, bool):
        return "On" if value else "Off"
    return SUPPLIER_WORDS.get(str(value), str(value))


def history_rows(history: list[Happening]) -> list[dict[str, Any]]:
    """Every change of a switch as a line: when, what, from what to what, by whom."""
    return [
        {
            "at": each.at,
            "what": NAMES.get(name, name),
            "before": in_words(name, before),
            "after": in_words(name, after),
            "who": each.who,
        }
        for each in history
        for name, before, after in each.changes
    ]


# ---------------------------------------------------------------- a practice's services


class OfServices(StaffPage):
    """A page that is there only where the supplier has opened service filtering."""

    def practice_asked_for(self, request: HttpRequest) -> Organisation | None:
        practice = super().practice_asked_for(request)
        if practice is not None and not service_filtering.is_open(practice):
            raise PermissionDenied
        return practice

    def may(self, verb: str) -> bool:
        return self.request.user.has_perm(f"practice.{verb}_healthcareservice")


class Services(OfServices):
    """The list of services, what belongs to each, the switch, and how it stood before."""

    permission = SEE_SERVICES
    template = "staff/services/page.html"
    title = "Services"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponse:
        """Turn the practice's switch; on only when somebody has said that all is set up."""
        if not self.may_switch:
            raise PermissionDenied("Only some roles may switch service filtering.")
        wanted = request.POST.get("do") == "on"
        if wanted and not request.POST.get("confirmed"):
            return self.show(asked=True)
        try:
            switch(
                organisation=self.practice,
                service_filtering_enabled=wanted,
                actor=self.actor,
                now=self.now,
            )
        except PracticeError as refusal:
            return self.refused(str(refusal), reverse("admin:services"))
        said = "Service filtering is on." if wanted else "Service filtering is off."
        return self.done(said, reverse("admin:services"))

    @property
    def may_switch(self) -> bool:
        return self.request.user.has_perm("practice.switch_gp_connect")

    def show(self, *, asked: bool = False) -> HttpResponse:
        why_not = why_not_filter(self.practice)
        return self.render(
            found=service_filtering.service_list(organisation=self.practice, now=self.now),
            history=history_rows(service_filtering.practice_history(self.practice)),
            is_on=self.practice.filters_by_service,
            asked=asked and not why_not,
            why_not=why_not,
            may_add=self.may("add"),
            may_change=self.may("change"),
            may_switch=self.may_switch,
        )


class ServiceForm(forms.ModelForm):
    """A service: its number in the Directory of Services, and its name there."""

    class Meta:
        model = HealthcareService
        fields = ("service_id", "name")
        labels: ClassVar[dict[str, str]] = {"service_id": "Service ID", "name": "Name"}


class EditService(OfServices):
    """A new service, or one of the list; ``do=remove`` takes it off, once that is confirmed."""

    permission = SEE_SERVICES
    template = "staff/services/edit.html"
    title = "A service"

    def about(self) -> list[tuple[type[Model], int]]:
        return [(HealthcareService, self.kwargs.get("pk") or 0)]

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        record = self.record(pk)
        return self.show(record, ServiceForm(instance=record))

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        record, doing = self.record(pk), request.POST.get("do", "")
        removing = doing.startswith("remove")
        verb = "delete" if removing else "change" if pk else "add"
        if not self.may(verb):
            raise PermissionDenied("Only some roles may change the list of services.")
        form = ServiceForm(None if removing else request.POST, instance=record)
        there = reverse("admin:services")
        if doing == "remove":
            return self.show(record, form, asked=True)
        try:
            if removing and pk:
                remove_service(record, actor=self.actor, now=self.now)
                return self.done(f"Removed from the list: {record}.", there)
            if not form.is_valid():
                return self.show(record, form, status=422)
            save_service(form.instance, actor=self.actor, now=self.now)
        except PracticeError as refusal:
            return self.show(record, form, refused=str(refusal), status=422)
        return self.done(f"Saved: {record}.", there)

    def record(self, pk: int | None) -> HealthcareService:
        if pk is None:
            return HealthcareService(organisation=self.practice)
        found = found_or_404(service_filtering.service_of(organisation=self.practice, pk=pk))
        found.organisation = self.practice
        return found

    def show(
        self,
        record: HealthcareService,
        form: ServiceForm,
        *,
        asked: bool = False,
        refused: str = "",
        status: int = 200,
    ) -> HttpResponse:
        links = None
        if asked:
            listed = service_filtering.service_list(organisation=self.practice, now=self.now)
            links = next((each for each in listed.linked if each.service.pk == record.pk), None)
        return self.render(
            title=str(record) if record.pk else "Add a service",
            record=record,
            form=form,
            links=links,
            refused=refused,
            may_save=self.may("change" if record.pk else "add"),
            may_remove=bool(record.pk) and self.may("delete"),
            status=status,
        )


# ---------------------------------------------------------------- the supplier's switch


class SwitchForm(forms.Form):
    """The three states, and the practices of the middle one."""

    state = forms.ChoiceField(
        label="Service filtering", choices=State.choices, widget=forms.RadioSelect
    )
    ods_codes = ODSCodesField(
        label="Selected practices",
        required=False,
        help_text="Their ODS codes, one a line. They count while it is on at selected practices.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )


class SupplierSwitch(AbovePractices):
    """Where service filtering can be used: for those who run the installation, and nobody else."""

    permission = "practice.change_servicefilteringswitch"  # no role has it: superusers alone
    template = "staff/service_filtering/page.html"
    title = "Service filtering"

    def is_allowed(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def get(self, request: HttpRequest) -> HttpResponse:
        stored = service_filtering.supplier_switch()
        now = {"state": stored.state, "ods_codes": stored.ods_codes}
        return self.show(stored, SwitchForm(initial=now))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SwitchForm(request.POST)
        stored = service_filtering.supplier_switch()
        if not form.is_valid():
            return self.show(stored, form, status=422)
        try:
            turned = turn_supplier_switch(**form.cleaned_data, actor=self.actor, now=self.now)
        except PracticeError as refusal:
            form.add_error("ods_codes", str(refusal))
            return self.show(stored, form, status=422)
        return self.done(f"Service filtering: {turned}.", reverse("admin:service_filtering"))

    def show(
        self, stored: ServiceFilteringSwitch, form: SwitchForm, status: int = 200
    ) -> HttpResponse:
        with across_practices():
            practices = service_filtering.practices_by_ods_code(stored.ods_codes)
            history = history_rows(service_filtering.supplier_history())
        return self.render(
            form=form,
            stored=stored,
            practices=[(code, practices.get(code)) for code in stored.ods_codes],
            history=history,
            status=status,
        )
