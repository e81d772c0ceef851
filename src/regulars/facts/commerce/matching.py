"""Which purchases a return came from: first in, first out. Pure. docs/algorithms/return-matching.md says how."""

import numpy as np
import polars as pl

#: Quantities are whole thousandths here, so that all sums are exact.
THOUSANDTHS = 1000

#: Columns of both arguments of `match`, and their types.
PURCHASES = pl.Schema(
    {
        "id": pl.Int64(),
        "customer": pl.Int64(),
        "product": pl.Int64(),
        "at": pl.Datetime("us", "UTC"),
        "quantity": pl.Int64(),
    }
)
RETURNS = pl.Schema({**PURCHASES, "amount_minor": pl.Int64()})
MATCHES = pl.Schema(
    {"return_id": pl.Int64(), "purchase_id": pl.Int64(), "quantity": pl.Int64(), "amount_minor": pl.Int64()}
)


def match(*, purchases: pl.DataFrame, returns: pl.DataFrame) -> pl.DataFrame:
    """Match each return to its customer's purchases of that product made no later, oldest first.

    `purchases` has the columns of PURCHASES, `returns` those of RETURNS; quantities are positive thousandths, ids break
    ties between equal instants. A return that finds too little keeps an unmatched remainder, which later purchases do
    not fill. The result has MATCHES: one row for each pair that shares something; amounts are whole minor units and add
    up to the return's amount where it is matched in full, else to its share rounded down.

    With R the returned and P the purchased quantity so far, the matched quantity after return k is
    M_k = min(M_{k-1} + r_k, P(t_k)), which unrolls to R_k + min(0, min over j <= k of P(t_j) - R_j).
    """
    pair = ["customer", "product"]
    purchases = purchases.filter(pl.col("quantity") > 0).sort([*pair, "at", "id"])
    returns = returns.filter(pl.col("quantity") > 0).sort([*pair, "at", "id"])
    if purchases.is_empty() or returns.is_empty():
        return pl.DataFrame(schema=MATCHES)
    bought = purchases.with_columns(
        until=pl.col("quantity").cum_sum().over(pair), overall=pl.col("quantity").cum_sum()
    ).with_columns(before_pair=pl.col("overall") - pl.col("until"))
    came_back = (
        returns.join_asof(
            bought.select([*pair, "at", "until"]).group_by([*pair, "at"], maintain_order=True).last(),
            on="at",
            by=pair,
            check_sortedness=False,
        )
        .join(bought.group_by(pair).agg(pl.col("before_pair").first()), on=pair, how="inner")
        .sort([*pair, "at", "id"])
        .with_columns(bought_by_then=pl.col("until").fill_null(0), returned=pl.col("quantity").cum_sum().over(pair))
        .with_columns(room=(pl.col("bought_by_then") - pl.col("returned")).cum_min().over(pair).clip(upper_bound=0))
        .with_columns(matched=pl.col("returned") + pl.col("room"))
        .with_columns(already=pl.col("matched").shift(1, fill_value=0).over(pair))
        .filter(pl.col("matched") > pl.col("already"))
    )
    if came_back.is_empty():
        return pl.DataFrame(schema=MATCHES)
    ends = bought["overall"].to_numpy()
    starts = ends - bought["quantity"].to_numpy()
    base = came_back["before_pair"].to_numpy()
    low, high = base + came_back["already"].to_numpy(), base + came_back["matched"].to_numpy()
    first = np.searchsorted(ends, low, side="right")
    after_last = np.searchsorted(starts, high, side="left")
    count = after_last - first
    which_return = np.repeat(np.arange(len(low)), count)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    which_purchase = first[which_return] + offset
    begin = np.maximum(starts[which_purchase], low[which_return]) - low[which_return]
    end = np.minimum(ends[which_purchase], high[which_return]) - low[which_return]
    whole = came_back["quantity"].to_list()
    amounts = came_back["amount_minor"].to_list()
    # Python's integers: amount times thousandths may pass 64 bits.
    shares = [
        amounts[row] * int(to) // whole[row] - amounts[row] * int(start) // whole[row]
        for row, start, to in zip(which_return.tolist(), begin.tolist(), end.tolist(), strict=True)
    ]
    return pl.DataFrame(
        {
            "return_id": came_back["id"].to_numpy()[which_return],
            "purchase_id": bought["id"].to_numpy()[which_purchase],
            "quantity": end - begin,
            "amount_minor": shares,
        },
        schema=MATCHES,
    )
