"""Several slots at once: block them with a reason, offer them outside, give them to a profile.

The diary shows the form beside the slots that are chosen there (htmx), and says what became of
them; the list of slots leads to the page of its own.
"""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django import forms
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from practice.exceptions import DiaryRefused, PracticeError
from practice.models import AccessProfile, Organisation, Slot
from practice.reads.access_profiles import profiles
from practice.reads.slots import chosen_slots
from practice.site.addresses import number
from practice.site.services import ServiceField, chosen_in, offer_if
from practice.site.slot_changes import CHANGES, MOST, counted, in_words, report
from practice.site.states import state_in_words
from practice.site.words import day_in_words, times_in_words
from practice.staff.base import StaffPage

AS_SESSION = "session"  # instead of a profile: whoever the session of each slot is for


class ServiceOfSessionsForm(forms.Form):
    """The service of sessions that have none yet; asked for only while the practice filters."""

    service = ServiceField(help_text="")

    def __init__(self, sent: QueryDict | None, *, organisation: Organisation) -> None:
        super().__init__(sent)
        offer_if(organisation.filters_by_service, self, organisation)


class SeveralSlots(StaffPage):
    """``slots=`` their ids, with commas; ``back=`` where they were chosen."""

    permission = "practice.change_slot"
    template = "staff/several_slots/page.html"
    title = "Several slots"

    def about(self) -> Iterable[tuple[type[Model], int]]:
        """The first of them."""
        return [(Slot, next(iter(self.ids), 0))]

    @property
    def ids(self) -> list[int]:
        """Which slots were chosen."""
        found = map(number, self.sent.get("slots", "").split(","))
        return list(dict.fromkeys(filter(None, found)))

    @cached_property
    def profiles(self) -> dict[int, AccessProfile]:
        """Whom slots can be given to."""
        return {each.pk: each for each in profiles(organisation=self.practice)}

    @cached_property
    def service(self) -> ServiceOfSessionsForm:
        """What the sessions are of that nobody has chosen a service for yet."""
        sent = self.request.POST if self.request.method == "POST" else None
        return ServiceOfSessionsForm(sent, organisation=self.practice)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponse:
        do = request.POST.get("do", "")
        if do not in CHANGES:
            raise Http404("There is no such change.")
        try:
            outcome, done = self.change(do)
        except PracticeError as refusal:
            return self.show(left=str(refusal), status=422)
        changed, left = in_words([outcome], done)
        if not changed or request.htmx:  # type: ignore[attr-defined]
            return self.show(changed=changed, left=left, status=200 if changed else 422)
        report(request, [outcome], done)
        return redirect(self.back(reverse("admin:diary")))

    def change(self, do: str) -> tuple[Any, str]:
        """Do it; return what became of the slots, and what those that were changed are now."""
        ids, (service, done) = self.ids, CHANGES[do]
        if not ids:
            raise DiaryRefused("Choose at least one slot.")
        if len(ids) > MOST:
            raise DiaryRefused(f"Choose {MOST} slots at most.")
        words: dict[str, Any] = {}
        if do == "block":
            words["note"] = self.request.POST.get("note", "").strip()
        if do == "offer" and self.service.is_valid():
            words["service"] = chosen_in(self.service)
        if do == "give":
            profile = self.profile_asked_for()
            words["profile_id"] = profile and profile.pk
            done = done.format(profile=profile or "whoever their sessions are for")
        outcome = service(
            organisation=self.practice, slot_ids=ids, actor=self.actor, now=self.now, **words
        )
        if do == "give" and (unseen := sum(not s.gp_connect_bookable for s in outcome.changed)):
            done += f" ({unseen} not GP Connect bookable: nobody outside can book those yet)"
        return outcome, done

    def profile_asked_for(self) -> AccessProfile | None:
        asked = self.request.POST.get("profile", "")
        if asked == AS_SESSION:
            return None
        if found := self.profiles.get(number(asked)):
            return found
        raise DiaryRefused("Choose to whom they are given.")

    def show(self, *, changed: str = "", left: str = "", status: int = 200) -> HttpResponse:
        """Show the form with its slots; to the diary, the form alone or what was done."""
        beside: bool = self.request.htmx  # type: ignore[attr-defined]
        is_asked = self.request.method == "GET"
        template = "staff/several_slots/form.html" if is_asked else "staff/several_slots/said.html"
        rows = [] if beside else self.rows()
        response = self.render(
            template=template if beside else "",
            status=status,
            beside=beside,
            changed=changed,
            left=left,
            rows=rows,
            counted=counted(len(rows)),
            slots=",".join(map(str, self.ids)),
            profiles=self.profiles.values(),
            as_session=AS_SESSION,
            service=self.service,
            typed=self.request.POST,
            back_to=self.back(reverse("admin:diary")),
        )
        patch_vary_headers(response, ["HX-Request"])
        return response

    def rows(self) -> list[dict[str, str]]:
        """What the page says of each slot that was chosen."""
        return [
            {
                "when": f"{day_in_words(slot.start)}, {times_in_words(slot.start, slot.end)}",
                "state": state_in_words(slot, now=self.now),
                "kind": slot.slot_type,
                "with": str(slot.schedule.session_holder or slot.schedule.location),
                "outside": self.outside(slot),
            }
            for slot in chosen_slots(organisation=self.practice, ids=self.ids[:MOST])
        ]

    def outside(self, slot: Slot) -> str:
        """Who outside may book a slot."""
        if not slot.gp_connect_bookable:
            return "Nobody"
        profile = self.profiles.get(slot.access_profile_id or slot.schedule.access_profile_id or 0)
        return str(profile or "Everybody")
