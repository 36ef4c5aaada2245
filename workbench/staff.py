"""Members of staff, for tests of the pages they work with."""

from importlib import import_module
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from practice.models import Membership, Organisation
from workbench.factories import number

RECEPTIONIST = "Receptionist"
MANAGER = "Practice manager"
ADMINISTRATOR = "Practice administrator"
AUDITOR = "Auditor"


def make_roles() -> None:
    """Make the four roles as the migration did, where they are missing."""
    roles = import_module("practice.migrations.0004_roles_of_staff").ROLES
    there = set(Group.objects.values_list("name", flat=True))
    for name in roles.keys() - there:
        allowed = Permission.objects.filter(
            content_type__app_label__in=["practice", "auth"], codename__in=roles[name]
        )
        Group.objects.create(name=name).permissions.set(allowed)


def make_staff(*organisations: Organisation, role: str = RECEPTIONIST, **fields) -> User:
    """Make a member of staff of these practices, in one of the four roles."""
    user = User.objects.create_user(
        f"{role.split()[-1].lower()}{number()}", is_staff=True, **fields
    )
    user.groups.add(Group.objects.get(name=role))
    for organisation in organisations:
        Membership.objects.create(user=user, organisation=organisation)
    return user


def make_user(*organisations: Organisation, role: str = "", **overrides: Any) -> Any:
    """Make somebody who may sign in, with a role, working at these practices."""
    fields = {"username": f"user{number()}", "is_staff": True}
    user = User.objects.create_user(**{**fields, **overrides})
    if role:
        user.groups.add(Group.objects.get(name=role))
    for organisation in organisations:
        user.memberships.create(organisation=organisation)
    return user


def signed_in(*organisations: Organisation, role: str = "", **overrides: Any) -> Client:
    """Return a browser in which such a person has signed in; ``client.user`` is that person."""
    client = Client()
    client.user = make_user(*organisations, role=role, **overrides)  # type: ignore[attr-defined]
    client.force_login(client.user)
    return client


def superuser() -> Client:
    return signed_in(is_superuser=True)
