"""The past posted by columns, beside the same past posted order by order: the same books, row by row."""

import os
import signal
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from regulars.facts.commerce import kept, kept_columns, orders, shipments
from regulars.facts.commerce.kept_columns import NONE
from regulars.facts.commerce.orders import TenderReport
from regulars.facts.commerce.shipments import ShipmentReport
from regulars.kit import civil
from regulars.kit.actors import SHELL
from regulars.levers.loyalty import backfilling, checkups, earning
from regulars.levers.loyalty._past import decisions
from regulars.levers.loyalty._past import posting as past
from regulars.levers.loyalty._past.row_copies import Days, Instants, Json, Small, copy
from regulars.levers.loyalty.earning import Posted
from regulars.levers.loyalty.models import Earning
from regulars.levers.loyalty.rules.columns import TooLarge
from regulars.levers.loyalty.rules.streak import PERIODS, run_until, runs
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, has
from regulars.levers.loyalty.tests.test_earning import LATER, a_programme, an_order, buyer, comes_back
from regulars.runtime.notices.dispatch import react_to_everything
from tests.often import a_few, often

WORTH = "currency: {code: points, decimals: 0, worth: '0.01'}"
PROGRAMMES = {
    "classic": (
        ["{id: spend, kind: spend, points: 1, per: 1}", "{id: welcome, kind: first_order, points: 50, at_least: 20}"],
        f"{WORTH}\npending: {{until: delivered, days: 14, at_latest_days: 30}}\n"
        "expiry: {kind: calendar_end, months: 1, unit: month}",
    ),
    "at_once": (
        [
            "{id: a, kind: spend, points: 3, per: '0.70', at_least: 30, at_once: 40}",
            "{id: z, kind: item, points: 2, funded_by: acme}",
            "{id: m, kind: nth_order, nth: 3, points: 60}",
            "{id: b, kind: window_bonus, times: '1.5', multiplies: [a, z], from: 2026-01-20, until: 2026-02-20}",
            "{id: c, kind: window_bonus, points: 7, from: 2026-01-20, until: 2026-02-20}",
        ],
        f"{WORTH}\npending: {{until: paid, days: 3, at_once: 25}}\nexpiry: {{kind: rolling, days: 20}}\n"
        "debt: {limit: 30}",
    ),
    "capped": (
        [
            "{id: spend, kind: spend, points: 1, per: 1, caps: [{per: member, period: month, most: 600}]}",
            "{id: welcome, kind: first_order, points: 50}",
        ],
        "pending: {until: placed, days: 2}\nexpiry: {kind: never}\ncaps: [{per: member, period: year, most: 1500}]",
    ),
    "kept alive": (
        [
            "{id: spend, kind: spend, points: 2, per: 1}",
            "{id: t, kind: spend, points: 1, per: 1, where: {field: weekday, in: [mon, tue]}}",
            "{id: p, kind: item, points: 5, where: {any: [{field: product, is: p3}, {field: amount, at_least: 90}]}}",
            "{id: s, kind: spend, points: 1, per: 1, where: {field: fulfilment, is: carry_out}}",
        ],
        "pending: {until: delivered, days: 1, at_once: 25}\nexpiry: {kind: activity, days: 9}",
    ),
    "habits": (
        [
            "{id: spend, kind: spend, points: 2, per: 1}",
            "{id: third, kind: nth_order, every: 3, points: 60, at_least: 20}",
            "{id: pair, kind: nth_order, every: 2, points: 7}",
            "{id: days, kind: streak, length: 2, period: day, points: 5}",
            "{id: weeks, kind: streak, length: 3, period: week, points: 40, at_least: 5}",
            "{id: months, kind: streak, length: 2, period: month, points: 80}",
        ],
        "pending: {until: paid, days: 1}\nexpiry: {kind: rolling, days: 60}",
    ),
}


def a_shop(chance: Random, many: int = 60) -> list[int]:
    """Orders of all kinds by some people: discounts, parcels, what is not paid, what came back, what was called off."""
    bought = []
    for n in range(many):
        at = (
            MONDAY - chance.randrange(100) * DAY + timedelta(seconds=chance.choice([0, 3600, chance.randrange(86_400)]))
        )
        lines = [
            (f"p{chance.randrange(9)}", str(chance.choice([1, 2, 3, "1.5"])), f"{chance.randrange(1, 6000) / 100:.2f}")
            for _ in range(chance.randrange(1, 5))
        ]
        more = {}
        if chance.random() < 0.3:
            more["discount_minor"] = chance.randrange(1, 100)
        if chance.random() < 0.3:
            more["shipping_minor"] = 395
        if chance.random() < 0.1:
            more["paid_minor"] = chance.randrange(3000)
        if chance.random() < 0.2:
            kind = chance.choice(["card", "cash", "points", "gift_card"])
            more["tenders"] = [TenderReport("t", kind, "captured", chance.randrange(1, 9000), at + DAY)]
        if chance.random() < 0.3:
            more["prices_include_tax"], more["tax_minor"] = True, chance.randrange(100)
        if chance.random() < 0.05:
            more["currency"] = "EUR"
        if chance.random() < 0.2:
            more["fulfilment"] = "carry_out"
        order = an_order(
            f"o{n}", customer=f"c{chance.randrange(12)}", at=at, lines=tuple(lines), origin="history", **more
        )
        bought.append(order)
        if chance.random() < 0.25:
            arrived = at + chance.randrange(9) * DAY
            report = ShipmentReport(
                namespace="shop", ref=f"s{n}", order_ref=f"o{n}", state="delivered", arrived_at=arrived
            )
            shipments.record(report=report, at=arrived, by=THE_SHOP, origin="history")
        if chance.random() < 0.2:
            left = [int(Decimal(line[1])) for line in lines]
            for key in range(chance.randrange(1, 3)):
                back = [chance.randrange(one + 1) for one in left]
                if any(back):
                    comes_back(order, list(map(str, back)), key=f"r{n}/{key}", at=at + chance.randrange(1, 40) * DAY)
                left = [one - gone for one, gone in zip(left, back, strict=True)]
        if chance.random() < 0.05:
            orders.cancel(order=order, at=at + DAY, by=MAREK)
    return bought


def books() -> dict[str, list[tuple[object, ...]]]:
    """All that was written, without numbers that depend on who was posted first."""
    told = {
        "earnings": "SELECT earning.subject, record_id, effective_at, context, allowed, lines, why, missed, stamp,"
        " revision, decided_at, version_id FROM loyalty_earning AS earning ORDER BY 1",
        "counters": "SELECT rule, member, period, starts_on, used, most FROM loyalty_counter ORDER BY 1, 2, 3, 4",
        "accounts": "SELECT customer_id, sequence, pending, available, held, debt FROM loyalty_account ORDER BY 1",
        "entries": "SELECT customer_id, entry.sequence, kind, effective_at, reason, arguments, rule, rule_version,"
        " pending_after, available_after, held_after, debt_after, origin, reverses_id FROM loyalty_entry AS entry"
        " JOIN loyalty_account AS account ON account.id = entry.account_id ORDER BY 1, 2",
        "lots": "SELECT subject, lot.rule, lot.record_id, customer_id, entry.sequence, original, funding, partner,"
        " allocated_price_minor, price_currency, standalone_price, estimate_version, expiry_policy, earned_at,"
        " matures_at, expires_on, expires_at, lot.pending, lot.available, lot.held, spent, lapsed, taken_back, settled,"
        " short, owed, lot.rule_version FROM loyalty_lot AS lot"
        " JOIN loyalty_account AS account ON account.id = lot.account_id"
        " JOIN loyalty_entry AS entry ON entry.id = lot.origin_entry_id ORDER BY 1, 2, 5",
        "postings": "SELECT customer_id, entry.sequence, number, subject, lot.rule, from_book, to_book, amount"
        " FROM loyalty_posting AS posting JOIN loyalty_entry AS entry ON entry.id = posting.entry_id"
        " JOIN loyalty_account AS account ON account.id = entry.account_id"
        " JOIN loyalty_lot AS lot ON lot.id = posting.lot_id ORDER BY 1, 2, 3",
    }
    found = {}
    with connection.cursor() as cursor:
        for name, sql in told.items():
            cursor.execute(sql)
            found[name] = [
                tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in cursor.fetchall()
            ]
    return found


def posts(**more) -> Posted:
    return sum(earning.backfill(programme="tried", at=LATER, by=SHELL, **more), Posted())


@pytest.mark.django_db
@pytest.mark.parametrize("name", list(PROGRAMMES))
@pytest.mark.parametrize("seed", a_few(1, range(often(3))))
def test_by_columns_and_order_by_order_the_books_are_the_same(name, seed, monkeypatch):
    a_shop(Random(f"{name}{seed}"))
    rules, above = PROGRAMMES[name]
    a_programme(*rules, from_at=FRIDAY, above=above)
    before = transaction.savepoint()
    by_columns = []
    whole = past.post

    def counted(block, *rest, **more):
        done, left = whole(block, *rest, **more)
        by_columns.append(done.decided)
        return done, left

    with monkeypatch.context() as seen:
        seen.setattr(past, "post", counted)
        done, found = posts(), books()
    assert sum(by_columns) > 5
    assert not list(checkups.broken())
    assert posts() == Posted()
    transaction.savepoint_rollback(before)
    monkeypatch.setattr(decisions, "is_of_columns", lambda programme: False)
    assert posts() == done
    for part, rows in books().items():
        assert found[part] == rows, part


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
@pytest.mark.parametrize("size", a_few(1, [7, 1, 1000]))
def test_blocks_have_all_of_a_customers_orders_and_say_of_them_what_kept_says(size):
    bought = a_shop(Random("blocks"))
    seen = []
    for block in kept_columns.blocks(size=size):
        told = kept.of(block.order.tolist())
        assert block.fingerprints() == [kept_columns.fingerprint(told[order]) for order in block.order.tolist()]
        assert decisions.numbers(block).tolist() == [kept.numbers([n])[n] for n in block.order.tolist()]
        few = block.only(block.order % 2 == 0)
        assert few.fingerprints() == [kept_columns.fingerprint(told[order]) for order in few.order.tolist()]
        seen.append(set(block.customer.tolist()))
    assert sum(map(len, seen)) == len(set().union(*seen))
    assert {n for block in kept_columns.blocks() for n in block.order.tolist()} == set(bought)
    by_share = [
        n for share in range(3) for block in kept_columns.blocks(share=(share, 3)) for n in block.order.tolist()
    ]
    assert sorted(by_share) == sorted(bought)


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
    days=st.lists(st.integers(0, 20_000), min_size=1, max_size=9),
    zone=st.sampled_from(["Europe/London", "Asia/Shanghai", "America/Sao_Paulo", "Africa/Cairo", "Asia/Kathmandu"]),
    second=st.integers(0, 86_399),
)
def test_days_of_many_instants_are_the_days_of_each(days, zone, second):
    instants = np.array([(day * 86_400 + second) * 1_000_000 for day in days])
    told = [civil.day_of(datetime.fromtimestamp(one / 1e6, UTC), civil.zone(zone)) for one in instants.tolist()]
    try:
        found = decisions.days_of(instants, civil.zone(zone))
    except TooLarge:
        # Where clocks were put back across midnight each is asked by itself.
        assert zone in ("America/Sao_Paulo", "Africa/Cairo", "Asia/Shanghai")
        return
    assert [decisions.date_of(day) for day in found.tolist()] == told
