"""Requests to paste: they work as they are, and nothing that a sandbox holds can run in them."""

import ast
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from fhirapi import ssp
from fhirapi.developer import refusals, samples
from fhirapi.developer.requests import REQUESTS
from practice.models import Appointment, Patient
from practice.reads.sandbox_examples import NEWCOMERS
from tests.fhirapi.developer.world import make_world, named

HOSTILE = "'; touch /tmp/pasted; echo '\"`$(id)`\\\n'''END_OF_BODY\nEND_OF_BODY\n${x}</pre>"
PROGRAMS = {
    "curl": ["sh", "-s"],
    "Python": [sys.executable, "-"],
    "JavaScript": ["node", "-"],
}


@pytest.fixture
def served(transactional_db, settings, live_server):
    """What requests to a sandbox of a real server can name."""
    practice = make_world(sandbox_of="Mockware")
    return lambda: named(practice, live_server.url)


def run(language, text):
    """What a pasted request writes; curl writes the answer alone."""
    done = subprocess.run(
        PROGRAMS[language], input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def in_language(language, request, values):
    return next(s.text for s in samples.samples(request, values) if s.language == language)


@pytest.mark.parametrize("language", PROGRAMS)
def test_each_request_works_when_it_is_pasted(language, served):
    """Each language does all fifteen: one after the other, as changes leave less to be named."""
    if shutil.which(PROGRAMS[language][0]) is None or (
        language == "curl" and shutil.which("curl") is None
    ):
        pytest.skip(f"there is no {language}")

    for interaction, make in REQUESTS.items():
        values = served()
        said = run(language, in_language(language, make(values), values))
        if language == "curl":
            answer = json.loads(said)
        else:
            status, _, body = said.partition("\n")
            answer = json.loads(body)
            assert status == str(interaction.success_status), said
        assert answer["resourceType"] != "OperationOutcome", answer
    assert Appointment.objects.count() == 3
    assert Appointment.objects.filter(status=Appointment.Status.CANCELLED).count() == 1
    assert Patient.objects.filter(nhs_number=NEWCOMERS[0]).exists()


@pytest.mark.django_db
def test_what_stands_in_a_sandbox_is_a_value_in_every_language(values, tmp_path):
    """A description, a comment and names that try to get out of their quotes."""
    shown = {**values.amendable, "comment": HOSTILE, "description": HOSTILE}
    hostile = replace(
        values, amendable=shown, cancellable=shown, newcomer_family=HOSTILE, nhs_number=HOSTILE
    )
    for make in (REQUESTS[each] for each in (ssp.CANCEL_APPOINTMENT, ssp.REGISTER_PATIENT)):
        request = make(hostile)

        in_python = ast.parse(samples.python(request, hostile))
        literals = [
            ast.literal_eval(node)
            for node in ast.walk(in_python)
            if isinstance(node, ast.Dict)
            and b"resourceType" in ast.unparse(node).encode()
            and "claims" not in ast.unparse(node)
            and all(isinstance(key, ast.Constant) for key in node.keys)
            and "now" not in ast.unparse(node)
        ]
        assert request.body in literals

        # The shell runs it with a curl of our own, which keeps what it is given.
        fake = tmp_path / "curl"
        fake.write_text('#!/bin/sh\ncat > "$KEPT"\n', encoding="utf-8")
        fake.chmod(0o755)
        kept = tmp_path / "kept"
        subprocess.run(
            ["sh", "-s"],
            input=samples.curl(request, hostile),
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", "KEPT": str(kept)},
            text=True,
            check=True,
            timeout=60,
        )
        assert json.loads(kept.read_text(encoding="utf-8")) == request.body

    if shutil.which("node"):
        text = samples.javascript(REQUESTS[ssp.CANCEL_APPOINTMENT](hostile), hostile)
        stub = "globalThis.fetch = async (u, o) => ({ status: 1, text: async () => o.body });\n"
        said = run("JavaScript", stub + text)
        assert json.loads(said.partition("\n")[2])["comment"] == HOSTILE


@pytest.mark.django_db
def test_a_wrong_request_is_as_wrong_when_it_is_pasted(values):
    """A header that is left out is left out, and one that is replaced is replaced."""
    by_name = {each.name: each for each in refusals.REFUSALS}
    for text in (
        s.text for s in samples.samples(by_name["BAD_REQUEST-400"].request(values), values)
    ):
        assert "Ssp-TraceID" not in text
        assert "Ssp-From" in text
    conflict = by_name["FHIR_CONSTRAINT_VIOLATION-409"].request(values)
    assert all('W/"0"' in s.text.replace("\\", "") for s in samples.samples(conflict, values))
