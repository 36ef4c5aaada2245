"""What systemd's units of ours say is to be run, and when: read from deploy/systemd itself.

So the scheduler of a container cannot drift from the timers: there is no second list. A line that
is not understood here is refused, lest it be quietly not done; the tests read all units.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

UNITS = Path(__file__).resolve().parent.parent / "systemd"
PREFIX = "appointments-"
STATE = Path("/var/lib")  # systemd's, for what outlives a run
# Units that are containers of their own.
ELSEWHERE = frozenset({"web", "seal"})
# What stands for %i in units with @, as the runbook enables them.
INSTANCES: Mapping[str, tuple[str, ...]] = {"check@": ("verify_audit", "check_diary")}

# Of a service: what is obeyed, and what is the container's to give.
OBEYED = frozenset({
    "Type", "ExecStart", "Environment", "TimeoutStartSec", "Nice", "UMask", "Restart", "RestartSec",
    "StateDirectory",
})  # fmt: skip
OF_THE_CONTAINER = frozenset({
    "User", "Group", "WorkingDirectory", "EnvironmentFile", "StateDirectoryMode",
    "MemoryMax", "NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities", "ProtectSystem",
    "ProtectHome", "PrivateTmp", "PrivateDevices", "ProtectClock", "ProtectHostname",
    "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups",
    "ProtectProc", "ProcSubset", "RestrictAddressFamilies", "RestrictNamespaces",
    "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute",
    "RemoveIPC", "SystemCallArchitectures", "SystemCallFilter",
})  # fmt: skip
OF_TIMERS = frozenset({
    "OnCalendar", "RandomizedDelaySec", "Persistent", "OnBootSec", "OnUnitActiveSec", "AccuracySec",
    "Unit",
})  # fmt: skip

Section = Mapping[str, Sequence[str]]


class NotUnderstood(Exception):
    """A unit says something that is not done here."""


@dataclass(frozen=True)
class Daily:
    """Every day, or on one day of every month, at a time of a place's clocks."""

    hour: int
    minute: int
    second: int
    zone: ZoneInfo
    day: int | None = None

    def after(self, moment: datetime) -> datetime:
        """The next time that is later than ``moment``.

        A time that clocks skip is put off by what they skip; one that comes twice counts once.
        """
        on = moment.astimezone(self.zone).date() - timedelta(days=1)
        while True:
            at = datetime(
                on.year, on.month, on.day, self.hour, self.minute, self.second, tzinfo=self.zone
            ).astimezone(UTC)
            if at > moment and self.day in (None, on.day):
                return at
            on += timedelta(days=1)


@dataclass(frozen=True)
class Job:
    """One service of ours: its commands (what follows ``python manage.py``), and when.

    ``daily`` or ``every`` says when; neither: it runs all the time, and is started again.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()
    timeout: timedelta | None = None
    nice: int = 0
    umask: int = 0o022
    daily: Daily | None = None
    spread: timedelta = timedelta(0)
    is_caught_up: bool = False
    every: timedelta | None = None
    first_after: timedelta = timedelta(0)
    restart_after: timedelta = timedelta(seconds=5)

    @property
    def is_lasting(self) -> bool:
        return self.daily is None and self.every is None

    def next_run(self, last: datetime) -> datetime:
        """When it is due after ``last``, when it last was. Only for what has a time."""
        if self.daily:
            return self.daily.after(last) + self.spread * random.random()  # noqa: S311 - no secret
        assert self.every
        return last + self.every


def read_jobs(folder: Path = UNITS) -> list[Job]:
    """What a scheduler has to run, by name. Raises NotUnderstood."""
    jobs = []
    for path in sorted(folder.glob(f"{PREFIX}*.service")):
        name = path.stem.removeprefix(PREFIX)
        if name in ELSEWHERE:
            continue
        timer = path.with_suffix(".timer")
        for instance in INSTANCES.get(name, (None,)):
            jobs.append(_job(name, instance, path, timer if timer.exists() else None))
    return jobs


def _job(name: str, instance: str | None, path: Path, timer: Path | None) -> Job:
    if name.endswith("@") != (instance is not None):
        raise NotUnderstood(f"{path.name}: nobody says for what")
    sections = _read(path)
    service = sections["Service"]
    _refuse(path, service, known=OBEYED | OF_THE_CONTAINER)
    commands = tuple(_command(path, each, instance or "") for each in service["ExecStart"])
    job = {
        "name": f"{name}{instance or ''}",
        "commands": commands,
        "environment": dict(_pair(each) for each in service.get("Environment", ())),
        "folders": tuple(STATE / each for each in _one(service, "StateDirectory").split()),
        "timeout": _span(_one(service, "TimeoutStartSec")),
        "nice": int(_one(service, "Nice") or 0),
        "umask": int(_one(service, "UMask") or "022", 8),
    }
    if timer is None:
        if _one(service, "Restart") != "always":
            raise NotUnderstood(f"{path.name}: has no timer, and does not run all the time")
        restart = _span(_one(service, "RestartSec")) or timedelta(0)
        return Job(**job | {"timeout": None}, restart_after=restart)  # type: ignore[arg-type]
    if _one(service, "Type") != "oneshot":
        raise NotUnderstood(f"{path.name}: has a timer, and does not end by itself")
    return Job(**job, **_times(timer))  # type: ignore[arg-type]


def _times(path: Path) -> dict[str, object]:
    timer = _read(path)["Timer"]
    _refuse(path, timer, known=OF_TIMERS)
    calendar, every = _one(timer, "OnCalendar"), _one(timer, "OnUnitActiveSec")
    if bool(calendar) == bool(every):
        raise NotUnderstood(f"{path.name}: one of OnCalendar and OnUnitActiveSec")
    return {
        "daily": _calendar(path, calendar) if calendar else None,
        "spread": _span(_one(timer, "RandomizedDelaySec")) or timedelta(0),
        "is_caught_up": _one(timer, "Persistent") == "yes",
        "every": _span(every),
        "first_after": _span(_one(timer, "OnBootSec")) or timedelta(0),
    }


def _read(path: Path) -> dict[str, dict[str, list[str]]]:
    """The sections of a unit; a name may stand there several times."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] | None = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
            continue
        name, _, value = line.partition("=")
        if line.endswith("\\") or section is None:
            raise NotUnderstood(f"{path.name}: {line}")
        section.setdefault(name.strip(), []).append(value.strip())
    return sections


def _refuse(path: Path, section: Section, *, known: frozenset[str]) -> None:
    if unknown := sorted(section.keys() - known):
        raise NotUnderstood(f"{path.name}: {', '.join(unknown)}")


def _one(section: Section, name: str) -> str:
    """The last value of a name, as systemd takes it."""
    return (section.get(name) or [""])[-1]


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _command(path: Path, text: str, instance: str) -> tuple[str, ...]:
    """What follows manage.py. The path of Python is another one here."""
    python, script, *arguments = text.replace("%i", instance).split()
    if not python.endswith("/bin/python") or script != "manage.py" or "%" in text.replace("%i", ""):
        raise NotUnderstood(f"{path.name}: {text}")
    return tuple(arguments)


UNITS_OF_TIME = {"s": 1, "min": 60, "h": 3600, "d": 86400, "": 1}


def _span(text: str) -> timedelta | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d+) ?(s|min|h|d|)", text)
    if not found:
        raise NotUnderstood(f"a span of time: {text}")
    return timedelta(seconds=int(found[1]) * UNITS_OF_TIME[found[2]])


def _calendar(path: Path, text: str) -> Daily:
    found = re.fullmatch(r"\*-\*-(\*|\d\d) (\d\d):(\d\d):(\d\d) (\w+/\w+)", text)
    if not found:
        raise NotUnderstood(f"{path.name}: {text}")
    day, hour, minute, second, zone = found.groups()
    return Daily(
        int(hour), int(minute), int(second), ZoneInfo(zone), None if day == "*" else int(day)
    )
