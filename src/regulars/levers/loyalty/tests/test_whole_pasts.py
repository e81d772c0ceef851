"""Whole shops of the past, posted by columns and order by order: the same books, row by row."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from regulars.facts.commerce import kept, kept_columns, orders, shipments
from regulars.facts.commerce.kept import EVERYBODY
from regulars.facts.commerce.orders import TenderReport
from regulars.facts.commerce.shipments import ShipmentReport
from regulars.kit.actors import SHELL
from regulars.levers.loyalty import checkups, earning
from regulars.levers.loyalty._past import decisions
from regulars.levers.loyalty._past import posting as past
from regulars.levers.loyalty.earning import Posted
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP
from regulars.levers.loyalty.tests.test_birthdays import born
from regulars.levers.loyalty.tests.test_earning import LATER, a_programme, an_order, comes_back
from tests.often import a_few, often

WORTH = "currency: {code: points, decimals: 0, worth: '0.01'}"
PROGRAMMES = {
    "classic": (
        ["{id: spend, kind: spend, points: 1, per: 1}", "{id: welcome, kind: first_order, points: 50, at_least: 20}"],
        f"{WORTH}\npending: {{until: delivered, days: 14, at_latest_days: 10}}\n"
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
            "{id: spend, kind: spend, points: 1, per: 1, caps: [{per: member, period: month, most: 180}]}",
            "{id: welcome, kind: first_order, points: 50}",
            "{id: pair, kind: nth_order, every: 2, points: 70}",
            "{id: b, kind: window_bonus, times: '1.5', multiplies: [spend, pair], from: 2026-01-01, until: 2026-03-20}",
        ],
        "pending: {until: placed, days: 2}\nexpiry: {kind: never}\ncaps: [{per: member, period: year, most: 700}]",
    ),
    "kept alive": (
        [
            "{id: spend, kind: spend, points: 2, per: 1}",
            "{id: t, kind: spend, points: 1, per: 1, where: {field: weekday, in: [mon, tue]}}",
            "{id: p, kind: item, points: 5, where: {any: [{field: product, is: p3}, {field: amount, at_least: 90}]}}",
            "{id: s, kind: spend, points: 1, per: 1, where: {field: fulfilment, is: carry_out}}",
        ],
        "pending: {until: delivered, days: 1, at_once: 25, at_latest_days: 7}\nexpiry: {kind: activity, days: 9}",
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
    "luck": (
        [
            "{id: spend, kind: spend, points: 2, per: 1}",
            "{id: third, kind: nth_order, every: 3, points: 60, at_least: 20}",
            "{id: luck, kind: surprise, points: 30, chance: 60, period: month, at_least: 20}",
            "{id: sure, kind: surprise, points: 7, chance: 100, period: week,"
            " caps: [{per: member, period: year, most: 50}]}",
            "{id: less, kind: surprise, points: 9, chance: 10, period: day,"
            " caps: [{per: member, period: day, most: 5}]}",
            "{id: twice, kind: window_bonus, times: 2, multiplies: [luck, sure], from: 2026-01-20, until: 2026-02-20}",
            "{id: years, kind: tier_bonus, tiers: old, times: {old: 3}, multiplies: [luck], at_least: 30}",
        ],
        f"{WORTH}\npending: {{until: paid, days: 1}}\nexpiry: {{kind: rolling, days: 60}}\nseed: 春\n"
        "tiers: [{id: old, levels: [{id: old, all: [{what: tenure, at_least: 1}]}]}]",
    ),
    "levels": (
        [
            "{id: spend, kind: spend, points: 2, per: 1}",
            "{id: luck, kind: surprise, points: 30, chance: 40, period: week}",
            "{id: level, kind: tier_bonus, tiers: sky, times: {gold: '1.2', star: '1.7'}, multiplies: [spend, luck]}",
            "{id: years, kind: tier_bonus, tiers: old, times: {old: 3}, multiplies: [luck], at_least: 30}",
            "{id: cake, kind: birthday_bonus, benefit: cake, multiplies: [spend, level]}",
        ],
        """
pending: {until: delivered, days: 7, at_once: 25, at_latest_days: 20}
expiry: {kind: activity, months: 1}
caps: [{per: member, period: day, most: 2000}]
tiers:
  - id: sky
    period: {kind: rolling, months: 1}
    down: {grace_days: 3, one_step: true, every_days: 5}
    levels:
      - {id: green}
      - {id: gold, any: [{what: spend, at_least: 90}, {what: orders, at_least: 3}]}
      - {id: star, all: [{what: spend, at_least: 150}]}
  - {id: old, period: {kind: calendar_quarter}, levels: [{id: old, all: [{what: spend, at_least: 120}]}]}
benefits: [{id: cake, kind: birthday_multiplier, times: "1.5", days: 30, for: [{tiers: sky, from: gold}]}]
""",
    ),
}


def a_shop(chance: Random, many: int = 60) -> list[int]:
    """Orders of all kinds by some people: discounts, parcels, what is not paid, what came back, what was called off."""
    bought = []
    for n in range(4):
        born(f"19{chance.randrange(60, 99)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}", ref=f"c{n}")
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
        "lots": "SELECT lot.subject, given.subject, lot.rule, lot.record_id, customer_id, entry.sequence, original,"
        " funding, partner, allocated_price_minor, price_currency, standalone_price, estimate_version, expiry_policy,"
        " earned_at, matures_at, expires_on, expires_at, lot.pending, lot.available, lot.held, spent, lapsed,"
        " taken_back, settled, short, owed, lot.rule_version FROM loyalty_lot AS lot"
        " JOIN loyalty_account AS account ON account.id = lot.account_id"
        " JOIN loyalty_entry AS entry ON entry.id = lot.origin_entry_id"
        " JOIN loyalty_earning AS given ON given.id = lot.earning_id ORDER BY 1, 3, 6",
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


@pytest.fixture(scope="module", params=a_few(1, range(often(3))))
def _shop(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[list[int]]:
    """Once for all that is done with it: its orders are told one by one, which takes longer than the tests."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield a_shop(Random(str(request.param)))
        transaction.set_rollback(True)


@pytest.fixture
def bought(_shop: list[int]) -> Iterator[list[int]]:
    """The orders of a shop; what a test does there is undone."""
    with transaction.atomic():
        yield _shop
        transaction.set_rollback(True)


@pytest.mark.usefixtures("bought")
@pytest.mark.parametrize("name", list(PROGRAMMES))
def test_by_columns_and_order_by_order_the_books_are_the_same(name, monkeypatch):
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


@pytest.mark.parametrize("size", [7, 1, 1000])
def test_blocks_have_all_of_a_customers_orders_and_say_of_them_what_kept_says(bought, size):
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
    some = kept_columns.stretch_end(0, len(bought) // 2, kept_columns.extent()[1])
    apart = [
        n
        for within in ((some, EVERYBODY[1]), (0, some))
        for block in kept_columns.blocks(size=size, within=within)
        for n in block.order.tolist()
    ]
    assert sorted(apart) == sorted(bought)
