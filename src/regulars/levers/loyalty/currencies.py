"""Kinds of points: what they are called, how fine they are, on which clock their days end, and what may stay owed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty._ledger.account_rows import NoSuchCurrency
from regulars.levers.loyalty.models import SPEND_ORDERS, Account, Currency
from regulars.runtime.trail import trail

__all__ = ("BadCurrency", "CurrencyView", "NoSuchCurrency", "ensure", "listed")


class BadCurrency(Refusal):
    """Another scale than the one its points are counted in, or an order nobody spends in."""

    code = "points.bad_currency"


@dataclass(frozen=True)
class CurrencyView:
    """A kind of points. `zone` is empty where the shop's counts; `debt_limit` None where anything may stay owed."""

    code: str
    scale: int = 0
    titles: Mapping[str, str] | None = None
    zone: str = ""
    spend_order: str = "expiry"
    debt_limit: int | None = None


def listed() -> list[CurrencyView]:
    """All kinds of points, by code. One query."""
    return [_view(row) for row in Currency.objects.order_by("code")]


def ensure(*, currency: CurrencyView, at: datetime, by: Actor) -> CurrencyView:
    """The kind of points is as this says; made where there is none. Points that are there keep their scale. What it is
    called, its zone and its debt limit are as the programme says that gives it, where one is in force.

    Raises `BadCurrency` and what `civil.zone` refuses.
    """
    if currency.zone:
        civil.zone(currency.zone)
    if currency.spend_order not in SPEND_ORDERS:
        raise BadCurrency(
            _("spend_order: %(order)r is none; say expiry or oldest") % {"order": currency.spend_order[:20]},
            field="spend_order",
            value=currency.spend_order[:20],
        )
    with transaction.atomic():
        row, is_new = Currency.objects.select_for_update().get_or_create(
            code=currency.code, defaults={"scale": currency.scale}
        )
        before = None if is_new else _view(row)
        if row.scale != currency.scale and Account.objects.filter(currency=row).exists():
            raise BadCurrency(
                _("scale: there are points with %(scale)s decimals already; use another code") % {"scale": row.scale},
                field="scale",
                value=currency.scale,
            )
        row.scale, row.titles, row.zone = currency.scale, dict(currency.titles or row.titles), currency.zone
        row.spend_order, row.debt_limit = currency.spend_order, currency.debt_limit
        after = _view(row)
        if after != before:
            row.save()
            told = {"scale": row.scale, "zone": row.zone, "spend_order": row.spend_order, "debt_limit": row.debt_limit}
            trail.record(
                by=by, verb="loyalty.currencies.ensure", subject=f"points:{row.code}", at=at, before=None, after=told
            )
    return after


def _view(row: Currency) -> CurrencyView:
    return CurrencyView(row.code, row.scale, row.titles, row.zone, row.spend_order, row.debt_limit)
