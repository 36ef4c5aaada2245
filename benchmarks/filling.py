"""What ``benchmarks.against`` lets a revision do with its own code: this file is run beside it.

``python -P filling.py JOB DAY``, with that revision first in the path. It asks of the revision what
has stayed the same for long: ``benchmarks.world``'s build and book, ``benchmarks.pages.addresses``
and ``workbench.staff.signed_in``. Whoever changes these lets older revisions keep up, or says here
how they did it.
"""

import json
import sys
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

import django

django.setup()

from django.conf import settings  # noqa: E402 - Django must be set up before models are imported
from django.db import connection  # noqa: E402
from django.urls import reverse  # noqa: E402

from benchmarks import world  # noqa: E402
from practice.models import Organisation  # noqa: E402

PRACTICES, HOLDERS, WEEKS = 10, 12, 4
PAGE_HOLDERS, PAGE_DAYS, PAGE_PATIENTS = 20, 364, 500


def requests(day: date) -> None:
    """Practices that each offer 336 slots on the day, and as many on each working day after it."""
    world.build(practices=PRACTICES, holders=HOLDERS, first=day, days=WEEKS * 7)


def pages(day: date) -> None:
    """A practice with a year of diary around the day, a third of it booked."""
    first = day - timedelta(days=PAGE_DAYS // 2)
    world.build(
        practices=1, holders=PAGE_HOLDERS, first=first, days=PAGE_DAYS, patients=PAGE_PATIENTS
    )
    world.book(every=3, now=datetime.now(UTC))
    explain()


def explain() -> None:
    """Say of what was booked in sets that it came from elsewhere, as loading a dump does.

    Nobody booked it, and check_diary asks of each appointment which audited step led to its state.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE practice_appointment SET provenance = '[{"action": "booked", "door": "staff"}]'
            """
        )
        cursor.execute(
            """
            INSERT INTO practice_auditevent (organisation_id, recorded_at, door, event, outcome,
                spine_code, diagnostics, trace_id, user_id, user_name, user_role,
                user_organisation, on_authority_of, device, address, patient_id, resource, detail)
            SELECT organisation_id, created, 'command', 'appointment.loaded', 'ok',
                '', '', '', '', '', '', '', '', '', '', patient_id, 'Appointment/' || id,
                '{"entries": 1}'
            FROM practice_appointment ORDER BY id
            """
        )


def addresses(day: date) -> None:
    """Print where each page is, and the cookie of somebody who has signed in.

    And what an open diary asks, and sends along, where the revision has diaries that do.
    """
    from benchmarks import pages
    from workbench.staff import signed_in

    practice = Organisation.objects.get()
    client = signed_in(practice, role="Practice manager")
    found = {
        title: f"{reverse(f'admin:{name}')}?{urlencode(query)}"
        for title, (name, query) in pages.addresses(practice, datetime.now(UTC)).items()
    }
    known = {}
    if poll := getattr(pages, "poll", None):
        found[pages.POLL], known[pages.POLL] = poll(practice, datetime.now(UTC))
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    print(json.dumps({"addresses": found, "cookie": cookie, "known": known}))


JOBS = {job.__name__: job for job in (requests, pages, addresses)}

if __name__ == "__main__":
    JOBS[sys.argv[1]](date.fromisoformat(sys.argv[2]))
