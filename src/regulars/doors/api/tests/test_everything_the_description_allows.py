"""The whole description, tried out: whatever fits it or does not, every answer is one that it allows.

Twice with `make test`, six times with `make slow`. `REGULARS_API_EXAMPLES=300` (or `make fuzz`) tries each operation
for longer, and every limit of every field. What is thought of each time is the same until the description changes.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from regulars.doors.api.tests.builders import Program
from regulars.doors.api.tests.test_quarantine import kept
from tests.often import IS_WHOLE

load_all_checks()

EXAMPLES = int(os.environ.get("REGULARS_API_EXAMPLES", "6" if IS_WHOLE else "2"))
#: `test_the_door.py` holds it equal to what the house says; asking the house takes each collecting process a second.
OPENAPI = Path(__file__).parents[5] / "docs/api/openapi.json"
schema = schemathesis.openapi.from_dict(json.loads(OPENAPI.read_text(encoding="utf-8")))
schema.app = get_wsgi_application()
#: Every limit of every field, one by one, is many times as many calls, thought of in every process that collects.
schema.config.phases.coverage.enabled = EXAMPLES >= 50
#: Words of our source as values: it is read and searched for them, seconds in every process that collects.
schema.config.analysis.constants.enabled = EXAMPLES >= 50
#: More is refused than a schema can say: an order of the future, a currency nobody has, an id that is nobody's.
LEFT_OUT = [positive_data_acceptance]


@pytest.fixture(scope="module")
def furnished(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Program]:
    """With a key for everything, in a house with an order, a source and messages in quarantine: once for all."""
    with django_db_blocker.unblock(), ExitStack() as undone:
        undone.enter_context(transaction.atomic())
        undone.callback(transaction.set_rollback, True)
        till = Program()
        till.record()
        kept("Product Viewed", "Cart Viewed")
        # As Django's own test client does: at the end of a request the connection would be closed, and with it the
        # test's transaction.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
            undone.callback(signal.connect, close_old_connections)
        yield till


@pytest.fixture
def program(furnished: Program) -> Iterator[Program]:
    """What a test does there is undone."""
    with transaction.atomic():
        yield furnished
        transaction.set_rollback(True)


@pytest.mark.slow(shortened=True)
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < 50,
    suppress_health_check=list(HealthCheck),
    database=None,
)
def test_every_answer_is_one_that_the_description_allows(case, program):
    case.call_and_validate(headers=program.headers, excluded_checks=LEFT_OUT)
