"""Who a request comes from: the session of their browser, their account and what they may.

As Django's own, but for how it asks: four statements on every page, which are built once
(practice.reads.accounts). Whatever else is asked of a backend or a session, Django's own answers.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.db import SessionStore as DatabaseSession
from django.utils import timezone

from practice.reads import accounts


class SessionStore(DatabaseSession):
    """Sessions in the database (SESSION_ENGINE names this module)."""

    def _get_session_from_db(self) -> Any:
        now = timezone.now()
        found = self.session_key and accounts.session(self.session_key, now=now)
        if not found:
            self._session_key = None
        return found or None


class Backend(ModelBackend):
    """Accounts and permissions in the database."""

    def get_user(self, user_id: int) -> Any:
        user = accounts.user(user_id)
        return user if user is not None and self.user_can_authenticate(user) else None

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        is_plain = isinstance(user_obj, AbstractBaseUser) and user_obj.is_active
        if not is_plain or obj is not None or user_obj.is_superuser:  # type: ignore[attr-defined]
            return super().get_all_permissions(user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):
            user_obj._perm_cache = accounts.permissions(user_obj.pk)
        found: set[str] = user_obj._perm_cache
        return found
