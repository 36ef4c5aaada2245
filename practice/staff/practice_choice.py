"""Choosing the practice to work in, for those who have several.

The choice bounds everything from then on: the day-to-day pages, and all lists, forms, suggestions
and actions (practice.site.people.Person). On every page the header shows it, and the first few
practices to change to; this page has all of them.
"""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views import View

from practice.site.people import CHOSEN_PRACTICE, person

ALL = "all"
PER_PAGE = 50


def choice(request: HttpRequest) -> dict[str, Any] | None:
    """Return what the header says about practices, or None: there is nothing to choose."""
    someone = person(request)
    if len(someone.choices) < 2:
        return None
    most = someone.MOST_CHOICES
    return {
        "chosen": someone.chosen,
        "practices": someone.choices[:most],
        "more": len(someone.choices) > most,
    }


class ChoosePractice(View):
    """All of one's practices (``?q=`` narrows them); POST works in one of them from now on."""

    def get(self, request: HttpRequest) -> HttpResponse:
        found, words = person(request).every_practice, request.GET.get("q", "").strip()[:100]
        if words:
            found = found.filter(Q(name__icontains=words) | Q(ods_code__iexact=words))
        context = {
            **admin.site.each_context(request),
            "title": "Choose a practice",
            "found": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
            "chosen": person(request).chosen,
            "words": words,
            "address": urlencode({"q": words}),
        }
        return TemplateResponse(request, "staff/practice_choice/page.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        wanted = request.POST.get("practice", "")
        if wanted == ALL:
            request.session.pop(CHOSEN_PRACTICE, None)
            messages.success(request, "Lists now show all of your practices.")
            return redirect("admin:index")
        found = person(request).every_practice
        pk = int(wanted) if wanted.isdecimal() and len(wanted) < 19 else 0
        practice = found.filter(pk=pk).first()
        if practice is None:
            raise Http404("You do not work at that practice.")
        request.session[CHOSEN_PRACTICE] = practice.pk
        messages.success(request, f"You now work in {practice}.")
        return redirect("admin:index")
