"""Services and their switch, the supplier's switch, and choosing a service where one is due."""

import pytest
from django.urls import reverse

from practice.models import HealthcareService, Schedule, SessionTemplate, Slot
from practice.reads import service_filtering
from tests.practice.staff.diary_world import words_of
from workbench.factories import (
    filter_by_service,
    make_healthcare_service,
    make_organisation,
    make_schedule,
    make_slots,
    make_template,
)
from workbench.staff import ADMINISTRATOR, MANAGER, RECEPTIONIST, signed_in, superuser

pytestmark = pytest.mark.django_db

SERVICES = "/admin/services/"
SUPPLIER = "/admin/service-filtering/"


def text(answer):
    return words_of(answer.content.decode())


@pytest.fixture
def own(practice):
    """The practice, to which the supplier has opened service filtering."""
    return filter_by_service(practice.organisation, on=False)


@pytest.fixture
def administrator(practice):
    return signed_in(practice.organisation, role=ADMINISTRATOR)


# ---------------------------------------------------------------- the supplier's switch


@pytest.mark.req("SF-001", "SF-002", "SF-011")
def test_a_superuser_turns_the_suppliers_switch_and_sees_how_it_stood(practice):
    supplier, code = superuser(), practice.organisation.ods_code
    assert "Service filtering" in text(supplier.get("/admin/"))

    said = text(supplier.post(SUPPLIER, {"state": "selected", "ods_codes": code}, follow=True))

    assert "On at selected practices" in said
    assert "Supplier’s switch From: Off To: On at selected practices" in said
    assert f"Selected practices From: None To: {code}" in said
    refused = supplier.post(SUPPLIER, {"state": "selected", "ods_codes": "Z99999"})
    assert refused.status_code == 422
    assert "no practice here with the code Z99999" in text(refused)
    assert service_filtering.supplier_switch().ods_codes == [code]


@pytest.mark.req("SF-002")
@pytest.mark.parametrize("role", [RECEPTIONIST, MANAGER, ADMINISTRATOR])
def test_nobody_else_meets_the_suppliers_switch(practice, role):
    somebody = signed_in(practice.organisation, role=role)

    assert somebody.get(SUPPLIER).status_code == 403
    assert somebody.post(SUPPLIER, {"state": "on"}).status_code == 403
    assert SUPPLIER not in somebody.get("/admin/").content.decode()
    assert service_filtering.supplier_switch().state == "off"


@pytest.mark.req("SF-003")
def test_where_the_supplier_has_it_off_no_page_says_anything_of_it(practice, administrator):
    organisation = practice.organisation
    template, session = make_template(), make_schedule()
    service = make_healthcare_service(name="Trevelyan")
    pages = [
        "/admin/",
        reverse("admin:practice_organisation_change", args=[organisation.pk]),
        reverse("admin:practice_sessiontemplate_change", args=[template.pk]),
        reverse("admin:practice_schedule_change", args=[session.pk]),
        reverse("admin:practice_schedule_change", args=[session.pk]) + "?ask=change",
        reverse("admin:practice_schedule_add"),
    ]

    def said_of_it():
        shown = [administrator.get(page).content.decode() for page in pages]
        return [SERVICES in each or 'name="service"' in each for each in shown]

    assert not any(said_of_it())
    for page in (SERVICES, f"{SERVICES}add/", f"{SERVICES}{service.pk}/"):
        assert administrator.get(page).status_code == 403
    assert administrator.post(SERVICES, {"do": "on", "confirmed": "1"}).status_code == 403
    filter_by_service(organisation, on=False)
    assert said_of_it() == [True, True, True, True, True, True]
    assert administrator.get(SERVICES).status_code == 200


# ---------------------------------------------------------------- the practice's list and switch


@pytest.mark.req("SF-006")
def test_a_manager_keeps_the_list(own):
    manager = signed_in(own, role=MANAGER)
    said = manager.post(f"{SERVICES}add/", {"service_id": "1000123", "name": "Hub"}, follow=True)
    assert "Saved: Hub (1000123)." in text(said)
    again = manager.post(f"{SERVICES}add/", {"service_id": "1000123", "name": "Other"})
    assert (again.status_code, "in the list already" in text(again)) == (422, True)
    wrong = manager.post(f"{SERVICES}add/", {"service_id": "DOS", "name": "Other"})
    assert (wrong.status_code, "is a number" in text(wrong)) == (422, True)
    page = f"{SERVICES}{HealthcareService.objects.get().pk}/"
    manager.post(page, {"service_id": "1000123", "name": "The Hub"})
    assert "The Hub" in text(manager.get(SERVICES))
    make_template(healthcare_service=HealthcareService.objects.get())

    asked = manager.post(page, {"do": "remove"})
    assert "1 template and 0 coming sessions belong to it" in text(asked)
    assert HealthcareService.objects.exists(), "asked only"
    assert "Removed from the list: The Hub" in text(
        manager.post(page, {"do": "remove-confirmed"}, follow=True)
    )


@pytest.mark.req("SF-004", "SF-006")
def test_a_receptionist_only_reads_the_list_and_a_manager_does_not_switch(own):
    service = make_healthcare_service()
    receptionist, manager = signed_in(own, role=RECEPTIONIST), signed_in(own, role=MANAGER)

    assert receptionist.get(SERVICES).status_code == 200
    for page in (f"{SERVICES}add/", f"{SERVICES}{service.pk}/"):
        assert receptionist.post(page, {"service_id": "1", "name": "x"}).status_code == 403
    for somebody in (receptionist, manager):
        assert somebody.post(SERVICES, {"do": "on", "confirmed": "1"}).status_code == 403
    own.refresh_from_db()
    assert not own.service_filtering_enabled


@pytest.mark.req("SF-004", "SF-005", "SF-011")
def test_the_switch_asks_first_holds_at_once_and_remembers(own, administrator):
    said = text(administrator.get(SERVICES))
    assert "It cannot be switched on yet. The list of services is empty." in said
    refused = administrator.post(SERVICES, {"do": "on", "confirmed": "1"}, follow=True)
    assert "The list of services is empty." in text(refused)
    make_healthcare_service()
    make_template()

    asked = text(administrator.post(SERVICES, {"do": "on"}))
    prompt = "Have you completed the list of your services and linked them to sessions/rotas?"
    assert prompt in asked
    assert "1 template and 0 coming sessions that others may book have no service" in asked
    own.refresh_from_db()
    assert not own.filters_by_service
    said = text(administrator.post(SERVICES, {"do": "on", "confirmed": "1"}, follow=True))
    assert "Service filtering is on." in said
    own.refresh_from_db()
    assert own.filters_by_service
    said = text(administrator.post(SERVICES, {"do": "off"}, follow=True))
    assert "Service filtering From: On To: Off" in said
    assert "Service filtering From: Off To: On" in said


@pytest.mark.req("SF-006")
def test_the_list_asks_no_more_the_longer_it_is(own, administrator, django_assert_max_num_queries):
    def rows(number):
        for _ in range(number):
            service = make_healthcare_service()
            make_template(healthcare_service=service)
            make_slots(1, make_schedule(healthcare_service=service))
            make_template()

    rows(1)
    administrator.get(SERVICES)
    with django_assert_max_num_queries(40) as few:
        administrator.get(SERVICES)
    rows(4)
    with django_assert_max_num_queries(len(few)):
        administrator.get(SERVICES)


# ---------------------------------------------------------------- choosing


def template_form(template, **changed):
    """What the template's form sends as it stands."""
    block = template.blocks.get()
    return {
        "do": "save",
        "session_name": template.session_name,
        "session_holder": template.session_holder_id,
        "location": template.location_id,
        "practitioner_role": template.practitioner_role,
        "weekdays": template.weekdays,
        "every_n_weeks": template.every_n_weeks,
        "effective_from": template.effective_from.isoformat(),
        "blocks-TOTAL_FORMS": "1",
        "blocks-INITIAL_FORMS": "1",
        "blocks-0-id": block.pk,
        "blocks-0-position": "0",
        "blocks-0-start": "09:00",
        "blocks-0-end": "12:00",
        "blocks-0-slot_minutes": "10",
        "blocks-0-slot_type": block.slot_type,
        "blocks-0-delivery_channel": block.delivery_channel,
        "blocks-0-gp_connect_bookable": "on",
        **changed,
    }


@pytest.mark.req("SF-008", "SF-009")
def test_the_template_asks_for_the_service_and_insists_while_the_practice_filters(own):
    manager, service, template = signed_in(own, role=MANAGER), make_healthcare_service(), None
    template = make_template()
    page = reverse("admin:practice_sessiontemplate_change", args=[template.pk])

    def send(service):
        return manager.post(page, template_form(template, service=service))

    def chosen():
        found = SessionTemplate.objects.get(pk=template.pk)
        return found.healthcare_service_id, found.no_healthcare_service

    assert send("").status_code == 302, "not asked for while the switch is off"
    filter_by_service(own)
    refused = send("")
    assert refused.status_code == 422
    assert "Choose the service that it belongs to, or “Not applicable”." in text(refused)
    assert send(str(service.pk)).status_code == 302
    assert chosen() == (service.pk, False)
    assert f'<option value="{service.pk}" selected' in manager.get(page).content.decode()
    assert send("none").status_code == 302
    assert chosen() == (None, True)
    foreign = make_healthcare_service(make_organisation())
    assert send(str(foreign.pk)).status_code == 422


@pytest.mark.req("SF-008")
def test_a_form_without_the_field_leaves_the_choice_as_it_is(practice):
    """While the supplier has it off, no form asks; what was linked stays linked."""
    service = make_healthcare_service()
    template, session = make_template(), make_schedule(healthcare_service=service)
    SessionTemplate.objects.filter(pk=template.pk).update(healthcare_service=service)
    manager = signed_in(practice.organisation, role=MANAGER)
    template.refresh_from_db()
    page = reverse("admin:practice_sessiontemplate_change", args=[template.pk])
    manager.post(page, template_form(template, session_name="Evening"))
    template.refresh_from_db()
    assert (template.session_name, template.healthcare_service) == ("Evening", service)
    sent = {
        "do": "change",
        "expected_version": session.version,
        "session_name": "Evening",
        "location": session.location_id,
        "practitioner_role": session.practitioner_role,
    }
    manager.post(reverse("admin:practice_schedule_change", args=[session.pk]), sent)
    session.refresh_from_db()
    assert (session.session_name, session.healthcare_service) == ("Evening", service)


@pytest.mark.req("SF-008")
def test_a_session_is_given_its_service(own):
    manager, service, session = signed_in(own, role=MANAGER), make_healthcare_service(), None
    session = make_schedule()
    page = reverse("admin:practice_schedule_change", args=[session.pk])
    assert "Service Not chosen yet" in text(manager.get(page))
    sent = {
        "do": "change",
        "expected_version": session.version,
        "session_name": session.session_name,
        "location": session.location_id,
        "practitioner_role": session.practitioner_role,
        "service": str(service.pk),
    }
    manager.post(page, sent)
    assert f"Service {service}" in text(manager.get(page))


@pytest.mark.req("SF-010")
def test_making_a_slot_bookable_asks_for_the_service_of_its_session(own):
    filter_by_service(own)
    manager, service = signed_in(own, role=MANAGER), make_healthcare_service()
    [slot] = make_slots(1, make_schedule(), gp_connect_bookable=False)
    page = reverse("admin:practice_slot_change", args=[slot.pk])
    assert "Make GP Connect bookable…" in text(manager.get(page))
    assert "Service of the session" in text(manager.get(f"{page}?ask=offer"))

    def offer(service):
        sent = {"do": "offer", "expected_version": slot.version, "service": service}
        return manager.post(page, sent)

    assert offer("").status_code == 422
    assert not Slot.objects.get(pk=slot.pk).gp_connect_bookable
    assert offer(str(service.pk)).status_code == 302
    assert Slot.objects.get(pk=slot.pk).gp_connect_bookable
    assert Schedule.objects.get().healthcare_service == service


@pytest.mark.req("SF-010")
def test_several_slots_become_bookable_with_one_choice_for_their_sessions(own):
    filter_by_service(own)
    manager = signed_in(own, role=MANAGER)
    slots = [make_slots(1, make_schedule(), gp_connect_bookable=False)[0] for _ in range(2)]
    page = reverse("admin:several_slots")
    sent = {"slots": ",".join(str(slot.pk) for slot in slots), "do": "offer"}
    assert "Service of sessions that have none yet" in text(manager.get(page, sent))

    refused = manager.post(page, sent)
    assert refused.status_code == 422
    assert "2 × Its session has no service yet" in text(refused)
    assert manager.post(page, {**sent, "service": "none"}).status_code == 302
    assert Slot.objects.filter(gp_connect_bookable=True).count() == 2
    assert set(Schedule.objects.values_list("no_healthcare_service", flat=True)) == {True}
