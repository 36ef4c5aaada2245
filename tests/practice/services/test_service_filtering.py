"""Service filtering: both switches, the list of services, and which session is of which."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice import clock
from practice.exceptions import DiaryRefused, NotFound, ServiceRefused, SwitchRefused
from practice.models import AuditEvent, HealthcareService, Organisation, Schedule, SessionTemplate
from practice.reads import service_filtering
from practice.reads.service_filtering import Status
from practice.services.audit.recording import Actor
from practice.services.enablement import switch
from practice.services.generation.planned_sessions import SlotKind
from practice.services.generation.runs import generate
from practice.services.loading import load_practices
from practice.services.service_filtering import (
    CHOOSE,
    NOTHING_CHOSEN,
    ServiceChoice,
    remove_service,
    save_service,
    turn_supplier_switch,
)
from practice.services.sessions import (
    SessionWords,
    change_session,
    create_session,
    extend_session,
)
from practice.services.slots import SERVICE_FIRST, make_bookable
from practice.services.templates import save_template
from workbench.factories import (
    filter_by_service,
    make_appointment,
    make_healthcare_service,
    make_organisation,
    make_schedule,
    make_slots,
    make_template,
    tomorrow,
)

pytestmark = pytest.mark.django_db

SUPPLIER = Actor(door="staff", user_id="sam", name="Sam Supplier", role="superuser")
MANAGER = Actor(door="staff", user_id="martha", name="Martha Manager", role="Practice manager")


def turn(state, *ods_codes):
    return turn_supplier_switch(
        state=state, ods_codes=ods_codes, actor=SUPPLIER, now=timezone.now()
    )


def status(practice):
    practice.refresh_from_db()
    return service_filtering.status(practice)


def told(**changed):
    return {"actor": MANAGER, "now": timezone.now(), **changed}


# ---------------------------------------------------------------- the supplier's switch


@pytest.mark.req("SF-001")
def test_the_suppliers_switch_begins_off_with_an_empty_list(practice):
    stored = service_filtering.supplier_switch()

    assert (stored.state, stored.ods_codes) == ("off", [])
    assert status(practice.organisation) == Status.SUPPLIER_DISABLED
    assert not service_filtering.is_spoken_of(practice.organisation)


@pytest.mark.req("SF-001", "SF-003")
def test_it_has_three_states_that_hold_at_once(practice):
    chosen, other = practice.organisation, make_organisation()
    Organisation.objects.update(service_filtering_enabled=True)

    turn("selected", chosen.ods_code.lower())
    assert (status(chosen), status(other)) == (Status.ENABLED, Status.SUPPLIER_DISABLED)
    turn("on")
    assert (status(chosen), status(other)) == (Status.ENABLED, Status.ENABLED)
    turn("off", chosen.ods_code)
    assert (status(chosen), status(other)) == (Status.SUPPLIER_DISABLED,) * 2
    assert not chosen.filters_by_service, "whatever its own switch says"


@pytest.mark.parametrize(("state", "code"), [("selected", "Z99999"), ("perhaps", "")])
@pytest.mark.req("SF-001")
def test_what_it_cannot_be_is_refused(practice, state, code):
    with pytest.raises(SwitchRefused):
        turn(state, code)
    assert service_filtering.supplier_switch().state == "off"


@pytest.mark.req("SF-002", "SF-011")
def test_each_change_of_it_is_in_the_trail_with_what_was_before(practice):
    own = practice.organisation
    turn("selected", own.ods_code)
    turn("selected", own.ods_code)  # nothing new
    turn("on")

    newest, oldest = service_filtering.supplier_history()
    assert (oldest.who, oldest.changes) == (
        "Sam Supplier, superuser",
        [("ods_codes", [], [own.ods_code]), ("state", "off", "selected")],
    )
    assert newest.changes == [("ods_codes", [own.ods_code], []), ("state", "selected", "on")]
    assert newest.at >= oldest.at
    here = service_filtering.practice_history(own)
    assert [each.changes for each in here] == [[("service_filtering_open", "off", "here")]]


@pytest.mark.req("SF-001")
def test_a_practice_that_is_made_later_meets_the_switch_as_it_is(db):
    turn("on")
    file = "practice: {ods_code: A99002, name: New Surgery}\nservices:\n"
    file += "  - {service_id: '77', name: Hub}\n"

    load_practices(files={"new.yaml": file}, actor=SUPPLIER, now=timezone.now())

    made = Organisation.objects.get(ods_code="A99002")
    assert status(made) == Status.ORGANISATION_DISABLED
    assert str(made.healthcare_services.get()) == "Hub (77)"


# ---------------------------------------------------------------- the practice's switch


@pytest.mark.req("SF-005")
def test_it_can_be_switched_on_only_when_all_else_stands(practice):
    own = practice.organisation
    make_healthcare_service(make_organisation())

    def refused():
        own.refresh_from_db()
        with pytest.raises(SwitchRefused) as refusal:
            switch(organisation=own, service_filtering_enabled=True, **told())
        own.refresh_from_db()
        assert not own.service_filtering_enabled
        return str(refusal.value)

    assert refused() == "Service filtering is not open to this practice."
    turn("on")
    assert refused() == "The list of services is empty. Set up your services first."
    make_healthcare_service(own)
    Organisation.objects.filter(pk=own.pk).update(appointment_management_enabled=False)
    assert refused().startswith("GP Connect appointment management is switched off.")
    Organisation.objects.filter(pk=own.pk).update(gp_connect_enabled=False)
    assert refused().startswith("GP Connect is switched off.")


@pytest.mark.req("SF-004", "SF-011")
def test_it_begins_off_holds_at_once_and_its_past_is_looked_up(practice):
    own = practice.organisation
    turn("on")
    make_healthcare_service(own)
    assert status(own) == Status.ORGANISATION_DISABLED

    switch(organisation=own, service_filtering_enabled=True, **told())
    assert status(own) == Status.ENABLED
    switch(organisation=own, service_filtering_enabled=False, **told())
    assert status(own) == Status.ORGANISATION_DISABLED

    off, on, _ = service_filtering.practice_history(own)
    assert on.changes == [("service_filtering_enabled", False, True)]
    assert off.changes == [("service_filtering_enabled", True, False)]
    assert off.who == "Martha Manager, Practice manager"


# ---------------------------------------------------------------- the list


@pytest.fixture(params=["off", "on"])
def either_way(request, practice):
    """The practice, whose switch is off or on: its list can be kept either way."""
    return filter_by_service(practice.organisation, on=request.param == "on")


@pytest.mark.req("SF-006")
def test_services_are_added_changed_and_removed_and_the_trail_says_so(either_way):
    make_healthcare_service(either_way)
    service = HealthcareService(organisation=either_way, service_id=" 1000123 ", name=" The  Hub ")
    save_service(service, **told())
    assert str(service) == "The Hub (1000123)"
    service.name = "The New Hub"
    save_service(service, **told())
    assert (service.version, HealthcareService.objects.get(pk=service.pk).version) == (2, 2)
    save_service(service, **told())
    assert service.version == 2, "nothing has changed"
    pk = service.pk
    remove_service(service, **told())

    assert not HealthcareService.objects.filter(pk=pk).exists()
    of_it = AuditEvent.objects.filter(resource=f"HealthcareService/{pk}").order_by("pk")
    assert [each.event.partition(".")[2] for each in of_it] == ["add", "change", "delete"]
    assert of_it[1].detail["changes"] == {"name": {"from": "The Hub", "to": "The New Hub"}}
    assert of_it[2].detail["removed"]["service_id"] == "1000123"


@pytest.mark.req("SF-006")
@pytest.mark.parametrize("service_id", ["", "DOS-1", "1" * 21, "1000123"])
def test_a_service_needs_a_number_of_its_own(practice, service_id):
    make_healthcare_service(service_id="1000123")
    make_healthcare_service(make_organisation(), service_id="1000124")
    wrong = HealthcareService(
        organisation=practice.organisation, service_id=service_id, name="The Hub"
    )
    with pytest.raises(ServiceRefused):
        save_service(wrong, **told())


@pytest.mark.req("SF-006", "SF-008")
def test_what_belonged_to_a_service_that_is_removed_has_no_choice_any_more(practice):
    service = make_healthcare_service()
    template = make_template(healthcare_service=service)
    session = make_schedule(healthcare_service=service)

    remove_service(service, **told())

    template.refresh_from_db()
    session.refresh_from_db()
    assert not template.service_is_chosen
    assert not session.service_is_chosen
    event = AuditEvent.objects.get(event="healthcareservice.delete")
    assert event.detail["links"] == {"templates": 1, "sessions": 1}


@pytest.mark.req("SF-006", "SF-009")
def test_while_the_practice_filters_nothing_is_left_without_a_choice(practice):
    filter_by_service(practice.organisation)
    service = make_healthcare_service()

    def refused():
        with pytest.raises(ServiceRefused) as refusal:
            remove_service(service, **told())
        return str(refusal.value)

    assert refused().startswith("It is the last service")
    make_healthcare_service()
    template = make_template(healthcare_service=service)
    assert refused().startswith("1 template still")
    SessionTemplate.objects.filter(pk=template.pk).update(healthcare_service=None)
    make_schedule(healthcare_service=service)
    assert refused().startswith("1 coming session still")


# ---------------------------------------------------------------- which session is of which


def apply_templates(practice):
    first = tomorrow()
    return generate(
        organisation=practice.organisation,
        from_date=first,
        to_date=first + timedelta(days=6),
        actor=MANAGER,
        now=timezone.now(),
    )


@pytest.mark.req("SF-008")
def test_the_link_of_a_template_is_copied_to_the_sessions_made_from_it(practice):
    service = make_healthcare_service()
    linked, none_applies = make_template(healthcare_service=service), make_template()
    SessionTemplate.objects.filter(pk=none_applies.pk).update(no_healthcare_service=True)

    apply_templates(practice)

    made = Schedule.objects.filter(template=linked)
    assert set(made.values_list("healthcare_service", flat=True)) == {service.pk}
    made = Schedule.objects.filter(template=none_applies)
    assert set(made.values_list("healthcare_service", "no_healthcare_service")) == {(None, True)}


@pytest.mark.req("SF-008", "SF-026")
@pytest.mark.parametrize("filters", [False, True])
def test_another_link_reaches_the_sessions_and_is_news_to_those_who_see_it(practice, filters):
    template = make_template(healthcare_service=make_healthcare_service())
    other = make_healthcare_service()
    filter_by_service(practice.organisation, on=filters)
    apply_templates(practice)
    session = Schedule.objects.filter(template=template).first()
    booked = make_appointment([session.slots.order_by("start").first()])
    by_hand = Schedule.objects.filter(template=template).last()
    Schedule.objects.filter(pk=by_hand.pk).update(changed_by_hand=True)
    SessionTemplate.objects.filter(pk=template.pk).update(healthcare_service=other)

    apply_templates(practice)

    version, before = session.version, booked.version
    session.refresh_from_db()
    booked.refresh_from_db()
    assert (session.healthcare_service, session.version) == (other, version + 1)
    assert booked.version == before + filters, "it shows the service only while it filters"
    by_hand.refresh_from_db()
    assert by_hand.healthcare_service != other, "what a person has set stays"


@pytest.mark.req("SF-008", "SF-011")
def test_a_link_is_in_the_trail_with_what_was_before(practice):
    service = make_healthcare_service()
    session = make_schedule()
    words = words_of(session)._replace(healthcare_service_id=service.pk)

    change_session(
        organisation=practice.organisation, schedule_id=session.pk, words=words, **told()
    )
    template = make_template()
    template.healthcare_service = service
    save_template(template=template, blocks=list(template.blocks.all()), **told())

    for event in AuditEvent.objects.filter(event__endswith=".change"):
        assert event.detail["changes"]["healthcare_service"] == {
            "from": None,
            "to": f"{service} ({service.pk})",
        }
    assert AuditEvent.objects.filter(event__endswith=".change").count() == 2


def words_of(session):
    return SessionWords(*(getattr(session, name) for name in SessionWords._fields))


def another_practices_service():
    return make_healthcare_service(make_organisation())


@pytest.mark.req("SF-008")
def test_a_service_of_another_practice_cannot_be_linked(practice):
    foreign = another_practices_service()
    template, session = make_template(), make_schedule()
    template.healthcare_service = foreign
    with pytest.raises(NotFound):
        save_template(template=template, blocks=list(template.blocks.all()), **told())
    with pytest.raises(NotFound):
        change_session(
            organisation=practice.organisation,
            schedule_id=session.pk,
            words=words_of(session)._replace(healthcare_service_id=foreign.pk),
            **told(),
        )


@pytest.mark.req("SF-008")
def test_no_session_is_of_a_service_and_of_none_at_once(practice):
    session = make_schedule()
    both = words_of(session)._replace(
        healthcare_service_id=make_healthcare_service().pk, no_healthcare_service=True
    )
    with pytest.raises(DiaryRefused):
        change_session(
            organisation=practice.organisation, schedule_id=session.pk, words=both, **told()
        )


NONE_APPLIES = ServiceChoice(no_healthcare_service=True)


@pytest.mark.req("SF-009")
@pytest.mark.parametrize("filters", [False, True])
def test_a_template_that_others_may_book_needs_a_choice_while_the_practice_filters(
    practice, filters
):
    filter_by_service(practice.organisation, on=filters)
    template = make_template()
    blocks = list(template.blocks.all())
    template.session_name = "Evening hub"
    if filters:
        with pytest.raises(DiaryRefused, match=CHOOSE):
            save_template(template=template, blocks=blocks, **told())
        template.no_healthcare_service = True
    save_template(template=template, blocks=blocks, **told())
    template.no_healthcare_service = False
    for block in blocks:
        block.gp_connect_bookable = False
    save_template(template=template, blocks=blocks, **told())


@pytest.mark.req("SF-009", "SF-010")
def test_a_session_that_others_may_book_needs_a_choice_while_the_practice_filters(practice):
    own = filter_by_service(practice.organisation)
    start = clock.instant(tomorrow(), clock.local(timezone.now()).time().replace(9, 0, 0, 0))

    def create(service=NOTHING_CHOSEN, *, bookable=True):
        return create_session(
            organisation=own,
            location_id=practice.location.pk,
            start=start,
            end=start + timedelta(hours=1),
            slot_minutes=10,
            slot_type="Routine",
            delivery_channel="In-person",
            practitioner_role="R0260",
            gp_connect_bookable=bookable,
            service=service,
            **told(),
        )

    with pytest.raises(DiaryRefused, match=CHOOSE):
        create()
    assert create(bookable=False).service_is_chosen is False
    made = create(ServiceChoice(make_healthcare_service().pk))
    with pytest.raises(DiaryRefused, match=CHOOSE):
        change_session(
            organisation=own,
            schedule_id=made.pk,
            words=words_of(made)._replace(healthcare_service_id=None),
            **told(),
        )


@pytest.mark.req("SF-010")
def test_slots_become_bookable_with_the_service_of_their_session(practice):
    own = filter_by_service(practice.organisation)
    session = make_schedule()
    slots = make_slots(3, session, gp_connect_bookable=False)
    service = make_healthcare_service()

    def offer(slot, **words):
        return make_bookable(organisation=own, slot_ids=[slot.pk], **words, **told())

    [refused] = offer(slots[0]).refused
    assert refused.why == SERVICE_FIRST
    assert not offer(slots[0], service=ServiceChoice(service.pk)).refused
    session.refresh_from_db()
    assert (session.healthcare_service, session.changed_by_hand) == (service, True)
    assert not offer(slots[1]).refused, "it has a service now"
    assert not offer(slots[2], service=NONE_APPLIES).refused
    session.refresh_from_db()
    assert session.healthcare_service == service, "a choice that was made stays"


@pytest.mark.req("SF-010")
def test_a_longer_session_is_asked_for_its_service_too(practice):
    own = filter_by_service(practice.organisation)
    session = make_schedule()
    make_slots(1, session)
    kind = session.slots.get()

    def extend(**words):
        return extend_session(
            organisation=own,
            schedule_id=session.pk,
            start=session.start,
            end=session.end + timedelta(minutes=30),
            slot_minutes=10,
            kind=SlotKind._make(getattr(kind, name) for name in SlotKind._fields),
            **words,
            **told(),
        )

    with pytest.raises(DiaryRefused, match=CHOOSE):
        extend()
    assert extend(service=NONE_APPLIES) == 3
    session.refresh_from_db()
    assert session.no_healthcare_service


@pytest.mark.req("SF-010")
def test_with_the_practices_switch_off_nobody_is_asked(practice):
    filter_by_service(practice.organisation, on=False)
    slots = make_slots(1, make_schedule(), gp_connect_bookable=False)

    outcome = make_bookable(organisation=practice.organisation, slot_ids=[slots[0].pk], **told())

    assert not outcome.refused


@pytest.mark.req("SF-006", "SF-009")
def test_the_list_says_what_belongs_to_each_and_what_to_none(practice):
    service = make_healthcare_service()
    make_template(healthcare_service=service)
    lost = make_template(session_name="Lost")
    make_template(blocks=[{"gp_connect_bookable": False}])
    make_slots(1, make_schedule(healthcare_service=service))
    make_slots(1, make_schedule())
    make_slots(1, make_schedule(no_healthcare_service=True))

    found = service_filtering.service_list(organisation=practice.organisation, now=timezone.now())

    assert [(each.templates, each.sessions) for each in found.linked] == [(1, 1)]
    assert found.templates_without == [lost]
    assert found.sessions_without == 1
