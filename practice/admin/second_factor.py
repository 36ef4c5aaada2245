"""What an administrator can do for a colleague whose telephone is lost; nobody sees a key here."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.decorators import action

from practice.admin.pages import ask
from practice.services import second_factor
from practice.site.people import actor_of

# The package's own pages show every practice's keys; ours is admin:second_factor, for oneself.
for model in (TOTPDevice, StaticDevice):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class RemovesSecondFactor:
    """The page of a member of staff lets an administrator remove that person's second factor."""

    actions_detail = ["remove_second_factor"]

    @action(
        description="Remove second factor",
        permissions=["change"],
        url_path="remove-second-factor",
        icon="phonelink_erase",
    )
    def remove_second_factor(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.get_object(request, object_id)
        if user is None or not self.has_change_permission(request, user):
            raise Http404("There is no such member of staff.")
        url = reverse("admin:auth_user_change", args=[user.pk])

        if request.method == "POST":
            there = second_factor.remove(user=user, actor=actor_of(request), now=timezone.now())
            messages.success(
                request,
                "Removed: a password is enough to sign in, until a new one is set up."
                if there
                else "There was no second factor.",
            )
            return redirect(url)
        return ask(
            self,
            request,
            title="Remove this person's second factor?",
            facts=[("User", user.get_username()), ("Name", user.get_full_name() or "-")],
            warning="Do this only for somebody whom you know and have spoken to.",
            button="Remove it",
            back=url,
        )
