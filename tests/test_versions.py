"""What we say it runs on is what the code asks for, and what ``make versions`` tries."""

import re
import tomllib

import pytest

from config.doctor import database
from workbench import postgresql, versions
from workbench.paths import ROOT


def row(what: str) -> tuple[str, list[str]]:
    """What docs/reference/versions.md promises, and on what it was seen."""
    text = (ROOT / "docs" / "reference" / "versions.md").read_text(encoding="utf-8")
    [(promised, seen)] = re.findall(rf"^\| {what} \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    return promised, seen.strip().split(", ")


def test_python_is_promised_from_the_version_that_is_asked_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised, seen = row("Python")

    oldest = project["requires-python"].removeprefix(">=")
    assert promised == f"{oldest} or later"
    assert seen[0] == versions.PYTHONS[0] == oldest
    assert set(seen) <= set(versions.PYTHONS)


def test_postgresql_is_promised_from_the_version_that_doctor_and_the_runbook_ask_for():
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    promised, seen = row("PostgreSQL")

    assert promised == f"{database.OLDEST} or later"
    assert f"| database | PostgreSQL {promised} |" in runbook
    assert seen[0] == str(database.OLDEST)
    assert set(versions.POSTGRESQLS) <= set(seen)


def test_the_journeys_are_there():
    """A file that was renamed would be tried on no version any more."""
    tests = (*versions.JOURNEYS, *versions.IN_A_BROWSER)

    assert [name for name in tests if not (ROOT / name).exists()] == []


def test_what_is_missing_is_said_aloud_and_is_no_failure(monkeypatch, capsys):
    monkeypatch.setattr(versions, "PYTHONS", ("9.99",))
    monkeypatch.setattr(versions, "FIREFOXES", ("no-such-browser",))
    monkeypatch.setattr(versions, "POSTGRESQLS", {})
    monkeypatch.setattr("sys.argv", ["versions"])

    assert versions.main() == 0

    said = capsys.readouterr().out
    assert "Python   9.99             missing   SKIPPED: not on this machine" in said
    assert "passed" not in said
    assert "SKIPPED, as they are not there: Python 9.99, Firefox no-such-browser." in said


def test_a_folder_of_server_binaries_may_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv(postgresql.NAMED, str(tmp_path))
    with pytest.raises(SystemExit, match="no initdb"):
        postgresql.binaries()

    (tmp_path / "initdb").touch()
    assert postgresql.binaries() == tmp_path
