"""Pages that ask something before an action: a small form, in the look of the site.

An action that needs an answer (a reason, dates, a patient) shows such a page. It says what will
happen, asks, and then calls one service; what the service refuses stands above the form in words.
"""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import Field
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminSingleDateWidget, UnfoldAdminTextareaWidget

from practice.exceptions import PracticeError
from practice.site.people import only_own


class PageForm(forms.Form):
    """A form of such a page. ``request`` bounds what can be chosen."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)


class OwnRecordField(forms.ModelChoiceField):
    """One record of the person's own practice, found by typing: the field of a model says which."""

    def __init__(self, field: Field, **kwargs: Any) -> None:
        self.field = field
        manager = field.related_model._default_manager  # type: ignore[union-attr]
        super().__init__(queryset=manager.none(), **kwargs)

    def bind(self, request: HttpRequest, site: admin.AdminSite, **conditions: Any) -> None:
        """Offer the records of the person's practices that fulfil the conditions."""
        records = self.field.related_model._default_manager.filter(**conditions)  # type: ignore[union-attr]
        self.queryset = only_own(records, request)
        self.widget = AutocompleteSelect(self.field, site)
        self.widget.choices = self.choices
        self.widget.is_required = self.required


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


def textarea(rows: int = 3, **attrs: Any) -> UnfoldAdminTextareaWidget:
    return UnfoldAdminTextareaWidget(attrs={"rows": rows, **attrs})


def date_field(label: str, **kwargs: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=UnfoldAdminSingleDateWidget(), **kwargs)


def found(model_admin: Any, request: HttpRequest, object_id: str) -> Any:
    """Return a record of the person's own practices that they may see; anything else is a 404."""
    record = model_admin.get_object(request, object_id)
    if record is None or not model_admin.has_view_permission(request, record):
        raise Http404
    return record
