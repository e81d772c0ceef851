"""The console's filters: what `formats` does, for templates."""

from datetime import date

from django import template
from django.utils.safestring import SafeString, mark_safe

from regulars.oversight.reporting import formats

register = template.Library()
for name in ("number", "quantity", "percent", "day", "short_day", "month", "country", "listed"):
    register.filter(name, getattr(formats, name))
register.filter("tongue", formats.language)
register.filter("money", formats.money)
register.filter("round_money", formats.round_money)
register.filter("instant", formats.instant)
register.filter("clock", formats.clock)
register.filter("second", formats.second)


@register.filter
def whole(value: float) -> str:
    """The nearest whole number."""
    return formats.number(round(value))


@register.filter
def iso_day(text: str | None) -> str:
    """A day that stands as 2026-11-21 in a stored reading."""
    return formats.day(date.fromisoformat(text)) if text else ""


@register.filter
def drawn(svg: str) -> SafeString:
    """A chart of our own making, put into the page as it is."""
    return mark_safe(svg)  # noqa: S308 - oversight.reporting.charts escapes every text it draws
