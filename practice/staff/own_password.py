"""The page on which members of staff change their own password."""

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from practice.services.accounts import change_own_password
from practice.services.audit.recording import record_done_to_user
from practice.site.people import actor_of


class OwnPassword(PasswordChangeView):
    """Django's page; each change is in the trail, and each try with a wrong old password."""

    request: HttpRequest

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        user = self.request.user
        change_own_password(
            user=user,  # type: ignore[arg-type]
            password=form.cleaned_data["new_password1"],
            actor=actor_of(self.request),
            now=timezone.now(),
        )
        # Every other session of theirs ends.
        update_session_auth_hash(self.request, user)  # type: ignore[arg-type]
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: PasswordChangeForm) -> HttpResponse:
        if form.has_error("old_password", "password_incorrect"):
            record_done_to_user(
                "user.change-password",
                self.request.user,  # type: ignore[arg-type]
                actor=actor_of(self.request),
                now=timezone.now(),
                outcome="refused",
            )
        return super().form_invalid(form)
