"""A second factor is turned on, used, renewed and turned off with codes, each of them once."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from practice.exceptions import CodeNotAccepted
from practice.models import AuditEvent
from practice.services import second_factor
from workbench.factories import make_actor

pytestmark = pytest.mark.django_db
ACTOR = make_actor(door="staff", user_id="jo")


@pytest.fixture
def jo(practice):
    user = User.objects.create(username="jo")
    practice.organisation.memberships.create(user=user)
    return user


def next_code(user) -> str:
    """A code that the app shows now; an earlier one is forgotten, as if time had passed."""
    TOTPDevice.objects.filter(user=user).update(last_t=-1, throttling_failure_count=0)
    return f"{totp(TOTPDevice.objects.get(user=user).bin_key):06}"


def turn_on(user) -> list[str]:
    second_factor.candidate(user)
    return second_factor.turn_on(user=user, code=next_code(user), actor=ACTOR, now=timezone.now())


def test_nothing_is_asked_until_a_code_proves_that_the_app_knows_the_key(jo):
    second_factor.candidate(jo)
    before = second_factor.is_on(jo)

    with pytest.raises(CodeNotAccepted):
        second_factor.turn_on(user=jo, code="no code", actor=ACTOR, now=timezone.now())
    refused = second_factor.is_on(jo)
    codes = turn_on(jo)

    assert (before, refused, second_factor.is_on(jo)) == (False, False, True)
    assert len(set(codes)) == second_factor.RECOVERY_CODES


def test_turning_it_on_is_told_to_the_trail_of_the_practice(jo, practice):
    turn_on(jo)

    event = AuditEvent.objects.get()
    assert (event.event, event.organisation) == ("second-factor.on", practice.organisation)
    assert (event.resource, event.outcome) == (f"User/{jo.pk}", "ok")


def test_a_recovery_code_is_accepted_once_however_it_is_typed(jo):
    code, *others = turn_on(jo)

    second_factor.check(user=jo, code=code.upper().replace("-", " "))

    with pytest.raises(CodeNotAccepted):
        second_factor.check(user=jo, code=code)
    assert second_factor.recovery_codes_left(jo) == len(others)


def test_recovery_codes_are_not_stored_as_they_are_written(jo):
    codes = turn_on(jo)
    plain = {code.replace("-", "") for code in codes}

    stored = {
        token.token for device in jo.staticdevice_set.all() for token in device.token_set.all()
    }

    assert len(stored) == len(codes)
    assert not stored & plain


def test_new_recovery_codes_end_the_old_ones(jo):
    old = turn_on(jo)

    new = second_factor.renew_recovery_codes(
        user=jo, code=next_code(jo), actor=ACTOR, now=timezone.now()
    )

    assert not set(old) & set(new)
    with pytest.raises(CodeNotAccepted):
        second_factor.check(user=jo, code=old[0])


def test_it_is_turned_off_with_a_code_and_only_then(jo):
    turn_on(jo)

    with pytest.raises(CodeNotAccepted):
        second_factor.turn_off(user=jo, code="no code", actor=ACTOR, now=timezone.now())
    still = second_factor.is_on(jo)
    second_factor.turn_off(user=jo, code=next_code(jo), actor=ACTOR, now=timezone.now())

    assert (still, second_factor.is_on(jo)) == (True, False)
    events = AuditEvent.objects.order_by("pk").values_list("event", flat=True)
    assert list(events) == ["second-factor.on", "second-factor.off"]


def test_removing_what_is_not_there_is_said_and_not_recorded(jo):
    assert not second_factor.remove(user=jo, actor=ACTOR, now=timezone.now())
    assert not AuditEvent.objects.exists()
