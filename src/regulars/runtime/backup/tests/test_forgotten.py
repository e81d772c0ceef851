"""Today and the doctor say for a month that a restore forgot people anew."""

from datetime import timedelta

import pytest
from django.db import connection

from regulars.runtime.backup import health
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db


def test_who_was_forgotten_anew_is_said_for_a_month():
    assert health._of_the_forgotten(clock.now()) == []
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO secrets_forgotten (person, again_at) VALUES (7, now()), (8, now()), (9, NULL)")
    [one] = health._of_the_forgotten(clock.now())
    assert (one.state, "2 people who were forgotten" in one.said) == ("warning", True)
    assert health._of_the_forgotten(clock.now() + timedelta(days=31)) == []
