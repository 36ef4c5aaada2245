"""The page of the second factor: to show a code, to set it up, to turn it off.

Everybody has it, for their own account only, whatever their role and practice.
"""

from typing import Any

import segno
from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views import View
from unfold.widgets import UnfoldAdminTextInputWidget

from practice.exceptions import CodeNotAccepted
from practice.services import second_factor
from practice.site.people import actor_of
from practice.staff import sign_in


class CodeForm(forms.Form):
    code = forms.CharField(
        label="Code",
        max_length=30,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}
        ),
    )


class SecondFactor(View):
    """One page, in three states: a code is asked for, the app is to be set up, it is on."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(CodeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = CodeForm(request.POST)
        if not form.is_valid():
            return self.show(form)
        try:
            return self.act(request.POST.get("do", ""), form.cleaned_data["code"])
        except CodeNotAccepted as refusal:
            # Perhaps of somebody who found an open browser. While an app is set up it says nothing.
            if request.session.get(sign_in.PENDING) or second_factor.is_on(request.user):  # type: ignore[arg-type]
                actor = actor_of(request)
                sign_in.record(request.user, "second-factor.check", "refused", actor)
            form.add_error("code", str(refusal))
            return self.show(form)

    def act(self, wanted: str, code: str) -> HttpResponse:
        """Do what the pressed button says. Raises CodeNotAccepted."""
        request = self.request
        given: dict[str, Any] = {
            "user": request.user,
            "code": code,
            "actor": actor_of(request),
            "now": timezone.now(),
        }
        if request.session.get(sign_in.PENDING) == "code":
            second_factor.check(user=request.user, code=code)
            sign_in.record(request.user, "second-factor.check", "ok", given["actor"])
            self.passed()
            return redirect(sign_in.way_on(request))
        if not second_factor.is_on(request.user):  # type: ignore[arg-type]
            codes = second_factor.turn_on(**given)
            self.passed()
            return self.show(CodeForm(), codes=codes)
        if wanted == "renew":
            return self.show(CodeForm(), codes=second_factor.renew_recovery_codes(**given))
        second_factor.turn_off(**given)
        messages.success(request, "The second factor is off: a password is enough to sign in.")
        return redirect("admin:second_factor")

    def passed(self) -> None:
        """Let the person in, under a new session id."""
        self.request.session.pop(sign_in.PENDING, None)
        self.request.session.cycle_key()

    def show(self, form: forms.Form, codes: list[str] | None = None) -> HttpResponse:
        request = self.request
        pending = request.session.get(sign_in.PENDING)
        context: dict[str, Any] = {
            **admin.site.each_context(request),
            "title": "Second factor",
            "form": form,
            "pending": pending,
            "base": "unfold/layouts/unauthenticated.html" if pending else "staff/base.html",
            "codes": codes,
            "on": bool(codes) or second_factor.is_on(request.user),  # type: ignore[arg-type]
            "way_on": sign_in.way_on(request),
        }
        if not context["on"]:
            context |= self.key()
        elif not pending:
            context["codes_left"] = second_factor.recovery_codes_left(request.user)  # type: ignore[arg-type]
        return TemplateResponse(request, "staff/second_factor/page.html", context)

    def key(self) -> dict[str, Any]:
        """The key that the app is to learn, as a picture and as text."""
        device = second_factor.candidate(self.request.user)  # type: ignore[arg-type]
        uri = device.config_url
        # Drawn here, and of squares only.
        picture = segno.make(uri, error="m").svg_inline(scale=4, border=4, light="#fff")
        secret = uri.partition("secret=")[2].partition("&")[0]
        return {
            "picture": mark_safe(picture),  # nosec B308 B703
            "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
            "name": self.request.user.get_username(),
        }
