"""Sealing by command: once, or until it is told to stop."""

import os
import subprocess
import sys
import time

import pytest
from django.core.management import CommandError, call_command

from practice.models import AuditHead, AuditSeal
from practice.services.audit import heads
from tests.practice.services.audit.trails import record
from workbench.factories import make_organisation
from workbench.paths import ROOT
from workbench.servers import database_url


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_seal_audit_goes_on_until_it_is_told_to_stop_and_publishes_the_end():
    organisation = make_organisation()
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    sealer = subprocess.Popen(
        [sys.executable, "manage.py", "seal_audit", "--loop", "0.05"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for number in (1, 2):
            record(organisation)
            deadline = time.monotonic() + 60
            while AuditSeal.objects.count() < number and time.monotonic() < deadline:
                time.sleep(0.05)
    finally:
        sealer.terminate()
        _, log = sealer.communicate(timeout=60)

    assert sealer.returncode == 0
    assert AuditSeal.objects.count() == 2
    published = heads.published_in(log.splitlines())
    assert published.heads[-1] == heads.present()[0]


@pytest.mark.django_db
def test_seal_audit_says_what_it_did_and_publishes_the_heads(capsys, caplog):
    organisation = make_organisation()
    record(organisation, 3)

    with caplog.at_level("INFO", logger="practice.audit"):
        call_command("seal_audit")

    assert capsys.readouterr().out == "3 events sealed in 1 trails\n"
    head = AuditHead.objects.get()
    [message] = caplog.messages
    assert message.startswith(
        f"audit head practice={organisation.ods_code} id={organisation.pk} sequence=3"
        f" hash={head.hash} at="
    )


@pytest.mark.django_db
def test_without_a_key_nothing_is_sealed_that_nobody_could_vouch_for(settings):
    settings.AUDIT_HEAD_KEYS = []

    with pytest.raises(CommandError, match="AUDIT_HEAD_KEYS is not set"):
        call_command("seal_audit")
