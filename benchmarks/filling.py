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


def addresses(day: date) -> None:
    """Print where each page is, and the cookie of somebody who has signed in."""
    from benchmarks.pages import addresses
    from workbench.staff import signed_in

    practice = Organisation.objects.get()
    client = signed_in(practice, role="Practice manager")
    found = {
        title: f"{reverse(f'admin:{name}')}?{urlencode(query)}"
        for title, (name, query) in addresses(practice, datetime.now(UTC)).items()
    }
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    print(json.dumps({"addresses": found, "cookie": cookie}))


JOBS = {job.__name__: job for job in (requests, pages, addresses)}

if __name__ == "__main__":
    JOBS[sys.argv[1]](date.fromisoformat(sys.argv[2]))
