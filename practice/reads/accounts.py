"""Who may sign in, and where they work."""

from django.contrib.auth.models import User
from django.db.models import Model

from practice.models import Organisation


def user_named(username: str) -> User | None:
    """Return the account with exactly this user name."""
    return User.objects.filter(username=username).first()


def practices_of_user(user: Model) -> list[Organisation]:
    """Return every practice where somebody works."""
    return list(Organisation.objects.filter(memberships__user=user.pk).distinct())
