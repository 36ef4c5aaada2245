"""deploy/monitoring/: the alarms are those of the runbook's table, over metrics that are there."""

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from config.metrics import counted
from config.request_log import INTERACTIONS
from fhirapi import ssp
from workbench.paths import ROOT

FOLDER = ROOT / "deploy" / "monitoring"
RULES = FOLDER / "alerts.yaml"
# What Prometheus's own exporters tell; all else is ours.
OF_EXPORTERS = {
    "probe_success",
    "node_systemd_unit_state",
    "node_systemd_timer_last_trigger_seconds",
}
COMMANDS = "|".join(INTERACTIONS[each.id] for each in ssp.INTERACTIONS if each.is_command)


def exported() -> set[str]:
    """The names under which /metrics tells its metrics, without those of the parts of a metric."""
    looked_up = (ROOT / "config" / "metrics.py").read_text(encoding="utf-8")
    gauges = re.findall(r'GaugeMetricFamily\(\s*"(\w+)"', looked_up)
    named = {
        f"{each.name}_total" if each.type == "counter" else each.name for each in counted.collect()
    }
    return named | set(gauges)


def named_in(expression: str) -> set[str]:
    """The metrics that an expression asks for."""
    found = re.findall(r"\b(?:gpconnect|node|probe)_\w+", expression)
    return {re.sub(r"_(?:bucket|count|sum)$", "", each) for each in found}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def plain(cell: str) -> str:
    """A cell of a table as a reader sees it."""
    return " ".join(
        re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", cell).replace("`", "").replace("*", "").split()
    )


def alarms() -> list[tuple[str, str, str]]:
    """The runbook's table of alarms: what it is called, when, and what to do."""
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    table = runbook.split("| alarm | when |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    rows = [[plain(cell) for cell in row.strip("|").split("|")] for row in table]
    return [(name, when, what) for name, when, what in rows]


def test_the_alarms_are_those_of_the_runbook_in_its_words():
    told = [
        (rule["alert"].lower(), rule["annotations"]["summary"], rule["annotations"]["description"])
        for rule in rules()
    ]

    assert told == alarms()
    assert len(told) >= 15


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alarm_asks_for_what_its_row_names(rule):
    named, when = named_in(rule["expr"]), rule["annotations"]["summary"]

    assert named - exported() <= OF_EXPORTERS
    assert named_in(when) <= named
    for limit in re.findall(r"(?<=> )[\d.]+(?! d)|(?<=over )[\d.]+(?= s)", when):
        assert limit in re.findall(r"> ([\d.]+)", rule["expr"])


def test_slow_is_asked_of_commands_and_of_queries_apart():
    (slow,) = (rule["expr"] for rule in rules() if rule["alert"] == "Slow")

    quoted = re.findall(r'interaction=~"([^"]+)"', slow)
    assert set(quoted[0].split("|")) == set(COMMANDS.split("|"))


def test_the_dashboard_shows_every_metric_and_no_other():
    panels = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    shown = {
        name for panel in panels for each in panel["targets"] for name in named_in(each["expr"])
    }

    assert shown == exported()
    assert len({panel["id"] for panel in panels}) == len(panels)


PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian: apt-get install prometheus)"
)


def promtool(*words: str) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL
    return subprocess.run([PROMTOOL, *words], capture_output=True, text=True, check=False)


@needs_promtool
def test_prometheus_takes_the_rules():
    checked = promtool("check", "rules", str(RULES))

    assert checked.returncode == 0, checked.stderr


# Series, a value each minute for an hour and a half: as they should be, and what sets off alarms.
BOOKING = 'interaction="rest:create:appointment-1"'
TRAIL = 'node_systemd_unit_state{name="appointments-check@verify_audit.service", state="failed"}'
BOOK = 'node_systemd_unit_state{name="appointments-check@check_diary.service", state="failed"}'
PROVED = 'node_systemd_timer_last_trigger_seconds{name="appointments-check@check_diary.timer"}'
READY = 'probe_success{job="appointments-ready"}'
BEHIND = 'gpconnect_replica_lag_seconds{replica="1"}'
DAYS_LEFT = 'gpconnect_diary_days_left{practice="A00001"}'
GENERATED = 'gpconnect_generation_age_seconds{practice="A00001"}'
SILENT = 'gpconnect_asking_findings{practice="A00001", kind="silent"}'
SEALED = 'gpconnect_audit_sealed{practice="A00001"}'
QUICK = f'gpconnect_request_seconds_bucket{{{BOOKING}, le="0.1"}}'
FAULTS = f'gpconnect_requests_total{{status="500", code="X", {BOOKING}}}'
CONFLICTS = f"gpconnect_conflicts_total{{{BOOKING}}}"
QUIET = {
    READY: "1x90",
    BEHIND: "0x90",
    DAYS_LEFT: "50x90",
    GENERATED: "3600x90",
    SILENT: "0x90",
    "gpconnect_audit_lag_seconds": "5x90",
    "gpconnect_audit_kept_aside_seconds": "0x90",
    "gpconnect_database_up": "1x90",
    "gpconnect_audit_unreadable_lines": "0x90",
    SEALED: "100+1x90",
    TRAIL: "0x90",
    BOOK: "0x90",
    PROVED: "0x90",
    QUICK: "0+100x90",
    f'gpconnect_request_seconds_bucket{{{BOOKING}, le="10"}}': "0+100x90",
    f'gpconnect_request_seconds_bucket{{{BOOKING}, le="+Inf"}}': "0+100x90",
    FAULTS: "0x90",
    CONFLICTS: "0+1x90",
}
LOUD = {
    "Not ready": {READY: "1x80 0x10"},
    "Replica lost or late": {BEHIND: "11x90"},
    "Diary runs out": {DAYS_LEFT: "13x90"},
    "Generation is old": {GENERATED: "172801x90"},
    "Others go silent": {SILENT: "1x90"},
    "Sealing lags": {"gpconnect_audit_lag_seconds": "61x90"},
    "Outage not in the trail": {"gpconnect_audit_kept_aside_seconds": "301x90"},
    "Outage damaged": {"gpconnect_audit_unreadable_lines": "1x90"},
    "Trail shrinks": {SEALED: "100x80 99x10"},
    "Trail broken": {TRAIL: "1x90"},
    "Diary inconsistent": {BOOK: "1x90"},
    "Nobody proves": {PROVED: "-172801x90"},
    "Slow": {QUICK: "0+90x90"},
    "Errors": {FAULTS: "0+1x90"},
    "Conflicts": {CONFLICTS: "0x80 30+30x10"},
}


@needs_promtool
def test_each_alarm_goes_off_for_its_reason_and_for_nothing_else(tmp_path):
    """Prometheus's own test of rules: a quiet world, and one for each alarm."""
    assert set(LOUD) == {rule["alert"] for rule in rules()}
    worlds = {
        None: QUIET,
        **{alarm: QUIET | changed for alarm, changed in LOUD.items()},
    }
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in world.items()],
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": "89m",
                    "exp_samples": []
                    if alarm is None
                    else [{"labels": f'{{alertname="{alarm}"}}', "value": 1}],
                }
            ],
        }
        for alarm, world in worlds.items()
    ]
    file = tmp_path / "tests.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}),
        encoding="utf-8",
    )

    told = promtool("test", "rules", str(file))

    assert told.returncode == 0, told.stdout + told.stderr
