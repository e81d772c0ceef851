"""The same database, whichever models each step makes anew."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.db import models
from django.db.migrations.state import ModelState, ProjectState
from psycopg import sql

from regulars.runtime.database.migrating import one_model_at_a_time
from regulars.runtime.postgres.binaries import find_binaries


def _model(name: str, base: str | type = models.Model, **fields: models.Field) -> ModelState:
    own = [("id", models.BigAutoField(primary_key=True))] if base is models.Model else []
    return ModelState("tea", name, [*own, *fields.items()], options={"indexes": []}, bases=(base,))


def test_only_what_changed_is_made_anew_unless_others_must_follow() -> None:
    with one_model_at_a_time():
        state = ProjectState()
        state.add_model(_model("Pot"))
        state.add_model(_model("Leaf", pot=models.ForeignKey("tea.Pot", models.CASCADE)))
        pot, leaf = (state.apps.get_model("tea", name) for name in ("Pot", "Leaf"))
        state.add_field("tea", "pot", "colour", models.TextField(default=""), True)
        painted = state.apps.get_model("tea", "Pot")
        assert painted is not pot
        assert state.apps.get_model("tea", "Leaf") is leaf
        # Python among the steps sees one set of classes.
        state.clear_delayed_apps_cache()
        assert state.apps.get_model("tea", "Leaf").pot.field.related_model is state.apps.get_model("tea", "Pot")
        # Others refer to this column; and whoever is made of another is made after it.
        state.alter_field("tea", "pot", "id", models.AutoField(primary_key=True), True)
        assert state.apps.get_model("tea", "Leaf").pot.field.related_model is state.apps.get_model("tea", "Pot")
        state.add_model(_model("Samovar", "tea.pot"))
        state.add_field("tea", "pot", "litres", models.IntegerField(default=1), True)
        assert issubclass(state.apps.get_model("tea", "Samovar"), state.apps.get_model("tea", "Pot"))


SOURCE = Path(__file__).parents[4]


def _at_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


#: As Django migrates by itself.
BY_DJANGO = """
import contextlib
import django
django.setup()
from regulars.runtime.database import ready
ready.one_model_at_a_time = contextlib.nullcontext
ready.migrate(say=lambda _: None)
"""


@pytest.fixture
def another() -> Iterator[str]:
    """The name of an empty database."""
    name = sql.Identifier(f"regulars_by_django_{os.getpid()}")
    with psycopg.connect(os.environ["REGULARS_TEST_DATABASE_URL"], autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield f"regulars_by_django_{os.getpid()}"
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.mark.slow
def test_django_alone_makes_the_same_tables(another: str) -> None:
    owner, app = (os.environ[f"REGULARS_TEST_{which}_URL"] for which in ("DATABASE", "APP"))
    subprocess.run(
        [sys.executable, "-c", BY_DJANGO],
        env=os.environ
        | {
            "REGULARS_DATABASE_URL": _at_database(app, another),
            "REGULARS_DATABASE_OWNER_URL": _at_database(owner, another),
            "DJANGO_SETTINGS_MODULE": "regulars.main.settings",
            "PYTHONPATH": str(SOURCE),
        },
        check=True,
    )
    made = [
        _schema(_at_database(owner, name), find_binaries().folder / "pg_dump")
        for name in (another, os.environ["REGULARS_TEST_TEMPLATE"])
    ]
    assert len(made[0]) > 5_000
    assert made[0] == made[1]


def _schema(url: str, pg_dump: Path) -> list[str]:
    dumped = subprocess.run([pg_dump, "--schema-only", url], capture_output=True, text=True, check=True).stdout
    # A word that each dump makes up for itself.
    return [line for line in dumped.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
