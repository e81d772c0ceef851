"""Decimals as scaled integers, exactly or not at all."""

import re
from decimal import Decimal

from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _

#: What a PostgreSQL bigint holds.
LARGEST = 2**63 - 1
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)
_LONGEST = 60


class NotANumber(Refusal):
    """The text is no plain decimal number."""

    code = "number.not_a_number"


class NotExact(Refusal, TypeError):
    """A float, which has already lost the exact value, or another type that is no number here."""

    code = "number.not_exact"


class TooFine(Refusal):
    """More decimals than the value can have."""

    code = "number.too_fine"


class TooLarge(Refusal):
    """Does not fit in 64 bits."""

    code = "number.too_large"


def refuse_too_large(scaled: int, field: str) -> int:
    """`scaled` itself when PostgreSQL can store it."""
    if not -LARGEST <= scaled <= LARGEST:
        raise TooLarge(
            _("%(field)s: %(value)s does not fit in 64 bits; split it or check the unit")
            % {"field": field, "value": scaled},
            field=field,
            value=scaled,
        )
    return scaled


def decimal(value: object, field: str) -> Decimal:
    """Plain decimal text (`-12.30`, ASCII digits, a point, no grouping, no exponent) or a finite Decimal."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST or not _NUMBER.fullmatch(text):
            raise NotANumber(
                _("%(field)s: %(value)r is not a plain number; write it like 1234.50, without grouping or signs")
                % {"field": field, "value": text[:_LONGEST]},
                field=field,
                value=text[:_LONGEST],
            )
        return Decimal(text)
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _LONGEST:
            raise NotANumber(
                _("%(field)s: %(value)s is not a usable number; give a finite one") % {"field": field, "value": value},
                field=field,
                value=str(value),
            )
        return value
    raise NotExact(
        f"{field}: {value!r} is a {type(value).__name__}; give text or a Decimal, which keep every digit",
        field=field,
        value=repr(value)[:_LONGEST],
    )


def scaled(value: object, places: int, field: str) -> int:
    """`value` times 10 to the `places`, refused when that is no whole number. Trailing zeros are no excess."""
    number = decimal(value, field)
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    whole = int("".join(map(str, digits)))
    shift = exponent + places
    if shift >= 0:
        whole *= 10**shift
    else:
        whole, lost = divmod(whole, 10**-shift)
        if lost:
            raise TooFine(
                _("%(field)s: %(value)s has more than %(places)s decimals; round it first, or check the currency")
                % {"field": field, "value": number, "places": places},
                field=field,
                value=str(number),
            )
    return refuse_too_large(-whole if sign else whole, field)


def unscaled(whole: int, places: int) -> Decimal:
    """The inverse of `scaled`, with exactly `places` decimals; no decimal context takes part."""
    return Decimal((whole < 0, tuple(map(int, str(abs(whole)))), -places))
