"""The slots that a session should have against those that it has: what to create, change, withdraw.

Booked, blocked and hand-made slots stay where they are, and nothing new overlaps them.
"""

from collections.abc import Collection, Iterable

from practice.services.generation.planned_sessions import PlannedSlot
from practice.services.generation.plans import SlotChange, SlotRow


class SlotDifference:
    """The difference between the slots that a session should have and those that it has.

    ``covered`` is the time in which it takes place: that of the planned slots, or more.
    """

    def __init__(
        self,
        planned: Iterable[PlannedSlot],
        rows: Collection[SlotRow],
        now: int,
        covered: "Covered | None" = None,
    ) -> None:
        self.create: list[PlannedSlot] = []
        self.change: list[SlotChange] = []
        self.restore: list[SlotChange] = []
        self.withdraw: list[SlotRow] = []
        self.reasons: list[str] = []
        self.left = sum(row.overbooked and not row.withdrawn for row in rows)
        self._fixed = [
            (row.start, row.end)
            for row in rows
            if row.is_fixed or (row.start < now and not row.withdrawn and not row.overbooked)
        ]
        self._in_the_way = 0
        there = {row.start: row for row in rows if not row.overbooked}
        self._bring_back(planned, there, now, covered or Covered(planned))
        for slot in planned:
            if slot.start >= now:
                self._compare(slot, there.pop(slot.start, None))
        self._remove(there.values(), now)
        if self._in_the_way:
            self.reasons.append(
                f"{self._in_the_way} slots are not made: booked slots, or slots that were changed "
                "by hand, lie in their place."
            )

    def _bring_back(
        self,
        planned: Iterable[PlannedSlot],
        there: dict[int, SlotRow],
        now: int,
        covered: "Covered",
    ) -> None:
        """Restore what a closure had withdrawn although a person had changed it, as it was."""
        returning = [
            row
            for row in there.values()
            if row.withdrawn_by_plan and row.changed_by_hand and row.start >= now
        ]
        if not returning:
            return
        starts = {slot.start for slot in planned}
        for row in returning:
            stands = row.start in starts or covered.holds(row.start, row.end)
            if stands and not self._is_taken(row.start, row.end):
                self.restore.append(SlotChange(row, None))
                self._fixed.append((row.start, row.end))

    def _compare(self, slot: PlannedSlot, row: SlotRow | None) -> None:
        if row is None:
            if self._is_taken(slot.start, slot.end):
                self._in_the_way += 1
            else:
                self.create.append(slot)
        elif row.is_fixed or row.changed_by_hand or not row.is_free:
            self.left += not row.withdrawn
            self._in_the_way += row.is_fixed and row.end != slot.end
        elif row.withdrawn and not row.withdrawn_by_plan:
            pass  # A person wanted it gone.
        elif not row.withdrawn and row.end == slot.end and row.kind == slot.kind:
            self.left += 1
        elif self._is_taken(slot.start, slot.end):
            self._in_the_way += 1
            if not row.withdrawn:
                self.withdraw.append(row)
        elif row.withdrawn:
            self.restore.append(SlotChange(row, slot))
        else:
            self.change.append(SlotChange(row, slot))

    def _remove(self, unplanned: Iterable[SlotRow], now: int) -> None:
        kept = 0
        for row in unplanned:
            if row.withdrawn:
                continue
            if row.start < now or not row.is_free or row.changed_by_hand:
                self.left += 1
                kept += row.is_free and row.changed_by_hand and row.start >= now
            else:
                self.withdraw.append(row)
        if kept:
            self.reasons.append(f"{kept} free slots are not planned, but were changed by hand.")

    def _is_taken(self, start: int, end: int) -> bool:
        return any(start < other_end and other < end for other, other_end in self._fixed)


class Covered:
    """The time that planned slots cover, in whole stretches."""

    def __init__(self, slots: Iterable[PlannedSlot]) -> None:
        self.stretches: list[list[int]] = []
        for slot in slots:
            if self.stretches and self.stretches[-1][1] >= slot.start:
                self.stretches[-1][1] = max(self.stretches[-1][1], slot.end)
            else:
                self.stretches.append([slot.start, slot.end])

    def holds(self, start: int, end: int) -> bool:
        """Whether the whole of an interval is covered."""
        return any(first <= start and end <= last for first, last in self.stretches)
