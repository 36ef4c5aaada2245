"""Staff in a dump: accounts by user name. Whoever is known here is left as they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError

from practice.services.dumps.kinds import STAFF_FIELDS, Entry, identifier, text, truth

ASK_THE_SITE = "Somebody who manages all of these practices can change it in the admin site."


@dataclass
class Account:
    """Whom an entry means: stored here, or new; ``holder`` as the file calls them."""

    user: User
    roles: list[Group]
    is_member: bool
    holder: int | None
    wrong: list[str]


def roles_named(names: Iterable[str]) -> tuple[list[Group], list[str]]:
    """Return the roles of these names, and in words which are unknown."""
    groups = list(Group.objects.filter(name__in=names))
    unknown = sorted(set(names) - {group.name for group in groups})
    if not unknown:
        return groups, []
    known = ", ".join(Group.objects.order_by("name").values_list("name", flat=True))
    return groups, [f"there is no role {name}; known are {known}." for name in unknown]


def account_of(given: Entry, groups: dict[str, Group]) -> Account:
    """Return whom an entry means, and what is wrong with it, in words. Stores nothing.

    A new one has no password, and no rights but the roles of a member.
    """
    values, roles, wrong = _staff_values(given)
    wrong += [
        f"roles: there is no role {name[:40]!r}; known are {', '.join(sorted(groups))}."
        for name in roles
        if name not in groups
    ]
    holder: Any = values.pop("session_holder")
    known = None if wrong else User.objects.filter(username=values["username"]).first()
    user = known or User(**values, is_staff=True)
    if known:
        wrong += [
            f"{name}: the user name is known here, of somebody who would change. {ASK_THE_SITE}"
            for name, value in values.items()
            if getattr(known, name) != value
        ]
        held = set(known.groups.values_list("name", flat=True))
        if more := sorted(set(roles) - held):
            wrong.append(
                f"roles: {', '.join(more)}: the user name is known here, of somebody without it,"
                f" and roles hold at every practice. {ASK_THE_SITE}"
            )
    elif not wrong:
        user.set_unusable_password()
        try:
            user.full_clean(exclude=["password"])
        except ValidationError as error:
            wrong += [f"{name}: {' '.join(said)}" for name, said in error.message_dict.items()]
    held_here = [groups[name] for name in roles if name in groups]
    return Account(user, held_here, bool(given.get("member")), holder, wrong)


def _staff_values(given: Entry) -> tuple[Entry, list[str], list[str]]:
    """The columns of an account, the names of its roles, and what is wrong, in words."""
    values: Entry = {"session_holder": None}
    roles: list[str] = []
    known = {**dict.fromkeys(STAFF_FIELDS, text), "is_active": truth, "member": truth}
    known["session_holder"] = identifier
    wrong = [f"there is no field {name[:40]!r}." for name in given if name not in {*known, "roles"}]
    for name, read in known.items():
        try:
            value = read(given[name]) if name in given else None
        except ValueError as error:
            wrong.append(f"{name}: {error}.")
            value = None
        if name in ("username", "first_name", "last_name", "email"):
            values[name] = value or ""
        elif name == "is_active":
            values[name] = bool(value)
        elif name == "session_holder":
            values[name] = value
    if not values["username"] and not wrong:
        wrong.append("username is missing.")
    listed = given.get("roles", [])
    if isinstance(listed, list) and all(isinstance(name, str) for name in listed):
        roles = listed
    else:
        wrong.append("roles: a list of names is expected.")
    if roles and not given.get("member"):
        wrong.append("roles: only a member of staff has roles.")
    return values, roles, wrong
