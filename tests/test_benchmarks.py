"""What `make bench` says of figures, whatever they were: the table, the chart, what is kept."""

import json
from datetime import date
from xml.etree import ElementTree

import pytest

from benchmarks import chart, results, world


def kept(part, **figures):
    """The figures of one part on PostgreSQL, as results keep them."""
    return {part: {"postgresql": results.measured_now(figures, 0.1, "PostgreSQL 15")}}


def line_of(parts, what):
    (line,) = (line for line in results.verdicts(parts) if line.startswith(what))
    return line


@pytest.mark.parametrize(("measured", "holds"), [(200, "yes"), (200.1, "NO")])
def test_a_figure_at_its_limit_holds_and_one_beyond_does_not(measured, holds):
    assert line_of(kept("pages", slowest_ms=measured), "slowest staff page").endswith(f"  {holds}")


@pytest.mark.parametrize(("measured", "holds"), [(20_000, "yes"), (19_999, "NO")])
def test_a_figure_that_must_be_reached_holds_when_it_is(measured, holds):
    parts = kept("generation", year={"slots_per_second": measured})

    assert line_of(parts, "generation of a year").endswith(f"  {holds}")


def test_a_part_that_was_not_run_is_said_to_be_not_measured():
    lines = results.verdicts({})

    assert len(lines) == len(results.ACCEPTANCE) + 1
    assert all(line.endswith("not measured") for line in lines[1:])


def test_the_chart_shows_what_was_run_and_leaves_out_what_was_not(tmp_path, monkeypatch):
    monkeypatch.setattr(chart, "FILE", tmp_path / "latest.svg")
    ladder = {number: {"ratio": ratio} for number, ratio in (("1", 1.0), ("1000", 1.18))}

    chart.draw(kept("growth", search=ladder, booking=ladder))

    drawn = ElementTree.parse(chart.FILE)
    words = [element.text for element in drawn.iter() if element.text]
    assert "More practices in one database" in words
    assert "Search: 1.18 x at 1000" in words
    assert not any("Generation" in text for text in words)


def test_a_part_that_is_run_again_leaves_the_figures_of_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(results, "LATEST", tmp_path / "latest.json")
    results.keep(kept("pages", slowest_ms=150))

    parts = results.latest()
    parts.update(kept("generation", growth_megabytes=2))
    results.keep(parts)

    assert set(json.loads(results.LATEST.read_text())["parts"]) == {"pages", "generation"}


@pytest.mark.parametrize("today", ["2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29"])
def test_the_first_day_that_is_asked_for_has_sessions_whatever_day_it_is_today(today):
    first = world.next_working_day(date.fromisoformat(today))

    assert first > date.fromisoformat(today)
    assert list(world.weekdays(first, 1)) == [first]
