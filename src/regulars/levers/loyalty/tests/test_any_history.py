"""Whatever happens in whatever order, the ledger agrees with the model after every step."""

import os
from contextlib import suppress
from random import Random

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regulars.levers.loyalty.tests.histories import VERBS, Database, Kernel, a_history, live
from regulars.levers.loyalty.tests.test_earning import a_programme
from tests.often import LONGER, often

ACTS = st.tuples(
    st.sampled_from(list(VERBS)),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(1, 60),
    *[st.integers(0, 96) for _ in "abc"],
)
#: How much may stay owed.
LIMITS = (None, 0, 25)
#: Of the kernel alone; `make long` does a million.
STEPS = int(os.environ.get("REGULARS_LEDGER_STEPS", 100_000 if LONGER == 1 else 1_000_000))


@settings(max_examples=often(60))
@given(st.sampled_from(LIMITS), st.lists(ACTS, min_size=1, max_size=40))
def test_the_kernel_agrees_with_the_model_and_shrinks_where_it_does_not(limit, acts):
    live(Kernel(limit), acts)


def test_the_kernel_agrees_with_the_model_over_very_many_steps():
    done = steps = 0
    seed = int(os.environ.get("REGULARS_LEDGER_SEED", "1"))
    while steps < STEPS:
        done += live(Kernel(LIMITS[seed % len(LIMITS)]), a_history(seed, 100))
        seed, steps = seed + 1, steps + 100
    assert done > 0.4 * steps, "much of it happens"


@pytest.fixture
def estates_pass(db):
    a_programme("{id: base, kind: spend, points: 1, per: 1}", above="estate: passes", zone="Asia/Shanghai")


class Rollback(Exception):
    """The example is over."""


@pytest.mark.django_db
@settings(max_examples=often(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_the_ledger_agrees_with_the_model_whatever_happens_and_whatever_is_told_again(estates_pass, seed, steps):
    with suppress(Rollback), transaction.atomic():
        live(Database(Random(seed), LIMITS[seed % len(LIMITS)]), a_history(seed, steps))
        raise Rollback
