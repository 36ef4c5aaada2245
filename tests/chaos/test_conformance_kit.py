"""The conformance kit as a command, over HTTP, against gunicorn on PostgreSQL; and ended."""

import json
import signal
import subprocess
import sys

import pytest

from tests.chaos.broken import CHAOS, wait_for
from workbench.paths import ROOT

pytestmark = CHAOS

NO_LIMITS = {"GPCONNECT_QUERIES_PER_MINUTE": "0", "GPCONNECT_COMMANDS_PER_MINUTE": "0"}
# There is one session here, tomorrow, and no TLS.
NOT_THERE = {
    *("book.refuses-two-sessions", "book.refuses-past", "header.hsts"),
    *("clocks.offsets", "clocks.search", "clocks.booking"),
}


def kit(broken, address, *options):
    practice = broken.world.organisation
    (number,) = broken.database.ask(
        "SELECT nhs_number FROM practice_patient WHERE id = %s", broken.world.patients[0].pk
    )
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "consumer", "check"),
            f"http://{address[0]}:{address[1]}/{practice.ods_code}/STU3/1/gpconnect",
            *("--asid", practice.asid, "--nhs-number", number, *options),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def standing(broken):
    (number,) = broken.database.ask(
        "SELECT count(*) FROM practice_appointment WHERE status = 'booked'"
    )
    return number


def test_ours_passes_over_http(broken, say, tmp_path):
    path, page = tmp_path / "report.json", tmp_path / "report.html"
    with broken.served(workers=2, threads=4, environment=NO_LIMITS) as running:
        command = kit(broken, running.address, f"--json={path}", f"--html={page}")
        said, _ = command.communicate(timeout=300)

    report = json.loads(path.read_text(encoding="utf-8"))
    say(said.splitlines()[-1])
    assert command.returncode == 0, said
    assert [each["id"] for each in report["results"] if each["outcome"] == "failed"] == []
    unseen = {each["id"] for each in report["results"] if each["outcome"] == "not seen"}
    assert unseen == NOT_THERE
    assert page.stat().st_size > 10_000
    assert standing(broken) == 0


@pytest.mark.parametrize("order", [signal.SIGINT, signal.SIGTERM])
def test_ended_while_an_appointment_stands_it_cancels_that_first(broken, say, order):
    with broken.served(workers=2, threads=4, environment=NO_LIMITS) as running:
        command = kit(broken, running.address, "--only=amend", "--only=cancel")
        wait_for(lambda: standing(broken) > 0)
        command.send_signal(order)
        said, _ = command.communicate(timeout=60)

    say(said.splitlines()[-1])
    assert command.returncode == 1
    assert "interrupted" in said
    assert standing(broken) == 0
