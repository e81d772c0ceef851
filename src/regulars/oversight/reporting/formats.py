"""Numbers, money, shares and days as the reader writes them: for the console, for reports and for mail.

The locale is the language that is active (`django.utils.translation`); figures stay exact.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, dates, numbers, parse_locale
from django.utils import translation
from django.utils.translation import get_language

from regulars.kit.languages import Language
from regulars.kit.money import exponent

#: English for readers anywhere (21 Nov 2026), Chinese as on the mainland.
_LOCALES = {"en": Locale.parse("en_001"), "zh-hans": Locale.parse("zh_Hans_CN")}
_NAMED = {str(one): one for one in _LOCALES.values()}
#: A currency's letters stand off its number (CHF 7.00), a sign does not (£7.00).
_LETTERS_THEN_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")


@contextmanager
def spoken_in(language: Language) -> Iterator[None]:
    """What is written within is for a reader of `language`."""
    with translation.override("zh-hans" if language == "zh" else "en"):
        yield


def locale() -> Locale:
    """The reader's locale."""
    return _LOCALES.get(get_language() or "en", _LOCALES["en"])


def number(value: int | float | Decimal, decimals: int | None = None) -> str:
    """1,234.5; with `decimals`, exactly that many."""
    if decimals is None:
        return str(numbers.format_decimal(value, locale=locale()))
    return _written(_rounded(value, decimals), _digits(decimals), str(locale()))


def _rounded(value: int | float | Decimal, decimals: int) -> Decimal:
    """As Babel rounds, but for a nought without a sign: what is written alike is then one key of `_written`."""
    return Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals)) + 0


@lru_cache(maxsize=20_000)
def _written(rounded: Decimal, pattern: str, locale_name: str) -> str:
    """A page of Insight writes some two thousand shares, of which there are a thousand: Babel takes 0.1 ms for each."""
    return str(numbers.format_decimal(rounded, format=pattern, locale=_NAMED[locale_name]))


def _digits(decimals: int) -> str:
    return "#,##0" + ("." + "0" * decimals if decimals else "")


def quantity(value: Decimal) -> str:
    """A count of goods: 3, or 0.35 where they are weighed."""
    return number(value.normalize() if value else Decimal(0))


def money(minor: int, currency: str) -> str:
    """£1,234.50 from minor units; the currency decides how many decimals."""
    whole = Decimal(minor).scaleb(-exponent(currency))
    return _apart(str(numbers.format_currency(whole, currency, locale=locale(), currency_digits=True)))


def _apart(written: str) -> str:
    return _LETTERS_THEN_DIGIT.sub("\N{NO-BREAK SPACE}", written)


def round_money(minor: int, currency: str) -> str:
    """£1,235: whole units, for headlines where pennies only distract."""
    whole = Decimal(minor).scaleb(-exponent(currency))
    if abs(whole) < 1000:
        return money(minor, currency)
    pattern = locale().currency_formats["standard"].pattern.replace(".00", "")
    return _apart(str(numbers.format_currency(whole, currency, format=pattern, locale=locale(), currency_digits=False)))


def percent(share: float, decimals: int = 1) -> str:
    """64.3% from 0.643."""
    return _written(_rounded(share, decimals + 2), _digits(decimals) + "%", str(locale()))


def whole_percent(share: float) -> str:
    """For small places: 0% only for none at all, 100% only for all."""
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 < share < 1:
        return ">99%"
    return percent(share, 0)


def interval(low: float, high: float) -> str:
    """62.9–65.7% from 0.629 and 0.657."""
    return f"{number(low * 100, 1)}–{percent(high)}"


def day(value: date) -> str:
    """21 Nov 2026, 2026年11月21日."""
    return str(dates.format_date(value, "medium", locale=locale()))


def short_day(value: date) -> str:
    """21 Nov, 11月21日: where the year stands beside it."""
    return str(dates.format_skeleton("MMMd", value, locale=locale()))


def month(value: date) -> str:
    """Nov 2026, 2026年11月."""
    return str(dates.format_skeleton("yMMM", value, locale=locale()))


def axis_unit(largest_minor: int, currency: str) -> tuple[int, str]:
    """What to divide minor units by so that an axis has few digits, and the letters to write after its numbers.

    Thousands, millions and billions in English, 万 and 亿 in Chinese.
    """
    one = 10 ** exponent(currency)
    is_chinese = locale().language == "zh"
    steps = ((10**8, "亿"), (10**4, "万")) if is_chinese else ((10**9, "bn"), (10**6, "m"), (10**3, "k"))
    for size, letters in steps:
        if largest_minor >= size * one:
            return size * one, letters
    return one, ""


def instant(value: datetime, zone: str) -> str:
    """21 Nov 2026, 14:05 in the shop's zone."""
    there = value.astimezone(ZoneInfo(zone))
    return f"{day(there.date())} {dates.format_skeleton('Hm', there, tzinfo=there.tzinfo, locale=locale())}"


def clock(value: datetime, zone: str) -> str:
    """14:05 in the shop's zone."""
    there = value.astimezone(ZoneInfo(zone))
    return str(dates.format_skeleton("Hm", there, tzinfo=there.tzinfo, locale=locale()))


def second(value: datetime, zone: str) -> str:
    """14:05:09 in the shop's zone: for what has just happened."""
    there = value.astimezone(ZoneInfo(zone))
    return str(dates.format_skeleton("Hms", there, tzinfo=there.tzinfo, locale=locale()))


def listed(texts: Sequence[str]) -> str:
    """A few texts as the reader's language writes a list."""
    return ("、" if (get_language() or "").startswith("zh") else ", ").join(texts)


def sentences(texts: Sequence[str]) -> str:
    """Sentences one after the other: Chinese writes no blank between them."""
    return ("" if (get_language() or "").startswith("zh") else " ").join(texts)


def country(code: str) -> str:
    """United Kingdom, 英国; what is no country code stays as it came."""
    return str(locale().territories.get(code.upper(), code)) if len(code) == 2 else code


def language(code: str) -> str:
    """English, 中文; English (China) though Babel keeps no such locale; an unknown code stays as it came."""
    plain = code.replace("-", "_")
    try:
        return str(Locale.parse(plain).get_display_name(locale()) or code)
    except (UnknownLocaleError, ValueError, LookupError):
        return _language_by_parts(plain) or code


def _language_by_parts(plain: str) -> str | None:
    """The language, with its script and territory behind it; None where the language itself is unknown."""
    try:
        spoken, territory, script, *_more = parse_locale(plain)
    except ValueError:
        return None
    names = locale()
    name = names.languages.get(spoken)
    behind = [names.scripts.get(script, script)] if script else []
    behind += [names.territories.get(territory, territory)] if territory else []
    return f"{name} ({', '.join(behind)})" if name and behind else name
