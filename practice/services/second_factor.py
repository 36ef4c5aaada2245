"""A second factor for staff who sign in: codes of an authenticator app, and codes to fall back on.

Optional for each person; an installation can demand it (STAFF_SECOND_FACTOR_REQUIRED). It holds
from the person's next signing in.
"""

from base64 import b32encode
from datetime import datetime
from secrets import token_bytes
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from practice.exceptions import CodeNotAccepted
from practice.services.audit.recording import Actor, record_done_to_user

RECOVERY_CODES = 8


def is_on(user: AbstractBaseUser) -> bool:
    """Whether this person has to show a code when signing in."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def candidate(user: AbstractBaseUser) -> TOTPDevice:
    """The key that a person's app is to learn; nothing is asked of them until ``turn_on``."""
    device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, name="app")
    return device


def turn_on(*, user: AbstractBaseUser, code: str, actor: Actor, now: datetime) -> list[str]:
    """Turn it on with a code of the new key, which proves that the app has learnt it.

    Returns the recovery codes, which cannot be read again. Raises CodeNotAccepted.
    """
    device = candidate(user)
    accept(device, code)
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user, confirmed=True).delete()
        TOTPDevice.objects.filter(pk=device.pk).update(confirmed=True)
        record_done_to_user("second-factor.on", user, actor=actor, now=now)
        return new_recovery_codes(user)


def renew_recovery_codes(
    *, user: AbstractBaseUser, code: str, actor: Actor, now: datetime
) -> list[str]:
    """Return new recovery codes in exchange for a code; the old ones no longer hold."""
    check(user=user, code=code)
    with transaction.atomic():
        record_done_to_user("second-factor.recovery-codes", user, actor=actor, now=now)
        return new_recovery_codes(user)


def turn_off(*, user: AbstractBaseUser, code: str, actor: Actor, now: datetime) -> None:
    """Turn it off in exchange for a code. Raises CodeNotAccepted."""
    check(user=user, code=code)
    remove(user=user, actor=actor, now=now)


@transaction.atomic
def remove(*, user: AbstractBaseUser, actor: Actor, now: datetime) -> bool:
    """Remove what a person has lost; whether there was something. Who may is for the caller."""
    there, _ = TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    if there:
        record_done_to_user("second-factor.off", user, actor=actor, now=now)
    return bool(there)


def check(*, user: AbstractBaseUser | AnonymousUser, code: str) -> None:
    """Accept a code of the app, once, or a recovery code, for ever used up then.

    Raises CodeNotAccepted. Not to be called in a transaction: a wrong try is remembered, and slows
    down the next.
    """
    code = code.replace(" ", "").replace("-", "").lower()
    if code.isdecimal():
        device = TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).first()
    else:
        device = StaticDevice.objects.filter(user_id=user.pk, confirmed=True).first()
        code = stored(code)
    accept(device, code)


def accept(device: Any, code: str) -> None:
    """Try a code on a device, one try at a time."""
    with transaction.atomic():
        locked = device and type(device).objects.select_for_update().get(pk=device.pk)
        accepted = bool(locked) and locked.verify_token(code)
    if not accepted:
        raise CodeNotAccepted


def recovery_codes_left(user: AbstractBaseUser) -> int:
    """How many recovery codes a person has not used."""
    return sum(device.token_set.count() for device in StaticDevice.objects.filter(user=user))


def new_recovery_codes(user: AbstractBaseUser) -> list[str]:
    """Replace a person's recovery codes."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery")
    codes = [b32encode(token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    for code in codes:
        device.token_set.create(token=stored(code))
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def stored(code: str) -> str:
    """A recovery code as the database keeps it: whoever reads the table cannot use it."""
    return salted_hmac("practice.recovery-code", code, algorithm="sha256").hexdigest()[:16]
