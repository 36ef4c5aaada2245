"""Two practices, their staff, and one record of each kind: what the tests of the admin site use."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from practice.models import AuditEvent, Organisation
from practice.services.audit import recording
from practice.services.audit.recording import Actor
from workbench import factories
from workbench.elsewhere import make_remote_service
from workbench.staff import make_staff

User = get_user_model()
STAFF = Actor(door=AuditEvent.Door.STAFF, user_id="test", name="Test", role="unknown")

# Every list of the site, by the name of its URLs.
LISTS = [
    "practice_accessprofile",
    "practice_appointment",
    "practice_auditevent",
    "practice_closure",
    "practice_generationrun",
    "practice_location",
    "practice_organisation",
    "practice_patient",
    "practice_practitioner",
    "practice_remoteservice",
    "practice_schedule",
    "practice_sessiontemplate",
    "practice_slot",
    "auth_user",
    "auth_group",
]


def make_one_of_each(organisation: Organisation) -> dict[str, Any]:
    """Make a record for each list of the site, all of this practice."""
    location = factories.make_location(organisation)
    practitioner = factories.make_practitioner(organisation)
    patient = factories.make_patient(organisation)
    profile = factories.make_access_profile(organisation)
    template = factories.make_template(organisation, session_holder=practitioner)
    tomorrow = factories.tomorrow()
    slot_type = factories.make_slot_type(organisation, f"Type {factories.number()}")
    schedule = factories.make_schedule(organisation, access_profile=profile)
    slot, booked = factories.make_slots(2, schedule)
    appointment = factories.make_appointment(slots=[booked], patient=patient)
    entry = factories.make_cancellation_list_entry(organisation, patient=patient)
    closure = factories.make_closure(
        organisation, start_date=tomorrow + timedelta(days=30 + factories.number())
    )
    run = factories.make_generation_run(organisation)
    recording.record(
        organisation=organisation, actor=STAFF, event="test", outcome="ok", now=timezone.now()
    )
    user = make_staff(organisation, role="Receptionist")
    return {
        "practice_accessprofile": profile,
        "practice_appointment": appointment,
        "practice_auditevent": AuditEvent.objects.filter(organisation=organisation).first(),
        "practice_cancellationlistentry": entry,
        "practice_closure": closure,
        "practice_generationrun": run,
        "practice_location": location,
        "practice_organisation": organisation,
        "practice_patient": patient,
        "practice_practitioner": practitioner,
        "practice_remoteservice": make_remote_service(organisation),
        "practice_schedule": schedule,
        "practice_sessiontemplate": template,
        "practice_slot": slot,
        "practice_slottype": slot_type,
        "auth_user": user,
    }


def form_data(response: Any) -> dict[str, Any]:
    """Return what a browser would send if nothing in the shown form were changed."""
    form = response.context["adminform"].form
    forms = [form]
    data: dict[str, Any] = {}
    for inline in response.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    for each in forms:
        for field in each:
            value = field.value()
            if value is None or value is False:
                continue
            widget = field.field.widget
            if hasattr(widget, "decompress"):
                for index, part in enumerate(widget.decompress(value)):
                    data[f"{field.html_name}_{index}"] = part
            else:
                data[field.html_name] = "on" if value is True else value
    return data


def words(response: Any) -> str:
    """Return a page's text as a person reads it, without the entities that escape it."""
    from html import unescape

    return unescape(response.content.decode())


def new_events(before: int) -> list[AuditEvent]:
    """Return the audit events written after the one with this id, oldest first."""
    return list(AuditEvent.objects.filter(pk__gt=before).order_by("pk"))


def last_event() -> int:
    event = AuditEvent.objects.order_by("-pk").first()
    return event.pk if event else 0
