"""England's bank holidays, written into a practice's closures once, as rows that it may edit."""

from datetime import date, datetime, timedelta

import holidays
from django.db import transaction

from practice import clock
from practice.models import Closure, Organisation
from practice.services.locks import lock_practice


def unseeded(*, organisation: Organisation, through: date, now: datetime) -> list[Closure]:
    """Return the bank holidays up to a date that this practice was never given, not yet saved.

    The first time they begin with the first day of this year.
    """
    seeded_to = organisation.bank_holidays_seeded_to
    first = seeded_to + timedelta(days=1) if seeded_to else date(clock.today(now).year, 1, 1)
    if through < first:
        return []
    years = range(first.year, through.year + 1)
    england = holidays.country_holidays("GB", subdiv="ENG", years=years)
    return [
        Closure(
            organisation=organisation,
            kind=Closure.Kind.BANK_HOLIDAY,
            name=name.replace("(observed)", "(substitute day)"),
            start_date=day,
            end_date=day,
        )
        for day, name in sorted(england.items())
        if first <= day <= through
    ]


@transaction.atomic
def seed_bank_holidays(*, organisation: Organisation, through: date, now: datetime) -> int:
    """Add the bank holidays up to a date; return how many.

    Each is added once only: one that a person deleted or moved does not come back.
    """
    locked = lock_practice(organisation)
    wanted = unseeded(organisation=locked, through=through, now=now)
    if locked.bank_holidays_seeded_to and through <= locked.bank_holidays_seeded_to:
        return 0
    there = set(
        Closure.objects.filter(
            organisation=locked,
            kind=Closure.Kind.BANK_HOLIDAY,
            location=None,
            practitioner=None,
            start_date__in=[closure.start_date for closure in wanted],
        ).values_list("start_date", flat=True)
    )
    added = Closure.objects.bulk_create(c for c in wanted if c.start_date not in there)
    Organisation.objects.filter(pk=locked.pk).update(bank_holidays_seeded_to=through)
    organisation.bank_holidays_seeded_to = through
    return len(added)
