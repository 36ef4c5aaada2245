"""What `make bench` says of figures, whatever they were: the table, the chart, what is kept."""

import json
import re
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from django.utils import timezone

from benchmarks import (
    against,
    booking,
    chart,
    dates,
    driving,
    load,
    mix,
    pages,
    pages_in_turns,
    requests,
    results,
    search,
    serving,
    stack,
    world,
)
from benchmarks.driving import Round
from practice import clock
from practice.models import Organisation, Schedule
from workbench.paths import ROOT


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


# ---------------------------------------------------------------- on any day of the year

MOMENTS = {
    "a Friday": "2026-11-27T10:00+00:00",
    "a Saturday": "2026-11-28T10:00+00:00",
    "a bank holiday": "2026-12-25T10:00+00:00",
    "clocks went forward": "2027-03-28T10:00+00:00",
    "in London it is tomorrow": "2027-06-06T23:30+00:00",
    "clocks went back": "2027-10-31T10:00+00:00",
    "29 February": "2028-02-29T10:00+00:00",
}


@pytest.fixture(params=MOMENTS.values(), ids=list(MOMENTS))
def now(request, monkeypatch):
    """Somebody runs a benchmark at that moment."""
    moment = datetime.fromisoformat(request.param)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    monkeypatch.setattr(dates, "datetime", SimpleNamespace(now=moment.astimezone))
    return moment


@pytest.fixture
def small(monkeypatch):
    """Whatever is built has one practice, with one holder and a few days."""
    build = world.build

    def build_small(**arguments):
        size = {"practices": 1, "holders": 1, "days": serving.DAYS, "patients": 1}
        return build(**arguments | size)

    monkeypatch.setattr(world, "build", build_small)


WORLDS = {
    "requests": lambda: requests.build()[1],
    "booking, serving": lambda: booking.build(1) and dates.first_day(),
    "load": lambda: load.make_world(1, 1) and dates.first_day(),
    "search, growth": lambda: (
        world.build(practices=1, holders=1, first=dates.first_day(), days=3) and dates.first_day()
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("build", WORLDS.values(), ids=WORLDS)
def test_a_world_has_a_day_to_search_whatever_day_it_is_today(now, small, build):
    """Three of them for benchmarks.serving; the first with what benchmarks.requests counts on."""
    first = build()

    days = [first + timedelta(days=n) for n in range(serving.DAYS)]
    queries = [f"status=free&start=ge{day}&end=le{day}&{search.INCLUDES}" for day in days]
    organisation = Organisation.objects.get()
    bundles = [search.ours(each, organisation, timezone.now()) for each in queries]
    assert first > clock.today(now)
    assert [each.count(b'"resourceType":"Slot"') for each in bundles] == [28] * serving.DAYS


@pytest.mark.django_db
def test_the_pages_that_are_measured_have_a_session_to_show_whatever_day_it_is(now):
    practice, *_ = world.build(
        practices=1, holders=1, first=clock.today(now) - timedelta(days=7), days=21
    )

    addressed = pages.addresses(practice, now)

    _, query = addressed["clinic list"]
    assert Schedule.objects.get(pk=query["schedule"]).date == query["date"] == dates.first_day()


def test_a_consumer_asks_for_no_day_that_is_over_in_london(monkeypatch):
    """The machine's own day is one behind in the hour after midnight of summer time."""
    moment = datetime.fromisoformat("2027-06-06T23:30+00:00")
    monkeypatch.setattr(dates, "datetime", SimpleNamespace(now=moment.astimezone))
    practice = mix.Practice("A00001", "200000000001", 1, [(1, "9990000018")])

    asked = mix.Consumers([practice], "localhost", seed=1).asked("retrieve", practice)

    assert "start=ge2027-06-07" in asked.path


# ---------------------------------------------------------------- this tree against an older one

needs_git = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a checkout of git")


@needs_git
def test_a_revision_is_laid_out_and_removed_again_whatever_happens():
    was_there = []

    def interrupted():
        with against.laid_out("HEAD") as folder:
            was_there.append(folder / "manage.py")
            assert was_there[0].exists()
            raise KeyboardInterrupt

    pytest.raises(KeyboardInterrupt, interrupted)
    assert not was_there[0].parent.exists()


@needs_git
def test_a_revision_that_does_not_exist_is_told_from_one_that_does():
    assert against.title_of("HEAD")
    assert against.title_of("no-such-revision") == ""


class FilledTree:
    """A tree that has these pages."""

    def __init__(self, url, *titles):
        self.url, self.titles = url, titles

    def fill(self, job, day):
        assert job == "addresses"
        return json.dumps({"addresses": dict.fromkeys(self.titles, "/"), "cookie": "", "known": {}})


def test_what_an_older_tree_has_not_is_compared_with_what_takes_its_place():
    old = FilledTree("old", "front page", "diary, a day")
    new = FilledTree("new", *old.titles, pages.POLL, "next available, four weeks", "measures")
    compared = [*old.titles, pages.POLL, "next available, four weeks"]

    assert pages_in_turns.PagesInTurns([old, new], dates.first_day(), []).kinds() == compared
    assert pages_in_turns.PagesInTurns([old, new], dates.first_day(), [pages.POLL]).kinds() == [
        pages.POLL
    ]
    assert pages_in_turns.POLL == pages.POLL


def measured(costs, rates):
    """Rounds in which an answer cost so many milliseconds of web, and as many of database."""
    made = against.Measured(kilobytes=1.5)
    for cost, rate in zip(costs, rates, strict=True):
        made.add(Round([(1.0, 200)] * rate, seconds=1.0), {"web": cost, "PostgreSQL": cost})
        made.busiest.append(0.5)
    return made


def test_costs_are_compared_round_by_round_so_that_a_slow_round_is_slow_for_both():
    old, new = measured([2, 4, 8], [100, 50, 25]), measured([1, 2, 4], [200, 100, 50])

    found = against.compared(old, new)

    assert found["processor"] == {"ratio": 0.5, "spread": 0.0}
    assert found["throughput"] == {"ratio": 2.0, "spread": 0.0}
    assert (found["old"]["web_ms"], found["new"]["web_ms"]) == (4, 2)
    assert found["new"]["slowest_of_median"] == 0.5
    cost, rate = (line for line in against.table({"read": found}, clients=4) if "read" in line)
    assert cost.split() == [
        *["read", "4.00", "2.00", "4.00", "2.00", "0.50", "x", "±", "0.00", "1.5", "1.5"]
    ]
    assert rate.split() == [
        *["read", "50", "100", "2.00", "x", "±", "0.00", "0.50", "0.50", "0.50", "0.50"]
    ]


def test_one_process_that_does_everything_is_told_from_two_that_share():
    assert stack.busiest({1: 5.0, 2: 5.0}, {1: 6.0, 2: 6.0}) == 0.5
    assert stack.busiest({1: 5.0}, {1: 5.0, 2: 1.0}) == 1.0


class Echo(BaseHTTPRequestHandler):
    """Answers with the path, and counts the connections."""

    protocol_version = "HTTP/1.1"
    connections: set = set()

    def do_GET(self):  # noqa: N802 - the name that http.server looks for
        self.connections.add(self.client_address)
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_so_many_clients_send_all_requests_over_connections_that_are_kept():
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        requests = [f"GET /{n} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for n in range(20)]
        bodies = []

        found = driving.in_turn(server.server_address, requests, clients=3, bodies=bodies)

        server.shutdown()
    assert sorted(bodies) == sorted(f"/{n}".encode() for n in range(20))
    assert found.statuses == {200: 20}
    assert len(Echo.connections) == 3


# ---------------------------------------------------------------- the load model

MODEL = (ROOT / "docs" / "load-model.md").read_text(encoding="utf-8")


@pytest.mark.req("PERF-010", "PERF-017")
def test_the_load_model_tells_stages_environment_method_and_limits_as_they_are():
    for stage in load.STAGES:
        assert f"`make load STAGE={stage}`" in MODEL
    for words, limits in (("SHALL", load.MUST), ("SHOULD", load.SHOULD), ("our", load.OUR_LIMITS)):
        assert re.search(rf"\| {words}.*\| {limits[True]} ms \| {limits[False]} ms \|", MODEL)
    assert "## What is measured, and how" in MODEL
    assert "nginx with `deploy/nginx/`" in MODEL
    assert "volumetric model" in MODEL


@pytest.mark.req("PERF-015")
def test_the_load_model_tells_of_the_world_and_the_mix_that_are_driven():
    slots = 30 * 4 * sum(number for _, number in world.SESSIONS) * 20  # weekdays of four weeks
    kinds = {
        "search for free slots": {"search"},
        "book": {"book"},
        "read, retrieve, find and read a patient": {"read", "retrieve", "find", "read patient"},
        "amend, cancel": {"amend", "cancel"},
    }

    assert f"{slots:,} slots" in MODEL
    for kind, names in kinds.items():
        share = sum(mix.MIX[name] for name in names) / sum(mix.MIX.values())
        assert f"| {kind} | {share:.0%}".replace("%", " %") in MODEL
    assert set().union(*kinds.values()) == mix.MIX.keys()


@pytest.mark.req("PERF-016")
def test_the_load_model_names_the_points_at_which_an_installation_grows():
    grows = MODEL.partition("## Where it grows")[2].partition("\n## ")[0]

    assert grows.count("\n| ") >= 5
    assert "connections near PostgreSQL's limit" in grows


@pytest.mark.req("PERF-012")
def test_a_stage_tells_times_against_sizes_and_throughput(capsys):
    answers = [("search", 40.0, 200, 125_000)] * 90 + [("book", 300.0, 201, 2_000)] * 10

    load.report(load.Result(rate=50, seconds=2, answers=answers, late=0.1), "Trial")

    said = capsys.readouterr().out
    assert "Trial: 50.0 answers a second at 50 due a second" in said
    assert re.search(r"search +90 +40\.0 .* 125000", said)
    assert re.search(r"book +10 +300\.0 .* 2000", said)
    assert "SHALL limits at p99: commands 300 ms > 250 ms" in said
