from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from regulars.facts.commerce.matching import MATCHES, PURCHASES, RETURNS, match

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)

moves = st.lists(
    st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(0, 6), st.integers(1, 5000), st.integers(0, 9999)),
    max_size=12,
)


def frame(rows, schema):
    return pl.DataFrame(rows, schema=schema, orient="row")


def by_hand(purchases, returns):
    """A queue of lots for each customer and product, walked in time, purchases before returns of the same instant."""
    lots = {}
    result = []
    events = [(p[3], 0, p[0], p) for p in purchases] + [(r[3], 1, r[0], r) for r in returns]
    for _, is_return, _, row in sorted(events, key=lambda event: event[:3]):
        queue = lots.setdefault((row[1], row[2]), [])
        if not is_return:
            queue.append([row[0], row[4]])
            continue
        done = 0
        while queue and done < row[4]:
            take = min(queue[0][1], row[4] - done)
            share = row[5] * (done + take) // row[4] - row[5] * done // row[4]
            result.append((row[0], queue[0][0], take, share))
            done += take
            queue[0][1] -= take
            if queue[0][1] == 0:
                queue.pop(0)
    return sorted(result)


@given(bought=moves, back=moves)
def test_the_sums_give_what_a_queue_of_lots_gives(bought, back):
    purchases = [(i, c, p, MONDAY + timedelta(hours=h), q) for i, (c, p, h, q, _) in enumerate(bought, 1)]
    returns = [(i, c, p, MONDAY + timedelta(hours=h), q, a) for i, (c, p, h, q, a) in enumerate(back, 1)]
    found = match(purchases=frame(purchases, PURCHASES), returns=frame(returns, RETURNS))
    assert found.schema == MATCHES
    assert sorted(found.rows()) == by_hand(purchases, returns)


def test_a_remainder_is_not_filled_by_what_priya_buys_later():
    purchases = [(1, 7, 1, MONDAY, 2000), (2, 7, 1, MONDAY + timedelta(days=2), 5000)]
    returns = [(1, 7, 1, MONDAY + timedelta(days=1), 3000, 900), (2, 7, 1, MONDAY + timedelta(days=3), 1000, 300)]
    found = match(purchases=frame(purchases, PURCHASES), returns=frame(returns, RETURNS))
    assert found.rows() == [(1, 1, 2000, 600), (2, 2, 1000, 300)]
