"""Checking by command: what it prints, and when it fails."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from practice.services.audit import heads
from tests.practice.services.audit.trails import (
    event_id,
    forge,
    logged,
    record,
    sealed_trail,
    tamper,
)


@pytest.mark.django_db
def test_verify_audit_reports_what_waits_and_since_when(capsys):
    organisation = sealed_trail(2)
    record(organisation, now=timezone.now() - timedelta(seconds=90))

    call_command("verify_audit", practice=organisation.ods_code, json=True)

    trail = json.loads(capsys.readouterr().out)["trails"][0]
    assert trail["whole"] is True
    assert (trail["sealed"], trail["waiting"]) == (2, 1)
    assert 90 <= trail["oldest_waiting_seconds"] < 150


@pytest.mark.django_db
def test_verify_audit_fails_and_names_the_first_broken_record(capsys):
    organisation = sealed_trail()
    pk = event_id(organisation, 3)
    tamper(f"UPDATE practice_auditevent SET outcome = 'X' WHERE id = {pk}")

    with pytest.raises(CommandError, match=f"altered: number 3, event {pk}"):
        call_command("verify_audit")
    with pytest.raises(CommandError):
        call_command("verify_audit", practice=organisation.ods_code, json=True)

    printed = capsys.readouterr().out.splitlines()
    assert printed[1].startswith(f"{organisation.ods_code}: 1 FAULTS, 6 events sealed")
    first = json.loads(printed[-1])["trails"][0]["first_fault"]
    assert (first["sequence"], first["event_id"]) == (3, pk)


@pytest.mark.django_db(transaction=True)
def test_verify_audit_reads_the_published_heads_from_a_log(tmp_path):
    organisation = sealed_trail()
    log = tmp_path / "log"
    log.write_text(logged(*heads.present()))
    call_command("verify_audit", heads=log)
    forge(organisation, keep=2)

    with pytest.raises(CommandError, match="end removed"):
        call_command("verify_audit", heads=log)


@pytest.mark.django_db
def test_verify_audit_says_how_many_heads_do_not_count(tmp_path, capsys):
    sealed_trail()
    log, [head] = tmp_path / "log", heads.present()
    log.write_text(logged(head) + logged(head).replace("mac=", "mac=0"))

    call_command("verify_audit", heads=log)

    assert "1 heads are signed with none of AUDIT_HEAD_KEYS" in capsys.readouterr().err


@pytest.mark.django_db
def test_verify_audit_reads_no_head_without_a_key(tmp_path, settings):
    settings.AUDIT_HEAD_KEYS = []
    (tmp_path / "log").write_text("nothing here\n")

    with pytest.raises(CommandError, match="AUDIT_HEAD_KEYS is not set"):
        call_command("verify_audit", heads=tmp_path / "log")


@pytest.mark.django_db
def test_verify_audit_refuses_a_log_without_heads_and_an_unknown_practice(tmp_path):
    (tmp_path / "log").write_text("nothing here\n")

    with pytest.raises(CommandError, match="no published head"):
        call_command("verify_audit", heads=tmp_path / "log")
    with pytest.raises(CommandError, match="No practice"):
        call_command("verify_audit", practice="NONE")


# ---------------------------------------------------------------- a trail that was handed out


@pytest.fixture
def exported(tmp_path):
    """A whole trail of six sealed events, one of which waits for its seal, as a file."""
    organisation = sealed_trail()
    record(organisation)
    path = tmp_path / "trail"
    call_command("export_audit", practice=organisation.ods_code, format="json", output=path)
    (tmp_path / "log").write_text(logged(*heads.present()))
    return path


def edited(path, edit):
    path.write_text(edit(path.read_text()))
    return path


@pytest.mark.django_db
def test_an_exported_trail_is_proved_without_its_database(exported, tmp_path, capsys):
    tamper("UPDATE practice_auditevent SET outcome = 'X'")  # what is here does not matter

    call_command("verify_audit", export=exported, heads=tmp_path / "log")

    assert "trail: whole, 6 events sealed, 1 waiting" in capsys.readouterr().out


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: text.replace("trace 3", "trace 4"), "altered: number 4"),
        (lambda text: "".join(text.splitlines(True)[:2] + text.splitlines(True)[3:]), "number 2 "),
        (lambda text: "".join(text.splitlines(True)[:4]), "cut off"),
        (lambda text: "".join(text.splitlines(True)[:4]) + "]\n", "number 6 was published"),
        (lambda text: text.replace('"organisation_id": ', '"organisation_id": 9', 1), "altered"),
        (lambda text: text.replace('"format"', '"form"'), "line 2 is no event of a whole trail"),
        (lambda text: "id,event\n", "line 1 is no event"),
    ],
    ids=["altered", "removed", "cut", "end removed", "of another", "no format", "CSV"],
)
def test_an_exported_trail_that_was_changed_is_found(exported, tmp_path, edit, words):
    with pytest.raises(CommandError, match=words):
        call_command("verify_audit", export=edited(exported, edit), heads=tmp_path / "log")
