"""Who a request comes from: as Django says it, asked in fewer steps."""

from datetime import timedelta

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.contrib.sessions.backends.db import SessionStore as DatabaseSession
from django.contrib.sessions.models import Session
from django.utils import timezone

from practice.site.accounts import Backend, SessionStore
from workbench.staff import make_roles, make_staff, superuser

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff_roles():
    make_roles()


@pytest.mark.parametrize(
    "role", ["Receptionist", "Practice manager", "Practice administrator", "Auditor", ""]
)
def test_an_account_may_what_django_says(staff_roles, role):
    user, same = (make_staff(role=role) for _ in range(2))
    for each in (user, same):
        each.user_permissions.add(Permission.objects.get(codename="delete_group"))

    found = Backend().get_all_permissions(Backend().get_user(user.pk))

    assert found == ModelBackend().get_all_permissions(same)
    assert "auth.delete_group" in found


def test_who_is_not_active_is_nobody_and_may_nothing(staff_roles):
    user = make_staff(role="Receptionist", is_active=False)

    assert Backend().get_user(user.pk) is None
    assert Backend().get_user(0) is None
    assert Backend().get_all_permissions(user) == set()


def test_a_superuser_may_everything(staff_roles):
    user = Backend().get_user(superuser().user.pk)

    assert user.has_perms(["practice.delete_slot", "auth.delete_group"])


def test_a_session_is_read_until_it_is_over():
    session = DatabaseSession()
    session["practice"] = 7
    session.save()

    assert SessionStore(session.session_key)["practice"] == 7
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    over = SessionStore(session.session_key)
    assert "practice" not in over
    assert over.session_key is None
    assert "practice" not in SessionStore("no-such-key")
