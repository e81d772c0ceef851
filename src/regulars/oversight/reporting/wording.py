"""Numbers, money, days and shares as people write them, in English and Chinese."""

from datetime import date
from typing import Literal

from regulars.kit.money import Money, exponent

Language = Literal["en", "zh"]

_SYMBOLS = {
    "GBP": "£",
    "EUR": "€",
    "USD": "$",
    "CNY": "¥",
    "JPY": "¥",
    "KRW": "₩",
    "INR": "₹",
    "HKD": "HK$",
    "TWD": "NT$",
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: A space that does not break, and is narrow: between a number and what it counts.
THIN = " "


def number(value: float, places: int = 0) -> str:
    return f"{value:,.{places}f}".replace("-", "−")


def money(minor: int, currency: str) -> str:
    """To the minor unit, with the currency's sign where it has one everybody knows: £1,234.50, −¥20, CHF 7.00."""
    amount = f"{abs(Money(minor, currency).decimal):,}"
    sign = "−" if minor < 0 else ""
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{amount}" if symbol else f"{sign}{currency}{THIN}{amount}"


def percent(share: float, places: int = 1) -> str:
    return f"{share * 100:.{places}f}%"


def whole_percent(share: float) -> str:
    """For small places: 0% only for none at all, 100% only for all."""
    if 0 < share < 0.005:
        return "<1%"
    if 0.995 < share < 1:
        return ">99%"
    return percent(share, 0)


def day(value: date, language: Language) -> str:
    if language == "zh":
        return f"{value.year}年{value.month}月{value.day}日"
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def month(value: date, language: Language) -> str:
    """Short enough for an axis: Dec 10, 10年12月."""
    if language == "zh":
        return f"{value.year % 100:02}年{value.month}月"
    return f"{_MONTHS[value.month - 1]} {value.year % 100:02}"


def axis_unit(largest_minor: int, currency: str, language: Language) -> tuple[int, str]:
    """What to divide minor units by so that an axis has few digits, and the letters to write after its numbers."""
    one = 10 ** exponent(currency)
    steps = ((10**8, "亿"), (10**4, "万")) if language == "zh" else ((10**9, "bn"), (10**6, "m"), (10**3, "k"))
    for size, letters in steps:
        if largest_minor >= size * one:
            return size * one, letters
    return one, ""
