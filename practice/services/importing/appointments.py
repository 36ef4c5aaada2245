"""Appointments, which hold slots of one session, one after the other; cancelled ones held them."""

from collections import defaultdict
from typing import NamedTuple

from practice import clock
from practice.models import Appointment, AppointmentSlot, Slot
from practice.services.appointments.provenance import provenance, record_loaded
from practice.services.dumps.kinds import MISSING, Entry
from practice.services.importing.sessions import actors_of, refuse_overlaps
from practice.services.importing.stage import BROKEN, LEFT, Staged
from practice.services.importing.writing import Import, Rows
from practice.services.locks import lock_slots

NOT_HELD = (
    *(status.value for status in Appointment.GONE),
    Appointment.Status.PROPOSED.value,
    Appointment.Status.PENDING.value,
)


def find_slots(run: Import, page: list[Staged]) -> None:
    """Note which slots each appointment has, or had."""
    held: list[tuple[int, int | None, int | None]] = []
    for record in page:
        status = record.values["status"]
        if not record.refers["slots"]:
            if status in NOT_HELD:
                run.leave(record, "cancelled or only asked for, and of no slot")
            else:
                run.problem(record, f"it is {status}, and names no slot")
            continue
        found = [run.resolver.find(reference) for reference in record.refers["slots"]]
        reason = next((each.reason for each in found if each.reason), "")
        if reason:
            run.problem(record, reason)
        elif any(each.state == LEFT for each in found):
            run.leave(record, "its slot was left")
        elif any(each.state == BROKEN for each in found):
            run.stage.set("state", [(BROKEN, record.id)])
        elif len({(each.record, each.pk) for each in found}) < len(found):
            run.problem(record, "it names a slot twice")
        else:
            held += [(record.id, each.record, None if each.record else each.pk) for each in found]
            column = "gone" if status in Appointment.GONE else "live"
            run.stage.write(
                f"UPDATE record SET {column} = {column} + 1 WHERE id = ?",  # noqa: S608 # nosec B608
                [(each.record,) for each in found if each.record],
            )
    run.stage.write("INSERT INTO held VALUES (?, ?, ?)", held)


def refuse_doubles(run: Import) -> None:
    """Tell of each appointment whose slot another live one has; then of slots that overlap."""
    seen: set[int] = set()
    for slot, appointment in run.stage.query(
        "SELECT held.slot, held.appointment FROM held"
        " JOIN record AS slot ON slot.id = held.slot AND slot.live > 1"
        " JOIN record AS own ON own.id = held.appointment ORDER BY held.appointment"
    ):
        record = run.stage.one(appointment)
        if record.values["status"] in Appointment.GONE:
            continue
        if slot in seen:
            run.problem(record, "its slot is another appointment's too")
        seen.add(slot)
    refuse_overlaps(run)


class HeldSlot(NamedTuple):
    """A slot of an appointment, as it is stored."""

    pk: int
    schedule: int
    start: int
    end: int
    slot_type: str
    delivery_channel: str
    location: int
    session_name: str
    practitioner_role: str
    withdrawn: bool


def slots_of(run: Import, page: list[Staged]) -> dict[int, list[HeldSlot]]:
    """The stored slots of these appointments, by start; fewer where some could not be stored."""
    pks: dict[int, list[int]] = defaultdict(list)
    for record in page:
        for (pk,) in run.stage.query(
            "SELECT coalesce(held.pk, record.pk) FROM held LEFT JOIN record"
            " ON record.id = held.slot WHERE appointment = ?",
            record.id,
        ):
            pks[record.id].append(pk)
    wanted = {pk for each in pks.values() for pk in each if pk}
    there = {
        row[0]: HeldSlot(row[0], row[1], clock.seconds(row[2]), clock.seconds(row[3]), *row[4:])
        for row in Slot.objects.filter(
            organisation=run.organisation, pk__in=wanted
        ).values_list(
            "pk", "schedule", "start", "end", "slot_type", "delivery_channel",
            "schedule__location", "schedule__session_name", "schedule__practitioner_role",
            "schedule__withdrawn",
        )
    }  # fmt: skip
    return {
        record.id: sorted(
            (there[pk] for pk in pks[record.id] if pk in there), key=lambda each: each.start
        )
        for record in page
    }


def import_appointments(run: Import, page: list[Staged]) -> None:
    """Store appointments whose slots are there, with the patient and the times that fit."""
    slots = slots_of(run, page)
    people: dict[int, dict[str, list[int]]] = {}
    for record in page:
        held = slots[record.id]
        if len(held) < len(record.refers["slots"]):
            leave_or_break(run, record)
        elif why := wrong_with(record, held):
            run.problem(record, why)
        elif (actors := actors_of(run, record)) is None:
            continue
        elif len(set(actors["Patient"])) != 1:
            run.problem(record, "it must name one patient")
        else:
            people[record.id] = actors
    usable = [record for record in page if record.id in people]
    known = same_bookings(usable, slots, people)
    rows = run.checked("Appointment", run.not_here(usable, lambda record: known.get(record.id)))
    for record, values, parts in rows:
        complete(run, record, values, slots[record.id], people[record.id])
        released = values["status"] in Appointment.GONE
        parts["slots"] = [{"slot": each.pk, "released": released} for each in slots[record.id]]
    take_slots(run, [each["slot"] for _, _, parts in rows for each in parts["slots"]
                     if not each["released"]])  # fmt: skip
    record_in_trail(run, run.store("Appointment", rows))


def leave_or_break(run: Import, record: Staged) -> None:
    """An appointment one of whose slots was not stored: because it was left, or is wrong."""
    states = run.stage.query(
        "SELECT state FROM held JOIN record ON record.id = held.slot WHERE appointment = ?",
        record.id,
    )
    if (LEFT,) in states:
        run.leave(record, "its slot was left")
    else:
        run.stage.set("state", [(BROKEN, record.id)])


def wrong_with(record: Staged, held: list[HeldSlot]) -> str:
    """Why an appointment cannot hold these slots; empty where it can."""
    if len({each.schedule for each in held}) > 1:
        return "its slots are of several sessions"
    if any(each.end != after.start for each, after in zip(held, held[1:], strict=False)):
        return "its slots are not adjacent"
    if (record.start, record.end) != (held[0].start, held[-1].end):
        return "its start and end are not those of its slots"
    return ""


def same_bookings(
    page: list[Staged], slots: dict[int, list[HeldSlot]], people: dict[int, dict[str, list[int]]]
) -> dict[int, int]:
    """Live appointments here of the same patient in the same slot."""
    first = {slots[record.id][0].pk for record in page}
    here = {
        (slot, patient): pk
        for pk, slot, patient in AppointmentSlot.objects.held()
        .filter(slot__in=first)
        .values_list("appointment", "slot", "appointment__patient")
    }
    found = {
        record.id: here.get((slots[record.id][0].pk, people[record.id]["Patient"][0]))
        for record in page
        if record.values["status"] not in Appointment.GONE
    }
    return {record: pk for record, pk in found.items() if pk}


def complete(
    run: Import,
    record: Staged,
    values: Entry,
    held: list[HeldSlot],
    people: dict[str, list[int]],
) -> None:
    """Give an appointment what its slots and its session say, and a history that begins here."""
    session, status = held[0], values["status"]
    places = people["Location"]
    created = values["created"]
    if created is MISSING:
        created = min(run.now, clock.moment(session.start))
    values |= {
        "patient": people["Patient"][0],
        "schedule": session.schedule,
        "location": places[0] if places else session.location,
        "slot_type": values["slot_type"] or session.slot_type,
        "created": created,
        "orphaned": bool(
            session.withdrawn
            and status == Appointment.Status.BOOKED
            and clock.moment(held[-1].end) > run.now
        ),
    }
    if not run.is_new:
        for name in ("session_name", "practitioner_role", "delivery_channel"):
            values[name] = values[name] or getattr(session, name)
    steps = [provenance("booked", run.actor, created)]
    if status != Appointment.Status.BOOKED:
        action = "cancelled" if status in Appointment.GONE else "marked"
        change = {"status": {"from": Appointment.Status.BOOKED.value, "to": status}}
        steps.append({**provenance(action, run.actor, run.now), "changes": change})
    values["provenance"] = steps
    values["version"] = max(values["version"], len(steps))


def take_slots(run: Import, pks: list[int]) -> None:
    """Book slots that were here before; those that came with the import are booked already."""
    free = Slot.objects.filter(organisation=run.organisation, pk__in=pks).exclude(
        status=Slot.Status.BUSY
    )
    for slot in lock_slots(run.organisation, free.values_list("pk", flat=True)):
        slot.status = Slot.Status.BUSY
        slot.version += 1
        slot.save(update_fields=["status", "version", "updated_at"])


def record_in_trail(run: Import, rows: Rows) -> None:
    """Let the trail say how far each appointment came along, as of one that is loaded."""
    for _, values, _ in rows:
        record_loaded(values, organisation=run.organisation, actor=run.actor, now=run.now)
