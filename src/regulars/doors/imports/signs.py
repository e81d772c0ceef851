"""Currency signs in cells of amounts: what they may mean, and what that says of a file without a currency column. Pure.

A sign is never thrown away: it names its row's currency, or contradicts the one that is told and keeps the row out.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from django.utils.translation import gettext

from regulars.kit import money

_DOLLARS = ("USD", "CAD", "AUD", "NZD", "HKD", "SGD", "TWD", "MXN", "CLP", "COP", "ARS", "BND", "FJD", "JMD", "TTD")
#: What each sign fits, what it most often means first. Beside these, every ISO 4217 code is a sign of its own.
_SIGNS: Mapping[str, tuple[str, ...]] = {
    "$": _DOLLARS,
    "＄": _DOLLARS,
    **{f"{before}$": (code,) for before, code in (("US", "USD"), ("HK", "HKD"), ("NT", "TWD"), ("C", "CAD"))},
    **{f"{before}$": (code,) for before, code in (("CA", "CAD"), ("A", "AUD"), ("AU", "AUD"), ("NZ", "NZD"))},
    **{f"{before}$": (code,) for before, code in (("S", "SGD"), ("R", "BRL"), ("MX", "MXN"), ("MOP", "MOP"))},
    "£": ("GBP", "EGP", "GIP", "FKP", "SHP", "LBP"),
    "￡": ("GBP",),
    "€": ("EUR",),
    "欧元": ("EUR",),
    "¥": ("CNY", "JPY"),
    "￥": ("CNY", "JPY"),
    "CN¥": ("CNY",),
    "JP¥": ("JPY",),
    "RMB": ("CNY",),
    "元": ("CNY", "TWD", "HKD", "MOP"),
    "块": ("CNY",),
    "人民币": ("CNY",),
    "円": ("JPY",),
    "日元": ("JPY",),
    "美元": ("USD",),
    "港元": ("HKD",),
    "港币": ("HKD",),
    "英镑": ("GBP",),
    "₩": ("KRW",),
    "₹": ("INR",),
    "₽": ("RUB",),
    "₫": ("VND",),
    "฿": ("THB",),
    "₺": ("TRY",),
    "₴": ("UAH",),
    "₪": ("ILS",),
    "₱": ("PHP",),
    "zł": ("PLN",),
    "Kč": ("CZK",),
    "kr": ("SEK", "NOK", "DKK", "ISK"),
    "kr.": ("DKK", "SEK", "NOK", "ISK"),
}
_GUESSES = frozenset(("$", "＄", "¥", "￥", "kr", "kr."))
_YEN = frozenset(("¥", "￥"))
_CHINA = frozenset(("Asia/Shanghai", "Asia/Urumqi", "Asia/Chongqing", "Asia/Harbin", "PRC"))

_ANY = "|".join(map(re.escape, sorted((*_SIGNS, *money.currencies()), key=len, reverse=True)))
_BEFORE = rf"^([-+−(（]?)\s*(?i:({_ANY}))\s*([-+−(（]?\s*[.,\d])"
_BEHIND = rf"([\d.,][)）]?)\s*(?i:({_ANY}))\s*([)）-]?)$"
_FOLDED = {sign.casefold(): fits for sign, fits in _SIGNS.items()}
#: In a column of currencies, where there is room for the code: signs that name one currency beyond doubt, in capitals.
#: The pound is Britain's there; others who call theirs so write its code.
NAMES_ONE: Mapping[str, str] = {
    **{sign.upper(): fits[0] for sign, fits in _SIGNS.items() if len(fits) == 1},
    "£": "GBP",
}
#: What plain numbers are made of.
_ODD = "[^0-9.,+\\- ]"


def are_in(column: pl.Series) -> bool:
    """Whether any cell has more than a plain number: only then is it worth looking for signs."""
    return column.dtype == pl.String and bool(column.str.contains(_ODD).any())


def fits(sign: str) -> tuple[str, ...]:
    """The currencies a sign may mean, or two in one cell together; none where they contradict each other."""
    first, *others = (_FOLDED.get(part.casefold(), (part.upper(),)) for part in sign.split())
    return tuple(code for code in first if all(code in other for other in others))


def sign_in(column: pl.Expr) -> pl.Expr:
    """The currency sign of an amount's text, null without one; both of two that stand before and behind."""
    told = [column.str.extract(_BEFORE, 2), column.str.extract(_BEHIND, 2)]
    both = pl.concat_str(told, separator=" ", ignore_nulls=True)
    return pl.when(both == "").then(None).otherwise(both)


def without(column: pl.Expr) -> pl.Expr:
    """The amount's text without its sign."""
    return column.str.replace(_BEFORE, "${1}${3}").str.replace(_BEHIND, "${1}${3}")


def contradicts(sign: pl.Expr, currency: pl.Expr, seen: Iterable[str]) -> pl.Expr:
    """Whether a row's sign, one of `seen`, cannot mean the row's currency."""
    return pl.any_horizontal(
        pl.lit(value=False),
        *((sign == one) & (~currency.is_in(list(fits(one))) if fits(one) else pl.lit(value=True)) for one in seen),
    )


@dataclass(frozen=True)
class Meant:
    """What the signs of a file mean. `only`: the one currency of all of them, which unsigned amounts have, too."""

    currencies: Mapping[str, str]
    only: str | None
    is_guess: bool
    notes: Sequence[str]


@dataclass
class SignsSeen:
    """Gathers the signs of a file that says its currency in no other way."""

    _counts: dict[str, int] = field(default_factory=dict)
    _has_yen_cents: bool = False

    def add(self, column: pl.Series) -> None:
        """One column of one chunk, tidied."""
        if not are_in(column):
            return
        cells = column.drop_nulls().to_frame("value").with_columns(sign=sign_in(pl.col("value"))).drop_nulls("sign")
        for sign, count in cells.group_by("sign").len().iter_rows():
            self._counts[sign] = self._counts.get(sign, 0) + count
        yen = cells.filter(pl.col("sign").is_in(list(_YEN)))
        self._has_yen_cents |= bool(yen["value"].str.contains(r"[.,]\d{1,2}(\D|$)").any())

    def meant(self, *, shop_currency: str | None, columns: Iterable[str], zone: str) -> Meant | None:
        """What they mean in a file of these columns and zone; None where there are none.

        A sign of several currencies is that of a shop whose currency is known and fits, else a guess.
        """
        if not any(map(fits, self._counts)):
            return None
        is_chinese = any("\u4e00" <= letter <= "\u9fff" for name in columns for letter in name)
        is_chinese = is_chinese or zone in _CHINA or self._has_yen_cents
        meant: dict[str, str] = {}
        guessed: set[str] = set()
        for sign in self._counts:
            may_mean = fits(sign)
            if not may_mean:
                continue
            if shop_currency in may_mean:
                meant[sign] = shop_currency
                continue
            meant[sign] = "JPY" if sign in _YEN and not is_chinese else may_mean[0]
            if sign.casefold() in _GUESSES:
                guessed.add(sign)
        currencies = set(meant.values())
        only = currencies.pop() if len(currencies) == 1 else None
        by_number = sorted(meant, key=lambda sign: (-self._counts[sign], sign))
        surely, perhaps = gettext("%(sign)s is read as %(code)s"), gettext("%(sign)s is read as %(code)s (a guess)")
        told = ", ".join(
            (perhaps if sign in guessed else surely) % {"sign": sign, "code": meant[sign]} for sign in by_number
        )
        notes = [gettext("No column names a currency, and amounts have signs: %(told)s.") % {"told": told}]
        if only is None:
            counts = ", ".join(f"{sign} {self._counts[sign]:,}" for sign in by_number)
            differ = gettext("The signs differ (%(counts)s): each row is in the currency of its own sign.")
            notes.append(differ % {"counts": counts})
        if guessed:
            notes.append(
                gettext("Where the guess is wrong, say --currency, `currency:` in the mapping, or add a column.")
            )
        return Meant(meant, only, bool(guessed), notes)
