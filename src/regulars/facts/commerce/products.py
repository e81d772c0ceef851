"""Products: what is sold, by the reference its source gives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from regulars.facts.commerce import _copying, categories
from regulars.facts.commerce.models import Product as Row
from regulars.kit.actors import Actor
from regulars.runtime.trail import trail

#: Columns `describe_many` takes.
DESCRIBED = pl.Schema({"ref": pl.String(), "title": pl.String(), "category": pl.String()})


@dataclass(frozen=True)
class Product:
    """One thing sold. `title` and `category` are empty where no source has told them."""

    id: int
    ref: str
    title: str
    category: str


def resolve_many(
    *, namespace: str, described: pl.DataFrame, at: datetime, by: Actor, ref: str = "ref"
) -> dict[str, int]:
    """Reference to id for every row of `described` (columns of DESCRIBED, the first of them called `ref`), making what
    is missing.

    Titles and categories are taken over where a product has none yet; what it has is changed by `describe_many`
    alone. One statement when nothing is new, else three, whatever the number. Safe beside others who do the same.
    """
    wanted = _copying.collected(
        described.lazy()
        .group_by(pl.col(ref).alias("ref"))
        .agg(pl.col("title").drop_nulls().first(), pl.col("category").drop_nulls().first())
        .sort("ref")
    )
    with transaction.atomic(), connection.cursor() as cursor:
        known = _known(cursor, namespace, wanted["ref"].to_list())
        # Nearly all are known but for a file's first batch: what tells nothing new is not sent again.
        untitled = [ref for ref, (_, title, _) in known.items() if not title]
        unsorted = [ref for ref, (_, _, category) in known.items() if not category]
        if len(known) == wanted.height and not untitled and not unsorted:
            return {ref: number for ref, (number, _, _) in known.items()}
        telling = wanted.filter(
            ~pl.col("ref").is_in(list(known))
            | ((pl.col("title") != "") & pl.col("ref").is_in(untitled))
            | ((pl.col("category") != "") & pl.col("ref").is_in(unsorted))
        )
        if telling.is_empty():
            return {ref: number for ref, (number, _, _) in known.items()}
        cursor.execute(
            "INSERT INTO commerce_product AS product (namespace, ref, title, category)"
            " SELECT %s, told.ref, told.title, told.category"
            " FROM unnest(%s::text[], %s::text[], %s::text[]) AS told(ref, title, category)"
            " LEFT JOIN commerce_product AS known ON known.namespace = %s AND known.ref = told.ref"
            " WHERE known.id IS NULL OR (known.title = '' AND told.title <> '')"
            " OR (known.category = '' AND told.category <> '') ORDER BY told.ref"
            " ON CONFLICT (namespace, ref) DO UPDATE SET"
            " title = CASE WHEN product.title = '' THEN excluded.title ELSE product.title END,"
            " category = CASE WHEN product.category = '' THEN excluded.category ELSE product.category END"
            " RETURNING id, xmax = 0",
            [
                namespace,
                telling["ref"].to_list(),
                [(title or "")[:300] for title in telling["title"].to_list()],
                [categories.clean(category or "") for category in telling["category"].to_list()],
                namespace,
            ],
        )
        made = [number for number, is_new in cursor.fetchall() if is_new]
        if made:
            trail.record(
                by=by,
                verb="commerce.products.resolve_many",
                subject=f"namespace:{namespace}",
                at=at,
                after={"count": len(made), "first": min(made), "last": max(made)},
            )
        known |= _known(cursor, namespace, telling["ref"].to_list())
        return {ref: number for ref, (number, _, _) in known.items()}


def _known(cursor: CursorWrapper, namespace: str, refs: list[str]) -> dict[str, tuple[int, bool, bool]]:
    """Reference to number, and whether title and category are told."""
    cursor.execute(
        "SELECT ref, id, title <> '', category <> '' FROM commerce_product WHERE namespace = %s AND ref = ANY(%s)",
        [namespace, refs],
    )
    return {ref: (number, title, category) for ref, number, title, category in cursor.fetchall()}


def describe_many(*, namespace: str, described: pl.DataFrame, at: datetime, by: Actor) -> dict[str, int]:
    """Set titles and categories (columns of DESCRIBED; null leaves as is), making what is missing. Idempotent."""
    with transaction.atomic(), connection.cursor() as cursor:
        known = resolve_many(namespace=namespace, described=described, at=at, by=by)
        last = described.unique("ref", keep="last").sort("ref")
        cursor.execute(
            "UPDATE commerce_product AS product SET title = COALESCE(told.title, product.title),"
            " category = COALESCE(told.category, product.category)"
            " FROM unnest(%s::text[], %s::text[], %s::text[]) AS told(ref, title, category)"
            " WHERE product.namespace = %s AND product.ref = told.ref"
            " AND (product.title, product.category) IS DISTINCT FROM"
            " (COALESCE(told.title, product.title), COALESCE(told.category, product.category)) RETURNING product.id",
            [
                last["ref"].to_list(),
                last["title"].str.slice(0, 300).to_list(),
                [one if one is None else categories.clean(one) for one in last["category"]],
                namespace,
            ],
        )
        if changed := [number for (number,) in cursor.fetchall()]:
            trail.record(
                by=by,
                verb="commerce.products.describe_many",
                subject=f"namespace:{namespace}",
                at=at,
                after={"count": len(changed), "first": min(changed), "last": max(changed)},
            )
    return known


def get_many(products: Sequence[int]) -> Mapping[int, Product]:
    """Products by id; unknown ids are left out. One query."""
    return {row.id: Product(row.id, row.ref, row.title, row.category) for row in Row.objects.filter(id__in=products)}
