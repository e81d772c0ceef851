"""Where RFM scores begin, as plain values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cuts:
    """`recency_days`: days since the last purchase after which the score falls to 4, 3, 2 and 1. `regular_days`: days
    with a purchase from which a regular scores 4, and 5. `money_minor`: net spend from which the score is 2, 3, 4, 5.

    Each rises; empty where scores go by the customers' places among each other.
    """

    recency_days: tuple[int, ...] = ()
    regular_days: tuple[int, ...] = ()
    money_minor: tuple[int, ...] = ()


#: By the customers' places, all three.
BY_PLACE = Cuts()
