"""Which pairs are worth comparing: those that share a block, by numbers alone, some at a time. Pure.

What records have in common stands as 64-bit hashes, eight bytes for each block, whatever the texts were. Their seed is
drawn anew in each process, so they are of no use to anybody but it.
"""

import secrets
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from regulars.facts.customers._comparing import Ints

Keys = npt.NDArray[np.uint64]

_SEED = secrets.randbits(63)
#: Pairs one block may ask for: at least so many, and so many for each record. Beyond, its largest groups are left out.
_LEAST_PAIRS, _PAIRS_A_RECORD = 5_000_000, 20


def hashed(texts: pl.Series) -> Keys:
    """A number for each text, the same for the same text within this process; 0 where there is none."""
    numbers = texts.hash(_SEED).to_numpy().astype(np.uint64)
    return np.where(texts.is_null().to_numpy(), np.uint64(0), np.maximum(numbers, np.uint64(1)))


def lots(keys: Sequence[Keys], most: Sequence[int], size: int) -> Iterator[tuple[Ints, Ints]]:
    """The pairs of records (places) that share a key, each once, the earlier record first, about `size` at a time.

    `keys` are those of each block; in a block that more than `most` records share, they make no pairs.
    """
    told: list[Keys] = []
    waiting: list[tuple[Ints, Ints]] = []
    count = 0
    for key, largest in zip(keys, most, strict=True):
        groups = _Groups(key, largest)
        for one, other in groups.pairs(size):
            fresh = np.ones(len(one), dtype=bool)
            for earlier in told:
                fresh &= (earlier[one] == 0) | (earlier[one] != earlier[other])
            waiting.append((one[fresh], other[fresh]))
            count += int(fresh.sum())
            if count >= size:
                yield _together(waiting)
                waiting, count = [], 0
        told.append(groups.usable())
    if count:
        yield _together(waiting)


def _together(parts: Sequence[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    return np.concatenate([one for one, _ in parts]), np.concatenate([other for _, other in parts])


class _Groups:
    """The records that share a key of one block, as far as the block is of use."""

    def __init__(self, key: Keys, most: int) -> None:
        self._key = key
        self._order = np.flatnonzero(key)[np.argsort(key[key != 0], kind="stable")].astype(np.int64)
        _, self._starts, self._counts = np.unique(key[self._order], return_index=True, return_counts=True)
        sizes = np.bincount(self._counts[(self._counts > 1) & (self._counts <= most)], minlength=2).astype(np.int64)
        asked = np.cumsum(sizes * np.arange(len(sizes)) * (np.arange(len(sizes)) - 1) // 2)
        allowed = asked <= max(_LEAST_PAIRS, _PAIRS_A_RECORD * len(key))
        self._sizes = [size for size in range(2, len(sizes)) if sizes[size] and allowed[size]]

    def usable(self) -> Keys:
        """The keys that made pairs; 0 for all others."""
        good = np.isin(self._counts, self._sizes)
        kept = np.zeros_like(self._key)
        places = self._order[np.repeat(good, self._counts)]
        kept[places] = self._key[places]
        return kept

    def pairs(self, size: int) -> Iterator[tuple[Ints, Ints]]:
        """Pairs within each group, groups of one size together, about `size` pairs at a time."""
        for number in self._sizes:
            starts = self._starts[self._counts == number]
            left, right = np.triu_indices(number, 1)
            step = max(1, size // len(left))
            for start in range(0, len(starts), step):
                # Sorted stably, so the earlier record comes first.
                members = self._order[starts[start : start + step, None] + np.arange(number)]
                yield members[:, left].ravel(), members[:, right].ravel()
