"""The site that staff sign in to.

It stands outside practice.admin: that package registers its pages with the site as it is imported.
"""

from typing import Any

from django.conf import settings
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string
from unfold.sites import UnfoldAdminSite

from practice.site.help import help_address


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

    fixed: dict[str, Any] | None = None

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What stands around a page: what is the same on all of them is found once."""
        from practice.staff.around import Menu, menu_of

        if self.fixed is None:
            # The colours come from practice/colours.css, not from a style inside each page (CSP).
            self.fixed = {**super().each_context(request), "colors": {}}
        ours: Any = settings.UNFOLD
        is_in = self.has_permission(request)
        menu = menu_of(request) if is_in else Menu()
        around = {
            **self.fixed,
            "available_apps": SimpleLazyObject(lambda: self.get_app_list(request)),
            "environment": import_string(ours["ENVIRONMENT"])(request),
            "front_page": reverse("admin:index"),
            "has_permission": is_in,
            "help": help_address(request) if is_in else "",
            "idle_minutes": settings.STAFF_IDLE_MINUTES,
            "menu": menu,
            "menu_html": menu.html(request.path),
            "sidebar_navigation": [],
            "site_subheader": import_string(ours["SITE_SUBHEADER"])(request),
            **import_string(ours["GLOBAL_CALLBACK"])(request),
        }
        if request.user.is_authenticated:
            from practice.staff.practice_choice import choice

            around["practice_choice"] = choice(request)
        return around

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """The front page: today, above the menu."""
        from practice.site.people import is_above_practices, person
        from practice.staff.front_page import front_page

        request.current_app = self.name  # type: ignore[attr-defined]
        if not person(request).member_ids and is_above_practices(request):
            return redirect("admin:area")
        title = {"title": self.index_title, "subtitle": None, "index": True}
        context = {**self.each_context(request), **title, **front_page(request)}
        return TemplateResponse(request, "admin/index.html", {**context, **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        """The day-to-day pages, behind the same sign-in as the rest, before the catch-all."""
        # The pages use models, which load later.
        from practice.staff.urls import beside_the_diary, urlpatterns

        pages = [
            path(str(page.pattern), self.admin_view(page.callback), name=page.name)
            for page in urlpatterns
        ]
        stay = path("stay/", self.admin_view(self.stay), name="stay")
        led = [path(str(each.pattern), self.admin_view(each.callback)) for each in beside_the_diary]
        return [stay, *pages, *led, *super().get_urls()]

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
