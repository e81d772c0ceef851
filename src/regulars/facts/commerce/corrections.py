"""Corrections: what people here say a product is. It counts until its source tells something newer."""

from datetime import datetime

import polars as pl
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import catalogue, categories
from regulars.facts.commerce.catalogue import STATUSES, Ware
from regulars.facts.commerce.models import Product as Row
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

_LONGEST = {"title": 300, "category": 200, "brand": 120}


class BadProduct(Refusal):
    """A field holds what it cannot."""

    code = "corrections.bad_field"


class ToldSince(Refusal):
    """Its source has told something newer meanwhile."""

    code = "corrections.told_since"


def describe(*, product: int, title: str, category: str, brand: str, status: str, at: datetime, by: Actor) -> Ware:
    """Say what the product is called, where it belongs and whether it is sold. The same again changes nothing.

    Raises `BadProduct`, `ToldSince` and `catalogue.UnknownProduct`.
    """
    told = {"title": title.strip(), "category": categories.tidy(category), "brand": brand.strip(), "status": status}
    for name, most in _LONGEST.items():
        if len(told[name]) > most or (told[name] and not told[name].isprintable()):
            raise BadProduct(
                _("%(name)s: %(told)r is too long or has characters nobody can see; give at most %(most)s")
                % {"name": name, "told": told[name][:40], "most": most},
                field=name,
                value=told[name][:40],
            )
    if not told["title"]:
        raise BadProduct(_("title: it is empty; say what the product is called"), field="title", value="")
    if status not in STATUSES:
        raise BadProduct(
            _("status: %(status)r is none; use one of %(statuses)s")
            % {"status": status[:20], "statuses": ", ".join(STATUSES)},
            field="status",
            value=status[:20],
        )
    with transaction.atomic():
        row = Row.objects.select_for_update().filter(id=product).first()
        if row is None:
            raise catalogue.UnknownProduct(
                _("product: there is no number %(product)s; look it up again") % {"product": product},
                field="product",
                value=product,
            )
        before = {name: getattr(row, name) for name in told}
        if before != told:
            frame = pl.DataFrame([{"ref": row.ref, **told, "source_updated_at": at}], schema=catalogue.PRODUCTS)
            done = catalogue.record_many(
                namespace=row.namespace,
                told=frame,
                forms=pl.DataFrame(schema=catalogue.VARIANTS),
                at=at,
                by=by,
                origin="live",
            )
            if done.products.stale or done.products.conflicts:
                raise ToldSince(_("product: its source has told something newer; look at it again"), field="product")
            trail.record(
                by=by,
                verb="commerce.corrections.describe",
                subject=f"product:{product}",
                at=at,
                before={name: was for name, was in before.items() if was != told[name]},
                after={name: now for name, now in told.items() if before[name] != now},
            )
    return catalogue.get_many([product])[product]
