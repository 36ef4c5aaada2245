"""Pages that ask something before an action: a small form, in the look of the site.

An action that needs an answer (a reason, dates, a patient) shows such a page. It says what will
happen, asks, and then calls one service; what the service refuses stands above the form in words.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from practice.exceptions import PracticeError


class PageForm(forms.Form):
    """A form of such a page. ``request`` bounds what can be chosen."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)


def ask(
    model_admin: Any,
    request: HttpRequest,
    *,
    form_class: type[PageForm],
    title: str,
    button: str,
    act: Callable[[Any], HttpResponse],
    back: str,
    facts: list[tuple[str, Any]] | None = None,
    warning: str = "",
    danger: bool = False,
    initial: dict[str, Any] | None = None,
    hidden: dict[str, Any] | None = None,
    submitted: bool | None = None,
    **form_kwargs: Any,
) -> HttpResponse:
    """Show the page; once its form is valid, ``act`` on it and answer with what that returns.

    ``facts`` are shown above the form, ``hidden`` is sent along with it (the ids that a list's
    action was for), ``back`` is where "Go back" leads. A refusal becomes an error of the form.
    """
    sent = request.method == "POST" if submitted is None else submitted
    form = form_class(
        request.POST if sent else None, request=request, initial=initial, **form_kwargs
    )
    if sent and form.is_valid():
        try:
            return act(form)
        except PracticeError as refusal:
            form.add_error(None, str(refusal))
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": title,
        "form": form,
        "media": model_admin.media + form.media,
        "facts": facts or [],
        "warning": warning,
        "button": button,
        "danger": danger,
        "back": back,
        "hidden": hidden or {},
    }
    return TemplateResponse(request, "admin/practice/ask.html", context)


def done(request: HttpRequest, message: str, url: str) -> HttpResponse:
    """Say what was done, and go on to a page."""
    messages.success(request, message)
    return redirect(url)
