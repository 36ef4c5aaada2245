"""Changing groups of organisations: one edit for all practices, in the trail of each it touches."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from practice import clock
from practice.db.row_security import above_practices
from practice.exceptions import GroupRefused
from practice.models import ConsumerGroup, Member
from practice.models.common import validate_ods_code
from practice.reads.consumer_groups import fingerprint, practices_naming
from practice.services.audit.recording import Actor, Facts, record, record_all, resource_of
from practice.services.diary_changes import note_practices

MOST_MEMBERS = 200


def checked_members(members: Iterable[Member]) -> list[Member]:
    """Members as they are kept, by code and date. Raises GroupRefused with what is wrong."""
    found = sorted(
        (
            Member(
                ods_code=each["ods_code"].strip().upper(),
                name=" ".join(each["name"].split())[:200],
                since=_day(each["since"], each["ods_code"]),
                until=_day(each["until"], each["ods_code"]),
            )
            for each in members
        ),
        key=lambda each: (each["ods_code"], each["since"]),
    )
    if len(found) > MOST_MEMBERS:
        raise GroupRefused(f"A group has at most {MOST_MEMBERS} members.")
    last: Member | None = None
    for each in found:
        code = each["ods_code"]
        try:
            validate_ods_code(code)
        except ValidationError:
            raise GroupRefused(f"“{code}” is not an ODS code.") from None
        if each["until"] and each["until"] < each["since"]:
            raise GroupRefused(f"{code}: the last day is before the first.")
        goes_on = last and (not last["until"] or last["until"] >= each["since"])
        if last and last["ods_code"] == code and goes_on:
            raise GroupRefused(f"{code} is there twice on the same days.")
        last = each
    return found


def _day(written: str, code: str) -> str:
    try:
        return clock.read_date(written).isoformat() if written else ""
    except ValueError:
        raise GroupRefused(f"{code}: “{written}” is not a date.") from None


def save_group(
    group: ConsumerGroup,
    *,
    name: str,
    members: Iterable[Member],
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> int:
    """Store a new group, or a changed one; return how many practices it touches.

    Each of them gets the event into its trail; where there is none, the trail of no practice.
    ``seen``: the fingerprint of what the change was decided on. Raises GroupRefused for members
    that cannot be meant, for a name that another group has, and where somebody was quicker.
    """
    checked = checked_members(members)
    if not (name := " ".join(name.split())[:100]):
        raise GroupRefused("A group needs a name.")
    with above_practices(), transaction.atomic():
        is_new = group.pk is None
        stored = group
        if not is_new:
            stored = ConsumerGroup.objects.select_for_update(no_key=True).get(pk=group.pk)
            if seen is not None and fingerprint(stored) != seen:
                raise GroupRefused(
                    "Somebody else has changed this group meanwhile: look at it, and change it "
                    "again. Nothing was saved."
                )
        before: dict[str, Any] = {} if is_new else {"name": stored.name, "members": stored.members}
        stored.name, stored.members = name, checked
        try:
            with transaction.atomic():
                stored.save()
        except IntegrityError:
            raise GroupRefused(f"There is a group “{name}” already.") from None
        after: dict[str, Any] = {"name": name, "members": checked}
        changes = {
            key: {"from": before.get(key), "to": after[key]} if before else {"to": after[key]}
            for key in after
            if before.get(key) != after[key]
        }
        if not changes:
            return 0
        return _record(
            "consumergroup.add" if is_new else "consumergroup.change",
            stored,
            detail={"group": name, "changes": changes},
            actor=actor,
            now=now,
        )


def remove_group(group: ConsumerGroup, *, actor: Actor, now: datetime) -> None:
    """Remove a group that no profile names; raises GroupRefused while one does."""
    with above_practices(), transaction.atomic():
        stored = ConsumerGroup.objects.select_for_update().get(pk=group.pk)
        if named := practices_naming(stored):
            raise GroupRefused(f"Access profiles of {len(named)} practices still name this group.")
        detail = {"group": stored.name, "removed": {"members": stored.members}}
        _record("consumergroup.delete", stored, detail=detail, actor=actor, now=now)
        stored.delete()


def _record(
    event: str, group: ConsumerGroup, *, detail: dict[str, Any], actor: Actor, now: datetime
) -> int:
    facts = Facts(
        actor=actor,
        event=event,
        outcome="ok",
        now=now,
        resource=resource_of(group),
        detail=detail,
    )
    touched = practices_naming(group)
    note_practices(touched, now=now)
    if touched:
        record_all((practice.pk, facts) for practice in touched)
    else:
        record(organisation=None, **facts)
    return len(touched)
