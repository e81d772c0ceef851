"""The catalogue: products with their forms as their source tells them, and looking through them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from django.db import connection, transaction
from django.utils.translation import gettext_lazy

from regulars.facts.commerce import _telling, barcodes, categories, products, variants
from regulars.facts.commerce.notices import CatalogueRecorded
from regulars.facts.commerce.outcome import Outcome, Word
from regulars.facts.commerce.variants import Variant
from regulars.kit import ids, paging
from regulars.kit.actors import Actor, Origin
from regulars.kit.paging import Page
from regulars.kit.refusals import Refusal
from regulars.runtime.notices.outbox import announce

PREFIX = "prd"
STATUSES = ("active", "draft", "discontinued")

#: Columns of a batch's two frames. Null leaves as is. `titles` and `options` are JSON objects of texts; `category` is a
#: path as `categories.tidy` gives it.
PRODUCTS = pl.Schema(
    {
        **dict.fromkeys(("ref", "title", "titles", "category", "brand", "status"), pl.String()),
        "source_updated_at": pl.Datetime("us", "UTC"),
    }
)
VARIANTS = pl.Schema(
    {
        **dict.fromkeys(("ref", "product_ref", "title", "sku", "barcode", "options", "status"), pl.String()),
        "source_updated_at": pl.Datetime("us", "UTC"),
    }
)


@dataclass(frozen=True)
class Ware:
    """One product as lists show it."""

    id: int
    public_id: str
    namespace: str
    ref: str
    title: str
    titles: Mapping[str, str]
    category: str
    brand: str
    status: str
    attributes: Mapping[str, object]
    variants: int


@dataclass(frozen=True)
class Came:
    """What became of a batch's products and of their forms."""

    products: Outcome
    variants: Outcome


class UnknownProduct(Refusal):
    """No such product."""

    code = "catalogue.unknown_product"


class StaleProduct(Refusal):
    """Its source has told us something newer already."""

    code = "catalogue.stale"


class ConflictingProduct(Refusal):
    """The same product with other content, and no update time that decides."""

    code = "catalogue.conflict"


def record(*, namespace: str, told: Mapping[str, object], at: datetime, by: Actor, origin: Origin = "live") -> Outcome:
    """Put one product on record, by the columns of PRODUCTS; what is null or left out stays as it is.

    Raises `StaleProduct` and `ConflictingProduct`.
    """
    row = {name: told.get(name) for name in PRODUCTS}
    frame, forms = pl.DataFrame([row], schema=PRODUCTS), pl.DataFrame(schema=VARIANTS)
    done = record_many(namespace=namespace, told=frame, forms=forms, at=at, by=by, origin=origin).products
    if done.stale:
        raise StaleProduct(
            gettext_lazy("source_updated_at: a newer version is on record; send the latest"),
            field="source_updated_at",
            value=str(told.get("source_updated_at")),
        )
    if done.conflicts:
        raise ConflictingProduct(
            gettext_lazy("ref: it is on record with other content; send its update time with the change"),
            field="ref",
            value=str(told["ref"]),
        )
    return done


def record_many(
    *, namespace: str, told: pl.DataFrame, forms: pl.DataFrame, at: datetime, by: Actor, origin: Origin
) -> Came:
    """Put products (PRODUCTS) and their forms (VARIANTS) on record, each once in its frame.

    The same again changes nothing; other content replaces what its source told earlier, and what is stale or in
    conflict is listed. What only orders have told so far gives way. One transaction, one notice, whatever the number.
    """
    paths = {one: categories.clean(one) for one in told["category"].drop_nulls().unique()}
    told = told.with_columns(pl.col("category").replace(paths))
    with transaction.atomic():
        categories.ensure_many(told["category"].drop_nulls().unique().to_list())
        described = told.select("ref", title=pl.lit(None, pl.String()), category=pl.lit(None, pl.String()))
        if not told.is_empty():
            products.resolve_many(namespace=namespace, described=described, at=at, by=by)
        done = _merge("commerce_product", _OF_PRODUCTS, namespace, told, at)
        pairs: dict[str, str | None] = dict(forms.select("ref", "product_ref").iter_rows())
        if pairs:
            variants.resolve_many(namespace=namespace, told=pairs, at=at, by=by)
        gtins = forms["barcode"].map_elements(lambda text: barcodes.gtin(text), return_dtype=pl.String())
        in_forms = _merge("commerce_variant", _OF_VARIANTS, namespace, forms.with_columns(gtin=gtins), at)
        if changed := done.new + done.changed + in_forms.new + in_forms.changed:
            announce(
                CatalogueRecorded(
                    products=done.new + done.changed, variants=in_forms.new + in_forms.changed, at=at, origin=origin
                ),
                by=by,
                verb="commerce.catalogue.record_many",
                after={"count": changed, "source": namespace},
            )
    return Came(done, in_forms)


def page(
    *,
    search: str = "",
    category: str = "",
    brand: str = "",
    status: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Ware]:
    """Products, newest first: those whose title in any language, reference or brand holds `search` (or whose form has
    that sku, reference or barcode), in `category` or below it. One query."""
    size = paging.check_size(limit)
    after = paging.decode(cursor, "catalogue", int)[0] if cursor else None
    wheres: list[str] = ["TRUE"]
    values: list[object] = []
    if word := search.strip().replace("\x00", "")[:100]:
        like = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        # The pieces find it by their index; of one letter there are none, and most products have it.
        by_pieces = f" AND commerce_pieces({_SAID}) @> commerce_pieces(%s)" if len(word) > 1 or ord(word) > 127 else ""
        wheres.append(
            # CASE: both ask for the same, and a planner that multiplies what they let through expects hardly any.
            f"((CASE WHEN ({_SAID}) ILIKE %s THEN TRUE ELSE FALSE END{by_pieces})"
            " OR product.id = ANY(ARRAY(SELECT form.product_id FROM commerce_variant AS form WHERE form.sku = %s"
            " AND form.sku <> ''"
            " UNION ALL SELECT form.product_id FROM commerce_variant AS form WHERE form.gtin = %s"
            " UNION ALL SELECT form.product_id FROM commerce_variant AS form"
            f" WHERE form.namespace IN ({_NAMESPACES}) AND form.ref = %s)))"
        )
        values += [like, *([word] if by_pieces else []), word, barcodes.gtin(word), word]
    if category:
        # The last is said for the index that has only these.
        wheres.append("(product.category = %s OR starts_with(product.category, %s)) AND product.category <> ''")
        values += [category, category + categories.BETWEEN]
    if brand:
        wheres.append("product.brand = %s AND product.brand <> ''")
        values.append(brand)
    if status:
        wheres.append("product.status = %s")
        values.append(status)
    if after is not None:
        wheres.append("product.id < %s")
        values.append(after)
    found = _wares(" AND ".join(wheres) + " ORDER BY product.id DESC LIMIT %s", [*values, size + 1])
    return paging.cut(found, size, of="catalogue", key=lambda ware: (ware.id,))


def by_public_id(text: str) -> Ware:
    """One product by `prd_…` as people type it; refused when there is none. One query."""
    found = _wares("product.public_id = %s", [ids.parse(text, PREFIX)])
    if not found:
        shown = text.strip()[:40]
        raise UnknownProduct(
            gettext_lazy("product: there is no %(shown)s; look it up again") % {"shown": shown},
            field="product",
            value=shown,
        )
    return found[0]


def brands(limit: int = 300) -> list[str]:
    """The brands there are, by name. One query, over brands and not over products."""
    with connection.cursor() as cursor:
        cursor.execute(_BRANDS, [limit])
        return [brand for (brand,) in cursor.fetchall()]


def get_many(wanted: Sequence[int]) -> dict[int, Ware]:
    """Products by number; unknown numbers are left out. One query."""
    return {ware.id: ware for ware in _wares("product.id = ANY(%s)", [list(wanted)])}


def variants_of(product: int) -> list[Variant]:
    """Its forms by reference. One query."""
    return variants.of_products([product])[product]


def refs(*, namespace: str, part: int, parts: int, limit: int) -> list[str]:
    """Refs of a source's products that are not discontinued, and of `parts` that they fall into by their refs the one
    numbered `part`: over as many askings each comes once. One query over its products."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ref FROM commerce_product WHERE namespace = %s AND status <> 'discontinued' AND told_at IS NOT NULL"
            " AND mod(hashtext(ref)::bigint + 2147483648, %s) = %s ORDER BY ref LIMIT %s",
            [namespace, parts, part, limit],
        )
        return [ref for (ref,) in cursor.fetchall()]


def count(*, namespace: str) -> int:
    """How many products of a source are not discontinued. One query over its products."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM commerce_product WHERE namespace = %s AND status <> 'discontinued'"
            " AND told_at IS NOT NULL",
            [namespace],
        )
        [(found,)] = cursor.fetchall()
        return int(found)


#: The namespaces that variants have, found by their index: a reference without one is looked up in each.
_NAMESPACES = (
    "WITH RECURSIVE known AS ((SELECT namespace FROM commerce_variant ORDER BY namespace LIMIT 1) UNION ALL"
    " SELECT (SELECT next.namespace FROM commerce_variant AS next WHERE next.namespace > known.namespace"
    " ORDER BY next.namespace LIMIT 1) FROM known WHERE known.namespace IS NOT NULL)"
    " SELECT namespace FROM known WHERE namespace IS NOT NULL"
)
#: Brands found one after the other by their index.
_BRANDS = (
    "WITH RECURSIVE known AS ((SELECT brand FROM commerce_product WHERE brand <> '' ORDER BY brand LIMIT 1) UNION ALL"
    " SELECT (SELECT next.brand FROM commerce_product AS next WHERE next.brand > known.brand AND next.brand <> ''"
    " ORDER BY next.brand LIMIT 1) FROM known WHERE known.brand IS NOT NULL)"
    " SELECT brand FROM known WHERE brand IS NOT NULL LIMIT %s"
)
#: All that is said of a product in words, as it is indexed by its pieces.
_SAID = (
    "product.title || chr(10) || product.ref || chr(10) || product.brand"
    " || CASE WHEN product.titles <> '{}' THEN product.titles::text ELSE '' END"
)
#: Columns a source tells, with their type in the database.
_OF_PRODUCTS = {"title": "text", "titles": "jsonb", "category": "text", "brand": "text", "status": "text"}
_OF_VARIANTS = {"title": "text", "sku": "text", "barcode": "text", "gtin": "text", "options": "jsonb", "status": "text"}
_LONGEST = {"title": 300, "category": 200, "brand": 120, "sku": 100, "barcode": 64}


def _wares(where: str, values: Sequence[Any]) -> list[Ware]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT product.id, product.public_id, product.namespace, product.ref, product.title, product.titles::text,"
            " product.category, product.brand, product.status, product.attributes::text,"
            " (SELECT count(*) FROM commerce_variant AS form WHERE form.product_id = product.id)"
            f" FROM commerce_product AS product WHERE {where}",
            values,
        )
        found = cursor.fetchall()
        return [
            Ware(
                id=number,
                public_id=ids.public(PREFIX, uuid),
                namespace=namespace,
                ref=ref,
                title=title,
                titles=json.loads(titles),
                category=category,
                brand=brand,
                status=status,
                attributes=json.loads(attributes),
                variants=forms,
            )
            for number, uuid, namespace, ref, title, titles, category, brand, status, attributes, forms in found
        ]


def _merge(table: str, columns: Mapping[str, str], namespace: str, told: pl.DataFrame, at: datetime) -> Outcome:
    """Write what counts of `told` into rows that are there, in the order in which everybody locks them."""
    names = ", ".join(f"{name}::text" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT ref, id, told_at, {names} FROM {table}"
            " WHERE namespace = %s AND ref = ANY(%s) ORDER BY id FOR UPDATE",
            [namespace, told["ref"].to_list()],
        )
        known = {ref: (number, told_at, values) for ref, number, told_at, *values in cursor.fetchall()}
    words: dict[str, Word] = {}
    written: list[list[object]] = []
    for one in told.iter_rows(named=True):
        number, known_at, before = known[one["ref"]]
        after = [
            was if one[name] is None else _as_kept(name, kind, one[name])
            for was, (name, kind) in zip(before, columns.items(), strict=True)
        ]
        is_same = all(_alike(kind, was, now) for was, now, kind in zip(before, after, columns.values(), strict=True))
        is_dated, told_at = one["source_updated_at"] is not None, one["source_updated_at"] or at
        decided = _telling.verdict(True, is_same, known_at, told_at, is_dated=is_dated)
        words[one["ref"]] = _telling.WORDS[decided]
        if decided not in {"same", "stale", "conflict"}:
            written.append([number, told_at, *after])
    if written:
        sets = ", ".join(f"{name} = told.{name}::{kind}" for name, kind in columns.items())
        arrays = ", ".join(["%s::bigint[]", "%s::timestamptz[]", *("%s::text[]" for _ in columns)])
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {table} AS row SET told_at = told.told_at, {sets} FROM unnest({arrays})"
                f" AS told(id, told_at, {', '.join(columns)}) WHERE row.id = told.id",
                [list(column) for column in zip(*written, strict=True)],
            )
    numbers = {ref: number for ref, (number, _, _) in known.items()}
    return Outcome.of(numbers, words.items())


def _as_kept(name: str, kind: str, value: str) -> str:
    return value if kind == "jsonb" else value[: _LONGEST.get(name)]


def _alike(kind: str, was: str | None, now: str | None) -> bool:
    if kind == "jsonb" and was is not None and now is not None:
        return bool(json.loads(was) == json.loads(now))
    return was == now
