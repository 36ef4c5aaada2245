"""The guides do what they say: the supplier's program books in a sandbox, as it stands there."""

import re
import subprocess
import sys

import pytest
from django.utils import timezone

from demo import sandboxes
from practice.management.operator import operator
from practice.models import Appointment
from workbench.paths import ROOT

GUIDE = (ROOT / "docs" / "guides" / "supplier.md").read_text(encoding="utf-8")
IN_THE_GUIDE = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```([a-z]*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return [block for named, block in found if named == language]


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_the_suppliers_program_and_search_work_as_they_stand(live_server, tmp_path):
    sandboxes.make("Mocksoft", actor=operator("sandbox"), now=timezone.now())
    (program,) = blocks("python")
    file = tmp_path / "first_booking.py"
    file.write_text(program.replace(IN_THE_GUIDE, live_server.url), encoding="utf-8")
    (search,) = (each for each in blocks("") if " -m consumer search " in each)
    words = search.replace(IN_THE_GUIDE, live_server.url).split()[1:]

    ran, searched = (
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        for arguments in ([str(file)], words)
    )

    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(
        r"\d+ slots are free; the first is .+\n"
        r"Booked: appointment \d+ booked .+\nCancelled: cancelled\n",
        ran.stdout,
    )
    latest = Appointment.objects.latest("pk")
    assert (latest.status, latest.description) == ("cancelled", "Sore throat for five days")
    assert searched.returncode == 0, searched.stderr
    assert re.search(r"[1-9]\d* free", searched.stdout)
