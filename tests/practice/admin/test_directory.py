"""Practice, places, people and access profiles in the admin site: what is checked and recorded."""

import re
from datetime import date

import pytest
from django.contrib.admin import ModelAdmin
from django.contrib.auth import get_user_model
from django.urls import reverse

from practice.models import AccessProfile, Location, Organisation, Patient, Practitioner
from tests.practice.admin_world import form_data, last_event, new_events, words
from workbench import factories
from workbench.staff import make_staff, signed_in, superuser

pytestmark = pytest.mark.django_db


def change_url(record) -> str:
    meta = record._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[record.pk])


def save(client, record, **values):
    """Open a record's form, change some fields and save it, as a browser would."""
    address = change_url(record)
    data = {**form_data(client.get(address)), **values}
    return client.post(address, {name: value for name, value in data.items() if value is not None})


# ---------------------------------------------------------------- the two switches


@pytest.mark.req("ENA-002", "ENA-004")
def test_a_new_practice_is_closed_to_others_until_somebody_opens_it():
    client = superuser()
    address = reverse("admin:practice_organisation_add")
    data = {**form_data(client.get(address)), "ods_code": "a20047", "name": "New Surgery"}

    client.post(address, data)

    organisation = Organisation.objects.get(ods_code="A20047")
    assert not organisation.gp_connect_enabled
    assert not organisation.appointment_management_enabled


@pytest.mark.req("ENA-001", "ENA-003", "ENA-006", "ENA-007", "AUD-018")
@pytest.mark.parametrize("switch", ["gp_connect_enabled", "appointment_management_enabled"])
def test_the_data_controller_turns_each_switch_and_the_trail_says_so(switch):
    organisation = factories.make_organisation()
    client = signed_in(organisation, role="Practice administrator", first_name="Adam")
    before = last_event()

    save(client, organisation, **{switch: None})

    organisation.refresh_from_db()
    assert getattr(organisation, switch) is False
    [event] = new_events(before)
    assert event.event == "organisation.switch"
    assert event.organisation == organisation
    assert event.user_id == client.user.username
    assert event.user_name == "Adam"
    assert event.user_role == "Practice administrator"
    assert event.detail["changes"] == {switch: {"from": True, "to": False}}


@pytest.mark.req("ENA-005")
@pytest.mark.parametrize("role", ["Receptionist", "Practice manager", "Auditor"])
def test_nobody_else_can_turn_the_switches_whatever_they_send(role):
    organisation = factories.make_organisation(gp_connect_enabled=False)
    client = signed_in(organisation, role=role)
    form = client.get(change_url(organisation)).context["adminform"].form
    data = {"name": "Renamed", "ods_code": organisation.ods_code, "gp_connect_enabled": "on"}

    client.post(change_url(organisation), data)

    organisation.refresh_from_db()
    assert "gp_connect_enabled" not in form.fields
    assert organisation.gp_connect_enabled is False


@pytest.mark.req("ENA-005")
def test_a_practice_manager_changes_the_rest_and_leaves_the_switches():
    organisation = factories.make_organisation(telephone="0113 496 0001")
    client = signed_in(organisation, role="Practice manager")
    before = last_event()

    save(client, organisation, telephone="0113 496 0099")

    organisation.refresh_from_db()
    assert organisation.telephone == "0113 496 0099"
    assert organisation.gp_connect_enabled
    [event] = new_events(before)
    assert event.detail["changes"] == {
        "telephone": {"from": "0113 496 0001", "to": "0113 496 0099"}
    }


# ---------------------------------------------------------------- versions and the trail


def test_a_change_counts_up_the_version_and_is_audited_with_old_and_new_values(practice):
    client = signed_in(practice.organisation, role="Practice manager")
    location, before = practice.location, last_event()

    save(client, location, name="New name")

    location.refresh_from_db()
    assert (location.name, location.version) == ("New name", 2)
    [event] = new_events(before)
    assert (event.event, event.resource) == ("location.change", f"Location/{location.pk}")
    assert event.detail["changes"]["name"]["to"] == "New name"


def test_a_manager_keeps_the_reasons_for_cancelling_one_a_line(practice):
    organisation = practice.organisation
    manager = signed_in(organisation, role="Practice manager")

    save(manager, organisation, cancellation_reasons=" Snowed in \r\n\r\nOther\r\nSnowed in")
    too_long = save(manager, organisation, cancellation_reasons="x" * 101)

    organisation.refresh_from_db()
    assert organisation.cancellation_reasons == "Snowed in\nOther"
    assert "Each may have at most 100 characters." in words(too_long)
    reception = signed_in(organisation, role="Receptionist")
    assert reception.post(change_url(organisation), {}).status_code == 403


def test_saving_without_a_change_makes_no_version_and_no_event(practice):
    client = signed_in(practice.organisation, role="Practice manager")
    before = last_event()

    save(client, practice.location)

    practice.location.refresh_from_db()
    assert practice.location.version == 1
    assert new_events(before) == []


def test_a_record_that_somebody_else_changed_meanwhile_is_not_overwritten(practice):
    client = signed_in(practice.organisation, role="Practice manager")
    address = change_url(practice.location)
    opened = form_data(client.get(address))
    Location.objects.filter(pk=practice.location.pk).update(telephone="0113 496 0077", version=2)

    answer = client.post(address, {**opened, "name": "Mine"})

    practice.location.refresh_from_db()
    assert "Somebody else has changed this" in words(answer)
    assert practice.location.name != "Mine"
    assert practice.location.telephone == "0113 496 0077"


def test_a_patients_new_address_makes_a_new_version_of_the_patient(practice):
    patient, before = practice.patient, last_event()
    client = signed_in(practice.organisation, role="Receptionist")

    save(client, patient, **{"addresses-0-city": "York"})

    patient.refresh_from_db()
    assert patient.addresses.get().city == "York"
    assert patient.version == 2
    _viewed, event = new_events(before)
    assert event.patient_id == patient.pk
    [record] = event.detail["records"]
    assert record["changed"] == "address"
    assert record["changes"] == {"city": {"from": "Leeds", "to": "York"}}


def test_a_removed_telephone_is_kept_in_the_trail(practice):
    patient, before = practice.patient, last_event()
    client = signed_in(practice.organisation, role="Receptionist")

    save(client, patient, **{"telecoms-0-DELETE": "on"})

    assert not patient.telecoms.exists()
    _viewed, event = new_events(before)
    assert event.detail["records"][0]["values"]["value"] == "0113 496 0003"


def test_a_deleted_access_profile_leaves_its_last_values_in_the_trail(practice):
    profile = factories.make_access_profile(practice.organisation, ods_codes=["A20047"])
    client = signed_in(practice.organisation, role="Practice manager")
    before = last_event()

    client.post(reverse("admin:practice_accessprofile_delete", args=[profile.pk]), {"post": "yes"})

    assert not AccessProfile.objects.filter(pk=profile.pk).exists()
    [event] = new_events(before)
    assert event.event == "accessprofile.delete"
    assert event.detail["removed"]["ods_codes"] == ["A20047"]


@pytest.mark.parametrize("job", ["change", "delete"])
def test_who_saves_or_deletes_what_a_colleague_has_just_deleted_is_told(practice, monkeypatch, job):
    """It is gone between finding and locking it, as when two press Delete at once."""
    profile = factories.make_access_profile(practice.organisation)
    client = signed_in(practice.organisation, role="Practice manager")
    address = reverse(f"admin:practice_accessprofile_{job}", args=[profile.pk])
    data = {"post": "yes"} if job == "delete" else form_data(client.get(address))
    find = ModelAdmin.get_object

    def find_and_lose(*args):
        found = find(*args)
        AccessProfile.objects.all().delete()
        return found

    monkeypatch.setattr(ModelAdmin, "get_object", find_and_lose)
    answer = client.post(address, data, follow=True)

    assert answer.status_code == 200
    assert "Perhaps it was deleted?" in words(answer)


# ---------------------------------------------------------------- places


def test_a_second_main_surgery_is_refused_in_words(practice):
    client = signed_in(practice.organisation, role="Practice manager")
    address = reverse("admin:practice_location_add")
    data = {**form_data(client.get(address)), "name": "Branch", "is_main": "on"}

    answer = client.post(address, data)

    assert f"{practice.location} is the main surgery. Untick it there first" in words(answer)
    assert practice.organisation.locations.count() == 1


def test_a_place_of_the_same_name_is_refused_in_words_though_no_practice_is_asked_for(practice):
    client = signed_in(practice.organisation, role="Practice manager")
    address = reverse("admin:practice_location_add")
    data = {**form_data(client.get(address)), "name": practice.location.name}

    answer = client.post(address, data)

    assert answer.status_code == 200
    assert "already exists" in words(answer)


# ---------------------------------------------------------------- patients


@pytest.mark.parametrize("typed", ["9990000018", "999 000 0018", " 999-000-0018 "])
def test_an_nhs_number_is_typed_with_or_without_spaces(typed):
    organisation = factories.make_organisation()
    client = signed_in(organisation, role="Receptionist")
    number = factories.new_nhs_number()
    typed = typed.replace("9990000018", number).replace(
        "999 000 0018", f"{number[:3]} {number[3:6]} {number[6:]}"
    )
    typed = typed.replace("999-000-0018", f"{number[:3]}-{number[3:6]}-{number[6:]}")

    patient = factories.make_patient(organisation, nhs_number=None, nhs_number_verification="02")

    save(client, patient, nhs_number=typed)

    patient.refresh_from_db()
    assert patient.nhs_number == number


def test_a_mistyped_nhs_number_is_refused_in_words(practice):
    client = signed_in(practice.organisation, role="Receptionist")

    answer = save(client, practice.patient, nhs_number="999 000 0000")

    assert "This is not an NHS number" in words(answer)


def test_a_patient_who_is_here_already_is_named(practice):
    client = signed_in(practice.organisation, role="Receptionist")

    answer = save(client, factories.make_patient(), nhs_number=practice.patient.nhs_number)

    assert f"{practice.patient} has this NHS number at this practice" in words(answer)


def test_the_nhs_number_is_shown_spaced(practice):
    client = signed_in(practice.organisation, role="Receptionist")
    number = practice.patient.nhs_number

    page = words(client.get(change_url(practice.patient)))

    assert f"{number[:3]} {number[3:6]} {number[6:]}" in page


@pytest.mark.parametrize("typed", ["29/02/1980", "1980-02-29", "29.2.1980"])
def test_a_patient_is_found_by_date_of_birth(practice, typed):
    factories.make_patient(birth_date=date(1990, 1, 1))
    client = signed_in(practice.organisation, role="Receptionist")

    found = client.get(reverse("admin:practice_patient_changelist"), {"q": typed}).context["cl"]

    assert [patient.pk for patient in found.result_list] == [practice.patient.pk]


@pytest.mark.parametrize(
    ("values", "words_for_it"),
    [
        ({"birth_date": "2150-01-01"}, "The date of birth is in the future"),
        ({"deceased_at": "1970-01-01"}, "The date of death is before the date of birth"),
        (
            {"registration_start": "2020-01-02", "registration_end": "2020-01-01"},
            "The registration ends before it begins",
        ),
    ],
    ids=["born in the future", "died before birth", "left before joining"],
)
def test_impossible_dates_of_a_patient_are_refused(practice, values, words_for_it):
    client = signed_in(practice.organisation, role="Receptionist")

    before = Patient.objects.values().get(pk=practice.patient.pk)

    answer = save(client, practice.patient, **values)

    assert words_for_it in words(answer)
    assert Patient.objects.values().get(pk=practice.patient.pk) == before


@pytest.mark.req("AUD-032")
def test_a_patient_registered_from_outside_is_recognised(practice):
    patient = factories.make_patient(
        registration_type="T",
        registration_end=date(2999, 1, 31),
        registered_via="gp-connect",
        registration_provenance={"organisation": "Example Valley NHS 111"},
    )
    client = signed_in(practice.organisation, role="Receptionist")

    listed = words(client.get(reverse("admin:practice_patient_changelist")))
    page = words(client.get(change_url(patient)))

    assert "Temporary until 31 Jan 2999" in listed
    assert "GP Connect" in listed
    assert "Example Valley NHS 111" in page


# ---------------------------------------------------------------- clinicians


def add_practitioner(client, organisation, **values):
    address = reverse("admin:practice_practitioner_add")
    filled = {
        "family_name": "Specimen",
        "languages": ["fr", "cy"],
        "roles-0-organisation": organisation.pk,
        "roles-0-role": "R0260",
    }
    return client.post(address, {**form_data(client.get(address)), **filled, **values})


def test_a_practitioner_is_added_with_a_role_and_languages(practice):
    client = signed_in(practice.organisation, role="Practice manager")

    add_practitioner(client, practice.organisation)

    added = Practitioner.objects.get(family_name="Specimen")
    assert added.languages == ["fr", "cy"]
    assert added.roles.get().organisation == practice.organisation


def test_a_practitioner_without_a_role_would_belong_nowhere(practice):
    client = signed_in(practice.organisation, role="Practice manager")

    answer = add_practitioner(client, practice.organisation, **{"roles-0-role": ""})

    assert answer.status_code == 200
    assert not Practitioner.objects.filter(family_name="Specimen").exists()


def test_an_sds_user_id_of_another_practice_is_refused_without_naming_its_owner(practice):
    other = factories.make_practitioner(factories.make_organisation(), family_name="Elsewhere")
    client = signed_in(practice.organisation, role="Practice manager")

    answer = add_practitioner(client, practice.organisation, sds_user_id=other.sds_user_id)

    assert "Somebody at another practice has this SDS user ID" in words(answer)
    assert "Elsewhere" not in words(answer)


@pytest.fixture
def neighbour():
    return factories.make_organisation()


@pytest.fixture
def shared(practice, neighbour):
    """A locum of two practices."""
    return factories.make_practitioner(
        practice.organisation, also_at=[neighbour], family_name="Both", languages=["cy"]
    )


@pytest.mark.req("SEC-027")
def test_a_person_of_another_practice_too_can_be_read_here_but_not_changed(
    practice, neighbour, shared
):
    client = signed_in(practice.organisation, role="Practice manager")
    before = Practitioner.objects.filter(pk=shared.pk).values().get()

    shown = client.get(change_url(shared))
    save(client, shared, family_name="Renamed", sds_user_id="G0", languages=["fr"], gender="male")

    assert "This person is at another practice too" in words(shown)
    assert {"Both", "Welsh"} <= set(re.findall(r"[A-Z][a-z]+", words(shown)))
    assert neighbour.name not in words(shown)
    assert Practitioner.objects.filter(pk=shared.pk).values().get() == before


@pytest.mark.parametrize("why", ["the role there has ended", "they held a session there"])
def test_a_person_whom_another_practice_still_shows_cannot_be_changed_here(practice, why):
    neighbour = factories.make_organisation()
    if why == "the role there has ended":
        practice.practitioner.roles.create(organisation=neighbour, role="R0260", active=False)
    else:
        factories.make_schedule(neighbour, session_holder=practice.practitioner)
    client = signed_in(practice.organisation, role="Practice manager")

    save(client, practice.practitioner, family_name="Renamed")

    practice.practitioner.refresh_from_db()
    assert practice.practitioner.family_name != "Renamed"


def test_the_own_role_of_a_shared_person_is_ended_and_nobody_elses(practice, neighbour, shared):
    """The other practice's role, its versions and its trail stay as they are."""
    client = signed_in(practice.organisation, role="Practice manager")
    theirs = shared.roles.filter(organisation=neighbour).values().get()
    before = last_event()

    save(client, shared, **{"roles-0-active": None})

    ours = shared.roles.get(organisation=practice.organisation)
    assert (ours.active, ours.version) == (False, 1)
    assert shared.roles.filter(organisation=neighbour).values().get() == theirs
    shared.refresh_from_db()
    assert shared.version == 1
    [event] = new_events(before)
    assert (event.organisation, event.event) == (practice.organisation, "practitioner.change")
    [changed] = event.detail["records"]
    assert changed["changes"] == {"active": {"from": True, "to": False}}
    listed = client.get(reverse("admin:practice_practitioner_changelist"), {"works_here": "no"})
    assert [each.pk for each in listed.context["cl"].result_list] == [shared.pk]
    listed = client.get(reverse("admin:practice_practitioner_changelist"), {"works_here": "yes"})
    assert shared.pk not in {each.pk for each in listed.context["cl"].result_list}


def test_the_other_practices_role_cannot_be_changed_by_its_number(practice, neighbour, shared):
    client = signed_in(practice.organisation, role="Practice manager")
    theirs = shared.roles.get(organisation=neighbour)

    save(client, shared, **{"roles-0-id": theirs.pk, "roles-0-active": None})

    theirs.refresh_from_db()
    assert theirs.active


def test_whoever_manages_all_of_their_practices_changes_a_person(practice, neighbour, shared):
    client = signed_in(practice.organisation, neighbour, role="Practice manager")
    before = last_event()

    save(client, shared, family_name="Renamed", **{"roles-1-sds_role_profile_id": "PT9"})

    shared.refresh_from_db()
    assert (shared.family_name, shared.version) == ("Renamed", 2)
    events = {event.organisation: event.detail for event in new_events(before)}
    changed = [practice for practice, detail in events.items() if "records" in detail]
    assert set(events) == {practice.organisation, neighbour}
    assert all("family_name" in detail["changes"] for detail in events.values())
    assert changed == [shared.roles.get(sds_role_profile_id="PT9").organisation]


def test_the_trail_of_each_practice_has_a_change_whichever_was_chosen(practice, neighbour, shared):
    """Of a clinician and of a member of staff, by somebody who works in one of both just now."""
    user = make_staff(practice.organisation, neighbour, role="")
    client = signed_in(practice.organisation, neighbour, role="Practice administrator")
    client.post(reverse("admin:choose_practice"), {"practice": practice.organisation.pk})
    before = last_event()

    save(client, shared, family_name="Renamed")
    save(client, user, last_name="Renamed")

    told = [(event.event, event.organisation) for event in new_events(before)]
    both = {practice.organisation, neighbour}
    for kind in ("practitioner.change", "user.change"):
        assert {organisation for event, organisation in told if event == kind} == both


def test_two_who_change_the_roles_of_one_person_at_once_do_not_overwrite_each_other(practice):
    client = signed_in(practice.organisation, role="Practice manager")
    address = change_url(practice.practitioner)
    opened = form_data(client.get(address))
    save(client, practice.practitioner, **{"roles-0-sds_role_profile_id": "PT7"})

    answer = client.post(address, {**opened, "roles-0-role": "R0270"})

    assert "Somebody else has changed this" in words(answer)
    assert practice.practitioner.roles.get().role == "R0260"


def test_a_role_outside_the_national_list_cannot_be_chosen(practice):
    client = signed_in(practice.organisation, role="Practice manager")

    answer = add_practitioner(client, practice.organisation, **{"roles-0-role": "R9999"})

    assert "Select a valid choice" in words(answer)


# ---------------------------------------------------------------- access profiles


def add_profile(client, **values):
    address = reverse("admin:practice_accessprofile_add")
    return client.post(address, {"name": "Hubs", "ods_codes": "", **values})


@pytest.mark.req("AVAIL-003", "AVAIL-026")
def test_ods_codes_are_put_right_as_they_are_entered(practice):
    client = signed_in(practice.organisation, role="Practice manager")

    add_profile(client, ods_codes=" a20047\nB81617, x9x01\nA20047")

    assert AccessProfile.objects.get().ods_codes == ["A20047", "B81617", "X9X01"]


def test_what_is_no_ods_code_is_named(practice):
    client = signed_in(practice.organisation, role="Practice manager")

    answer = add_profile(client, ods_codes="A20047\nB-81")

    assert "“B-81” is not an ODS code" in words(answer)


@pytest.mark.req("AVAIL-004", "AVAIL-005", "AVAIL-008", "AVAIL-009")
def test_organisation_types_are_chosen_from_the_published_list(practice):
    client = signed_in(practice.organisation, role="Practice manager")

    refused = add_profile(client, organisation_types=["chemist"])
    add_profile(client, organisation_types=["urgent-care"], ods_codes="A20047")

    assert "chemist is not one of the available choices" in words(refused)
    profile = AccessProfile.objects.get()
    assert (profile.organisation_types, profile.ods_codes) == (["urgent-care"], ["A20047"])


@pytest.mark.req("AVAIL-006")
def test_limits_that_contradict_each_other_are_refused(practice):
    client = signed_in(practice.organisation, role="Practice manager")

    zero = add_profile(client, slots_per_session=0)
    smaller = add_profile(client, slots_per_day=5, slots_per_week=3)

    assert "A limit of 0 would let nobody book" in words(zero)
    assert "The limit for a week is below that for a day" in words(smaller)
    assert not AccessProfile.objects.exists()


# ---------------------------------------------------------------- staff


def test_an_administrator_adds_a_receptionist_to_the_own_practice(practice):
    client = signed_in(practice.organisation, role="Practice administrator")
    address = reverse("admin:auth_user_add")
    data = form_data(client.get(address))
    [receptionist] = [
        str(pk)
        for pk, name in client.get(address).context["adminform"].form.fields["groups"].choices
        if name == "Receptionist"
    ]

    client.post(
        address,
        {
            **data,
            "username": "rita",
            "usable_password": "true",
            "password1": "a-long-enough-secret",
            "password2": "a-long-enough-secret",
            "groups": [receptionist],
        },
    )

    rita = get_user_model().objects.get(username="rita")
    assert rita.is_staff
    assert not rita.is_superuser
    assert rita.memberships.get().organisation == practice.organisation
    assert rita.groups.get().name == "Receptionist"


def test_an_administrator_cannot_make_a_superuser(practice):
    somebody = make_staff(practice.organisation, role="")
    client = signed_in(practice.organisation, role="Practice administrator")

    save(client, somebody, is_superuser="on", user_permissions=["1"])

    somebody.refresh_from_db()
    assert not somebody.is_superuser
    assert not somebody.user_permissions.exists()


@pytest.mark.parametrize("who", ["superuser", "works elsewhere too"])
def test_an_account_that_opens_more_than_the_own_practice_cannot_be_changed(practice, who):
    if who == "superuser":
        other = make_staff(practice.organisation, role="", is_superuser=True)
    else:
        other = make_staff(practice.organisation, factories.make_organisation(), role="")
    client = signed_in(practice.organisation, role="Practice administrator")
    password = other.password

    page = client.get(change_url(other))
    answer = client.post(
        reverse("admin:auth_user_password_change", args=[other.pk]),
        {"password1": "a-long-enough-secret", "password2": "a-long-enough-secret"},
    )

    other.refresh_from_db()
    assert not page.context["has_change_permission"]
    assert answer.status_code == 403
    assert other.password == password


def test_a_new_password_is_audited_but_not_what_it_is(practice):
    somebody = make_staff(practice.organisation, role="")
    client = signed_in(practice.organisation, role="Practice administrator")
    before = last_event()

    client.post(
        reverse("admin:auth_user_password_change", args=[somebody.pk]),
        {
            "usable_password": "true",
            "password1": "a-long-enough-secret",
            "password2": "a-long-enough-secret",
        },
    )

    [event] = new_events(before)
    assert event.event == "user.change-password"
    assert "a-long-enough-secret" not in str(event.detail)


@pytest.mark.django_db(transaction=True)
def test_a_new_password_that_cannot_be_audited_is_not_set(practice, monkeypatch):
    somebody = make_staff(practice.organisation, role="")
    client = superuser()

    def fail(*_, **__):
        raise RuntimeError("the trail is away")

    monkeypatch.setattr("practice.admin.base.record_done", fail)
    with pytest.raises(RuntimeError):
        client.post(
            reverse("admin:auth_user_password_change", args=[somebody.pk]),
            {
                "usable_password": "true",
                "password1": "a-long-enough-secret",
                "password2": "a-long-enough-secret",
            },
        )

    password = somebody.password
    somebody.refresh_from_db()
    assert somebody.password == password
