"""Stock: the last word of its source, and never more held than is there."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count

import polars as pl
import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.facts.commerce import bundles, holds, shelves, stock, variants
from regulars.facts.commerce.holds import Wanted
from regulars.facts.commerce.models import Hold, Stock
from regulars.facts.commerce.stock import STOCK, StockReport
from regulars.facts.commerce.tests.builders import DAY, MAREK, MONDAY
from regulars.facts.commerce.tests.test_order_races import together
from regulars.facts.company import stores
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail
from tests.often import often

HOUR = timedelta(hours=1)


def there_are(on_hand, *, of="coat", store="S1", told=None, at=MONDAY, **more) -> tuple[int, int]:
    report = StockReport("shop", of, store, Decimal(on_hand), source_updated_at=told, **more)
    done = stock.record(report=report, at=at, by=MAREK)
    return done.ids["1"], stores.by_code(store).id


def keep(pair, quantity="1", *, key="basket", at=MONDAY, until=None, **more) -> holds.Hold:
    wanted = [Wanted(*pair, Decimal(quantity))]
    return holds.hold(wanted=wanted, key=key, expires_at=until or at + HOUR, at=at, by=MAREK, **more)


def free(pair, at=MONDAY) -> Decimal:
    return stock.available(variant=pair[0], store=pair[1], at=at)


@pytest.mark.django_db
def test_what_its_shop_has_reserved_cannot_be_had():
    coat = there_are(5, reserved=Decimal(3), told=MONDAY)
    assert free(coat) == 2
    keep(coat, "1")
    [level] = stock.levels_of([coat[0]], at=MONDAY)[coat[0]]
    assert (level.on_hand, level.reserved, level.held, level.available) == (5, 3, 1, 1)
    with pytest.raises(holds.NotEnough) as refused:
        keep(coat, "2", key="wei")
    assert refused.value.facts["available"] == "1.000"
    # The same goods on the shelf, and more of them sold: that is another level, and tells no movement.
    there_are(5, reserved=Decimal(4), told=MONDAY + HOUR)
    assert free(coat) == 0
    assert len(stock.movements(variant=coat[0], store=coat[1])) == 1
    assert shelves.summary(store=coat[1]).sold_out == 1
    # Sent off: it left both.
    there_are(1, told=MONDAY + 2 * HOUR)
    assert free(coat) == 0
    with pytest.raises(stock.BadQuantity):
        there_are(5, reserved=Decimal(-1), told=MONDAY + 3 * HOUR)


@pytest.mark.django_db
def test_priya_keeps_the_last_coat_and_wei_cannot() -> None:
    coat = there_are(3)
    basket = keep(coat, "2")
    assert keep(coat, "2") == basket
    assert free(coat) == 1
    with pytest.raises(holds.NotEnough) as refused:
        keep(coat, "2", key="wei")
    assert refused.value.facts["available"] == "1.000"
    assert "2 of coat are wanted and 1 can be had in S1" in refused.value.message
    sold = holds.capture(hold=basket.id, at=MONDAY, by=MAREK)
    assert holds.capture(hold=basket.id, at=MONDAY, by=MAREK) == sold
    assert free(coat) == 1
    with pytest.raises(holds.HoldIsOver):
        holds.release(hold=basket.id, at=MONDAY, by=MAREK)
    assert [move.why for move in stock.movements(variant=coat[0], store=coat[1])] == ["captured", "told"]
    assert [line.verb for line in trail.of(f"hold:{basket.id}")] == ["commerce.holds.capture", "commerce.holds.hold"]


@pytest.mark.django_db
def test_what_nobody_came_for_is_free_at_once_and_swept_later() -> None:
    coat = there_are(1)
    basket = keep(coat)
    assert (free(coat), free(coat, MONDAY + HOUR)) == (0, 1)
    with pytest.raises(holds.HoldIsOver):
        holds.capture(hold=basket.id, at=MONDAY + HOUR, by=MAREK)
    assert keep(coat, key="wei", at=MONDAY + HOUR).state == "held"
    assert holds.by_public_id(basket.public_id).state == "expired"
    assert holds.expire_due(at=MONDAY + DAY, by=MAREK) == 1
    assert holds.expire_due(at=MONDAY + DAY, by=MAREK) == 0
    assert free(coat) == 1


@pytest.mark.django_db
def test_all_of_a_basket_or_nothing_and_of_a_bundle_its_parts() -> None:
    coat, scarf = there_are(5), there_are(1, of="scarf")
    number = variants.resolve_many(namespace="shop", told={"winter": None}, at=MONDAY, by=MAREK)["winter"][0]
    for _ in range(2):
        bundles.compose(bundle=number, parts={coat[0]: Decimal(2), scarf[0]: Decimal(1)}, at=MONDAY, by=MAREK)
    assert len(trail.of(f"variant:{number}")) == 1
    winter = (number, coat[1])
    assert free(winter) == 1
    with pytest.raises(holds.NotEnough):
        keep(winter, "2")
    assert free(coat) == 5
    assert {(line.variant, line.quantity) for line in keep(winter).lines} == {(coat[0], 2), (scarf[0], 1)}
    assert (free(coat), free(scarf), free(winter)) == (3, 0, 0)
    with pytest.raises(bundles.BadBundle):
        bundles.compose(bundle=coat[0], parts={number: Decimal(1)}, at=MONDAY, by=MAREK)


@pytest.mark.django_db
def test_a_source_decides_what_is_there_also_below_what_is_held() -> None:
    coat = there_are(5, told=MONDAY)
    keep(coat, "4")
    there_are(2, told=MONDAY + HOUR)
    assert free(coat) == -2
    with pytest.raises(holds.NotEnough):
        keep(coat, key="wei")
    there_are(2, told=MONDAY + DAY, may_oversell=True)
    assert keep(coat, "7", key="wei").state == "held"
    Stock.objects.filter(variant_id=coat[0]).update(may_oversell=False)
    with pytest.raises(DatabaseError), transaction.atomic():
        Stock.objects.filter(variant_id=coat[0]).update(held=100)


@pytest.mark.django_db
def test_what_a_source_did_not_know_yet_is_taken_off_what_it_told() -> None:
    coat = there_are(5, told=MONDAY)
    holds.capture(hold=keep(coat, "2", at=MONDAY + 2 * HOUR).id, at=MONDAY + 2 * HOUR, by=MAREK)
    there_are(6, told=MONDAY + HOUR)
    assert free(coat) == 4
    there_are(6, told=MONDAY + 3 * HOUR)
    assert free(coat) == 6


@pytest.mark.django_db
def test_only_a_later_word_or_a_higher_version_replaces_a_level() -> None:
    def told(on_hand: int, when: datetime | None = None, version: int | None = None) -> str:
        try:
            report = StockReport("shop", "coat", "S1", Decimal(on_hand), source_updated_at=when, version=version)
            done = stock.record(report=report, at=MONDAY, by=MAREK)
        except Refusal as refusal:
            return refusal.code
        return "new" if done.new else "changed" if done.changed else "same"

    assert [told(5, MONDAY), told(5, MONDAY), told(6, MONDAY - HOUR)] == ["new", "same", "stock.stale"]
    assert [told(6, MONDAY), told(7, MONDAY + HOUR, 4)] == ["stock.conflict", "changed"]
    assert [told(8, MONDAY + DAY, 3), told(9, MONDAY, 5), told(9, MONDAY, 5)] == ["stock.stale", "changed", "same"]
    with pytest.raises(stock.BadQuantity):
        stock.record(report=StockReport("shop", "coat", "S1", Decimal("NaN")), at=MONDAY, by=MAREK)


_LEVELS = st.lists(
    st.tuples(st.sampled_from(["coat", "scarf"]), st.integers(-2, 9), st.integers(0, 20)),
    min_size=1,
    max_size=12,
    unique_by=lambda one: (one[0], one[2]),
)


@pytest.mark.django_db
@settings(max_examples=often(5), deadline=None)
@given(told=_LEVELS, sold=st.integers(0, 20), seed=st.randoms())
def test_levels_come_to_the_same_in_whatever_order_they_arrive(
    told: list[tuple[str, int, int]], sold: int, seed: random.Random
) -> None:
    def bring_in(rows: list[tuple[str, int, int]], size: int) -> list[Decimal]:
        with transaction.atomic():
            pair = there_are(9, told=MONDAY - DAY)
            when = MONDAY + sold * HOUR
            one = keep(pair, "1", key="first", at=when)
            holds.capture(hold=one.id, at=when, by=MAREK)
            for start in range(0, len(rows), size):
                batch = pl.DataFrame(
                    [
                        {
                            "ref": str(n),
                            "variant_ref": of,
                            "store": "S1",
                            "on_hand": Decimal(many),
                            "source_updated_at": MONDAY + hours * HOUR,
                        }
                        for n, (of, many, hours) in enumerate(rows[start : start + size])
                    ],
                    schema=STOCK,
                )
                stock.record_many(namespace="shop", told=batch, at=MONDAY, by=MAREK, origin="history")
            found = sorted(Stock.objects.values_list("variant__ref", "on_hand", "told_at"))
            transaction.set_rollback(True)
        return found

    shuffled = list(told)
    seed.shuffle(shuffled)
    assert bring_in(told, 1) == bring_in(shuffled, 5)


_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["hold", "hold", "hold", "capture", "release", "later", "expire", "told"]),
        st.integers(0, 5),
        st.integers(1, 4),
    ),
    max_size=25,
)


@pytest.mark.django_db
@settings(max_examples=often(6), deadline=None)
@given(acts=_ACTS)
def test_never_more_is_held_than_is_there(acts: list[tuple[str, int, int]]) -> None:
    with transaction.atomic():
        coat, now, keys = there_are(6, told=MONDAY), MONDAY, count()
        floor = Decimal(6)
        for what, which, many in acts:
            alive = list(Hold.objects.order_by("id"))
            try:
                if what == "hold":
                    keep(coat, str(many), key=str(next(keys)), at=now, until=now + (which + 1) * HOUR)
                elif what in {"capture", "release"} and alive:
                    getattr(holds, what)(hold=alive[which % len(alive)].id, at=now, by=MAREK)
                elif what == "later":
                    now += many * HOUR
                elif what == "expire":
                    holds.expire_due(at=now, by=MAREK)
                elif what == "told":
                    # More than before: a source may tell of fewer than are held, and its word stands.
                    now += HOUR
                    there_are(int(Stock.objects.get().on_hand) + many, told=now, at=now)
            except (holds.NotEnough, holds.HoldIsOver):
                pass  # A refusal is an answer here; what must hold after it is asked below.
            row = Stock.objects.get()
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT COALESCE(sum(line.quantity), 0) FROM commerce_hold_line AS line"
                    " JOIN commerce_hold AS hold ON hold.id = line.hold_id WHERE hold.state = 'held'"
                )
                assert cursor.fetchone() == (row.held,)
            assert 0 <= row.held <= row.on_hand
            assert free(coat, now) >= row.on_hand - row.held >= 0
            floor = min(floor, row.on_hand)
        transaction.set_rollback(True)


def test_six_want_the_last_three_at_once_and_three_get_them(fresh_database) -> None:
    coat, scarf = there_are(3), there_are(30, of="scarf")
    keys = count()

    def one() -> str:
        goods = [Wanted(*coat, Decimal(1)), Wanted(*scarf, Decimal(1))]
        random.shuffle(goods)
        try:
            done = holds.hold(wanted=goods, key=f"k{next(keys)}", expires_at=MONDAY + HOUR, at=MONDAY, by=MAREK)
            return done.state
        except holds.NotEnough:
            return "none"

    assert sorted(together(one)) == ["held"] * 3 + ["none"] * 3
    same = together(lambda: keep(scarf, "2", key="pressed too often"))
    assert len({one.id for one in same}) == 1
    assert (free(coat), free(scarf)) == (0, 25)


@pytest.mark.django_db
@pytest.mark.parametrize("quantity", ["0", "-1", "0.0001", "NaN"])
def test_no_quantity_is_refused(quantity: str) -> None:
    with pytest.raises(holds.BadHold):
        keep((1, 1), quantity)


@pytest.mark.django_db
def test_asking_for_many_is_two_queries(django_assert_num_queries) -> None:
    coat = there_are(3)
    with django_assert_num_queries(2):
        assert stock.available_many([coat, (coat[0], 0)], at=MONDAY) == {coat: 3, (coat[0], 0): 0}
    with django_assert_num_queries(1):
        assert [level.available for level in stock.levels_of([coat[0]], at=MONDAY)[coat[0]]] == [3]
