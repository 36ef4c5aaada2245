"""Searches that are to be refused."""

from datetime import timedelta

from consumer.check.checks import refuses
from consumer.check.codes import BAD_REQUEST, INVALID_PARAMETER, Refusal
from consumer.check.exchange import Exchange
from consumer.check.kit import Kit

EITHER = (BAD_REQUEST, INVALID_PARAMETER)  # the specification can be read in both ways
INVALID = (INVALID_PARAMETER,)


def without(kit: Kit, name: str, *instead: tuple[str, str]) -> Exchange:
    """A search without a parameter, or with others in its place."""
    return kit.search([each for each in kit.slot_query() if each[0] != name] + [*instead])


# What is sent instead of a parameter: (id, sentence, requirements, parameter, values, refusal).
# {day} is today, {late} fifteen days later, {before} yesterday.
ROWS: tuple[tuple[str, str, str, str, tuple[str, ...], tuple[Refusal, ...]], ...] = (
    ("no-start", "start is missing", "SLOT-020 ERR-046", "start", (), EITHER),
    ("no-end", "end is missing", "SLOT-021 ERR-046", "end", (), EITHER),
    ("no-status", "status is missing", "SLOT-022 SLOT-006", "status", (), EITHER),
    ("no-include", "_include=Slot:schedule is missing", "SLOT-024", "_include", (), EITHER),
    ("busy", "status is busy", "SLOT-023 ERR-050", "status", ("busy",), INVALID),
    ("capital-status", "status is Free", "SLOT-023", "status", ("Free",), INVALID),
    ("long-range", "The range is 15 days long", "SLOT-025 SLOT-026", "end", ("le{late}",), INVALID),
    ("backwards", "end is before start", "SLOT-027", "end", ("le{before}",), INVALID),
    ("bare-start", "start has no prefix", "SLOT-028 SLOT-003", "start", ("{day}",), INVALID),
    ("other-start", "start has the prefix gt", "SLOT-028", "start", ("gt{day}",), INVALID),
    ("bare-end", "end has no prefix", "SLOT-029 SLOT-004", "end", ("{day}",), INVALID),
    ("other-end", "end has the prefix lt", "SLOT-029", "end", ("lt{day}",), INVALID),
    ("two-starts", "start comes twice", "SLOT-030", "start", ("ge{day}", "ge{day}"), EITHER),
    ("two-ends", "end comes twice", "SLOT-030", "end", ("le{day}", "le{day}"), EITHER),
    ("month", "start is a month", "SLOT-031", "start", ("ge{month}",), INVALID),
    ("no-such-day", "start is a 30 February", "SLOT-032", "start", ("ge2026-02-30",), INVALID),
    (
        "other-notation",
        "start is written 22/09/2030",
        "SLOT-032",
        "start",
        ("ge22/09/2030",),
        INVALID,
    ),
    ("no-offset", "start has no offset", "SLOT-033", "start", ("ge{day}T09:00:00",), INVALID),
    ("zulu", "start ends with Z", "SLOT-033", "start", ("ge{day}T09:00:00Z",), INVALID),
    (
        *("fractions", "start has fractions of a second", "SLOT-033", "start"),
        *(("ge{day}T09:00:00.500+00:00",), INVALID),
    ),
    (
        *("other-offset", "start has the offset of another country", "SLOT-033", "start"),
        *(("ge{day}T09:00:00+05:30",), INVALID),
    ),
)


def register() -> None:
    """Make each row a check."""
    for name, sentence, requirements, parameter, values, expected in ROWS:

        def send(
            kit: Kit, parameter: str = parameter, values: tuple[str, ...] = values
        ) -> Exchange:
            days = {
                "day": kit.today,
                "month": f"{kit.today:%Y-%m}",
                "late": kit.today + timedelta(days=15),
                "before": kit.today - timedelta(days=1),
            }
            instead = [(parameter, value.format(**days)) for value in values]
            return without(kit, parameter, *instead)

        refuses(f"search.refuses-{name}", sentence, requirements, *expected)(send)


register()
