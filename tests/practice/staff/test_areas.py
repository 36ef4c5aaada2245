"""Area managers see what practices promise, keep the groups, and reach nothing of any patient."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver, reverse
from django.utils import timezone

from practice import clock
from practice.models import (
    AppointmentSlot,
    AuditEvent,
    ConsumerGroup,
    PatientName,
    Promise,
    PromisedDay,
    Slot,
)
from practice.services.areas import set_area
from practice.services.promises import watch
from practice.staff.urls import urlpatterns
from tests.practice.staff.diary_world import words_of
from workbench.factories import (
    make_access_profile,
    make_actor,
    make_appointment,
    make_consumer_group,
    make_organisation,
    make_patient,
    make_schedule,
    make_slots,
)
from workbench.staff import (
    ADMINISTRATOR,
    AREA_MANAGER,
    AUDITOR,
    CLINICIAN,
    MANAGER,
    RECEPTIONIST,
    StaffClient,
    make_staff,
)

pytestmark = pytest.mark.django_db

AREA, GROUPS, ADD = "/admin/area/", "/admin/groups/", "/admin/groups/add/"
OF_PATIENTS = re.compile(
    r'practice_(patient\w*|appointment\w*|contactattempt|howbooked|exceptionreason|slot|schedule)"'
)


@pytest.fixture
def area_manager(practice):
    user = make_staff(role=AREA_MANAGER, username="ari")
    set_area(
        "Mockshire",
        practices=[practice.organisation],
        managers=[user],
        actor=make_actor(door="command"),
        now=timezone.now(),
    )
    return StaffClient(user)


def promised(organisation, number=2, **fields):
    return Promise.objects.create(
        organisation=organisation,
        name="NHS 111",
        ods_code="B00001",  # who books in the factories
        slots_a_day=number,
        days_ahead=3,
        weekdays=list(range(7)),
        **fields,
    )


def looked_at(organisation):
    watch(organisation=organisation, now=timezone.now())


def text(answer):
    return words_of(answer.content.decode())


def form(*members, name="NHS 111", **given):
    sent = {"name": name, "form-TOTAL_FORMS": len(members), "form-INITIAL_FORMS": 0, **given}
    for number, member in enumerate(members):
        for key, value in zip(("ods_code", "name", "since", "until"), member, strict=True):
            sent[f"form-{number}-{key}"] = value
    return sent


# ---------------------------------------------------------------- the area


def test_practices_are_shown_by_day_with_what_is_short_and_why(practice, area_manager):
    promised(practice.organisation)
    tomorrow = clock.today(timezone.now()) + timedelta(days=1)
    start = clock.day_start(tomorrow) + timedelta(hours=9)
    slots = make_slots(2, make_schedule(start=start))
    make_appointment([slots[0]])
    looked_at(practice.organisation)

    said = text(area_manager.get(AREA))

    assert "Mockshire" in said
    assert practice.organisation.name in said
    assert "2 of 2 1 booked" in said
    assert "0 of 2, 2 short" in said
    assert "There are no slots on this day." in said
    lines = area_manager.get(f"{AREA}?csv=1").content.decode().splitlines()
    assert len(lines) == 1 + 3
    assert f"{tomorrow},2,1,1,0," in "\n".join(lines)


def test_neither_another_area_nor_a_practice_of_none_is_shown(practice, area_manager):
    other = make_organisation(name="Neighbouring Surgery")
    promised(other)
    looked_at(other)

    assert "Neighbouring" not in text(area_manager.get(AREA))
    nobodys = StaffClient(make_staff(role=AREA_MANAGER))
    assert "You look after no area yet" in text(nobodys.get(AREA))


def test_many_practices_take_as_many_questions_as_one(area_manager, practice):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as asked:
            area_manager.get(AREA)
        return len(asked)

    promised(practice.organisation)
    looked_at(practice.organisation)
    queries()
    one = queries()
    others = [make_organisation() for _ in range(4)]
    set_area(
        "Mockshire",
        practices=[practice.organisation, *others],
        managers=[area_manager.user],
        actor=make_actor(door="command"),
        now=timezone.now(),
    )
    for each in others:
        promised(each)
        looked_at(each)

    assert queries() == one


def test_what_is_watched_no_longer_is_kept_no_longer(practice):
    one = promised(practice.organisation)
    looked_at(practice.organisation)
    assert PromisedDay.objects.count() == 3

    one.days_ahead = 1
    one.save()
    looked_at(practice.organisation)

    assert PromisedDay.objects.count() == 1


# ---------------------------------------------------------------- nothing of patients


@pytest.mark.req("SEC-024")
def test_an_area_manager_reaches_nothing_of_patients_by_guessing_any_address(
    practice, area_manager
):
    """Every address of the site, with ids that are there; and what was asked of the database."""
    patient = make_patient()
    PatientName.objects.filter(patient=patient).delete()
    appointment = make_appointment(patient=patient)
    slot = AppointmentSlot.objects.get(appointment=appointment).slot
    group = make_consumer_group("NHS 111")
    promised(practice.organisation)
    looked_at(practice.organisation)
    ids = {appointment.pk, patient.pk, slot.pk, slot.schedule_id, practice.organisation.pk, 1}
    open_to_them, asked_of_patients = set(), []
    for name, parameters in addresses():
        for pk in ids if parameters else [0]:
            given = {key: TEXTS.get(key, pk) for key in parameters}
            path = reverse(f"admin:{name}", kwargs=given)
            with CaptureQueriesContext(connection) as queries:
                answer = area_manager.get(path, {"s": patient.family_name, "q": patient.pk})
            if answer.status_code == 200:
                open_to_them.add(name)
                shown = answer.content.decode()
                assert patient.family_name not in shown, path
            asked_of_patients += [
                (name, each["sql"][:90])
                for each in queries
                if answer.status_code == 200 and OF_PATIENTS.search(each["sql"])
            ]

    assert asked_of_patients == []
    assert open_to_them <= {
        *("area", "groups", "group", "group_add", "choose_practice", "second_factor"),
        *("password_change", "password_change_done", "jsi18n", "login", "logout", "stay", "search"),
    }
    assert {"area", "groups", "group_add"} <= open_to_them
    assert group.name in text(area_manager.get(GROUPS))


TEXTS = {"kind": "patients", "format": "csv", "app_label": "practice"}


def addresses():
    """Every named address below /admin/, with the names of what it takes."""
    site = get_resolver().namespace_dict["admin"][1]
    for name in {name for name in site.reverse_dict if isinstance(name, str)}:
        if name == "logout":
            continue
        for possible in site.reverse_dict.getlist(name):
            (_, parameters), *_ = possible[0]
            yield name, [p for p in parameters if not p.startswith("_")] or parameters


def test_every_page_of_a_practice_refuses_them(area_manager):
    mine = {"area", "groups", "group", "group_add", "second_factor", "choose_practice"}
    for entry in urlpatterns:
        if entry.name in mine or entry.pattern.converters:
            continue
        answer = area_manager.get(reverse(f"admin:{entry.name}"))
        assert answer.status_code in {403, 405}, entry.name


# ---------------------------------------------------------------- the groups


def test_a_change_of_provider_is_one_edit_for_all_practices(practice, area_manager):
    group = make_consumer_group("NHS 111", X9X01=("", ""))
    other = make_organisation()
    for at in (practice.organisation, other):
        make_access_profile(at, consumer_group=group)
    page = area_manager.get(f"{GROUPS}{group.pk}/").content.decode()
    seen = re.search(r'name="seen" value="(\w+)"', page)[1]  # type: ignore[index]

    answer = area_manager.post(
        f"{GROUPS}{group.pk}/",
        form(
            ("X9X01", "Example Valley", "", "2026-12-06"),
            ("x9x07", "Mockshire Urgent Care", "2026-12-07", ""),
            ("", "a line that was emptied", "", ""),
            seen=seen,
        ),
        follow=True,
    )

    assert "it is so for 2 practices" in text(answer)
    group.refresh_from_db()
    assert [each["ods_code"] for each in group.members] == ["X9X01", "X9X07"]
    events = AuditEvent.objects.filter(event="consumergroup.change")
    assert {each.organisation for each in events} == {practice.organisation, other}
    assert {each.user_id for each in events} == {"ari"}
    again = area_manager.post(f"{GROUPS}{group.pk}/", form(seen=seen))
    assert again.status_code == 422
    assert "Somebody else has changed this group" in text(again)


def test_the_profile_that_names_a_group_says_what_changes_in_it(practice):
    """And one without a change says nothing of it."""
    last = clock.today(timezone.now()) + timedelta(days=3)
    first = last + timedelta(days=1)
    group = make_consumer_group("NHS 111", X9X01=("", str(last)), X9X07=(str(first), ""))
    quiet = make_consumer_group("Hubs", X9X01=("", ""))
    browser = StaffClient(make_staff(practice.organisation, role=ADMINISTRATOR))

    said, says_nothing, without = (
        text(browser.get(reverse("admin:practice_accessprofile_change", args=[profile.pk])))
        for profile in (
            make_access_profile(consumer_group=group),
            make_access_profile(consumer_group=quiet),
            make_access_profile(),
        )
    )

    assert (
        f"{first:%a %-d %b}, from midnight: X9X07 (Organisation X9X07) joins, "
        "X9X01 (Organisation X9X01) leaves."
    ) in said
    assert "About to change" not in says_nothing + without


@pytest.mark.parametrize("page", ["promises", "worklist", "practice_accessprofile_changelist"])
def test_pages_of_those_who_may_book_say_what_changes_soon_and_lead_to_the_profile(practice, page):
    last = clock.today(timezone.now()) + timedelta(days=3)
    first = last + timedelta(days=1)
    group = make_consumer_group("NHS 111", X9X01=("", str(last)), X9X07=(str(first), ""))
    profile = make_access_profile(consumer_group=group)
    browser = StaffClient(make_staff(practice.organisation, role=ADMINISTRATOR))

    response = browser.get(reverse(f"admin:{page}"))

    assert f"{first:%a %-d %b}, from midnight, “NHS 111”:" in text(response)
    address = reverse("admin:practice_accessprofile_changelist")
    assert f'href="{address}#profile-{profile.pk}">' in response.content.decode()


def test_a_group_is_added_and_removed_while_nobody_names_it(area_manager):
    area_manager.post(ADD, form(("X9X01", "", "", "")))
    group = ConsumerGroup.objects.get()
    assert area_manager.post(ADD, form(("X-1", "", "", ""), name="Other")).status_code == 422

    area_manager.post(f"{GROUPS}{group.pk}/", {"do": "remove"})

    assert not ConsumerGroup.objects.exists()


@pytest.mark.parametrize("role", [RECEPTIONIST, MANAGER, ADMINISTRATOR, AUDITOR, CLINICIAN, ""])
def test_no_role_of_a_practice_changes_a_group_or_sees_an_area(practice, role):
    group = make_consumer_group("NHS 111", X9X01=("", ""))
    browser = StaffClient(make_staff(practice.organisation, role=role))

    for path in (AREA, f"{AREA}?csv=1", GROUPS, ADD, f"{GROUPS}{group.pk}/"):
        assert browser.get(path).status_code == 403
    for path in (ADD, f"{GROUPS}{group.pk}/"):
        for sent in (form(("X1", "", "", "")), {"do": "remove"}):
            assert browser.post(path, sent).status_code == 403
    group.refresh_from_db()
    assert group.codes_on(clock.today(timezone.now())) == ["X9X01"]


def test_a_practice_administrator_neither_gives_the_role_nor_changes_who_has_it(practice):
    browser = StaffClient(make_staff(practice.organisation, role=ADMINISTRATOR))
    theirs = make_staff(practice.organisation, role=AREA_MANAGER)
    mine = make_staff(practice.organisation)

    page = browser.get(reverse("admin:auth_user_change", args=[mine.pk])).content.decode()
    assert "Receptionist" in page
    assert AREA_MANAGER not in page
    change = reverse("admin:auth_user_change", args=[theirs.pk])
    assert browser.post(change, {"username": "taken"}).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[theirs.pk])
    assert browser.get(password).status_code == 403


def test_the_front_page_of_an_area_manager_is_the_area(area_manager):
    assert area_manager.get("/admin/").headers["Location"] == AREA
    assert Slot.objects.count() == 0
