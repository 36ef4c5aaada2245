"""What may be changed of a closure that has taken effect: what it is called, not when it is."""

from datetime import datetime

from django.db import transaction

from practice.exceptions import DiaryRefused, NotFound
from practice.models import Closure, Organisation
from practice.services.audit.changes import changes_between
from practice.services.audit.recording import Actor, record_done

PERSONAL = {Closure.Kind.LEAVE: "on leave", Closure.Kind.SICK: "off sick"}


@transaction.atomic
def change_closure(
    *,
    organisation: Organisation,
    closure_id: int,
    kind: str,
    name: str,
    actor: Actor,
    now: datetime,
) -> Closure:
    """Change a closure's kind and name; its time, place and person stay as they took effect.

    Another time is another closure: this one is opened again first. Raises NotFound, DiaryRefused.
    """
    rows = Closure.objects.filter(organisation=organisation, pk=closure_id)
    closure = rows.select_for_update(no_key=True).first()
    if closure is None:
        raise NotFound("There is no such closure at this practice.")
    before = Closure(kind=closure.kind, name=closure.name)
    closure.kind, closure.name = kind, name
    check_kind(closure)
    if changes := changes_between(before, closure, ["kind", "name"]):
        closure.save(update_fields=list(changes))
        record_done("closure.change", closure, actor=actor, now=now, detail={"changes": changes})
    return closure


def check_kind(closure: Closure) -> None:
    """Refuse a kind that does not go with whom the closure is for. Raises DiaryRefused."""
    if closure.kind in PERSONAL and closure.practitioner_id is None:
        raise DiaryRefused(f"Whose? Choose who is {PERSONAL[Closure.Kind(closure.kind)]}.")
    if closure.kind == Closure.Kind.BANK_HOLIDAY and closure.practitioner_id is not None:
        raise DiaryRefused("A bank holiday is everybody's. Choose Leave instead.")
