"""Barcodes that mean the same everywhere: GTIN-8, UPC-A, EAN-13 and GTIN-14, by their check digit. Pure."""

_LENGTHS = frozenset((8, 12, 13, 14))


def gtin(text: str) -> str | None:
    """The barcode as 14 digits, or None where it is none of the world's (a shop's own code, a digit mistyped).

    Check digit after the GS1 General Specifications, 7.9: from the right, weights 3 and 1 in turn, up to ten.
    """
    digits = text.strip().replace(" ", "").replace("-", "")
    if len(digits) not in _LENGTHS or not (digits.isascii() and digits.isdigit()) or not digits.strip("0"):
        return None
    full = digits.zfill(14)
    weighed = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(full[:13]))
    return full if (10 - weighed % 10) % 10 == int(full[13]) else None
