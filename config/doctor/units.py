"""What runs: systemd's word for the services and timers of deploy/systemd, where systemd is."""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from datetime import datetime, timedelta

from config.doctor.findings import Answers, Finding, Installation, NotLooked

SERVICES = ("appointments-web", "appointments-seal", "appointments-watch")
# How long after its last run one is late: twice its time and a little.
TIMERS: Mapping[str, timedelta] = {
    "appointments-generate": timedelta(days=2),
    "appointments-overnight": timedelta(days=2),
    "appointments-check@verify_audit": timedelta(days=2),
    "appointments-check@check_diary": timedelta(days=2),
    "appointments-sheets": timedelta(minutes=30),
}
# Those that an installation may do without: judged where they are.
OPTIONAL: Mapping[str, timedelta] = {
    "appointments-backup": timedelta(days=2),
    "appointments-archive": timedelta(days=40),
}
SHOWN = ("Id", "LoadState", "ActiveState", "SubState", "Result", "LastTriggerUSec")
ASKED = (*SHOWN, "ActiveEnterTimestamp")
NO_SYSTEMD = "there is no systemd here; what the database tells of the nightly tasks was looked at"

Unit = Mapping[str, str]


def running(installation: Installation, now: datetime) -> Answers:
    """Services run, timers are on and ran lately, and what they started did not fail."""
    if not installation.systemd.exists():
        yield NotLooked("units: what runs, and the last runs of timers", NO_SYSTEMD)
        return
    timers = {**TIMERS, **OPTIONAL}
    names = [f"{name}.service" for name in (*SERVICES, *timers)]
    found = _shown([*names, *(f"{name}.timer" for name in timers)])
    for name in SERVICES:
        unit = found.get(f"{name}.service", {})
        if unit.get("ActiveState") != "active":
            yield _finding(
                "units.stopped",
                f"The service {name} does not run ({_state(unit)}).",
                name,
                "See why it ended, and start it.",
                f"journalctl -u {name} -n 50\nsystemctl enable --now {name}",
            )
    for name, longest in timers.items():
        service, timer = found.get(f"{name}.service", {}), found.get(f"{name}.timer", {})
        if name in OPTIONAL and timer.get("ActiveState") != "active":
            continue
        if service.get("ActiveState") == "failed" or service.get("Result", "success") != "success":
            yield _finding(
                "units.failed",
                f"The last run of {name} failed.",
                name,
                "See what it said, put that right, and run it again; docs/runbook.md, Watching, "
                "says what each proof means.",
                f"journalctl -u '{name}' -n 50\nsystemctl start '{name}'",
            )
        if timer.get("ActiveState") != "active":
            yield _finding(
                "units.timer",
                f"The timer of {name} is not on ({_state(timer)}): nothing runs it.",
                name,
                "Switch it on.",
                f"systemctl enable --now '{name}.timer'",
            )
        elif _is_late(timer, longest, now):
            yield _finding(
                "units.late",
                f"{name} has not run since {timer.get('LastTriggerUSec') or 'its timer is on'}.",
                name,
                "See when the timer is due, and run it.",
                f"systemctl list-timers '{name}.timer'\nsystemctl start '{name}'",
            )


def _finding(id: str, what: str, name: str, remedy: str, command: str) -> Finding:
    return Finding(id=id, what=what, where=f"systemd, {name}", remedy=remedy, command=command)


def _state(unit: Unit) -> str:
    if unit.get("LoadState", "not-found") == "not-found":
        return "it is not installed"
    return f"{unit.get('ActiveState')}, {unit.get('SubState')}"


def _is_late(timer: Unit, longest: timedelta, now: datetime) -> bool:
    """Whether neither it ran lately, nor was switched on lately."""
    times = [
        moment
        for name in ("LastTriggerUSec", "ActiveEnterTimestamp")
        if (moment := _moment(timer.get(name, ""))) is not None
    ]
    return bool(times) and max(times) < now - longest


def _moment(text: str) -> datetime | None:
    """What systemd writes: Sun 2026-11-29 01:30:12 UTC (asked for in UTC)."""
    found = re.fullmatch(r"\w{3} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", text.strip())
    return datetime.fromisoformat(f"{found[1]}+00:00") if found else None


def _shown(names: list[str]) -> dict[str, Unit]:
    """What ``systemctl show`` says of units, by name."""
    told = subprocess.run(
        ["systemctl", "show", f"--property={','.join(ASKED)}", *names],
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    units = [
        dict(line.split("=", 1) for line in paragraph.splitlines() if "=" in line)
        for paragraph in told.split("\n\n")
    ]
    return {unit.get("Id", ""): unit for unit in units}


def clock_is_set(installation: Installation, now: datetime) -> Answers:
    """This machine's clock is set from the network."""
    try:
        told = subprocess.run(
            ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        yield NotLooked(
            "whether this machine's clock is set from the network",
            "timedatectl does not answer here; the machine that this one runs on has to see to it",
        )
        return
    if told != "yes":
        yield Finding(
            id="clock.unset",
            what="This machine's clock is not set from the network: it goes wrong by seconds a "
            "day. Embargoes end, and events are dated, at the wrong moment.",
            where="timedatectl",
            remedy="Switch it on, and see after a minute whether it says yes.",
            command="timedatectl set-ntp true\ntimedatectl show --property=NTPSynchronized",
        )


def environment_of(name: str, installation: Installation) -> dict[str, str]:
    """What a unit's own file sets, whoever reads it."""
    for folder in installation.units:
        path = folder / f"{name}.service"
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            return dict(
                word.split("=", 1)
                for line in lines
                if line.startswith("Environment=")
                for word in shlex.split(line.removeprefix("Environment="))
                if "=" in word
            )
    return {}
