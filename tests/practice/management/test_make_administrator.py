"""The first person who may sign in, before anybody can be asked to make them."""

import io
import re

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from practice.management.commands import make_administrator
from practice.models import AuditEvent

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def made(*arguments):
    said = io.StringIO()
    call_command("make_administrator", *arguments, stdout=said)
    return said.getvalue()


@pytest.fixture
def typed(monkeypatch):
    """What is typed at a terminal, each time that a password is asked for."""
    answers = []
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(
        make_administrator.getpass, "getpass", lambda prompt: answers.pop(0), raising=True
    )
    return answers


def test_a_generated_password_lets_in_and_is_shown_once():
    said = made("ada", "--generate")

    (password,) = re.findall(r"shown this once: (\S{24})$", said, re.M)
    ada = User.objects.get(username="ada")
    assert ada.check_password(password)
    assert ada.is_superuser
    assert ada.is_staff
    event = AuditEvent.objects.get()
    assert (event.event, event.device) == (
        "user.make-administrator",
        "manage.py make_administrator",
    )
    assert password not in str(event.detail)

    assert "nothing was changed" in made("ADA", "--generate")
    assert User.objects.get() == ada


def test_a_typed_password_is_asked_for_twice_and_must_be_good(typed):
    typed[:] = ["a long and winding road", "a long and winding rode"]
    with pytest.raises(CommandError, match="differ"):
        made("ada")
    typed[:] = ["short", "short"]
    with pytest.raises(CommandError, match="too short") as refused:
        made("ada")
    assert refused.value.returncode == 1
    assert not User.objects.exists()

    typed[:] = ["a long and winding road"] * 2
    made("ada")

    assert User.objects.get().check_password("a long and winding road")


def test_nobody_is_asked_where_nobody_sits(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())

    with pytest.raises(CommandError, match="--generate makes one"):
        made("ada")


def test_a_colleague_is_not_made_one_by_the_way():
    User.objects.create_user("rita", password="a long and winding road")

    with pytest.raises(CommandError, match="no administrator of the whole") as refused:
        made("rita", "--generate")
    with pytest.raises(CommandError, match="valid username"):
        made("no/name", "--generate")

    assert refused.value.returncode == 2
    assert not User.objects.get().is_superuser
