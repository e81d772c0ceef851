"""Where the database is: two URLs, one for the app's role (owns nothing) and one for the owner (migrates)."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

#: Written by the embedded server beside its data, read by every other process of the same home.
ADDRESS_FILE = "database.json"


def app_and_owner_urls(home: Path) -> tuple[str, str | None]:
    """The app's URL and the owner's, from the environment or from the running embedded server's address file."""
    if app := os.environ.get("REGULARS_DATABASE_URL"):
        return app, os.environ.get("REGULARS_DATABASE_OWNER_URL")
    file = home / ADDRESS_FILE
    if file.exists():
        found = json.loads(file.read_text())
        return found["app"], found["owner"]
    return "postgresql://regulars_app@/regulars", None


def django_database(url: str) -> dict[str, Any]:
    """One entry of Django's DATABASES from a PostgreSQL URL.

    A socket's folder goes in the `host` parameter, or stands for the host with %2F for its slashes.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"REGULARS_DATABASE_URL must start with postgresql://, not {parts.scheme}://")
    extra = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": extra.pop("host", None) or unquote(parts.hostname or ""),
        "PORT": extra.pop("port", None) or parts.port or "",
        "CONN_MAX_AGE": 0,
        "OPTIONS": extra,
    }


def django_databases(home: Path) -> dict[str, dict[str, Any]]:
    """`default` is the app's role; `owner` is the same database as its owner, used by migrations alone."""
    app, owner = app_and_owner_urls(home)
    databases = {"default": django_database(app)}
    databases["owner"] = django_database(owner or app)
    databases["owner"]["TEST"] = {"MIRROR": "default"}
    return databases
