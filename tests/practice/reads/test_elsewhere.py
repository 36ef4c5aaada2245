"""Who asks elsewhere, whom one may ask, and what a patient has there."""

from datetime import timedelta

import pytest
from django.utils import timezone

from practice.reads.elsewhere import (
    booked_elsewhere,
    callable_service,
    caller_of,
    may_ask_elsewhere,
    standing_elsewhere,
)
from workbench.elsewhere import make_remote_appointment, make_remote_service
from workbench.factories import (
    make_organisation,
    make_practitioner,
)
from workbench.staff import make_staff

pytestmark = pytest.mark.django_db


def test_a_caller_is_named_with_the_smartcard_that_is_kept(practice):
    """The membership names a clinician; their role here has the profile. Else there is none."""
    here = practice.organisation
    rita = make_staff(here, first_name="Rita", last_name="Reception")
    plain = caller_of(rita, organisation=here)
    assert (plain.given_names, plain.family_name) == ("Rita", "Reception")
    assert (plain.sds_user_id, plain.sds_role_profile_id) == ("", "")

    clinician = make_practitioner(here, sds_user_id="111222333444")
    clinician.roles.update(sds_role_profile_id="444555666777")
    rita.memberships.update(session_holder=clinician)
    found = caller_of(rita, organisation=here)
    assert (found.user_id, found.sds_user_id) == (rita.username, "111222333444")
    assert found.sds_role_profile_id == "444555666777"
    assert found.family_name == clinician.family_name

    elsewhere = caller_of(rita, organisation=make_organisation())
    assert elsewhere.sds_user_id == ""


def test_whom_a_practice_may_ask(practice, settings):
    here = practice.organisation
    here.asid = "200000000001"
    assert not may_ask_elsewhere(organisation=here)

    neighbours = make_remote_service(make_organisation())
    assert not may_ask_elsewhere(organisation=here)
    assert callable_service(organisation=here, pk=neighbours.pk) is None

    hub = make_remote_service(here)
    assert may_ask_elsewhere(organisation=here)
    assert callable_service(organisation=here, pk=hub.pk) == hub

    here.asid = ""
    assert not may_ask_elsewhere(organisation=here)
    here.asid, here.sandbox_of = "200000000001", "Supplier"
    assert not may_ask_elsewhere(organisation=here)
    here.sandbox_of, settings.ELSEWHERE_HOSTS = "", ["elsewhere.example"]
    assert not may_ask_elsewhere(organisation=here)
    assert callable_service(organisation=here, pk=hub.pk) is None


def test_where_no_host_is_allowed_it_is_off_and_nothing_is_asked(
    practice, settings, django_assert_num_queries
):
    make_remote_service(practice.organisation)
    settings.ELSEWHERE_HOSTS = []

    with django_assert_num_queries(0):
        assert not may_ask_elsewhere(organisation=practice.organisation)


def test_what_a_patient_has_elsewhere_is_their_own_and_the_practices(practice):
    now = timezone.now()
    hub = make_remote_service(practice.organisation)
    whose = {"patient": practice.patient}
    coming = make_remote_appointment(hub, **whose)
    unknown = make_remote_appointment(
        hub, state="asked", first_slot="1", asked_at=now - timedelta(days=90),
        start=now - timedelta(days=60), **whose,
    )  # fmt: skip
    lately = make_remote_appointment(hub, state="cancelled", first_slot="2", **whose)
    make_remote_appointment(  # long ago
        hub, state="not-booked", first_slot="3", asked_at=now - timedelta(days=90), **whose
    )
    make_remote_appointment(hub)  # another patient's
    make_remote_appointment(make_remote_service(make_organisation()))
    asked = {"organisation": practice.organisation, "now": now}

    assert booked_elsewhere(practice.patient.pk, **asked) == [unknown, coming, lately]
    assert standing_elsewhere(practice.patient.pk, **asked) == [unknown, coming]
    assert booked_elsewhere(practice.patient.pk, organisation=make_organisation(), now=now) == []
