"""What the database itself refuses, whoever writes: every constraint is broken once.

By INSERT or UPDATE, past all services and forms, as a shell or another program would.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from practice.models import (
    AppointmentSlot,
    Area,
    AskingOrganisation,
    CalendarFeed,
    CancellationListEntry,
    DeskMessage,
    DiaryView,
    ExceptionReason,
    GenerationRun,
    ImportedRecord,
    Location,
    Organisation,
    Patient,
    PatientNote,
    Practitioner,
    Promise,
    PromisedDay,
    Rehearsal,
    SandboxExchange,
    Schedule,
    Series,
    ServiceFilteringSwitch,
    SheetImport,
    Shortfall,
    Slot,
    SlotTypeMapping,
    TemplateBlock,
    WeeklyReturn,
)
from workbench.elsewhere import make_remote_appointment, make_remote_service
from workbench.factories import (
    make_access_profile,
    make_appointment,
    make_closure,
    make_consumer_group,
    make_healthcare_service,
    make_location,
    make_organisation,
    make_patient,
    make_practitioner,
    make_schedule,
    make_slot,
    make_slot_type,
    make_slots,
    make_template,
    the_location,
    the_organisation,
)

pytestmark = pytest.mark.django_db


def update(record: models.Model, **fields: Any) -> Callable[[], Any]:
    """An UPDATE of one record, nothing in between."""
    return lambda: type(record)._default_manager.filter(pk=record.pk).update(**fields)


def another(record: models.Model, **fields: Any) -> Callable[[], Any]:
    """An INSERT of the same record once more, with some fields of its own."""
    names = [field.attname for field in record._meta.concrete_fields if not field.primary_key]
    values = {name: getattr(record, name) for name in names}
    copy = type(record)(**{**values, **fields})
    return lambda: type(record)._default_manager.bulk_create([copy])


def ends_when_it_starts(record: Any) -> Callable[[], Any]:
    return update(record, end=record.start)


def a_feed() -> CalendarFeed:
    return CalendarFeed.objects.create(
        organisation=the_organisation(),
        practitioner=make_practitioner(),
        secret="x",
        created_at=timezone.now(),
    )


def a_run() -> GenerationRun:
    today = date(2027, 1, 4)
    return GenerationRun.objects.create(
        organisation=the_organisation(), from_date=today, to_date=today, started_at=timezone.now()
    )


def a_sheet() -> SheetImport:
    return SheetImport.objects.create(
        organisation=the_organisation(), uploaded_at=timezone.now(), seen_at=timezone.now()
    )


def a_diary_view(**values: Any) -> DiaryView:
    return DiaryView.objects.create(organisation=the_organisation(), name="Upstairs", **values)


def an_entry(**values: Any) -> CancellationListEntry:
    """A place on the cancellation list."""
    return CancellationListEntry.objects.create(
        organisation=the_organisation(),
        patient=make_patient(),
        first_day=date(2027, 1, 4),
        last_day=date(2027, 1, 8),
        noted_at=timezone.now(),
        **values,
    )


def a_member() -> Any:
    user = get_user_model().objects.create(username="rita")
    return user.memberships.create(organisation=the_organisation())


def booked_twice() -> Callable[[], Any]:
    first = make_appointment()
    second = make_appointment()
    held = AppointmentSlot.objects.get(appointment=first)
    return another(held, appointment_id=second.pk)


def a_block(**fields: Any) -> TemplateBlock:
    return make_template(blocks=[fields]).blocks.get()


def planned_schedule() -> Schedule:
    template = make_template()
    return make_schedule(template=template)


def a_note() -> PatientNote:
    return PatientNote.objects.create(patient=make_patient(), text="x", written_at=timezone.now())


def a_message() -> DeskMessage:
    return DeskMessage.objects.create(
        appointment=make_appointment(), side="clinician", text="x", written_at=timezone.now()
    )


def a_series() -> Series:
    return Series.objects.create(
        organisation=the_organisation(), patient=make_patient(), made_at=timezone.now()
    )


def an_import() -> ImportedRecord:
    return ImportedRecord.objects.create(
        organisation=the_organisation(), source="x", said="x", kind="Slot", record=1,
        at=timezone.now(),
    )  # fmt: skip


def a_gp(code: str) -> Practitioner:
    gp = make_practitioner()
    update(gp, gmp_code=code)()
    return gp


def a_mapping() -> SlotTypeMapping:
    return make_slot_type().mappings.get()


def a_reason() -> ExceptionReason:
    return ExceptionReason.objects.create(
        appointment=make_appointment(), reason="Patient choice", given_at=timezone.now()
    )


def a_promise() -> Promise:
    return Promise.objects.create(
        organisation=the_organisation(), name="NHS 111", ods_code="Y00123", slots_a_day=1
    )


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def a_rehearsal() -> Rehearsal:
    now = timezone.now()
    return Rehearsal.objects.create(
        organisation=make_organisation(),
        name="Test call centre",
        ods_code="A1001",
        begun_at=now,
        ends_at=now + timedelta(days=1),
    )


def a_shortfall() -> Shortfall:
    promise = a_promise()
    return Shortfall.objects.create(
        organisation=promise.organisation,
        promise=promise,
        day=date(2027, 1, 4),
        promised=1,
        offered=0,
        noticed_at=timezone.now(),
    )


def a_promised_day() -> PromisedDay:
    promise = a_promise()
    return PromisedDay.objects.create(
        organisation=promise.organisation,
        promise=promise,
        day=date(2027, 1, 4),
        promised=1,
        offered=0,
        taken=0,
        looked_at=timezone.now(),
    )


def a_return() -> WeeklyReturn:
    return WeeklyReturn.objects.create(
        organisation=the_organisation(), first_day=date(2027, 1, 4), rows=0, appointments=0,
        made_at=timezone.now(),
    )  # fmt: skip


# constraint: what prepares a statement that breaks it
BREACHES: dict[str, Callable[[], Callable[[], Any]]] = {
    # what has been taken
    "slot_booked_once": booked_twice,
    "appointment_holds_a_slot_once": lambda: another(
        AppointmentSlot.objects.get(appointment=make_appointment()), released=True
    ),
    "appointment_ends_after_it_starts": lambda: ends_when_it_starts(make_appointment()),
    "appointment_status_is_a_code": lambda: update(make_appointment(), status="Booked"),
    "appointment_has_a_description": lambda: update(make_appointment(), description=""),
    "exception_reason_given_once": lambda: another(a_reason()),
    "desk_message_says_something": lambda: update(a_message(), text=""),
    "desk_message_has_a_side": lambda: update(a_message(), side="patient"),
    "series_repeats_every_week_or_more": lambda: update(a_series(), every_weeks=0),
    # rehearsals with other systems
    "one_rehearsal_at_a_time": lambda: another(a_rehearsal()),
    "rehearsal_ends_after_it_begins": lambda: update(a_rehearsal(), ends_at=LONG_AGO),
    "ended_rehearsal_says_how": lambda: update(a_rehearsal(), ending="over"),
    # what others were promised, and what slots count as
    "promise_name_once_in_practice": lambda: another(a_promise()),
    "promise_says_to_whom": lambda: update(a_promise(), ods_code=""),
    "promise_says_how_many": lambda: update(a_promise(), patients_for_each_slot=3000),
    "promise_looks_some_days_ahead": lambda: update(a_promise(), days_ahead=0),
    "promised_day_once": lambda: another(a_promised_day()),
    "consumer_group_has_name": lambda: update(make_consumer_group(), name=""),
    "area_has_name": lambda: update(Area.objects.create(name="Mockshire"), name=""),
    "shortfall_once_at_a_time": lambda: another(a_shortfall()),
    "asking_organisation_once_in_practice": lambda: another(
        AskingOrganisation.objects.create(organisation=the_organisation(), ods_code="X1")
    ),
    "slot_type_once_in_practice": lambda: another(make_slot_type()),
    "slot_type_has_a_name": lambda: update(make_slot_type(), name=""),
    "slot_type_lasts_a_minute_or_more": lambda: update(make_slot_type(), default_minutes=0),
    "mapping_once_from_a_day": lambda: another(found := a_mapping(), last_day=found.first_day),
    "mapping_in_force_once": lambda: another(a_mapping(), first_day=date(2027, 1, 4)),
    "mapping_ends_after_it_starts": lambda: update(a_mapping(), last_day=date(2000, 1, 1)),
    "weekly_return_made_once": lambda: another(a_return()),
    "weekly_return_counts_from_one": lambda: update(a_return(), number=0),
    # people
    "gmp_code_is_of_one_person": lambda: update(
        a_gp("G1234567") and a_gp("G7654321"), gmp_code="G1234567"
    ),
    # which time is on offer
    "schedule_ends_after_it_starts": lambda: ends_when_it_starts(make_schedule()),
    "template_once_on_a_date": lambda: another(planned_schedule(), session_holder_id=None),
    "slot_ends_after_it_starts": lambda: ends_when_it_starts(make_slot()),
    "schedule_has_one_slot_at_a_start": lambda: another(make_slot()),
    "slot_status_is_a_code": lambda: update(make_slot(), status="taken"),
    "bookable_slot_has_channel_and_type": lambda: update(make_slot(), delivery_channel=""),
    "booked_slot_not_withdrawn": lambda: update(make_appointment().slots.get(), withdrawn=True),
    # which service it is of
    "one_service_filtering_switch": lambda: another(
        ServiceFilteringSwitch.objects.create(pk=ServiceFilteringSwitch.ONLY), pk=2
    ),
    "service_filtering_state_is_a_code": lambda: update(
        ServiceFilteringSwitch.objects.create(pk=ServiceFilteringSwitch.ONLY), state="perhaps"
    ),
    "service_filtering_open_is_a_code": lambda: update(
        the_organisation(), service_filtering_open="perhaps"
    ),
    "service_id_once_in_practice": lambda: another(make_healthcare_service()),
    "schedule_has_a_service_or_none": lambda: update(
        make_schedule(healthcare_service=make_healthcare_service()), no_healthcare_service=True
    ),
    "template_has_a_service_or_none": lambda: update(
        make_template(healthcare_service=make_healthcare_service()), no_healthcare_service=True
    ),
    # what repeats
    "template_ends_after_it_starts": lambda: update(make_template(), effective_to=date(2000, 1, 1)),
    "template_repeats_every_week_or_more": lambda: update(make_template(), every_n_weeks=0),
    "template_nth_of_month_is_a_code": lambda: update(make_template(), nth_of_month=6),
    "block_slots_have_a_length": lambda: update(a_block(gp_connect_bookable=False), slot_minutes=0),
    "bookable_block_has_channel_and_type": lambda: update(a_block(), slot_type=""),
    "closure_ends_after_it_starts": lambda: update(make_closure(), end_date=date(2000, 1, 1)),
    "closure_kind_is_a_code": lambda: update(make_closure(), kind="party"),
    "generation_run_status_is_a_code": lambda: update(a_run(), status="stuck"),
    "sheet_import_status_is_a_code": lambda: update(a_sheet(), status="lost"),
    # to whom
    "access_profile_name_once_in_practice": lambda: another(make_access_profile()),
    "access_profile_limits_leave_something": lambda: update(
        make_access_profile(), slots_per_week=0
    ),
    # how the diary is looked at
    "diary_view_name_once_for_a_person": lambda: another(a_diary_view(user=a_member().user)),
    "diary_view_name_once_in_practice": lambda: another(a_diary_view()),
    "diary_view_has_a_holder_once": lambda: another(
        a_diary_view().holders.create(practitioner=make_practitioner(), position=1)
    ),
    "diary_view_has_a_place_once": lambda: another(
        a_diary_view().locations.create(location=make_location())
    ),
    "chosen_diary_view_is_one": lambda: another(
        a_diary_view().chosen_by.create(organisation=the_organisation(), user=a_member().user)
    ),
    # who would come earlier
    "appointment_listed_once": lambda: another(an_entry(appointment=make_appointment())),
    "listed_until_after_it_begins": lambda: update(an_entry(), last_day=date(2027, 1, 3)),
    "listed_hours_end_after_they_begin": lambda: update(
        an_entry(), start_time=time(12), end_time=time(9)
    ),
    "listed_end_is_a_code": lambda: update(an_entry(), ended_as="met"),
    "listed_for_a_clinician_once": lambda: another(
        an_entry().clinicians.create(practitioner=make_practitioner())
    ),
    "listed_call_outcome_is_a_code": lambda: update(
        an_entry().calls.create(start=timezone.now(), at=timezone.now(), outcome="declined"),
        outcome="perhaps",
    ),
    # booked elsewhere
    "remote_service_name_once_in_practice": lambda: another(make_remote_service()),
    "remote_service_can_be_called": lambda: update(make_remote_service(), asid=""),
    "remote_time_asked_for_once": lambda: another(make_remote_appointment()),
    "remote_booking_unknown_once": lambda: another(
        make_remote_appointment(state="asked"), first_slot="702"
    ),
    "remote_appointment_state_is_a_code": lambda: update(
        make_remote_appointment(), state="perhaps"
    ),
    "remote_appointment_ends_after_it_starts": lambda: ends_when_it_starts(
        make_remote_appointment()
    ),
    "remote_appointment_booked_has_an_id": lambda: update(make_remote_appointment(), remote_id=""),
    # who and where
    "member_once": lambda: another(a_member()),
    "location_name_once_in_practice": lambda: another(make_location(), is_main=False),
    "one_main_location": lambda: another(the_location(the_organisation()), name="Another"),
    "location_status_is_a_code": lambda: update(make_location(), status="haunted"),
    "imported_once": lambda: another(an_import(), kind="Patient"),
    "role_once_in_practice": lambda: another(make_practitioner().roles.get()),
    "sandbox_exchange_once": lambda: another(
        SandboxExchange.objects.create(organisation=make_organisation(sandbox_of="A"), key="x")
    ),
    "one_sandbox_of_a_supplier": lambda: another(
        make_organisation(sandbox_of="Mocksoft"), ods_code="Y99902"
    ),
    "one_calendar_feed_at_a_time": lambda: another(a_feed(), secret="y"),
    "patient_once_in_practice": lambda: another(make_patient()),
    "verified_patient_has_a_number": lambda: update(make_patient(), nhs_number=None),
    "patient_number_is_there_or_null": lambda: update(make_patient(), nhs_number=""),
    "patient_note_says_something": lambda: update(a_note(), text=""),
    "registration_ends_after_it_starts": lambda: update(
        make_patient(), registration_end=date(2000, 1, 1)
    ),
}


def constraints() -> dict[str, models.BaseConstraint]:
    return {
        constraint.name: constraint
        for model in apps.get_app_config("practice").get_models()
        if not model.__name__.startswith("Audit")
        for constraint in model._meta.constraints
    }


def test_every_constraint_is_broken_here():
    assert BREACHES.keys() == constraints().keys()


@pytest.mark.req("BOOK-073", "AVAIL-060", "GEN-035")
@pytest.mark.parametrize("name", BREACHES)
def test_the_database_refuses(practice, name):
    """Each statement fails because of its own constraint and no other."""
    breach = BREACHES[name]()

    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        breach()

    said = str(refused.value)
    unnamed = connection.vendor == "sqlite" and isinstance(
        constraints()[name], models.UniqueConstraint
    )
    if unnamed:  # SQLite says which columns are not unique
        columns = {column.rsplit(".", 1)[-1] for column in said.partition(": ")[2].split(", ")}
        assert columns == columns_of(name)
    else:
        assert name in said


def columns_of(name: str) -> set[str | None]:
    """The columns that a constraint keeps unique."""
    for model in apps.get_app_config("practice").get_models():
        for constraint in model._meta.constraints:
            if constraint.name == name and isinstance(constraint, models.UniqueConstraint):
                columns = {field.name: field.column for field in model._meta.concrete_fields}
                return {columns[field] for field in constraint.fields}
    raise LookupError(name)


ALLOWED: dict[str, Callable[[], Callable[[], Any]]] = {
    "a slot in a cancelled and in a live appointment": lambda: another(
        AppointmentSlot.objects.get(appointment=make_appointment()),
        appointment_id=make_appointment().pk,
        released=True,
    ),
    "an extra slot at the start of another": lambda: another(
        make_slot(), overbooked=True, gp_connect_bookable=False
    ),
    "the same start in another session": lambda: another(
        make_slot(), schedule_id=make_schedule().pk
    ),
    "a slot that nobody outside can book, without channel": lambda: update(
        make_slot(gp_connect_bookable=False), delivery_channel=""
    ),
    "two sessions made by hand on one date": lambda: another(
        make_schedule(), session_holder_id=None
    ),
    "a break": lambda: update(a_block(gp_connect_bookable=False), slot_minutes=None),
    "a second surgery": lambda: another(make_location(), name="Another", is_main=False),
    "the same person at two practices": lambda: another(
        make_patient(), organisation_id=make_organisation().pk
    ),
    "a new feed after the old one was revoked": lambda: another(
        a_feed(), secret="y", revoked_at=timezone.now()
    ),
    "a registration that ends on the day it began": lambda: update(
        make_patient(), registration_start=date(2026, 1, 1), registration_end=date(2026, 1, 1)
    ),
}


@pytest.mark.parametrize("prepare", ALLOWED.values(), ids=ALLOWED.keys())
def test_the_database_allows(practice, prepare):
    """The constraints go no further than the truth that they keep."""
    prepare()()


UNIQUE_COLUMNS = {
    "ODS code": lambda: another(make_organisation()),
    "SDS user id": lambda: another(make_practitioner()),
}


@pytest.mark.parametrize("prepare", UNIQUE_COLUMNS.values(), ids=UNIQUE_COLUMNS.keys())
def test_business_identifiers_are_unique(practice, prepare):
    breach = prepare()

    with pytest.raises(IntegrityError), transaction.atomic():
        breach()


@pytest.mark.parametrize("kind", [Organisation, Location, Patient, Practitioner, Schedule, Slot])
def test_what_an_appointment_needs_cannot_be_deleted(practice, kind):
    """Logical ids stay what they are; a place, a person or a slot is ended, not removed."""
    make_appointment(make_slots(2), practice.patient)

    with pytest.raises(models.ProtectedError):
        kind.objects.all().delete()


# ---------------------------------------------------------------- one person in one place


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("minutes_later", "fields", "is_refused"),
    [
        pytest.param(0, {}, True, id="at the same time"),
        pytest.param(179, {}, True, id="overlapping by a minute"),
        pytest.param(180, {}, False, id="one after the other"),
        pytest.param(0, {"withdrawn": True}, False, id="withdrawn"),
        pytest.param(0, {"session_holder_id": None}, False, id="of nobody"),
    ],
)
def test_a_holder_is_in_one_session_at_a_time(practice, minutes_later, fields, is_refused):
    """Held by PostgreSQL; on SQLite the services see to it under the lock of the whole database."""
    schedule = make_schedule()
    later = timedelta(minutes=minutes_later)
    moved = {"start": schedule.start + later, "end": schedule.end + later, **fields}
    insert = another(schedule, **moved)

    if not is_refused:
        insert()
        return
    with pytest.raises(IntegrityError, match="holder_in_one_session_at_a_time"):
        insert()
