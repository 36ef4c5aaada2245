"""A rehearsal that stands half-way: who answers 111 next week tries the practice out, really."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from demo import above, consumer
from fhirapi import ssp
from fhirapi.resources.common import NHS_NUMBER, ODS_CODE
from practice.models import Organisation, Rehearsal
from practice.reads.rehearsal_report import Report
from practice.services.audit.recording import Actor
from practice.services.rehearsals import begin

TOO_LONG = 15  # days of a search, where 14 are allowed


def half_way(*, organisation: Organisation, actor: Actor) -> None:
    """Begin one with the coming provider, which searches, finds the patient, and errs; once.

    As of this very moment: what was booked before is no part of it, and tokens are short-lived.
    """
    now = timezone.now()
    if Rehearsal.objects.filter(organisation=organisation).exists():
        return
    who = {"name": above.NEXT_NAME, "ods_code": above.NEXT_CODE}
    rehearsal = begin(organisation=organisation, **who, actor=actor, now=now)
    report = Report(rehearsal)
    patient, _ = report.patients
    with without_log():
        for days in (TOO_LONG, 1):
            span = {"start": f"ge{report.day}", "end": f"le{report.day + timedelta(days=days)}"}
            named = {"searchFilter": f"{ODS_CODE}|{above.NEXT_CODE}"}
            asked = {"status": "free", **span, **named, "_include": "Slot:schedule"}
            send(ssp.SEARCH_SLOTS, asked, organisation=organisation, now=now)
        asked = {"identifier": f"{NHS_NUMBER}|{patient.nhs_number}"}
        send(ssp.FIND_PATIENT, asked, organisation=organisation, now=now)


@contextmanager
def without_log() -> Iterator[None]:
    """Write no line for each request, as a server does: the demo tells what to look at."""
    requests = logging.getLogger("config.requests")
    before, requests.disabled = requests.disabled, True
    try:
        yield
    finally:
        requests.disabled = before


def send(
    interaction: ssp.Interaction,
    query: dict[str, Any],
    *,
    organisation: Organisation,
    now: datetime,
) -> None:
    """Ask the practice's own interface as the other system, without a network between."""
    root = ssp.service_root(organisation.ods_code, "http://localhost")
    said = consumer.token(
        scope=interaction.scope,
        audience=root,
        now=now,
        ods_code=above.NEXT_CODE,
        name=above.NEXT_NAME,
    )
    headers = consumer.headers(interaction, organisation=organisation, trace_id="a-rehearsal")
    headers["Authorization"] = f"Bearer {said}"
    Client(SERVER_NAME="localhost").get(root + interaction.path, query, headers=headers)
