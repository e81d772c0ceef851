"""Bundles: variants that are made of others. What is in stock are the parts."""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce.models import Part, Variant
from regulars.facts.commerce.variants import UnknownVariant
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

MOST_PARTS = 100


class BadBundle(Refusal):
    """A bundle of itself, of another bundle, of nothing, or of too much."""

    code = "bundles.bad"


def compose(*, bundle: int, parts: Mapping[int, Decimal], at: datetime, by: Actor) -> None:
    """Say what is in every one of a bundle: so many of these variants. No parts: it is no bundle.

    The same again changes nothing. A part is no bundle itself. Raises `BadBundle` and `UnknownVariant`.
    """
    if len(parts) > MOST_PARTS:
        raise BadBundle(
            _("parts: %(parts)s are more than %(most_parts)s; make a bundle of fewer")
            % {"parts": len(parts), "most_parts": MOST_PARTS},
            field="parts",
            value=len(parts),
        )
    for part, quantity in parts.items():
        if not quantity.is_finite() or quantity <= 0 or quantity != quantity.quantize(Decimal("0.001")):
            raise BadBundle(
                _("quantity: %(quantity)s of variant %(part)s is none; give more than zero, with up to three decimals")
                % {"quantity": quantity, "part": part},
                field="quantity",
                value=str(quantity),
            )
    with transaction.atomic():
        wanted = sorted({bundle, *parts})
        # All of them, in one order: a part cannot become a bundle while it is put into one.
        there = set(
            Variant.objects.select_for_update().filter(id__in=wanted).order_by("id").values_list("id", flat=True)
        )
        for one in wanted:
            if one not in there:
                raise UnknownVariant(
                    _("variant: there is no number %(one)s; look it up again") % {"one": one},
                    field="variant",
                    value=one,
                )
        nested = Part.objects.filter(bundle_id__in=parts).exists() or (
            bool(parts) and Part.objects.filter(part_id=bundle).exists()
        )
        if bundle in parts or nested:
            raise BadBundle(
                _("parts: a bundle is made of single variants; put the parts of the other bundle in"),
                field="parts",
                value=bundle,
            )
        before = parts_of_many([bundle]).get(bundle, {})
        if before == dict(parts):
            return
        Part.objects.filter(bundle_id=bundle).delete()
        Part.objects.bulk_create(
            Part(bundle_id=bundle, part_id=part, quantity=quantity) for part, quantity in sorted(parts.items())
        )
        trail.record(
            by=by,
            verb="commerce.bundles.compose",
            subject=f"variant:{bundle}",
            at=at,
            before={"parts": [f"{part}*{quantity}" for part, quantity in sorted(before.items())]},
            after={"parts": [f"{part}*{quantity}" for part, quantity in sorted(parts.items())]},
        )


def parts_of_many(wanted: Collection[int]) -> dict[int, dict[int, Decimal]]:
    """What is in those of `wanted` that are bundles: part to quantity. One query."""
    found: dict[int, dict[int, Decimal]] = {}
    rows = Part.objects.filter(bundle_id__in=wanted).order_by("bundle_id", "part_id")
    for bundle, part, quantity in rows.values_list("bundle_id", "part_id", "quantity"):
        found.setdefault(bundle, {})[part] = quantity
    return found
