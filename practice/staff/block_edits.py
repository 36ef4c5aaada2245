"""Adding, copying, moving and removing a block of what a template's form has sent."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.http import QueryDict

from practice.site.addresses import number
from practice.site.plan_words import block_minutes
from practice.staff.template_forms import BLOCK_FIELDS, FIRST_BLOCK, MOST_BLOCKS


class BlockEdits:
    """What a form sent, with one block added, copied, moved or removed."""

    def __init__(self, sent: QueryDict) -> None:
        self.sent = sent.copy()
        total = number(sent.get("blocks-TOTAL_FORMS", ""))
        rows = [n for n in range(min(total, MOST_BLOCKS)) if not self._value(n, "DELETE")]
        self.rows = sorted(rows, key=lambda n: (number(self._value(n, "position")), n))

    def _value(self, row: int, name: str) -> str:
        return str(self.sent.get(f"blocks-{row}-{name}") or "")

    def _set(self, row: int, **values: Any) -> None:
        for name, value in values.items():
            self.sent[f"blocks-{row}-{name}"] = str(value)

    def do(self, what: str, row: int) -> int | None:
        """Do it, and return the block that it was done to."""
        if what == "add":
            return self._add(self.rows[-1] if self.rows else None, break_=False)
        if what == "break":
            return self._add(self.rows[-1] if self.rows else None, break_=True)
        if row not in self.rows:
            return None
        place = self.rows.index(row)
        if what == "copy":
            return self._add(row, break_=not self._value(row, "slot_minutes"), at=place + 1)
        if what == "remove":
            self._set(row, DELETE="on")
            self.rows.remove(row)
            return self.rows[max(place - 1, 0)] if self.rows else None
        other = place - 1 if what == "up" else place + 1
        if 0 <= other < len(self.rows):
            self._swap(*sorted((place, other)))
            self._number()
        return row

    def _add(self, like: int | None, *, break_: bool, at: int | None = None) -> int | None:
        row = number(self.sent.get("blocks-TOTAL_FORMS", ""))
        if row >= MOST_BLOCKS:
            return None
        self.sent["blocks-TOTAL_FORMS"] = str(row + 1)
        copied = {} if like is None else {n: self._value(like, n) for n in BLOCK_FIELDS}
        if break_ or like is None or not copied.get("slot_minutes"):
            copied = dict.fromkeys(BLOCK_FIELDS, "")
        if not break_ and not copied.get("slot_minutes"):
            copied |= {k: str(v) for k, v in FIRST_BLOCK.items() if k not in {"start", "end"}}
        start = typed(self._value(like, "end")) if like is not None else time(9)
        start = start or time(9)
        minutes = 20 if break_ else 60
        if at is not None and like is not None:
            minutes = self._minutes(like) or minutes
        copied |= {"start": f"{start:%H:%M}", "end": f"{later(start, minutes):%H:%M}"}
        for name, value in copied.items():
            if value:
                self.sent[f"blocks-{row}-{name}"] = value
        self.rows.insert(len(self.rows) if at is None else at, row)
        self._number()
        return row

    def _swap(self, first: int, second: int) -> None:
        """Let two neighbours change places: together they begin and end as before."""
        above, below = self.rows[first], self.rows[second]
        start, ends = typed(self._value(above, "start")), typed(self._value(below, "end"))
        if start and ends and self._minutes(above) and self._minutes(below):
            middle = later(start, self._minutes(below))
            self._set(below, start=f"{start:%H:%M}", end=f"{middle:%H:%M}")
            begins = later(ends, -self._minutes(above))
            self._set(above, start=f"{begins:%H:%M}", end=f"{ends:%H:%M}")
        self.rows[first], self.rows[second] = below, above

    def _minutes(self, row: int) -> int:
        start, end = typed(self._value(row, "start")), typed(self._value(row, "end"))
        return block_minutes(start, end) if start and end else 0

    def _number(self) -> None:
        for place, row in enumerate(self.rows):
            self._set(row, position=place)


def typed(text: str) -> time | None:
    try:
        return time.fromisoformat(text)
    except ValueError:
        return None


def later(at: time, minutes: int) -> time:
    return (datetime.combine(date(2000, 1, 2), at) + timedelta(minutes=minutes)).time()
