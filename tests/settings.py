"""The project's settings, as the tests see them: the real ones, whatever the shell says.

Only ``DATABASE_URL`` is taken from the environment: ``workbench.postgresql`` sets it. Without it,
tests use SQLite. Theirs is a file of this process, because in memory WAL and locking are not the
real ones, and a path shared by two runs would let one remove the other's database.
"""

import os
import tempfile
from pathlib import Path

OURS = (
    *("DATABASE_", "DJANGO_", "GPCONNECT_", "DEMOGRAPHICS_", "METRICS_", "PROMETHEUS_"),
    *("BACKUP_", "DIARY_", "AUDIT_", "UPLOADS_", "RETURNS_", "ELSEWHERE_", "DEVELOPER_"),
)
KEPT = {"DJANGO_SETTINGS_MODULE", "GPCONNECT_SHARED", "DATABASE_URL"}
for name in list(os.environ):
    if name.startswith(OURS) and name not in KEPT:
        del os.environ[name]
TEMPORARY_FOLDER = Path(tempfile.mkdtemp(prefix="appointments-tests-"))  # conftest removes it
os.environ.setdefault("DATABASE_URL", f"sqlite:///{TEMPORARY_FOLDER / 'db.sqlite3'}")
os.environ["DJANGO_SECRET_KEY"] = "for-tests-only-" + "x" * 50
os.environ["DJANGO_ALLOWED_HOSTS"] = "localhost,127.0.0.1"
os.environ["UPLOADS_FOLDER"] = str(TEMPORARY_FOLDER / "uploads")
os.environ["RETURNS_FOLDER"] = str(TEMPORARY_FOLDER / "returns")
os.environ["AUDIT_HEAD_KEYS"] = "the-newest-key-of-the-tests-" + "x" * 32
# No nginx in front of most tests, and they ask as fast as they can.
os.environ["GPCONNECT_REQUIRE_CLIENT_CERTIFICATE"] = "0"
os.environ["GPCONNECT_QUERIES_PER_MINUTE"] = os.environ["GPCONNECT_COMMANDS_PER_MINUTE"] = "0"

from config.settings import *  # noqa: E402, F403 - the environment above must come first
from config.settings import DATABASES, MIDDLEWARE, STORAGES  # noqa: E402

AUDIT_SPOOL = os.environ["AUDIT_SPOOL"] = str(TEMPORARY_FOLDER / "audit")

if DATABASES["default"]["ENGINE"] == "config.sqlite":
    DATABASES["default"]["TEST"] = {"NAME": str(TEMPORARY_FOLDER / "test.sqlite3")}

# Static files come from where they are written; nobody runs collectstatic before the tests.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
STORAGES = {
    **STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Other installations of the tests are reached without TLS.
ELSEWHERE_ENCRYPTED = False
ELSEWHERE_HOSTS = ["127.0.0.1", "localhost"]
# Passwords of tests protect nothing, and a slow hash costs a quarter of a second each.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Tests of signing in turn it on: others sign in without a request to judge.
AXES_ENABLED = False
# On PostgreSQL a request is served with the rights of production.
MIDDLEWARE = ["tests.row_security_world.nothing_said_yet", *MIDDLEWARE]
