"""What a member of staff does to their own account, and who gets the first one."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction

from practice.services.audit.recording import Actor, record_done_to_user


@transaction.atomic
def change_own_password(
    *, user: AbstractBaseUser, password: str, actor: Actor, now: datetime
) -> None:
    """Set a password that its owner chose, and was allowed to choose; what it is nobody is told."""
    user.set_password(password)
    user.save(update_fields=["password"])
    record_done_to_user("user.change-password", user, actor=actor, now=now)


@transaction.atomic
def make_administrator(*, username: str, password: str, actor: Actor, now: datetime) -> User:
    """Make an administrator of the whole installation, who makes everybody else.

    Nobody has this name yet, and the password has been found good enough.
    """
    user = User.objects.create_superuser(username, password=password)
    record_done_to_user("user.make-administrator", user, actor=actor, now=now)
    return user
