"""The figures as one picture: ``benchmarks/results/latest.svg``. What was not run is left out.

``python -m benchmarks.chart`` draws what is kept anew.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from benchmarks import results

FILE = results.FOLDER / "latest.svg"

WIDTH, LABELS, VALUES = 900, 290, 110  # of the picture, and what is kept for words left and right
HEADING, ROW, GAP, PLOT = 58, 24, 30, 190  # heights
BAR, LINE, LIMIT = "#005eb8", ("#005eb8", "#ae2573"), "#da291c"

Bar = tuple[str, float, str]  # label, value, and the value in words
Panel = tuple[int, str]  # height, and the drawing as if it began at 0


def text(x: float, y: float, words: str, *, size: int = 14, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" {more}>{escape(words)}</text>'


def heading(title: str, said: str) -> str:
    return text(0, 20, title, size=18, more='font-weight="bold"') + text(
        0, 42, said, more='fill="#425563"'
    )


def limit_at(x: float, top: float, bottom: float) -> str:
    return (
        f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{top}" y2="{bottom}" stroke="{LIMIT}"'
        ' stroke-width="2" stroke-dasharray="5 4"/>'
    )


def bars(
    title: str, said: str, rows: Sequence[Bar], *, limit: float | None = None, log: bool = False
) -> Panel:
    """Horizontal bars. ``limit`` is what was wanted; ``log`` for values of very unequal size."""
    values = [value for _, value, _ in rows] + ([limit] if limit else [])
    room = WIDTH - LABELS - VALUES
    least = min(values) / 2

    def width(value: float) -> float:
        if log:
            return room * math.log(value / least) / math.log(max(values) / least)
        return room * value / max(values)

    drawn = [heading(title, said)]
    for number, (label, value, words) in enumerate(rows):
        y = HEADING + number * ROW
        drawn.append(text(0, y + 15, label))
        drawn.append(
            f'<rect x="{LABELS}" y="{y}" width="{width(value):.0f}" height="{ROW - 6}"'
            f' fill="{BAR}"/>'
        )
        drawn.append(text(LABELS + width(value) + 8, y + 15, words))
    height = HEADING + len(rows) * ROW
    if limit:
        drawn.append(limit_at(LABELS + width(limit), HEADING - 4, height))
    return height, "".join(drawn)


def curves(
    title: str, said: str, steps: Sequence[str], lines: Mapping[str, Sequence[float]], limit: float
) -> Panel:
    """A line for each of several, over the same steps, from nought up."""
    top = max(limit, *(value for line in lines.values() for value in line)) * 1.1
    left, right, bottom = 50, WIDTH - 260, HEADING + PLOT

    def x(step: int) -> float:
        return left + 40 + step * (right - left - 40) / max(len(steps) - 1, 1)

    def y(value: float) -> float:
        return bottom - PLOT * value / top

    drawn = [heading(title, said)]
    for value in (0.5, 1.0, limit):
        colour = LIMIT if value == limit else "#d8dde0"
        drawn.append(
            f'<line x1="{left}" x2="{right}" y1="{y(value):.0f}" y2="{y(value):.0f}"'
            f' stroke="{colour}"/>'
        )
        drawn.append(text(0, y(value) + 5, f"{value:g} x"))
    for step, label in enumerate(steps):
        drawn.append(text(x(step), bottom + 20, label, more='text-anchor="middle"'))
    for (name, line), colour, number in zip(lines.items(), LINE, range(len(LINE)), strict=False):
        points = [(x(step), y(value)) for step, value in enumerate(line)]
        path = " ".join(f"{px:.0f},{py:.0f}" for px, py in points)
        drawn.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="3"/>'
            + "".join(f'<circle cx="{px:.0f}" cy="{py:.0f}" r="4"/>' for px, py in points)
        )
        words = f"{name}: {line[-1]:.2f} x at {steps[-1]}"
        drawn.append(text(right + 16, HEADING + 20 + number * 22, words, more=f'fill="{colour}"'))
    return bottom + 26, "".join(drawn)


# ---------------------------------------------------------------- the panels


def search(found: results.Figures) -> Panel:
    rows = [(name, each["ratio"], f"{each['ratio']:.2f} x") for name, each in found["1000"].items()]
    return bars(
        "Search of 1,000 slots: queries and rendering",
        "Times PostgreSQL's own JSON of the same Bundle, passed through; logarithmic. Wanted: JSON"
        " at most 0.8 x.",
        rows,
        limit=0.8,
        log=True,
    )


def growth(found: results.Figures) -> Panel:
    steps = list(found["search"])
    lines = {
        name.capitalize(): [each["ratio"] for each in found[name].values()]
        for name in ("search", "booking")
    }
    return curves(
        "More practices in one database",
        "Time of a search of 300 slots and of a booking, against 1 practice. Wanted: 1.2 x or less",
        steps,
        lines,
        1.2,
    )


def requests(found: results.Figures) -> Panel:
    alternatives = found["one"]["alternatives"]
    rows = [
        (name, each["per_second"], f"{each['per_second']:.0f}")
        for name, each in alternatives.items()
    ]
    return bars(
        "Whole search requests of 300 slots, a second",
        "One process of the server on one core; all but the empty view behind the same guards.",
        rows,
    )


def booking(found: results.Figures) -> Panel:
    rows = [
        (f"{name}, {clients} clients", each["per_second"], f"{each['per_second']:.0f}")
        for name in ("ours", "bare SQL")
        for clients, each in found.get(name, {}).items()
    ]
    return bars(
        "Bookings a second",
        "Distinct slots, against the bare transaction in SQL. Wanted: at least 250.",
        rows,
        limit=250,
    )


def generation(found: results.Figures) -> Panel:
    rows = [
        (kind, each["slots_per_second"], f"{each['slots_per_second']:,}")
        for kind, each in found.items()
        if isinstance(each, dict)
    ]
    return bars(
        "Generation, slots a second",
        "Twelve session holders. Wanted: at least 20,000.",
        rows,
        limit=20_000,
    )


def pages(found: results.Figures) -> Panel:
    rows = [
        (page, each["median_ms"], f"{each['median_ms']:.0f} ms, {each['queries']} queries")
        for page, each in found.items()
        if isinstance(each, dict)
    ]
    return bars(
        "Pages of practice staff, server time",
        "Twenty session holders, a year of diary. Wanted: at most 200 ms.",
        rows,
        limit=200,
    )


PANELS: dict[str, Callable[[results.Figures], Panel]] = {
    "search": search,
    "growth": growth,
    "requests": requests,
    "booking": booking,
    "generation": generation,
    "pages": pages,
}


def panels(parts: Mapping[str, Any]) -> Iterator[Panel]:
    """The panels of the parts that were run on PostgreSQL."""
    for part, panel in PANELS.items():
        if measured := parts.get(part, {}).get("postgresql"):
            yield panel(measured["figures"])


def draw(parts: Mapping[str, Any]) -> None:
    """Write the picture of these figures."""
    top = 60
    drawn = [
        text(0, 24, "What things cost, on PostgreSQL", size=22, more='font-weight="bold"'),
        text(0, 46, "Medians of one run; the red line is what was wanted. Figures: latest.json."),
    ]
    for height, panel in panels(parts):
        drawn.append(f'<g transform="translate(0 {top + GAP})">{panel}</g>')
        top += height + GAP
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 -10 {WIDTH + 40} {top + 40}"'
        ' font-family="Arial, sans-serif" fill="#212b32" role="img">'
        '<rect x="-20" y="-10" width="100%" height="100%" fill="white"/>'
        f"{''.join(drawn)}</svg>\n"
    )


if __name__ == "__main__":
    draw(results.latest())
