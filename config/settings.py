"""All settings, read from the environment once; all are in docs/reference/configuration.md."""

import os
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import dj_database_url
import drf_spectacular_sidecar
from csp import constants as csp
from django.core.exceptions import ImproperlyConfigured

from config import RELEASED, VERSION, logs  # noqa: F401 - the software's, for whoever tells them
from config.menu import UNFOLD  # noqa: F401 - the admin site's settings stand on their own

BASE_DIR = Path(__file__).resolve().parent.parent


def flag(name: str, default: bool = False) -> bool:
    """Read an environment variable as yes or no; anything else stops the start."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def number(name: str, default: int) -> int:
    """Read an environment variable as a whole number, nought or more; else the start stops."""
    value = os.environ.get(name, "").strip() or str(default)
    if not value.isascii() or not value.isdecimal():
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """Read a comma-separated environment variable."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


# ---------------------------------------------------------------- security

DEBUG = flag("DJANGO_DEBUG")
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("DJANGO_SECRET_KEY must be set (or DJANGO_DEBUG=1 for a trial).")
    SECRET_KEY = "only-for-trials-on-one-machine-" + "x" * 32

ALLOWED_HOSTS = words("DJANGO_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if DEBUG else "")
CSRF_TRUSTED_ORIGINS = words("DJANGO_CSRF_TRUSTED_ORIGINS")

# TLS ends at the proxy in front (see deploy/); it says so in this header and drops a client's own.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = not DEBUG
SECURE_HSTS_PRELOAD = not DEBUG
# A redirect would make a consumer drop its Authorization header (field_notes); plain HTTP is
# refused by the proxy instead (SEC-006), so this one check does not apply.
SECURE_SSL_REDIRECT = False
SILENCED_SYSTEM_CHECKS = ["security.W008"]
CSRF_FAILURE_VIEW = "practice.staff.error_pages.form_too_old"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SESSION_ENGINE = "practice.site.accounts"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

# What a page may load and do; docs/security.md says why there is an exception.
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [csp.NONE],
        "script-src": [csp.SELF, csp.NONCE, csp.UNSAFE_EVAL],
        "script-src-attr": [csp.NONE],
        "style-src": [csp.SELF, csp.NONCE],
        "style-src-attr": [csp.NONE],
        "img-src": [csp.SELF, "data:"],
        "font-src": [csp.SELF],
        "connect-src": [csp.SELF],
        "form-action": [csp.SELF],
        "frame-ancestors": [csp.NONE],
        "base-uri": [csp.NONE],
    }
}

# ---------------------------------------------------------------- signing in

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first, so that who is paused does not reach the next
    "practice.site.accounts.Backend",
]
# By name and address together: strangers cannot lock a colleague out, and a practice behind one
# address does not lock itself out as a whole. nginx limits tries from an address.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "practice.site.people.client_address"
AXES_LOCKOUT_CALLABLE = "practice.staff.sign_in.locked_out"
AXES_ENABLE_ADMIN = False
AXES_DISABLE_ACCESS_LOG = True  # the audit trail has it
AXES_VERBOSE = False
OTP_TOTP_ISSUER = "Appointment book"
STAFF_SECOND_FACTOR_REQUIRED = flag("STAFF_SECOND_FACTOR_REQUIRED")
STAFF_IDLE_MINUTES = number("STAFF_IDLE_MINUTES", 30)

# ---------------------------------------------------------------- the application

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "config.apps.StaffSiteConfig",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",  # whose templates are found beside those of fields
    "django_filters",
    "django_htmx",
    "config.apps.InstallationConfig",
    "practice",
    "fhirapi",
    "demo",  # for its commands; nothing below it imports it
]

MIDDLEWARE = [
    "config.request_log.log_and_count",  # first, so that it times and counts all the others
    "config.fhir_door.straight_to_view",  # what follows is for pages
    "django.middleware.security.SecurityMiddleware",
    "config.headers.protect",
    "config.headers.PolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "practice.staff.error_pages.fail_fast_middleware",  # before anything that asks the database
    "practice.staff.error_pages.refuse_nul_middleware",  # the same
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "practice.staff.sign_in.within_own_practices",
    "practice.staff.sign_in.guard",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",  # last, so that it sees what the sign-in page answers
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["config.templates.FilesystemLoader", "config.templates.AppLoader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
        },
    },
]

# Long rather than odd: nothing is demanded that makes people write passwords down.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]

LANGUAGE_CODE = "en-gb"
FORMAT_MODULE_PATH = "config.formats"
TIME_ZONE = "Europe/London"
USE_TZ = True
USE_I18N = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
# Of the package's files only those that a page uses.
SWAGGER_UI = "static/drf_spectacular_sidecar/swagger-ui-dist"
STATICFILES_DIRS = [("swagger-ui", Path(drf_spectacular_sidecar.__file__).parent / SWAGGER_UI)]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_files.Storage"},
    # Spreadsheets that staff upload, until they are imported: for this user only, at no address.
    "uploads": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": os.environ.get("UPLOADS_FOLDER") or str(BASE_DIR / "var" / "uploads"),
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
}
# Weekly returns that have been made: a folder each, for this user only, at no address.
RETURNS_FOLDER = os.environ.get("RETURNS_FOLDER") or str(BASE_DIR / "var" / "returns")
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

# ---------------------------------------------------------------- the database


def database(url: str) -> dict[str, Any]:
    """Turn a database URL into Django's settings, with what this project relies on.

    SQLite: a queue for writers instead of "database is locked" (config.sqlite, IMMEDIATE, WAL).
    PostgreSQL: a second wall between practices (config.postgresql), and a pool, because a new
    connection costs more than most requests (docs/techniques.md, "The server").
    """
    try:
        settings: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError:  # which may quote a part of the password
        raise ImproperlyConfigured(
            "DATABASE_URL or DATABASE_REPLICA_URL is no address of a database. It begins with"
            " postgresql:// and in a password %2F stands for /, %40 for @, %3A for :, %25 for %."
        ) from None
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        settings["ENGINE"] = "config.sqlite"
        settings["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    elif settings["ENGINE"] == "django.db.backends.postgresql":
        settings["ENGINE"] = "config.postgresql"
        options = settings.setdefault("OPTIONS", {})
        options["prepare_threshold"] = None  # what is kept, practice/db/libpq.py keeps
        # While the database is away: say so soon. Looking for it is not the pool's, whose tries
        # get rarer, but that of practice/db/availability.py (make chaos).
        options.setdefault("connect_timeout", 3)  # seconds
        options.setdefault("tcp_user_timeout", 10_000)  # milliseconds
        options["pool"] = {
            "min_size": 1,
            "max_size": int(os.environ.get("DATABASE_POOL_SIZE", "16")),
            "timeout": 3,
            "reconnect_timeout": 1,
        }
        if flag("DATABASE_PGBOUNCER"):
            # It gives each transaction any connection: nothing may be left in one for the next.
            settings["DISABLE_SERVER_SIDE_CURSORS"] = True
        else:
            # What is kept is planned once. Left to itself, PostgreSQL plans much of it every time,
            # as it takes a list of unknown length for a long one.
            options["options"] = (
                f"{options.get('options', '')} -c plan_cache_mode=force_generic_plan"
            )
    return settings


def replica(url: str) -> dict[str, Any]:
    """The same for a streaming replica, which is given up sooner, as the primary can answer."""
    settings = database(url)
    if {settings["ENGINE"], DATABASES["default"]["ENGINE"]} != {"config.postgresql"}:
        raise ImproperlyConfigured("DATABASE_REPLICA_URL and DATABASE_URL must name PostgreSQL.")
    settings["OPTIONS"] |= {"connect_timeout": 2, "tcp_user_timeout": 2000}  # s, ms
    settings["OPTIONS"]["pool"]["timeout"] = 1
    return settings


DATABASE_URL = os.environ.get("DATABASE_URL", "")
if not DATABASE_URL:
    if not DEBUG:  # else an environment file that was not read would make a new, empty book
        raise ImproperlyConfigured("DATABASE_URL must be set (or DJANGO_DEBUG=1 for a trial).")
    DATABASE_URL = f"sqlite:///{BASE_DIR / 'db.sqlite3'}"
DATABASES = {"default": database(DATABASE_URL)}
# Where what may be a moment old is read (config/replicas.py), and how far behind they may be.
DATABASE_REPLICAS = {
    f"replica_{place}": replica(url)
    for place, url in enumerate(words("DATABASE_REPLICA_URL"), start=1)
}
DATABASE_REPLICA_MOST_LAG_SECONDS = number("DATABASE_REPLICA_MOST_LAG_SECONDS", default=10)
DATABASES |= DATABASE_REPLICAS
DATABASE_ROUTERS = ["config.replicas.Router"] if DATABASE_REPLICAS else []

# ---------------------------------------------------------------- the FHIR door

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "fhirapi.errors.exception_handler",
}

# Who answers "is this person who they say they are?": the place of a Personal Demographics
# Service client. The default reads a file of people (practice/demographics.py).
DEMOGRAPHICS_BACKEND = os.environ.get(
    "DEMOGRAPHICS_BACKEND", "practice.demographics.LocalDirectory"
)
DEMOGRAPHICS_FILE = os.environ.get("DEMOGRAPHICS_FILE", "")
# Who people are to the sandboxes of suppliers, which never ask the service: nobody there is real.
SANDBOX_DEMOGRAPHICS_FILE = str(BASE_DIR / "demo" / "demographics.yaml")

# Mail: about promises that are not kept, never about a patient. Without a server it is written out.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = number("EMAIL_PORT", 25)
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = flag("EMAIL_USE_TLS")
EMAIL_TIMEOUT = 10  # seconds
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM", "appointments@localhost")

# JWT-026: compare the token's audience with our own address. Off, since consumers vary.
# Listed on the page for those who go live; the practice's side imports nothing of the interface.
GPCONNECT_INTERACTIONS = "fhirapi.ssp.INTERACTIONS"
# What the other side calls; empty: what the page that tells it was called.
GPCONNECT_HOST = os.environ.get("GPCONNECT_HOST", "")
GPCONNECT_CHECK_AUDIENCE = flag("GPCONNECT_CHECK_AUDIENCE")
# JWT-064: authorise by scope.
GPCONNECT_ENFORCE_SCOPE = flag("GPCONNECT_ENFORCE_SCOPE", default=True)

# SEC-009: only what nginx says came with the proxy's certificate (deploy/nginx).
GPCONNECT_REQUIRE_CLIENT_CERTIFICATE = flag(
    "GPCONNECT_REQUIRE_CLIENT_CERTIFICATE", default=not DEBUG
)
# Pages for suppliers' developers at /developer/, about sandboxes only.
DEVELOPER_PAGES = flag("DEVELOPER_PAGES")
# SEC-028: for each system and organisation that asks, at each practice, in each server process.
GPCONNECT_QUERIES_PER_MINUTE = number("GPCONNECT_QUERIES_PER_MINUTE", 0 if DEBUG else 600)
GPCONNECT_COMMANDS_PER_MINUTE = number("GPCONNECT_COMMANDS_PER_MINUTE", 0 if DEBUG else 120)

# Booking at other organisations: the hosts that may be called, at addresses that practices keep.
# Empty: none. What shows them who calls, and the proxy on the way, if there is one.
ELSEWHERE_HOSTS = words("ELSEWHERE_HOSTS", "127.0.0.1,localhost" if DEBUG else "")
ELSEWHERE_ENCRYPTED = not DEBUG
ELSEWHERE_PROXY = os.environ.get("ELSEWHERE_PROXY", "")
ELSEWHERE_CERTIFICATE = os.environ.get("ELSEWHERE_CERTIFICATE", "")
ELSEWHERE_KEY = os.environ.get("ELSEWHERE_KEY", "")
ELSEWHERE_AUTHORITY = os.environ.get("ELSEWHERE_AUTHORITY", "")

# ---------------------------------------------------------------- operations

# The health check warns when a practice's diary ends sooner, or sealing lags further behind.
DIARY_DAYS_WARNING = number("DIARY_DAYS_WARNING", default=14)
# manage.py doctor speaks up when the last backup is older; 0: others see to backups.
BACKUP_DAYS_WARNING = number("BACKUP_DAYS_WARNING", default=2)
# Where this machine keeps the audit events of an outage until the sealer takes them in.
AUDIT_SPOOL = os.environ.get("AUDIT_SPOOL") or str(BASE_DIR / "var" / "audit")
AUDIT_LAG_WARNING_SECONDS = number("AUDIT_LAG_WARNING_SECONDS", default=60)
# What the sealer signs the ends of the trails with, for the log (practice/services/audit/heads.py):
# the first. All of them are accepted by verify_audit. Web needs none, and should have none.
AUDIT_HEAD_KEYS = words("AUDIT_HEAD_KEYS", "for-trials-" + "x" * 32 if DEBUG else "")
if any(len(key) < 32 for key in AUDIT_HEAD_KEYS):
    raise ImproperlyConfigured("AUDIT_HEAD_KEYS: each key must have 32 characters or more.")

# Who may read /metrics: whoever sends the token, or asks from one of these networks.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")
try:
    METRICS_NETWORKS = [ip_network(network) for network in words("METRICS_NETWORKS")]
except ValueError as error:
    raise ImproperlyConfigured(f"METRICS_NETWORKS: {error}.") from error
PROMETHEUS_MULTIPROC_DIR = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")

LOG_FORMAT = os.environ.get("DJANGO_LOG_FORMAT", "line")
if LOG_FORMAT not in logs.FORMATTERS:
    raise ImproperlyConfigured(f"DJANGO_LOG_FORMAT must be line or json, not {LOG_FORMAT!r}.")
LOGGING = logs.configuration(format=LOG_FORMAT, level=os.environ.get("DJANGO_LOG_LEVEL", "WARNING"))
