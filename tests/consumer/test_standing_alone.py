"""The library and its commands without Django, and what they write."""

import json
import subprocess
import sys

import pytest

from consumer.__main__ import WORDS, main
from tests.consumer.here import provider
from tests.consumer.wire import nobody
from workbench.factories import make_slots
from workbench.paths import ROOT

ALONE = """
import sys, importlib, pathlib
for name in ("django", "rest_framework", "fhir", "lxml", "orjson", "practice", "fhirapi"):
    sys.modules[name] = None  # importing it fails
import consumer
for path in sorted(pathlib.Path(consumer.__file__).parent.rglob("*.py")):
    parts = path.relative_to(pathlib.Path(consumer.__file__).parent).with_suffix("").parts
    importlib.import_module(".".join(("consumer", *parts)).removesuffix(".__init__"))
"""


def test_every_module_is_imported_where_there_is_no_django():
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done.stderr


def test_without_a_word_the_words_are_said(capsys):
    assert main([]) == 2
    assert set(WORDS) <= set(capsys.readouterr().err.split())
    assert main(["--help"]) == 0


@pytest.mark.django_db(transaction=True)
def test_a_search_from_the_command_line(practice, live_server, capsys):
    make_slots(2)
    there = provider(live_server.url, practice.organisation)
    with nobody() as down:
        both = [f"{there.asid}@{there.root}", f"2@{down}/X/STU3/1/gpconnect"]
        found = main(["search", *both, "--type", "urgent-care"]), capsys.readouterr().out
        as_data = main(["search", *both, "--json"]), json.loads(capsys.readouterr().out)

    assert found[0] == as_data[0] == 1
    assert ": 2 free, in" in found[1]
    assert "it takes no connections" in found[1]
    assert [len(each["slots"]) for each in as_data[1]] == [2, 0]
