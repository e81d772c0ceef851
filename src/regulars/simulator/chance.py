"""Randomness that is the same everywhere: named streams of uniform numbers and the few shapes built on them.

NumPy promises the raw output of PCG64 and of SeedSequence for good, but not what its `gamma` or `exponential` make of
it, and a machine's own `log` may differ in the last bit: enough to tip a rejection and change the rest of a world.
So everything here stands on raw bits and on the operations IEEE 754 rounds exactly: + - × ÷ and the square root.
"""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.random import PCG64, SeedSequence
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# ln 2 in two parts: the first has zeros at its end, so a whole number times it is exact.
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_SQRT_HALF = 0.7071067811865476


def log(x: Floats) -> Floats:
    """Natural logarithm of positive numbers, equal to the last bit on every machine; error below 2 ulp.

    Range reduction as in fdlibm, then the series of 2 artanh((m-1)/(m+1)).
    """
    m, e = np.frexp(x)
    small = m < _SQRT_HALF
    m = np.where(small, m * 2.0, m)
    e = e.astype(np.float64) - small
    f = (m - 1.0) / (m + 1.0)
    square = f * f
    series = np.full_like(f, 1.0 / 25.0)
    for odd in range(23, 0, -2):
        series = series * square + 1.0 / odd
    return np.asarray(e * _LN2_HIGH + (2.0 * f * series + e * _LN2_LOW))


def exp(x: Floats) -> Floats:
    """e to the power x for -700 < x < 700, equal to the last bit on every machine."""
    k = np.floor(x / 0.6931471805599453 + 0.5)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = np.ones_like(r)
    for n in range(18, 0, -1):
        series = series * r / n + 1.0
    return np.asarray(np.ldexp(series, k.astype(np.int64)))


@dataclass(frozen=True)
class Chance:
    """A seed by name. Its streams are independent, so a new one never disturbs what the old ones drew."""

    seed: str

    def stream(self, name: str) -> "Stream":
        digest = sha256(f"{self.seed}\0{name}".encode()).digest()
        return Stream(PCG64(SeedSequence(int.from_bytes(digest, "big"))))


class Stream:
    """Draws, in order, from one named stream. Arrays are of shape (n,)."""

    def __init__(self, bits: PCG64) -> None:
        self._bits = bits

    def uniform(self, n: int) -> Floats:
        """Multiples of 2^-53 strictly between 0 and 1, so a logarithm is always finite."""
        raw = np.asarray(self._bits.random_raw(n), dtype=np.uint64)
        return np.asarray(((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52)

    def below(self, limit: int | Ints, n: int) -> Ints:
        """Whole numbers from 0 to `limit` - 1."""
        return np.asarray(np.floor(self.uniform(n) * limit)).astype(np.int64)

    def pick(self, weights: tuple[int, ...] | Ints, n: int) -> Ints:
        """Indices into whole-number `weights`, each as likely as its weight."""
        ladder = np.cumsum(np.asarray(weights, dtype=np.int64))
        return np.searchsorted(ladder, self.below(int(ladder[-1]), n), side="right").astype(np.int64)

    def chance(self, permille: int | Ints, n: int) -> NDArray[np.bool_]:
        """True for `permille` in a thousand."""
        return np.asarray(self.uniform(n) * 1000.0 < permille)

    def exponential(self, n: int) -> Floats:
        """Waiting times with mean 1."""
        return -log(self.uniform(n))

    def normal(self, n: int) -> Floats:
        """Standard normal numbers by Marsaglia's polar method."""
        out = np.empty(0)
        while out.size < n:
            wanted = int((n - out.size) * 0.7) + 8
            a, b = self.uniform(wanted) * 2.0 - 1.0, self.uniform(wanted) * 2.0 - 1.0
            s = a * a + b * b
            inside = (s < 1.0) & (s > 0.0)
            a, b, s = a[inside], b[inside], s[inside]
            factor = np.sqrt(-2.0 * log(s) / s)
            out = np.concatenate([out, a * factor, b * factor])
        return out[:n]

    def gamma(self, shape: float, n: int) -> Floats:
        """Gamma numbers of the given shape and scale 1, by Marsaglia and Tsang (2000), ACM TOMS 26(3)."""
        lifted = shape if shape >= 1 else shape + 1.0
        d = lifted - 1.0 / 3.0
        c = 1.0 / np.sqrt(9.0 * d)
        out = np.empty(n)
        missing = np.arange(n)
        while missing.size:
            x = self.normal(missing.size)
            v = 1.0 + c * x
            v = v * v * v
            u = self.uniform(missing.size)
            positive = v > 0.0
            bound = 0.5 * x * x + d - d * v + d * log(np.where(positive, v, 1.0))
            accepted = positive & (log(u) < bound)
            out[missing[accepted]] = d * v[accepted]
            missing = missing[~accepted]
        if shape < 1:
            out = out * exp(np.maximum(log(self.uniform(n)) / shape, -690.0))
        return out

    def beta(self, a: float, b: float, n: int) -> Floats:
        """Beta numbers, as the share of one gamma number in two."""
        first, second = self.gamma(a, n), self.gamma(b, n)
        return np.asarray(first / (first + second))
