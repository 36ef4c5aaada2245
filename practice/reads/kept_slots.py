"""For whom a free slot is kept, and until when: one answer for the diary, booking and moving.

Staff may book such a slot all the same; whoever does takes it from those whom the practice meant it
for.
"""

from datetime import datetime
from typing import NamedTuple

from practice import clock
from practice.models import AccessProfile, Organisation, Slot
from practice.reads.bookability import effective_limit, effective_profile, embargo_ends


class Kept(NamedTuple):
    """``whom`` it is reserved for and until when that counts; until when it is under embargo."""

    whom: str = ""
    until: datetime | None = None
    embargo_until: datetime | None = None

    @property
    def words(self) -> str:
        """The same in a sentence or two; empty where it is kept for nobody."""
        said = []
        if self.whom:
            until = f" until {_when(self.until)}" if self.until else ""
            said.append(f"Reserved for others: {self.whom}{until}")
        if self.embargo_until:
            said.append(f"Under embargo until {_when(self.embargo_until)}")
        return ". ".join(said)


NOBODY = Kept()


def kept(
    slot: Slot,
    *,
    organisation: Organisation,
    now: datetime,
    profiles: dict[int, AccessProfile] | None = None,
) -> Kept:
    """Return for whom a free slot is kept.

    It is reserved until others can no longer book it, where a notice says when that is.
    ``profiles`` are those of the practice, for who has not got them with the slot.
    """
    if not slot.gp_connect_bookable:
        return NOBODY
    if profiles is None:
        profile = effective_profile(slot)
    else:
        profile = profiles.get(slot.access_profile_id or slot.schedule.access_profile_id or 0)
    notice = effective_limit("minimum_notice_minutes", slot, organisation)
    closes = clock.moment(clock.seconds(slot.start) - (notice or 0) * 60)
    if now >= closes:
        return NOBODY
    restricts = profile is not None and (profile.organisation_types or profile.names_codes)
    embargo = embargo_ends(slot, organisation)
    return Kept(
        whom=profile.name if profile and restricts else "",
        until=closes if restricts and notice else None,
        embargo_until=embargo if embargo and embargo > now else None,
    )


def _when(moment: datetime) -> str:
    local = clock.local(moment)
    return f"{local:%a} {local.day} {local:%b %H:%M}"
