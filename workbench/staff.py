"""Members of staff, for tests of the pages they work with."""

from importlib import import_module
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from practice.models import Membership, Organisation
from workbench.factories import number

RECEPTIONIST = "Receptionist"
MANAGER = "Practice manager"
ADMINISTRATOR = "Practice administrator"
AUDITOR = "Auditor"
CLINICIAN = "Clinician"
AREA_MANAGER = "Area manager"
PASSWORD = "correct horse battery staple"


def make_roles() -> None:
    """Make the roles as the migrations did, each with all that it may, whatever is there."""
    roles = import_module("practice.migrations.0004_roles_of_staff").ROLES
    for name, codenames in roles.items():
        allowed = Permission.objects.filter(
            content_type__app_label__in=["practice", "auth"], codename__in=codenames
        )
        Group.objects.get_or_create(name=name)[0].permissions.set(allowed)
    above = import_module("practice.migrations.0037_shared_consumer_groups")
    allowed = Permission.objects.filter(content_type__app_label="practice", codename__in=above.MAY)
    Group.objects.get_or_create(name=above.NAME)[0].permissions.set(allowed)


def make_staff(*practices: Organisation, role: str = RECEPTIONIST, **overrides: Any) -> User:
    """Make somebody who may sign in and works at these practices; ``role=""`` for no role."""
    name = f"{(role or 'user').split()[-1].lower()}{number()}"
    user = User.objects.create_user(**{"username": name, "is_staff": True, **overrides})
    if role:
        user.groups.add(Group.objects.get(name=role))
    for practice in practices:
        Membership.objects.create(user=user, organisation=practice)
    return user


class StaffClient(Client):
    """A browser in which ``user`` has signed in."""

    def __init__(self, user: User) -> None:
        super().__init__()
        self.user = user
        self.force_login(user)


def signed_in(*practices: Organisation, role: str = "", **overrides: Any) -> StaffClient:
    """Return a browser in which such a person has signed in."""
    return StaffClient(make_staff(*practices, role=role, **overrides))


def superuser() -> StaffClient:
    return signed_in(is_superuser=True)


def try_to_sign_in(
    client: Client, username: str = "jo", password: str = PASSWORD, **kwargs: Any
) -> Any:
    """Send the form of the page where staff sign in."""
    form = {"username": username, "password": password}
    return client.post(reverse("admin:login"), form, **kwargs)
