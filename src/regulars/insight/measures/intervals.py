"""How sure a share is."""

from math import sqrt

#: The two-sided 95 % point of the normal distribution.
Z95 = 1.959963984540054


def wilson(count: int, of: int) -> tuple[float, float]:
    """The 95 % score interval of a share, both ends in 0..1; (0, 1) where nothing was seen.

    E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22, 209-212.
    """
    if of == 0:
        return 0.0, 1.0
    share, z2 = count / of, Z95 * Z95
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z95 * sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return (0.0 if count == 0 else max(0.0, middle - half)), (1.0 if count == of else min(1.0, middle + half))
