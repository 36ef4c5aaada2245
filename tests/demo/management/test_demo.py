"""What a newcomer does in the first five minutes works."""

import re
import shlex
import socket
from collections import Counter
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from practice import clock
from practice.models import Appointment, AskingOrganisation, Organisation, Rehearsal, Slot
from practice.reads.asking import findings
from practice.reads.rehearsal_report import Report
from workbench.consumer import as_dict

ANY_PORT = 0


def said(command, *arguments, **options):
    out = StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


def sent(command):
    """What a curl command would send, given to Django's client; its token is made on the spot."""
    words = shlex.split(command.replace("\\\n", " "))
    given = {"--header": [], "--data-urlencode": []}
    for name, value in zip(words, words[1:], strict=False):
        if name in given:
            given[name].append(value)
    headers = dict(header.split(": ", 1) for header in given["--header"])
    assert re.fullmatch(r"Bearer \$\(.* demo_token\)", headers["Authorization"])
    headers["Authorization"] = f"Bearer {said('demo_token').strip()}"
    query = [pair.split("=", 1) for pair in given["--data-urlencode"]]
    path = next(word for word in words if word.startswith("http")).split(":0", 1)[1]
    names = dict.fromkeys(name for name, _ in query)
    data = {name: [value for each, value in query if each == name] for name in names}
    return Client().get(path, data, headers=headers)


@pytest.mark.once  # in one transaction PostgreSQL may take full tables for empty, and plan badly
@pytest.mark.django_db
def test_the_demo_is_there_twice_the_same_and_its_curl_finds_free_slots():
    """Practices, diary and bookings; running it again adds nothing."""
    first = said("demo", port=ANY_PORT)
    made = (Organisation.objects.count(), Slot.objects.count(), Appointment.objects.count())
    again = said("demo", port=ANY_PORT)

    answer = as_dict(sent(first[first.index("curl ") :].strip()))

    assert (
        Organisation.objects.count(),
        Slot.objects.count(),
        Appointment.objects.count(),
    ) == made
    assert first == again
    tour = first.partition("A tour of five pages")[2].partition("Free slots of")[0]
    assert [number for number in "123456" if f"  {number}  http" in tour] == list("12345")
    found = Counter(entry["resource"]["resourceType"] for entry in answer["entry"])
    assert found["Slot"] > 20
    assert set(found) == {"Slot", "Schedule", "Practitioner", "Location", "Organization"}
    assert {door for door, _ in Appointment.Door.choices} == set(
        Appointment.objects.values_list("booked_via", flat=True)
    )
    days = Counter(
        (patient, clock.local(start).date())
        for patient, start in Appointment.objects.values_list("patient", "start")
    )
    assert max(days.values()) == 1, "nobody has two appointments on a day"
    for practice in Organisation.objects.real():
        asked = AskingOrganisation.objects.filter(organisation=practice)
        assert sorted(asked.values_list("ods_code", "last_shown")) == [("A1001", 41), ("X9X07", 0)]
        assert [each.who for each in findings(organisation=practice)] == ["X9X07"]
    report = Report.of(Rehearsal.objects.get())
    assert [step.title for step in report.steps if step.done_at] == [
        "It searches for free slots",
        "It is offered the test slots",
        "It finds the test patient",
    ]
    assert len(report.latest_wrong) == 1


def test_a_taken_port_is_said_before_anything_else():
    """Instructions for a server that then does not start would be about somebody else's."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(CommandError, match=f"make demo PORT={port + 1}"):
            call_command("demo", port=port)
