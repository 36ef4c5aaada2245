"""The demo practices book at each other: all are served by the same process, at one address."""

from fhirapi import ssp
from practice.models import Organisation, RemoteService


def book_at_each_other(practices: list[Organisation], *, address: str) -> int:
    """Enter the practices that are switched on at each of the others; returns how many entries.

    ``address`` is where the demo is served now; what an earlier demo entered is brought up to date.
    """
    made = 0
    for practice in practices:
        for other in practices:
            if other == practice or not other.gp_connect_enabled or not other.asid:
                continue
            RemoteService.objects.update_or_create(
                organisation=practice,
                name=other.name[:100],
                defaults={
                    "ods_code": other.ods_code,
                    "asid": other.asid,
                    "base_url": ssp.service_root(other.ods_code, address),
                },
            )
            made += 1
    return made
