"""A page that asks once more before something is done, in the look of the site."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse


def ask(
    model_admin: Any,
    request: HttpRequest,
    *,
    title: str,
    facts: list[tuple[str, str]],
    warning: str,
    button: str,
    back: str,
) -> HttpResponse:
    """Show what is about to be done, and to whom; its button posts to the same address.

    ``facts`` are shown above the button, ``back`` is where "Go back" leads.
    """
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": title,
        "facts": facts,
        "warning": warning,
        "button": button,
        "back": back,
    }
    return TemplateResponse(request, "admin/practice/ask.html", context)
