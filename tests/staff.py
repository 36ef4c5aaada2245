"""Members of staff, for tests of the pages they work with."""

from django.contrib.auth.models import Group, User

from practice.models import Membership, Organisation
from tests.factories import number

RECEPTIONIST = "Receptionist"
MANAGER = "Practice manager"
ADMINISTRATOR = "Practice administrator"
AUDITOR = "Auditor"


def make_staff(*organisations: Organisation, role: str = RECEPTIONIST, **fields) -> User:
    """Make a member of staff of these practices, in one of the four roles."""
    user = User.objects.create_user(
        f"{role.split()[-1].lower()}{number()}", is_staff=True, **fields
    )
    user.groups.add(Group.objects.get(name=role))
    for organisation in organisations:
        Membership.objects.create(user=user, organisation=organisation)
    return user
