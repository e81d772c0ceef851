"""The past posted by columns: killed, told of news meanwhile, and the pieces it is made of."""

import os
import signal
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from django.db import IntegrityError, connection
from hypothesis import given
from hypothesis import strategies as st

from regulars.facts.commerce.kept_columns import NONE
from regulars.kit import civil
from regulars.kit.actors import SHELL
from regulars.levers.loyalty import backfilling, checkups, programme_files
from regulars.levers.loyalty._past import decisions
from regulars.levers.loyalty._past import posting as past
from regulars.levers.loyalty._past.row_copies import Days, Instants, Json, Small, copy
from regulars.levers.loyalty.earning import Posted
from regulars.levers.loyalty.models import Earning
from regulars.levers.loyalty.rules.columns import TooLarge
from regulars.levers.loyalty.rules.streak import PERIODS, run_until, runs
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MONDAY, has
from regulars.levers.loyalty.tests.test_earning import LATER, a_programme, an_order, buyer, comes_back
from regulars.levers.loyalty.tests.test_whole_pasts import PROGRAMMES, posts
from regulars.runtime.notices.dispatch import react_to_everything

OF_OTHERS = """
INSERT INTO loyalty_earning (subject, programme_id, version_id, record_id, effective_at, decided_at)
SELECT 'order:' || n, version.programme_id, version.id, %s, now(), now()
  FROM loyalty_version AS version, generate_series(1000000, 1030000) AS n
"""


def seen(plan):
    """How many rows every step of it looked at, those it left out too."""
    mine = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return mine + sum(map(seen, plan.get("Plans", ())))


@pytest.mark.django_db
def test_what_others_were_given_is_not_read_while_nothing_is_known_of_how_much_there_is():
    """While a history is posted for the first time, there are no statistics yet."""
    coat = an_order("coat", at=MONDAY - DAY)
    a_programme("{id: spend, kind: spend, points: 1, per: 2}", from_at=FRIDAY)
    li = buyer(an_order("hat", customer="li", at=MONDAY - DAY))
    with connection.cursor() as cursor:
        cursor.execute(OF_OTHERS, [li])
        cursor.execute("SELECT id FROM loyalty_programme")
        [(programme,)] = cursor.fetchall()
        people = "{" + ",".join(map(str, (buyer(coat), *range(10**6, 10**6 + 500)))) + "}"
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + past._DECIDED, [people, programme])
        [([told],)] = cursor.fetchall()
    assert seen(told["Plan"]) < 2_000


@pytest.mark.django_db
def test_what_is_told_of_an_order_while_it_is_posted_counts_all_the_same(monkeypatch):
    """The past is read; then a coat comes back, and who listens finds nothing posted for it; then it is posted."""
    coat, hat = an_order("coat", at=MONDAY - DAY), an_order("hat", customer="li", at=MONDAY - DAY)
    a_programme("{id: spend, kind: spend, points: 1, per: 2}", from_at=FRIDAY)
    react_to_everything()
    whole = past.post

    def post_late(block, *rest, **more):
        comes_back(coat, ["1"], key="late")
        react_to_everything()
        assert not Earning.objects.exists()
        return whole(block, *rest, **more)

    monkeypatch.setattr(past, "post", post_late)
    backfilling.all_of_it(programme="tried", at=LATER, by=SHELL, processes=1)
    assert has(buyer(coat), at=LATER) == (0, 0, 0, 0)
    assert has(buyer(hat), at=LATER) == (0, 40, 0, 0)
    monkeypatch.undo()
    assert posts() == Posted()


@pytest.mark.parametrize("name", programme_files.ready())
def test_all_programmes_that_come_with_regulars_can_be_decided_by_columns(name):
    text = programme_files.text_of(name)
    assert decisions.is_of_columns(programme_files.read(text, currency="GBP", zone="Europe/London"))


@pytest.mark.slow
def test_killed_in_the_middle_of_what_it_writes_again_comes_to_the_same(fresh_database, monkeypatch):
    bought = [an_order(f"{n}", customer=f"c{n % 9}", at=MONDAY - n * DAY, origin="history") for n in range(40)]
    rules, above = PROGRAMMES["classic"]
    a_programme(*rules, from_at=FRIDAY, above=above)
    whole = past.copy

    def killed(table, rows, **columns):
        if table == "loyalty_lot":
            os.kill(os.getpid(), signal.SIGKILL)
        whole(table, rows, **columns)

    with monkeypatch.context() as broken:
        broken.setattr(past, "copy", killed)
        with pytest.raises(backfilling.BrokenOff):
            backfilling.all_of_it(programme="tried", at=LATER, by=SHELL, processes=2)
    assert not Earning.objects.exists()
    done = backfilling.all_of_it(programme="tried", at=LATER, by=SHELL, processes=2)
    assert (done.decided, done.awards) == (len(bought), len(bought) + 9)
    assert backfilling.all_of_it(programme="tried", at=LATER, by=SHELL, processes=2) == Posted()
    assert not list(checkups.broken())


@pytest.mark.django_db
def test_what_is_copied_is_what_is_read_and_what_refers_to_nothing_is_refused():
    told = {
        "a": (np.array([1, NONE, -(2**60)]), "bigint", [1, None, -(2**60)]),
        "b": (Small(np.array([-7, 8, NONE])), "int", [-7, 8, None]),
        "c": (np.array(["", "茶\\t", "tea\n"], object), "text", ["", "茶\\t", "tea\n"]),
        "d": (Json(pa.array(["{}", '{"a": "\\\\"}', "[1]"])), "jsonb", ["{}", '{"a": "\\\\"}', "[1]"]),
        "e": (Instants(np.array([NONE, 0, 1_700_000_000_000_001])), "timestamptz", [None, 0, 1_700_000_000_000_001]),
        "f": (Days(np.array([0, NONE, 20_000])), "date", [date(1970, 1, 1), None, date(2024, 10, 4)]),
        "g": (Decimal("0.0105"), "numeric(18, 8)", [Decimal("0.0105")] * 3),
        "h": ("same", "varchar(9)", ["same"] * 3),
    }
    names = ", ".join(f"{name} {kind}" for name, (_, kind, _) in told.items())
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE copied ({names}, n int)")
        copy("copied", 3, **{name: values for name, (values, _, _) in told.items()}, n=Small(np.arange(3)))
        cursor.execute(
            "SELECT a, b, c, d::text, (extract(epoch FROM e) * 1000000)::bigint, f, g, h FROM copied ORDER BY n"
        )
        assert list(map(list, zip(*cursor.fetchall(), strict=True))) == [said for *_, said in told.values()]
        cursor.execute("CREATE TEMPORARY SEQUENCE in_leaps INCREMENT 3")
        # As where somebody else draws between them.
        assert len(set(past._drawn("in_leaps", 4).tolist())) == 4
    none = {"entry_id": np.zeros(1, np.int64), "number": Small(1), "lot_id": np.zeros(1, np.int64), "amount": 1}
    with pytest.raises(IntegrityError, match="not there"):
        copy("loyalty_posting", 1, **none, from_book="issuance", to_book="available")


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-5, 60)), max_size=30), st.sampled_from(PERIODS))
def test_periods_in_a_row_of_very_many_are_those_of_each(bought, period):
    bought = sorted(bought)
    found = runs(np.array([day for _, day in bought], np.int64), np.array([who for who, _ in bought], np.int64), period)
    days = [(who, date(1970, 1, 1) + timedelta(days=day)) for who, day in bought]
    told = [
        run_until(day, [other for whose, other in days[:n] if whose == who], period)
        for n, (who, day) in enumerate(days)
    ]
    assert found.tolist() == told


@given(
    # Near each other: where clocks were ever put back across midnight, all days together are always refused.
    begin=st.integers(0, 19_400),
    days=st.lists(st.integers(0, 600), min_size=1, max_size=9),
    zone=st.sampled_from(["Europe/London", "Asia/Shanghai", "America/Sao_Paulo", "Africa/Cairo", "Asia/Kathmandu"]),
    second=st.integers(0, 86_399),
)
def test_days_of_many_instants_are_the_days_of_each(begin, days, zone, second):
    instants = np.array([((begin + day) * 86_400 + second) * 1_000_000 for day in days])
    told = [civil.day_of(datetime.fromtimestamp(one / 1e6, UTC), civil.zone(zone)) for one in instants.tolist()]
    try:
        found = decisions.days_of(instants, civil.zone(zone))
    except TooLarge:
        # Where clocks were put back across midnight each is asked by itself.
        assert zone in ("America/Sao_Paulo", "Africa/Cairo", "Asia/Shanghai")
        return
    assert [decisions.date_of(day) for day in found.tolist()] == told
