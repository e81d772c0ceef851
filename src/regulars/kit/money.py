"""Money: a whole number of minor units and a currency. No floats, no silent rounding, no mixing of currencies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

from regulars.kit._exact import NotExact, decimal, refuse_too_large, scaled, unscaled
from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _

#: ISO 4217 alphabetic codes by the number of digits after the point of their minor unit.
#: Funds, metals and testing codes are left out: nobody pays with them.
_CODES_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF"
        " CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL"
        " HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP"
        " MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD"
        " SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS"
        " VED VES WST XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS = {code: digits for digits, codes in _CODES_BY_EXPONENT.items() for code in codes.split()}

_WIDE = Context(prec=120)


class UnknownCurrency(Refusal):
    """Not an ISO 4217 code of money people pay with."""

    code = "money.unknown_currency"


class MixedCurrencies(Refusal):
    """Two currencies in one sum or comparison."""

    code = "money.mixed_currencies"


class NoWeights(Refusal):
    """Nothing to allocate by: no weights, only zeros, or a negative one."""

    code = "money.no_weights"


def currencies() -> frozenset[str]:
    """Every code that is accepted."""
    return frozenset(_EXPONENTS)


def exponent(currency: str) -> int:
    """Digits after the point of the currency's minor unit: 2 for GBP and CNY, 0 for JPY, 3 for KWD."""
    try:
        return _EXPONENTS[currency]
    except (KeyError, TypeError):
        tidy = currency.strip().upper() if isinstance(currency, str) else ""
        mend = (
            _("write %(code)s") % {"code": tidy}
            if tidy in _EXPONENTS
            else _("use a three-letter ISO 4217 code such as CNY, GBP or USD")
        )
        shown = str(currency)[:20]
        raise UnknownCurrency(
            _("currency: %(value)r is unknown; %(mend)s") % {"value": shown, "mend": mend},
            field="currency",
            value=shown,
        ) from None


def to_minor(amount: Decimal, currency: str, rounding: str = ROUND_HALF_UP) -> int:
    """`amount` in major units as whole minor units, rounded where it is finer than the currency.

    The default rounds halves away from zero, also below zero: 0.125 GBP is 13, -0.125 is -13. That is what PostgreSQL's
    `round(numeric)` does, so bulk code that must agree with this writes `round(amount * 10 ^ exponent)` on `numeric`,
    and code on scaled integers adds half a unit to the magnitude before it cuts. Never round a binary float.
    An order line is rounded once, after quantity times unit price; sums are sums of rounded lines.
    """
    shifted = decimal(amount, "amount").scaleb(exponent(currency), context=_WIDE)
    return refuse_too_large(int(shifted.to_integral_value(rounding=rounding, context=_WIDE)), "amount")


def text(minor: int, currency: str) -> str:
    """What `str(Money(minor, currency))` says, of an amount that was checked before: for what is said of millions."""
    digits = exponent(currency)
    if not digits:
        return f"{minor} {currency}"
    whole, part = divmod(abs(minor), 10**digits)
    return f"{'-' if minor < 0 else ''}{whole}.{part:0{digits}d} {currency}"


def texts(minors: Iterable[int], currency: str) -> list[str]:
    """`text` of each."""
    digits = exponent(currency)
    unit = 10**digits
    ends = [f".{part:0{digits}d} {currency}" if digits else f" {currency}" for part in range(unit)]
    return [f"{one // unit}{ends[one % unit]}" if one >= 0 else text(one, currency) for one in minors]


@dataclass(frozen=True)
class Money:
    """`minor` units of `currency`: Money(1234, "GBP") is 12.34 pounds, Money(1234, "JPY") is 1234 yen."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)
        if type(self.minor) is not int:
            raise NotExact(
                f"minor: {self.minor!r} is no whole number of minor units; use Money.of for amounts with a point",
                field="minor",
                value=repr(self.minor),
            )
        refuse_too_large(self.minor, "minor")

    @classmethod
    def of(cls, amount: str | Decimal, currency: str) -> "Money":
        """Exactly `amount` major units; refused when it has more decimals than the currency, or is a float."""
        return cls(scaled(amount, exponent(currency), "amount"), currency)

    @classmethod
    def zero(cls, currency: str) -> "Money":
        """Nothing, of a currency."""
        return cls(0, currency)

    @property
    def decimal(self) -> Decimal:
        """Major units, with exactly the currency's decimals."""
        return unscaled(self.minor, exponent(self.currency))

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"

    def __bool__(self) -> bool:
        return self.minor != 0

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._alike(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._alike(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __abs__(self) -> "Money":
        return Money(abs(self.minor), self.currency)

    def __mul__(self, times: int) -> "Money":
        if type(times) is not int:
            raise NotExact(
                f"times: {times!r} is no whole number; use scaled_by, which says how it rounds",
                field="times",
                value=repr(times),
            )
        return Money(self.minor * times, self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self._alike(other)

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self._alike(other)

    def __gt__(self, other: "Money") -> bool:
        return self.minor > self._alike(other)

    def __ge__(self, other: "Money") -> bool:
        return self.minor >= self._alike(other)

    def scaled_by(self, factor: Decimal, rounding: str = ROUND_HALF_UP) -> "Money":
        """Times a decimal factor (a rate, a percentage), rounded to whole minor units; halves go away from zero."""
        product = _WIDE.multiply(Decimal(self.minor), decimal(factor, "factor"))
        return Money(int(product.to_integral_value(rounding=rounding, context=_WIDE)), self.currency)

    def allocate(self, weights: Sequence[int | Decimal]) -> tuple["Money", ...]:
        """Shares in proportion to `weights` that add up to the whole, by largest remainder, earlier ones first.

        Each share is within one minor unit of its exact part; a weight of zero gets nothing; the shares of the negated
        whole are the negated shares, so a refund mirrors its sale.
        """
        exact = [_weight(weight) for weight in weights]
        total = sum(exact, Fraction(0))
        if total == 0:
            raise NoWeights(_("weights: nothing to allocate by; give at least one weight above zero"), field="weights")
        whole = abs(self.minor)
        parts = [whole * weight / total for weight in exact]
        shares = [int(part) for part in parts]
        left_over = whole - sum(shares)
        by_remainder = sorted(range(len(parts)), key=lambda position: shares[position] - parts[position])
        for position in by_remainder[:left_over]:
            shares[position] += 1
        sign = -1 if self.minor < 0 else 1
        return tuple(Money(sign * share, self.currency) for share in shares)

    def _alike(self, other: "Money") -> int:
        if not isinstance(other, Money):
            raise NotExact(
                f"{other!r} is no Money; add and compare money with money only", field="other", value=repr(other)[:60]
            )
        if other.currency != self.currency:
            raise MixedCurrencies(
                _("currency: %(other)s cannot be added to or compared with %(own)s; convert one first")
                % {"other": other.currency, "own": self.currency},
                field="currency",
                value=other.currency,
            )
        return other.minor


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum; nothing of `currency` when there are none."""
    result = Money.zero(currency)
    for amount in amounts:
        result += amount
    return result


def _weight(weight: int | Decimal) -> Fraction:
    if isinstance(weight, bool) or not isinstance(weight, int | Decimal):
        raise NotExact(
            f"weights: {weight!r} is not exact; give whole numbers or Decimals", field="weights", value=repr(weight)
        )
    exact = Fraction(decimal(weight, "weights") if isinstance(weight, Decimal) else weight)
    if exact < 0:
        raise NoWeights(
            _("weights: %(value)s is below zero; give zero or more") % {"value": weight},
            field="weights",
            value=str(weight),
        )
    return exact
