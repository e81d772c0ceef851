"""When each shopper buys: the purchase process, in shop time.

Two textbook processes. *Pareto/NBD* (Schmittlein, Morrison & Colombo 1987): while alive, purchases come at random at a
personal rate; the lifetime is exponential at a personal rate. *BG/NBD* (Fader, Hardie & Lee 2005): after each repeat
purchase a shopper leaves with a personal probability. Rates are gamma, probabilities beta distributed over people.

Shop time is civil time stretched by the season (`seasons.py`), in days: so the season changes when purchases fall
and never what the theory says about their number.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from regulars.simulator.chance import Chance, Floats, Ints


@dataclass(frozen=True)
class Process:
    """Parameters; `alpha_days`, `beta_days` in days of shop time. The mean rate is r / alpha_days purchases a day."""

    kind: Literal["pareto_nbd", "bg_nbd"] = "pareto_nbd"
    r: float = 0.6
    alpha_days: float = 30.0
    s: float = 0.7
    beta_days: float = 120.0
    a: float = 0.8
    b: float = 5.0


@dataclass(frozen=True)
class Purchases:
    """Arrays over shoppers (n,) and over purchases (m,), the latter by round, then by shopper.

    `gone_at` is the end of the lifetime, infinite where the shopper outlives `days`; all instants in shop days.
    """

    arrived_at: Floats
    rate: Floats
    gone_at: Floats
    shopper: Ints
    at: Floats


def purchases(*, process: Process, shoppers: int, days: float, chance: Chance) -> Purchases:
    """Every purchase of `shoppers` people in [0, days): the first at their arrival, uniform over the window."""
    arrived = chance.stream("arrival").uniform(shoppers) * days
    rate = np.maximum(chance.stream("rate").gamma(process.r, shoppers) / process.alpha_days, 1e-12)
    leaving = chance.stream("leaving")
    if process.kind == "pareto_nbd":
        death_rate = np.maximum(leaving.gamma(process.s, shoppers) / process.beta_days, 1e-12)
        gone_at = arrived + leaving.exponential(shoppers) / death_rate
        leaves_after = np.zeros(shoppers)
    else:
        gone_at = np.full(shoppers, np.inf)
        leaves_after = leaving.beta(process.a, process.b, shoppers)

    buying = chance.stream("purchases")
    who, at = [np.arange(shoppers, dtype=np.int64)], [arrived]
    active, clock = who[0], arrived
    while active.size:
        clock = clock + buying.exponential(active.size) / rate[active]
        goes_on = (clock < gone_at[active]) & (clock < days)
        active, clock = active[goes_on], clock[goes_on]
        who.append(active)
        at.append(clock)
        if process.kind == "bg_nbd":
            left = buying.uniform(active.size) < leaves_after[active]
            gone_at[active[left]] = clock[left]
            active, clock = active[~left], clock[~left]
    return Purchases(
        arrived_at=arrived,
        rate=rate,
        gone_at=np.where(gone_at < days, gone_at, np.inf),
        shopper=np.concatenate(who),
        at=np.concatenate(at),
    )
