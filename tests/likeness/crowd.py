"""A crowd of customers of a shop with known duplicates, for measuring speed: names by their frequency, slips, moves."""

import numpy as np
import polars as pl

_SYLLABLES = ["an", "be", "chen", "da", "el", "fo", "gar", "hu", "is", "jo", "ka", "li", "mo", "na", "or", "pe", "ri"]


def crowd(number: int, again: float = 0.1, seed: int = 7) -> pl.DataFrame:
    """`number` records, of which about `again` tell somebody a second time, with a slip or two and things left out."""
    chance = np.random.default_rng(seed)
    first = int(number / (1 + again))
    names = np.array([f"{a}{b}{c}" for a in _SYLLABLES for b in _SYLLABLES for c in _SYLLABLES])
    popular = 1 / np.arange(1, len(names) + 1) ** 0.8
    popular /= popular.sum()
    days = (np.datetime64("1945-01-01") + chance.integers(0, 22_000, first)).astype(str)
    postcode = chance.integers(10_000, 13_000, first)
    given, family = chance.choice(names, first, p=popular), chance.choice(names[::-1], first, p=popular)
    homes = zip(chance.integers(1, 200, first), chance.choice(names, first), strict=True)
    people = pl.DataFrame(
        {
            "truth": np.arange(first),
            "given_name": given,
            "family_name": family,
            "birthday": days,
            "address": [f"{house} {street} street" for house, street in homes],
            "postcode": postcode.astype(str),
            "phone": chance.integers(10**8, 10**9, first).astype(str),
            "email": [f"{a}.{b}@example.com" for a, b in zip(given, chance.integers(0, 10**6, first), strict=True)],
        }
    )
    copies = people.sample(number - first, seed=seed)
    slipped = [
        pl.when(pl.Series(chance.random(len(copies)) < 0.15))
        .then(pl.col(name).str.slice(0, 2) + pl.col(name).str.slice(3))
        .otherwise(pl.col(name))
        .alias(name)
        for name in ("given_name", "family_name", "birthday", "address")
    ]
    lost = [
        pl.when(pl.Series(chance.random(len(copies)) < 0.4)).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("phone", "email", "birthday", "postcode")
    ]
    return pl.concat([people, copies.with_columns(slipped).with_columns(lost)]).sample(
        fraction=1, shuffle=True, seed=seed
    )
