"""Members of staff, for tests of the pages they work with."""

from importlib import import_module

from django.contrib.auth.models import Group, Permission, User

from practice.models import Membership, Organisation
from tests.factories import number

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
