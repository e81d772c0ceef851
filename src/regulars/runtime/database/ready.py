"""A database to work with: reachable, migrated, with its roles' rights. Every command that needs one begins here."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

from regulars.kit.refusals import Refusal
from regulars.runtime.database.addresses import django_database
from regulars.runtime.database.migrating import one_model_at_a_time
from regulars.runtime.database.roles import let_app_use_what_owner_makes
from regulars.runtime.postgres import embedded

Say = Callable[[str], None]
#: One migration at a time, whoever comes: the key of a PostgreSQL advisory lock.
_MIGRATING = 0x5245_4755
_A_PASSWORD = re.compile(r"((?:^|&)[^=&]*password=)[^&]*", re.IGNORECASE)


class DatabaseUnreachable(Refusal):
    code: ClassVar[str] = "database.unreachable"


class MigrationsPending(Refusal):
    code: ClassVar[str] = "database.migrations_pending"


def is_external() -> bool:
    """Whether a PostgreSQL of the operator's own is used instead of the embedded one."""
    return bool(os.environ.get("REGULARS_DATABASE_URL"))


def _point_django_at(**urls: str) -> None:
    for alias, url in urls.items():
        connections[alias].close()
        where = django_database(url)
        connections[alias].settings_dict.update(where)
        connections.settings[alias].update(where)


def without_password(url: str) -> str:
    """The URL as it may be shown. PostgreSQL takes a password before the host and among the parameters."""
    parts = urlsplit(url)
    shown = parts._replace(query=_A_PASSWORD.sub(r"\1…", parts.query))
    if parts.password is not None:
        shown = shown._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":…@"))
    return shown.geturl()


def _check_reachable(url: str, variable: str) -> None:
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as problem:
        raise DatabaseUnreachable(
            f"{variable} is {without_password(url)}, and this database does not answer: {str(problem).strip()}"
        ) from problem


@contextlib.contextmanager
def server(*, say: Say) -> Iterator[None]:
    """The external database, or the embedded one of REGULARS_HOME for the length of the block; Django uses it."""
    if is_external():
        _check_reachable(os.environ["REGULARS_DATABASE_URL"], "REGULARS_DATABASE_URL")
        if owner := os.environ.get("REGULARS_DATABASE_OWNER_URL"):
            _check_reachable(owner, "REGULARS_DATABASE_OWNER_URL")
        yield
        return
    with embedded.running(Path(settings.REGULARS_HOME), say=say) as running:
        _point_django_at(default=running.app, owner=running.owner)
        try:
            yield
        finally:
            connections.close_all()


def pending_migrations(alias: str = "default") -> list[str]:
    """Names of migrations that the code has and the database has not, in order. A few queries."""
    executor = MigrationExecutor(connections[alias])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def _has_owner() -> bool:
    return not is_external() or bool(os.environ.get("REGULARS_DATABASE_OWNER_URL"))


def _migrations(pending: Sequence[str]) -> str:
    return "1 migration" if len(pending) == 1 else f"{len(pending)} migrations"


def _owner_url() -> str:
    if is_external():
        return os.environ["REGULARS_DATABASE_OWNER_URL"]
    found = embedded.facts(Path(settings.REGULARS_HOME))
    if found is None:
        raise DatabaseUnreachable("The embedded database has stopped. Start the command again.")
    return found.owner


def migrate(*, say: Say) -> None:
    """Bring the database up to the code, as its owner. Two at once: the second waits and finds nothing to do."""
    if not (pending := pending_migrations()):
        return
    if not _has_owner():
        raise MigrationsPending(
            f"The database of REGULARS_DATABASE_URL lacks {_migrations(pending)} (the first is {pending[0]}), and "
            f"its role may not change tables. Set REGULARS_DATABASE_OWNER_URL to a URL of the role that owns this "
            f"database, run the command again, and unset it for daily work if you like."
        )
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATING])
        try:
            if not (pending := pending_migrations("owner")):
                return
            say(f"{_migrations(pending)} {'brings' if len(pending) == 1 else 'bring'} the database up to date")
            if "django_migrations" not in connections["owner"].introspection.table_names():
                app_role = unquote(str(connections["default"].settings_dict["USER"]))
                let_app_use_what_owner_makes(owner_url=_owner_url(), app_role=app_role)
            with one_model_at_a_time():
                call_command("migrate", database="owner", verbosity=0, interactive=False)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATING])


@contextlib.contextmanager
def database_ready(*, say: Say) -> Iterator[None]:
    """A reachable and migrated database for the length of the block.

    Raises `DatabaseUnreachable`, `MigrationsPending` or `DatabaseTrouble`, each with words for the operator.
    """
    with server(say=say):
        migrate(say=say)
        try:
            yield
        except OperationalError as problem:
            # It has ended, or its disk is full: nothing that the command did wrong.
            raise DatabaseUnreachable(f"The database: {str(problem).strip()}") from problem
