"""Runs what systemd's timers run elsewhere, at the same times: ``schedule`` in the image.

What and when is read from deploy/systemd (units.py). One scheduler works at a time; another that
shares its folder waits until it has ended. What was missed while none ran is made up for where the
timer says so (Persistent), as the folder remembers when each job last ran.
"""

import argparse
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.image.units import Job, read_jobs

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path("/var/lib/appointments/schedule")
TICK = 1.0  # seconds
# It says that it is alive, and is believed for so long.
BEAT, BELIEVED = timedelta(seconds=10), timedelta(seconds=60)
# For what is told to stop, before it is killed.
GRACE = timedelta(seconds=25)
LASTED = timedelta(minutes=1)  # what has run for so long has begun well


def now() -> datetime:
    return datetime.now(UTC)


def say(job: str, event: str, **details: Any) -> None:
    """A line of the log, in the form of the others (DJANGO_LOG_FORMAT)."""
    line = {"time": now().isoformat(), "logger": "schedule", "job": job, "event": event, **details}
    if os.environ.get("DJANGO_LOG_FORMAT") == "json":
        print(json.dumps(line), flush=True)
    else:
        print(*(f"{name}={value}" for name, value in line.items()), flush=True)


# ---------------------------------------------------------------- what is remembered


class Memory:
    """When each job last began, and whether its last run failed: a file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "runs.json"
        self.alive = folder / "alive"
        try:
            self.runs: dict[str, dict[str, Any]] = json.loads(self.file.read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            self.runs = {}

    def last(self, job: str) -> datetime | None:
        began = self.runs.get(job, {}).get("began")
        return datetime.fromisoformat(began) if began else None

    def failed(self) -> list[str]:
        return sorted(name for name, run in self.runs.items() if run.get("failed"))

    def note(self, job: str, **known: Any) -> None:
        self.runs[job] = {**self.runs.get(job, {}), **known}
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps(self.runs, indent=1), encoding="utf-8")
        partial.replace(self.file)

    def beat(self) -> None:
        self.alive.touch()


def is_well(folder: Path = FOLDER, *, with_jobs: bool) -> tuple[bool, str]:
    """Whether a scheduler goes on and, if that is asked too, no last run failed; and in words."""
    memory = Memory(folder)
    try:
        beat = datetime.fromtimestamp(memory.alive.stat().st_mtime, UTC)
    except OSError as error:
        return False, f"no scheduler has run: {error}"
    if now() - beat > BELIEVED:
        return False, f"the scheduler was last alive at {beat.isoformat()}"
    failed = memory.failed() if with_jobs else []
    return not failed, f"failed: {', '.join(failed)}" if failed else "well"


# ---------------------------------------------------------------- running


def start(job: Job, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a command of a job. As with systemd, what a job keeps is for its user alone."""
    for folder in job.folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    say(job.name, "starts", command=" ".join(command))
    return subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**os.environ, **job.environment},
        umask=job.umask,
        **options,
    )


@dataclass
class Runner:
    """A job, and its run if there is one at the moment."""

    job: Job
    memory: Memory
    due: datetime
    process: subprocess.Popen[bytes] | None = None
    step: int = 0
    began: datetime = field(default_factory=now)
    is_told_to_stop: bool = False

    @classmethod
    def of(cls, job: Job, memory: Memory, *, at: datetime) -> "Runner":
        """The job as it is found when a scheduler starts at a moment."""
        if job.is_lasting:
            due = at
        elif job.every:
            due = at + job.first_after
        else:
            last = memory.last(job.name) if job.is_caught_up else None
            if last is None:
                memory.note(job.name, began=at.isoformat())
            due = job.next_run(last or at)
        return cls(job, memory, due)

    def tick(self, at: datetime) -> None:
        """Begin, go on with or end what is due."""
        if self.process is None:
            if at >= self.due:
                self.began = at
                if not self.job.is_lasting:
                    self.memory.note(self.job.name, began=at.isoformat())
                self._start(0)
            return
        code = self.process.poll()
        if code is None:
            self._watch(at)
        elif code == 0 and self.step + 1 < len(self.job.commands):
            self._start(self.step + 1)
        else:
            self._end(at, code)

    def _start(self, step: int) -> None:
        self.step = step
        self.process = start(
            self.job,
            self.job.commands[step],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: os.nice(self.job.nice) and None,
        )

    def _watch(self, at: datetime) -> None:
        """See to what is running: not for longer than it may; what lasts has not failed."""
        for_now = at - self.began
        if self.job.is_lasting:
            if for_now > LASTED and self.job.name in self.memory.failed():
                self.memory.note(self.job.name, failed=False)
        elif self.job.timeout and for_now > self.job.timeout + GRACE:
            self.kill()
        elif self.job.timeout and for_now > self.job.timeout and not self.is_told_to_stop:
            say(self.job.name, "takes too long")
            self.stop()

    def _end(self, at: datetime, code: int) -> None:
        failed = code != 0
        say(self.job.name, "fails" if failed else "ends", code=code,
            command=" ".join(self.job.commands[self.step]))  # fmt: skip
        self.process, self.is_told_to_stop = None, False
        if self.job.is_lasting:
            self.due = at + self.job.restart_after
            if failed:
                self.memory.note(self.job.name, failed=True)
            return
        self.memory.note(self.job.name, failed=failed, ended=at.isoformat())
        self.due = self.job.next_run(self.began)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.is_told_to_stop = True
            self.process.terminate()

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)


class Scheduler:
    def __init__(self, jobs: Sequence[Job], folder: Path) -> None:
        self.memory = Memory(folder)
        self.runners = [Runner.of(job, self.memory, at=now()) for job in jobs]
        self.is_stopping = False

    def stop(self, *_: object) -> None:
        self.is_stopping = True

    def run(self) -> None:
        """Go on until told to stop; then let what runs end, for a while."""
        for runner in self.runners:
            when = "all the time" if runner.job.is_lasting else runner.due.isoformat()
            say(runner.job.name, "is due", at=when)
        beaten = datetime.min.replace(tzinfo=UTC)
        while not self.is_stopping:
            at = now()
            if at - beaten >= BEAT:
                self.memory.beat()
                beaten = at
            for runner in self.runners:
                runner.tick(at)
            time.sleep(TICK)
        self._end_all()

    def _end_all(self) -> None:
        for runner in self.runners:
            runner.stop()
        deadline = time.monotonic() + GRACE.total_seconds()
        for runner in self.runners:
            if runner.process is None:
                continue
            try:
                runner.process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                runner.kill()
                runner.process.wait()


def run_once(jobs: Sequence[Job]) -> int:
    """Run each job once, one after the other; how many failed."""
    failed = 0
    for job in jobs:
        for command in job.commands:
            # What lasts is asked to look once.
            once = [word for word in command if word != "--loop"] if job.is_lasting else command
            if code := start(job, once).wait():
                say(job.name, "fails", code=code, command=" ".join(once))
                failed += 1
                break
    return failed


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other scheduler works with this folder."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("schedule", "waits for another scheduler to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="schedule", description=__doc__)
    jobs = {job.name: job for job in read_jobs()}
    parser.add_argument(
        "--without", action="append", default=[], choices=sorted(jobs), help="leave a job out"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="what is remembered")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="say what would run next, and when")
    what.add_argument("--once", action="store_true", help="run each job once, now, and end")
    options = parser.parse_args(arguments)
    chosen = [job for name, job in jobs.items() if name not in options.without]
    if options.list:
        for job in chosen:
            when = "all the time" if job.is_lasting else job.next_run(now()).isoformat()
            print(f"{job.name}: {when}: {'; '.join(' '.join(each) for each in job.commands)}")
        return 0
    if options.once:
        return 1 if run_once(chosen) else 0
    options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(options.folder):
        scheduler = Scheduler(chosen, options.folder)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, scheduler.stop)
        scheduler.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
