"""What repeats and what does not: templates, closures, and what became of them."""

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from practice import clock
from practice.admin.base import (
    OwnRelatedFilter,
    OwnStackedInline,
    PracticeAdmin,
    PracticeForm,
    ReadOnlyAdmin,
    tones,
)
from practice.admin.directory import OFFER_LIMITS
from practice.admin.offer import obstacles
from practice.admin.pages import PageForm, ask, date_field, done
from practice.models import (
    Closure,
    GenerationRun,
    Organisation,
    Schedule,
    SessionTemplate,
    Slot,
    TemplateBlock,
)
from practice.models.templates import closure_period
from practice.services.closures import closing, reopening
from practice.services.generation import runs
from practice.services.templates import clone_template
from practice.site.fields import WeekdaysField, weekdays_in_words
from practice.site.people import actor_of, own_practices, person, sole_practice

WEEKS_AHEAD = 8
LONGEST_RANGE = timedelta(days=731)

# ---------------------------------------------------------------- templates


class BlockForm(forms.ModelForm):
    """One block: slots of one kind, or a break."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in OFFER_LIMITS:  # What each is, the fields of the whole session say.
            if name in self.fields:
                self.fields[name].help_text = "Empty: as for the session."

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


def block_minutes(start: Any, end: Any) -> int:
    """Return how long a block lasts; one that ends at or before its start ends on the next day."""
    minutes = (end.hour * 60 + end.minute) - (start.hour * 60 + start.minute)
    return minutes if minutes > 0 else minutes + 24 * 60


class BlockFormSet(PaginationInlineFormSet):
    """The blocks of a session, which follow each other by position."""

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
        for form in blocks:
            if form.cleaned_data.get("gp_connect_bookable"):
                self._check_can_be_seen(form)

    def _check_order(self, blocks: list[forms.ModelForm]) -> None:
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
                    f"({previous}) has ended. Change the times, or drag the blocks into order.",
                )
                return
            previous_end, before = end, block

    def _check_can_be_seen(self, form: forms.ModelForm) -> None:
        template, block = self.instance, form.instance
        if template.organisation_id is None or template.location_id is None:
            return  # The form above says so.
        profile = block.access_profile
        if profile and profile.organisation_id != template.organisation_id:
            form.add_error("access_profile", f"{profile} belongs to another practice.")
            return
        for reason in obstacles(slot_of(block, template)):
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


class TemplateBlockInline(OwnStackedInline):
    model = TemplateBlock
    form = BlockForm
    formset = BlockFormSet
    ordering_field = "position"
    hide_ordering_field = True
    ordering = ["position", "start"]
    verbose_name_plural = "blocks, in order: drag to change it"
    empty_choices = {"access_profile": "As for the session"}
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "position",
                    ("start", "end", "slot_minutes", "slot_count"),
                    ("slot_type", "delivery_channel", "access_profile", "gp_connect_bookable"),
                    tuple(OFFER_LIMITS),
                ]
            },
        )
    ]

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1


class TemplateForm(PracticeForm):
    weekdays = WeekdaysField(label="On")

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
        return cleaned


class RunningFilter(DropdownFilter):
    title = "running"
    parameter_name = "running"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "Running"), ("later", "Not yet"), ("ended", "Ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        today = clock.today(timezone.now())
        match self.value():
            case "now":
                return queryset.filter(effective_from__lte=today).exclude(effective_to__lt=today)
            case "later":
                return queryset.filter(effective_from__gt=today)
            case "ended":
                return queryset.filter(effective_to__lt=today)
        return queryset


class GenerateForm(PageForm):
    """From when to when; at which practice, where there are several."""

    organisation = forms.ModelChoiceField(
        Organisation.objects.none(),
        label="Practice",
        empty_label="Select value",
        widget=UnfoldAdminSelectWidget(),
    )
    from_date = date_field("From")
    to_date = date_field("To", help_text="The last day.")

    def __init__(self, *args: Any, asks_for_practice: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if asks_for_practice:
            self.fields["organisation"].queryset = own_practices(self.request)
        else:
            del self.fields["organisation"]

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        first, last = self.cleaned_data.get("from_date"), self.cleaned_data.get("to_date")
        if first and last and last < first:
            self.add_error("to_date", "The last day is before the first.")
        elif first and last and last - first > LONGEST_RANGE:
            self.add_error("to_date", "At most two years at a time.")
        return cleaned


class CloneForm(PageForm):
    session_name = forms.CharField(
        label="Session name", max_length=100, widget=UnfoldAdminTextInputWidget()
    )
    effective_from = date_field("First date")


def generation_dates() -> dict[str, date]:
    """Return what the form proposes: from today, eight weeks."""
    today = clock.today(timezone.now())
    return {"from_date": today, "to_date": today + timedelta(weeks=WEEKS_AHEAD, days=-1)}


def run_in_words(run: GenerationRun) -> str:
    """Return what a run did, with the numbers first."""
    counts = [
        (run.sessions_created, "sessions created"),
        (run.slots_created, "slots created"),
        (run.slots_changed, "changed"),
        (run.slots_restored, "restored"),
        (run.slots_withdrawn, "withdrawn"),
        (run.slots_left, "left as they are"),
        (run.appointments_orphaned, "appointments orphaned"),
        (len(run.skipped), "skipped"),
    ]
    return ", ".join(f"{count} {what}" for count, what in counts if count) or "Nothing to change"


@admin.register(SessionTemplate)
class SessionTemplateAdmin(PracticeAdmin):
    form = TemplateForm
    list_display = [
        "session_name",
        "session_holder",
        "location",
        "on",
        "times",
        "contents",
        "dates",
        "state",
    ]
    list_filter = [
        RunningFilter,
        ("session_holder", OwnRelatedFilter),
        ("location", OwnRelatedFilter),
        ("practitioner_role", ChoicesDropdownFilter),
        ("access_profile", OwnRelatedFilter),
    ]
    list_select_related = ["organisation", "session_holder", "location"]
    search_fields = [
        "session_name",
        "session_holder__family_name",
        "session_holder__given_names",
        "location__name",
        "blocks__slot_type",
    ]
    search_help_text = "Session, session holder, location or slot type"
    autocomplete_fields = ["session_holder"]
    list_fullwidth = True
    empty_choices = {"access_profile": "Everybody"}
    inlines = [TemplateBlockInline]
    actions = ["generate_selected"]
    actions_list = ["build", "generate_practice"]
    actions_detail = ["build_template", "generate_template", "clone"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "session_name",
                    ("session_holder", "location"),
                    ("practitioner_role", "access_profile"),
                ]
            },
        ),
        (
            "When it runs",
            {
                "fields": [
                    "weekdays",
                    ("every_n_weeks", "nth_of_month"),
                    ("effective_from", "effective_to"),
                    "runs_on_bank_holidays",
                ]
            },
        ),
        (
            "When others may book",
            {
                "fields": [tuple(OFFER_LIMITS)],
                "classes": ["collapse"],
                "description": "For the whole session. A block can say otherwise; what is empty "
                "here is as set for the practice.",
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SessionTemplate]:
        blocks = TemplateBlock.objects.order_by("position", "start")
        return super().get_queryset(request).prefetch_related(Prefetch("blocks", blocks))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        url = reverse("admin:practice_sessiontemplate_generate_template", args=[form.instance.pk])
        messages.info(
            request,
            format_html(
                "The diary follows with the next generation. "
                '<a href="{}" class="text-link">Generate for this template now</a>, or '
                '<a href="{}?template={}" class="text-link">see first what that would do</a>.',
                url,
                reverse("admin:apply_templates"),
                form.instance.pk,
            ),
        )

    # What people can do.

    def has_generate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("practice.add_generationrun")

    def has_clone_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    @action(description="Build from blocks", permissions=["clone"], url_path="build")
    def build(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:build_template")

    @action(description="Timeline and calendar", url_path="build")
    def build_template(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:template", found(self, request, object_id).pk)

    @admin.action(description="Generate slots for these templates", permissions=["generate"])
    def generate_selected(
        self, request: HttpRequest, queryset: QuerySet[SessionTemplate]
    ) -> HttpResponse | None:
        templates = list(queryset.select_related("organisation", "session_holder"))
        practices = {template.organisation for template in templates}
        if not practices:  # somebody else has removed them meanwhile
            return None
        if len(practices) > 1:
            self.message_user(
                request, "Choose templates of one practice at a time.", messages.ERROR
            )
            return None
        return self._generate(
            request,
            practices.pop(),
            templates,
            back=request.get_full_path(),
            submitted="_do" in request.POST,
            hidden={
                "action": ["generate_selected"],
                "_selected_action": request.POST.getlist("_selected_action"),
                "select_across": request.POST.getlist("select_across"),
            },
        )

    @action(
        description="Generate the diary",
        permissions=["generate"],
        url_path="generate",
        icon="published_with_changes",
        variant=ActionVariant.PRIMARY,
    )
    def generate_practice(self, request: HttpRequest) -> HttpResponse:
        back = reverse("admin:practice_sessiontemplate_changelist")
        return self._generate(request, sole_practice(request), None, back=back)

    @action(
        description="Generate slots",
        permissions=["generate"],
        url_path="generate",
        icon="published_with_changes",
        variant=ActionVariant.PRIMARY,
    )
    def generate_template(self, request: HttpRequest, object_id: str) -> HttpResponse:
        template = found(self, request, object_id)
        back = reverse("admin:practice_sessiontemplate_change", args=[template.pk])
        return self._generate(request, template.organisation, [template], back=back)

    def _generate(
        self,
        request: HttpRequest,
        organisation: Organisation | None,
        templates: list[SessionTemplate] | None,
        **page: Any,
    ) -> HttpResponse:
        """Ask for dates, then generate: for some templates, or for a practice with all of them."""

        def act(form: GenerateForm) -> HttpResponse:
            practice = organisation or form.cleaned_data["organisation"]
            run = runs.generate(
                organisation=practice,
                from_date=form.cleaned_data["from_date"],
                to_date=form.cleaned_data["to_date"],
                actor=actor_of(request, practice),
                now=timezone.now(),
                started_by=person(request).user,
                template_ids=None if templates is None else [template.pk for template in templates],
            )
            url = reverse("admin:practice_generationrun_change", args=[run.pk])
            return done(request, f"{run_in_words(run)}.", url)

        names = "\n".join(str(template) for template in templates or ())
        return ask(
            self,
            request,
            form_class=GenerateForm,
            asks_for_practice=organisation is None,
            title="Generate slots" if templates else "Generate the diary",
            facts=[("Templates", names or "All that run on these dates")],
            button="Generate",
            act=act,
            initial=generation_dates(),
            **page,
        )

    @action(description="Clone", permissions=["clone"], url_path="clone", icon="content_copy")
    def clone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        template = found(self, request, object_id)

        def act(form: CloneForm) -> HttpResponse:
            copy = clone_template(
                organisation=template.organisation,
                template_id=template.pk,
                actor=actor_of(request, template.organisation),
                now=timezone.now(),
                **form.cleaned_data,
            )
            url = reverse("admin:practice_sessiontemplate_change", args=[copy.pk])
            return done(request, f"This is the copy of {template}. Change what differs.", url)

        today = clock.today(timezone.now())
        return ask(
            self,
            request,
            form_class=CloneForm,
            title=f"Clone {template}",
            facts=[("Copied", "Whose, where, which days and all blocks")],
            button="Clone",
            act=act,
            back=reverse("admin:practice_sessiontemplate_change", args=[template.pk]),
            initial={
                "session_name": template.session_name,
                "effective_from": max(today, template.effective_from),
            },
        )

    # What the list shows.

    @display(description="On")
    def on(self, template: SessionTemplate) -> str:
        days = weekdays_in_words(template.weekdays)
        if template.nth_of_month:
            return f"{template.get_nth_of_month_display()} {days} of the month"
        if template.every_n_weeks > 1:
            return f"{days}, every {template.every_n_weeks} weeks"
        return days

    @display(description="Times")
    def times(self, template: SessionTemplate) -> str:
        blocks = list(template.blocks.all())
        return f"{blocks[0].start:%H:%M} to {blocks[-1].end:%H:%M}" if blocks else "No blocks"

    @display(description="Slots")
    def contents(self, template: SessionTemplate) -> str:
        blocks = [block for block in template.blocks.all() if block.slot_minutes]
        total = sum(map(slots_in, blocks))
        outside = sum(slots_in(block) for block in blocks if block.gp_connect_bookable)
        return f"{total} ({outside} outside)" if outside else str(total)

    @display(description="Dates", ordering="effective_from")
    def dates(self, template: SessionTemplate) -> str:
        first, last = template.effective_from, template.effective_to
        return f"{first:%d %b %Y} to {last:%d %b %Y}" if last else f"from {first:%d %b %Y}"

    @display(description="State", label={"Running": "success", "Not yet": "info"})
    def state(self, template: SessionTemplate) -> str:
        today = clock.today(timezone.now())
        if template.effective_to and template.effective_to < today:
            return "Ended"
        return "Running" if template.effective_from <= today else "Not yet"


def slots_in(block: TemplateBlock) -> int:
    """Return how many slots a block makes on a day without a clock change."""
    fitting = block_minutes(block.start, block.end) // (block.slot_minutes or 1)
    return min(fitting, block.slot_count or fitting)


def found(model_admin: Any, request: HttpRequest, object_id: str) -> Any:
    """Return a record of the person's own practices that they may see; anything else is a 404."""
    record = model_admin.get_object(request, object_id)
    if record is None or not model_admin.has_view_permission(request, record):
        raise Http404
    return record


# ---------------------------------------------------------------- closures


class ClosureForm(PracticeForm):
    """A closure takes effect in the diary when it is saved: the form says whom it meets."""

    strand = forms.BooleanField(
        label="Close although patients are booked",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="Their appointments stay, marked orphaned, until somebody moves or cancels them.",
    )

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        self._check_period()
        self._check_person()
        if not self.errors and not self.instance.pk and self.practice:
            self._check_whom_it_meets(self.practice)
        return cleaned

    def _check_period(self) -> None:
        values = self.cleaned_data
        first, last = values.get("start_date"), values.get("end_date")
        if not first or not last:
            return
        start, end = closure_period(first, values.get("start_time"), last, values.get("end_time"))
        if last < first:
            self.add_error("end_date", "The last day is before the first.")
        elif end <= start:
            self.add_error("end_time", "It ends before it begins.")

    def _check_person(self) -> None:
        kind, fixed = self.cleaned_data.get("kind"), self.instance.practitioner
        person = self.cleaned_data.get("practitioner", fixed)
        if "practitioner" in self.errors:
            return
        if kind in PERSONAL and person is None:
            where = "practitioner" if "practitioner" in self.fields else "kind"
            self.add_error(where, f"Whose? Choose who is {PERSONAL[kind]}.")
        if kind == Closure.Kind.BANK_HOLIDAY and person is not None:
            self.add_error("kind", "A bank holiday is everybody's. Choose Leave instead.")

    def _check_whom_it_meets(self, practice: Organisation) -> None:
        names = {field.name for field in Closure._meta.fields}
        values = {name: value for name, value in self.cleaned_data.items() if name in names}
        closure = Closure(**{**values, "organisation": practice})
        stranded = closing.plan_closing(closure, now=timezone.now()).counts["appointments_orphaned"]
        if stranded and not self.cleaned_data.get("strand"):
            booked = "1 appointment is" if stranded == 1 else f"{stranded} appointments are"
            self.add_error("strand", f"{booked} booked in this time. Tick this to close anyway.")


PERSONAL = {Closure.Kind.LEAVE: "on leave", Closure.Kind.SICK: "off sick"}


@admin.register(Closure)
class ClosureAdmin(PracticeAdmin):
    form = ClosureForm
    list_display = ["period_in_words", "what", "name", "where", "who", "time_left"]
    list_display_links = ["period_in_words", "name"]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        ("start_date", RangeDateFilter),
        ("practitioner", OwnRelatedFilter),
        ("location", OwnRelatedFilter),
    ]
    list_select_related = ["organisation", "location", "practitioner"]
    date_hierarchy = "start_date"
    search_fields = ["name", "practitioner__family_name", "location__name", "kind"]
    search_help_text = "Name, practitioner or location"
    autocomplete_fields = ["practitioner"]
    fieldsets = [
        (None, {"fields": [("kind", "name")]}),
        ("When", {"fields": [("start_date", "start_time"), ("end_date", "end_time")]}),
        ("Where and who", {"fields": [("location", "practitioner")]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whether to strand patients is asked when closing, not afterwards."""
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj else [*fieldsets, ("Patients", {"fields": ["strand"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """What has taken effect is taken back by deleting the closure, not by editing it."""
        fixed = ["start_date", "start_time", "end_date", "end_time", "location", "practitioner"]
        return [*super().get_readonly_fields(request, obj), *(fixed if obj else [])]

    def save_model(self, request: HttpRequest, obj: Closure, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        form.changes = {}
        actor = actor_of(request, obj.organisation)
        plan = closing.close(obj, actor=actor, now=timezone.now())
        messages.info(request, f"{closing_in_words(plan)}.")

    def delete_model(self, request: HttpRequest, obj: Closure) -> None:
        """Reopen: what the closure took comes back."""
        run = reopening.reopen(
            organisation=obj.organisation,
            closure_id=obj.pk,
            actor=actor_of(request, obj.organisation),
            now=timezone.now(),
        )
        if run:
            messages.info(request, f"Reopened. {run_in_words(run)}.")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Closure]) -> None:
        for closure in queryset.select_related("organisation"):
            self.delete_model(request, closure)

    def audit(self, request: HttpRequest, obj: Any, verb: str, detail: dict[str, Any]) -> None:
        """Closing and reopening write their own events."""
        if verb == "change":
            super().audit(request, obj, verb, detail)

    @display(description="When", ordering="start_date")
    def period_in_words(self, closure: Closure) -> str:
        return closure_in_words(closure)

    @display(
        description="Kind",
        ordering="kind",
        label=tones(sick="danger", closed="warning", bank_holiday="info"),
    )
    def what(self, closure: Closure) -> tuple[str, str]:
        return closure.kind, closure.get_kind_display()

    @display(description="Where", ordering="location__name")
    def where(self, closure: Closure) -> str:
        return str(closure.location) if closure.location else "Everywhere"

    @display(description="Who", ordering="practitioner__family_name")
    def who(self, closure: Closure) -> str:
        return str(closure.practitioner) if closure.practitioner else "Everybody"

    @display(description="State", label={"Now": "warning", "To come": "info"})
    def time_left(self, closure: Closure) -> str:
        start, end = closure.period
        now = timezone.now()
        if end <= now:
            return "Over"
        return "Now" if start <= now else "To come"


def closing_in_words(plan: Any) -> str:
    """Return what closing did to the diary, with the numbers first."""
    counts = plan.counts
    done_to_diary = [
        (counts["slots_withdrawn"], "slot", "withdrawn"),
        (counts["appointments_orphaned"], "appointment", "orphaned"),
    ]
    said = [
        f"{count} {what}{'' if count == 1 else 's'} {became}"
        for count, what, became in done_to_diary
        if count
    ]
    return ", ".join(said) or "No session was planned in this time"


def closure_in_words(closure: Closure) -> str:
    """Return when a closure is: Mon 28 Dec 2026, or Mon 28 Dec 2026 13:00 to 18:30."""
    first, last = f"{closure.start_date:%a %d %b %Y}", f"{closure.end_date:%a %d %b %Y}"
    start = f" {closure.start_time:%H:%M}" if closure.start_time else ""
    end = f" {closure.end_time:%H:%M}" if closure.end_time else ""
    if closure.start_date != closure.end_date:
        return f"{first}{start} to {last}{end}"
    if start and end:
        return f"{first}{start} to{end}"
    if start:
        return f"{first} from{start}"
    return f"{first} until{end}" if end else first


# ---------------------------------------------------------------- generation runs


@admin.register(GenerationRun)
class GenerationRunAdmin(ReadOnlyAdmin):
    list_display = ["started_at", "dates", "result", "did", "started_by"]
    list_filter = [("status", ChoicesDropdownFilter), ("from_date", RangeDateFilter)]
    list_select_related = ["organisation", "started_by"]
    date_hierarchy = "started_at"
    search_fields = ["started_by__username", "error"]
    search_help_text = "Who started it"
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("status", "started_by"),
                    ("from_date", "to_date"),
                    ("started_at", "finished_at"),
                    "error",
                ]
            },
        ),
        (
            "What it did",
            {
                "fields": [
                    ("sessions_created", "slots_created"),
                    ("slots_changed", "slots_restored"),
                    ("slots_withdrawn", "slots_left"),
                    "appointments_orphaned",
                ]
            },
        ),
        ("Skipped, and why", {"fields": ["skipped_in_words"]}),
    ]

    @display(description="Dates", ordering="from_date")
    def dates(self, run: GenerationRun) -> str:
        return f"{run.from_date:%d %b %Y} to {run.to_date:%d %b %Y}"

    @display(
        description="Result",
        ordering="status",
        label=tones(done="success", failed="danger", running="warning"),
    )
    def result(self, run: GenerationRun) -> tuple[str, str]:
        return run.status, run.get_status_display()

    @display(description="What it did")
    def did(self, run: GenerationRun) -> str:
        return run_in_words(run)

    @display(description="Skipped")
    def skipped_in_words(self, run: GenerationRun) -> str:
        if not run.skipped:
            return "Nothing"
        return format_html_join("", "<div>{}</div>", ((str_of(item),) for item in run.skipped))


def str_of(item: Any) -> str:
    """Return a skipped item as a sentence, however its run wrote it down."""
    return ", ".join(map(str, item.values())) if isinstance(item, dict) else str(item)
