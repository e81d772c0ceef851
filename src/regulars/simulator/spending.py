"""What the shop spends to win its newcomers: a file by month and channel, as who buys advertising keeps it."""

import numpy as np
import polars as pl

from regulars.simulator.catalogue import STORE, WEB
from regulars.simulator.chance import Chance
from regulars.simulator.world import World

#: Of what is sold, the part that is left once goods are paid.
MARGIN_PERCENT = 46
#: In whole units of money, for each newcomer: from so much, so many different amounts.
_EACH = {WEB: (70, 60), STORE: (25, 20)}
#: What is paid in any month, whoever comes.
_FIXED = {WEB: 400, STORE: 150}


def cost_frame(world: World) -> pl.DataFrame:
    """One row a month and channel: `month` (YYYY-MM), `channel`, `amount` with two decimals."""
    orders = world.orders
    _, first = np.unique(orders.shopper, return_index=True)
    first = first[~world.shoppers.is_guest[orders.shopper[first]]]
    newcomers = (
        pl.DataFrame({"day": orders.day[first], "is_web": orders.store[first] < 0})
        .select(
            month=(pl.lit(world.plan.start) + pl.duration(days="day")).dt.strftime("%Y-%m"),
            channel=pl.when("is_web").then(pl.lit(WEB)).otherwise(pl.lit(STORE)),
        )
        .group_by("month", "channel")
        .len()
        .sort("month", "channel")
    )
    dearer = Chance(world.plan.seed).stream("costs").uniform(newcomers.height).tolist()
    spent = [
        _FIXED[channel] + many * (_EACH[channel][0] + round(share * _EACH[channel][1]))
        for (_, channel, many), share in zip(newcomers.iter_rows(), dearer, strict=True)
    ]
    return newcomers.select("month", "channel", amount=pl.Series([f"{one}.00" for one in spent]))
