"""The site that staff sign in to.

It stands outside practice.admin: that package registers its pages with the site as it is imported.
"""

from typing import Any

from django.conf import settings
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from unfold.sites import UnfoldAdminSite


class LabelledAutocompleteView(AutocompleteJsonView):
    """Suggestions in the words of their ModelAdmin, which may say more than ``str(record)``.

    Who was suggested was seen: that is audited as in a list.
    """

    model_admin: Any

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        self.model_admin.audit_found(self.request, context["object_list"], "searched")
        return context

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        label = getattr(self.model_admin, "autocomplete_label", str)
        return {**super().serialize_result(obj, to_field_name), "text": label(obj)}


class StaffSite(UnfoldAdminSite):
    """The admin site; a sentence for each entry of the menu stands on its front page."""

    index_title = "Front page"

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """The colours come from practice/colours.css, not from a style inside each page (CSP)."""
        idle = {"idle_minutes": settings.STAFF_IDLE_MINUTES}
        around = {**super().each_context(request), **idle, "colors": {}}
        if request.user.is_authenticated:
            from practice.staff.practice_choice import choice

            around["practice_choice"] = choice(request)
        return around

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The front page: today, above the menu."""
        from practice.staff.front_page import front_page

        return super().index(request, {**front_page(request), **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        """The day-to-day pages, behind the same sign-in as the rest, before the catch-all."""
        from practice.staff.urls import urlpatterns  # the pages use models, which load later

        pages = [
            path(str(page.pattern), self.admin_view(page.callback), name=page.name)
            for page in urlpatterns
        ]
        stay = path("stay/", self.admin_view(self.stay), name="stay")
        return [stay, *pages, *super().get_urls()]

    def stay(self, request: HttpRequest) -> HttpResponse:
        """Somebody is still there: their having asked is all there is to it (sign_in.is_idle)."""
        return HttpResponse(status=204)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Sign in; each try is audited, right or wrong."""
        from practice.staff import sign_in

        tried = request.method == "POST"
        response = super().login(request, extra_context)
        if not tried:
            return response
        if response.status_code != 302:
            sign_in.not_signed_in(request)
            return response
        sign_in.signed_in(request)
        return redirect(sign_in.way_on(request))

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Sign out, which is audited too."""
        from practice.staff import sign_in

        if request.method == "POST" and request.user.is_authenticated:
            sign_in.signed_out(request)
        return super().logout(request, extra_context)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Change one's own password, which is audited."""
        from unfold.forms import AdminOwnPasswordChangeForm

        from practice.staff.own_password import OwnPassword

        request.current_app = self.name  # type: ignore[attr-defined]
        return OwnPassword.as_view(
            form_class=AdminOwnPasswordChangeForm,
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )(request)

    def autocomplete_view(self, request: HttpRequest) -> Any:
        return LabelledAutocompleteView.as_view(admin_site=self)(request)
