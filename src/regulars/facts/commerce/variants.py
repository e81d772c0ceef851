"""Variants: the forms of products that can be in stock, by the reference their source gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import polars as pl
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import barcodes, products
from regulars.facts.commerce.models import Variant as Row
from regulars.kit import ids
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

PREFIX = "var"


@dataclass(frozen=True)
class Variant:
    """One form of a product. `gtin` is its barcode in 14 digits where it is one of the world's."""

    id: int
    public_id: str
    product_id: int
    ref: str
    sku: str
    barcode: str
    gtin: str | None
    title: str
    options: Mapping[str, str]
    attributes: Mapping[str, object]
    status: str


class UnknownVariant(Refusal):
    """No such variant."""

    code = "variants.unknown"


class AnothersVariant(Refusal):
    """The reference is a variant of another product."""

    code = "variants.anothers"


def resolve_many(
    *, namespace: str, told: Mapping[str, str | None], at: datetime, by: Actor
) -> dict[str, tuple[int, int]]:
    """Variant's reference to its number and its product's, making what is missing.

    `told` has each variant's product by reference; None where it is not told: a variant that nobody knows yet is then
    the only one of a product called as it is. Refused with `AnothersVariant` where it is another product's.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        found = find_many(namespace=namespace, refs=list(told))
        missing = {ref: product or ref for ref, product in told.items() if ref not in found}
        named = {product for product in told.values() if product is not None}
        wanted = sorted({*missing.values(), *named})
        described = pl.DataFrame({"ref": wanted}).with_columns(
            title=pl.lit(None, pl.String()), category=pl.lit(None, pl.String())
        )
        numbers = products.resolve_many(namespace=namespace, described=described, at=at, by=by) if wanted else {}
        if missing:
            cursor.execute(
                "INSERT INTO commerce_variant (product_id, namespace, ref) SELECT told.product, %s, told.ref"
                " FROM unnest(%s::text[], %s::bigint[]) AS told(ref, product) ORDER BY told.ref"
                " ON CONFLICT (namespace, ref) DO NOTHING RETURNING id",
                [namespace, sorted(missing), [numbers[missing[ref]] for ref in sorted(missing)]],
            )
            if made := [number for (number,) in cursor.fetchall()]:
                trail.record(
                    by=by,
                    verb="commerce.variants.resolve_many",
                    subject=f"namespace:{namespace}",
                    at=at,
                    after={"count": len(made), "first": min(made), "last": max(made)},
                )
            found |= find_many(namespace=namespace, refs=list(missing))
    for ref, product in told.items():
        if product is not None and found[ref][1] != numbers[product]:
            raise AnothersVariant(
                _("variant: %(ref)r is a variant of another product than %(product)r; correct one of them")
                % {"ref": ref[:80], "product": product[:80]},
                field="variant",
                value=ref[:80],
            )
    return found


def find_many(*, namespace: str, refs: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The numbers of those that are known, and of their products. One query."""
    rows = Row.objects.filter(namespace=namespace, ref__in=refs).values_list("ref", "id", "product_id")
    return {ref: (number, product) for ref, number, product in rows}


def of_products(wanted: Sequence[int]) -> dict[int, list[Variant]]:
    """The variants of each of these products, by reference. One query."""
    found: dict[int, list[Variant]] = {product: [] for product in wanted}
    for row in Row.objects.filter(product_id__in=wanted).order_by("product_id", "ref"):
        found[row.product_id].append(_variant(row))
    return found


def get_many(wanted: Sequence[int]) -> dict[int, Variant]:
    """Variants by number; unknown numbers are left out. One query."""
    return {row.id: _variant(row) for row in Row.objects.filter(id__in=wanted)}


def by_public_id(text: str) -> Variant:
    """One variant by `var_…` as people type it; refused when there is none. One query."""
    return by_public_ids([text])[text]


def by_public_ids(texts: Sequence[str]) -> dict[str, Variant]:
    """Variants by `var_…`; refused when one is none. One query."""
    wanted: dict[str, UUID] = {text: ids.parse(text, PREFIX) for text in texts}
    found = {row.public_id: _variant(row) for row in Row.objects.filter(public_id__in=wanted.values())}
    for text, uuid in wanted.items():
        if uuid not in found:
            raise UnknownVariant(
                _("variant: there is no %(text)s; look it up again") % {"text": text.strip()[:40]},
                field="variant",
                value=text.strip()[:40],
            )
    return {text: found[uuid] for text, uuid in wanted.items()}


def by_barcode(text: str) -> list[Variant]:
    """Those with that barcode, however many leading zeros it is written with. One query."""
    code = barcodes.gtin(text)
    if code is None:
        return [_variant(row) for row in Row.objects.filter(barcode=text.strip()).order_by("id")[:50]]
    return [_variant(row) for row in Row.objects.filter(gtin=code).order_by("id")[:50]]


def _variant(row: Row) -> Variant:
    return Variant(
        row.id,
        ids.public(PREFIX, row.public_id),
        row.product_id,
        row.ref,
        row.sku,
        row.barcode,
        row.gtin,
        row.title,
        row.options,
        row.attributes,
        row.status,
    )
