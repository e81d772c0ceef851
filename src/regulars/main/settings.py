"""Django's settings, from the environment. Every `REGULARS_…` variable has a default that works on an empty machine."""

import os
from pathlib import Path

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from regulars.kit import languages, texts
from regulars.main.rooms import ROOMS
from regulars.runtime.database.addresses import django_databases
from regulars.runtime.secrets.keyfile import django_secret
from regulars.runtime.serving.callers import networks
from regulars.runtime.serving.logs import logging_settings

# Catalogues are read once all rooms are there; what is refused before is said in English.
texts.speak(lambda text: gettext(text) if apps.ready else text)

REGULARS_ROOMS = ROOMS
REGULARS_HOME = Path(os.environ.get("REGULARS_HOME", "var")).resolve()
REGULARS_HOST = os.environ.get("REGULARS_HOST", "127.0.0.1")
_port = os.environ.get("REGULARS_PORT", "8000")
if not (_port.isascii() and _port.isdigit() and 0 < int(_port) < 65536):
    raise ImproperlyConfigured(f"REGULARS_PORT is {_port!r}; it must be a number from 1 to 65535.")
REGULARS_PORT = int(_port)

# Read, or made, when something is signed: a command that signs nothing leaves no file behind and needs no home.
SECRET_KEY = SimpleLazyObject(lambda: django_secret(REGULARS_HOME))
DEBUG = False
ALLOWED_HOSTS = [h for h in os.environ.get("REGULARS_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",") if h]
if REGULARS_HOST not in {"0.0.0.0", "::"}:  # noqa: S104 - compared with, not bound to
    ALLOWED_HOSTS.append(REGULARS_HOST)
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("REGULARS_TRUSTED_ORIGINS", "").split(",") if o]

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "axes",
    "procrastinate.contrib.django",
    *ROOMS,
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "regulars.doors.console.headers.Headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "regulars.runtime.serving.middleware.RouteAndDatabase",
]

ROOT_URLCONF = "regulars.main.urls"
ASGI_APPLICATION = "regulars.main.asgi.application"
DATABASES = django_databases(REGULARS_HOME)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "staff.Operator"
LOGIN_URL = "console:login"
CSRF_FAILURE_VIEW = "regulars.doors.console.errors.forged"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
# Nothing that tells who tried to come in is kept or logged in clear: a keyed hash stands for the e-mail address, and
# when somebody came in last is on their own account.
AXES_USERNAME_CALLABLE = "regulars.runtime.staff.attempts.counted_as"
AXES_CLIENT_IP_CALLABLE = "regulars.runtime.serving.callers.address"
AXES_SENSITIVE_PARAMETERS = ["email", "csrfmiddlewaretoken"]
AXES_DISABLE_ACCESS_LOG = True
#: Whose X-Forwarded-For is believed: docs/how-to/stand-behind-a-proxy.md.
REGULARS_TRUSTED_PROXIES = networks(os.environ.get("REGULARS_TRUSTED_PROXIES", ""))
#: Of whoever guesses at many accounts from one place. Behind a proxy that is not trusted all callers have its address,
#: which is why this is far above what the people of one shop get wrong.
REGULARS_FAILURES_FROM_ONE_ADDRESS = 100
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "console/locked.html"
AXES_HTTP_RESPONSE_CODE = 429
AXES_VERBOSE = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Rooms declare their jobs and schedules in `jobs.py`. Only the worker needs all of them, and looks for them itself:
# they import the libraries of whole computations, which every other process would wait for.
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = list(languages.NAMES.items())
LOCALE_PATHS = [Path(__file__).resolve().parent.parent / "locale"]
STATIC_URL = "/static/"
STATIC_ROOT = REGULARS_HOME / "static"
LOGGING = logging_settings(as_json=os.environ.get("REGULARS_LOG") == "json")

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = os.environ.get("REGULARS_HTTPS", "") == "1"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# The chrome's colours: a warm paper grey and one accent, leaf green. The console's own style sheet keeps to them.
UNFOLD = {
    "SITE_TITLE": _("Regulars"),
    "SITE_HEADER": _("Regulars"),
    "SITE_URL": None,
    "BORDER_RADIUS": "8px",
    "COLORS": {
        "base": {
            "50": "oklch(98.6% .004 95)",
            "100": "oklch(96.3% .006 95)",
            "200": "oklch(92% .008 95)",
            "300": "oklch(86% .01 92)",
            "400": "oklch(70% .014 90)",
            "500": "oklch(53% .015 88)",
            "600": "oklch(43% .014 86)",
            "700": "oklch(36% .013 84)",
            "800": "oklch(27.5% .01 82)",
            "900": "oklch(21.5% .008 80)",
            "950": "oklch(16% .007 80)",
        },
        "primary": {
            "50": "oklch(97.5% .018 145)",
            "100": "oklch(94.5% .04 146)",
            "200": "oklch(89% .075 147)",
            "300": "oklch(81% .12 148)",
            "400": "oklch(73% .15 149)",
            "500": "oklch(63% .155 149)",
            "600": "oklch(51% .13 149)",
            "700": "oklch(44% .11 150)",
            "800": "oklch(37% .088 150)",
            "900": "oklch(31% .068 151)",
            "950": "oklch(22% .05 152)",
        },
    },
}
