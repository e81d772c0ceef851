"""One server for all tests of a file, and keys to come in with."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.db import connection

from regulars.facts.sources import sources, write_keys
from regulars.kit.actors import SYSTEM
from tests.clients.serving import Server


@pytest.fixture(scope="module")
def server(fresh_database_of_module, tmp_path_factory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    running = Server(os.environ | fresh_database_of_module | {"REGULARS_HOME": str(home)}, home=home)
    with pytest.MonkeyPatch.context() as patch:
        # The same keys here and there: what the server seals is opened in the tests.
        patch.setattr("django.conf.settings.REGULARS_HOME", home)
        try:
            running.start()
            yield running
        finally:
            running.close()


@pytest.fixture(scope="module")
def a_source(server) -> Callable[[str], tuple[int, str]]:
    """Makes a source and a key of it: the number of the one, the secret of the other."""

    def make(name: str) -> tuple[int, str]:
        now = datetime.now(UTC)
        made = sources.make(name=name, kind="other", namespace=name, zone="Asia/Shanghai", at=now, by=SYSTEM)
        return made.id, write_keys.make(source=made.id, at=now, by=SYSTEM).token

    return make


@pytest.fixture
def ask(server):
    """Rows of a query, as dictionaries."""

    def asked(words: str, *values: object) -> list[dict[str, object]]:
        with connection.cursor() as cursor:
            cursor.execute(words, values)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return asked
