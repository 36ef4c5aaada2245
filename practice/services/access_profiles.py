"""What a practice's access profiles may say."""

from practice.models import AccessProfile

PERIODS = ("session", "day", "week")


def contradictions(profile: AccessProfile) -> list[tuple[str, str]]:
    """What of a profile's limits cannot be meant: a field each, and why in words."""
    limits = {period: getattr(profile, f"slots_per_{period}") for period in PERIODS}
    said = [
        (
            f"slots_per_{period}",
            "A limit of 0 would let nobody book. To close slots to everybody, make them "
            "not GP Connect bookable; for no limit, leave this empty.",
        )
        for period, limit in limits.items()
        if limit == 0
    ]
    session, day, week = limits.values()
    if day and week and day > week:
        said.append(("slots_per_week", "The limit for a week is below that for a day."))
    if session and day and session > day:
        said.append(("slots_per_day", "The limit for a day is below that for a session."))
    return said
