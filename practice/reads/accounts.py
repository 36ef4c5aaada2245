"""Who may sign in, and where they work."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.db.models import CharField, DateTimeField, Model, Q, QuerySet

from practice.db.prepared import Number, Numbers, Prepared, QueryParameter
from practice.models import Membership, Organisation

MOST_CHOICES = 10  # practices that are offered on every page to somebody who has several


def user_named(username: str) -> User | None:
    """Return the account with exactly this user name."""
    return User.objects.filter(username=username).first()


def practices_of_user(user: Model) -> list[Organisation]:
    """Return every practice where somebody works."""
    return list(Organisation.objects.filter(memberships__user=user.pk).distinct())


# ---------------------------------------------------------------- asked for every page


def session(key: str, *, now: datetime) -> Session | None:
    """Return the session of a browser, unless it is over."""
    return SESSION.first("default", key=key, now=now)


def user(pk: int) -> User | None:
    return USER.first("default", user=pk)


def permissions(user: int) -> set[str]:
    """Return what an account may, by itself and by its roles: practice.view_slot and the like."""
    return {f"{app}.{name}" for app, name in PERMISSIONS.rows("default", user=user)}


def practice_ids(user: int) -> list[int]:
    """Return the practices where somebody works."""
    return [pk for (pk,) in WORKS_AT.rows(user=user)]


def practices_to_choose(ids: list[int]) -> list[Organisation]:
    """Return the first of these practices, and one more if there are more."""
    return AMONG.objects(ids=ids)


def role_names(user: int) -> list[str]:
    """Return the roles of an account."""
    return [name for (name,) in ROLES.rows(user=user)]


def records_of(model: type[Model], path: str, practices: Iterable[int]) -> list[Any]:
    """Return all records of a kind that these practices have; ``path`` leads to the practice."""
    return _records(model, path).objects(practices=practices)


@cache
def _records(model: type[Model], path: str) -> Prepared[Any]:
    to_id = path if path == "pk" else f"{path}__pk"
    own = {f"{to_id}__among": Numbers("practices")}
    there = model._base_manager.filter(**own).values("pk")
    return Prepared(lambda: model._default_manager.filter(pk__in=there))


SESSION = Prepared(
    lambda: Session.objects.filter(
        session_key=QueryParameter("key", CharField()),
        expire_date__gt=QueryParameter("now", DateTimeField()),
    )
)
USER = Prepared(lambda: User.objects.filter(pk=Number("user")))
PERMISSIONS = Prepared(
    lambda: (
        Permission.objects.filter(Q(user=Number("user")) | Q(group__user=Number("user")))
        .order_by()
        .values_list("content_type__app_label", "codename")
        .distinct()
    )
)
WORKS_AT = Prepared(
    lambda: Membership.objects.filter(user=Number("user")).values_list("organisation_id")
)
ROLES = Prepared(
    lambda: Group.objects.filter(user=Number("user")).order_by("name").values_list("name")
)
AMONG = Prepared(lambda: Organisation.objects.filter(pk__among=Numbers("ids"))[: MOST_CHOICES + 1])


def roles_above_practices() -> QuerySet[Group]:
    """Roles that stand above practices: no practice gives them to anybody."""
    return Group.objects.filter(permissions__codename__in=["view_area", "change_consumergroup"])


def roles_of_practices() -> QuerySet[Group]:
    """All other roles."""
    return Group.objects.exclude(pk__in=roles_above_practices())
