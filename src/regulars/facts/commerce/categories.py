"""The catalogue's tree: each category by its whole path, with its names in several languages."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce.models import Category as Row
from regulars.facts.commerce.models import Product
from regulars.kit import languages
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

#: Between the names of a path.
BETWEEN = " > "
LONGEST_PATH = 200


@dataclass(frozen=True)
class Category:
    """One branch. `parent` is the path above it, empty at the top; `products` counts those right in it."""

    path: str
    parent: str
    name: str
    titles: Mapping[str, str]
    products: int


class UnknownCategory(Refusal):
    """No such category."""

    code = "categories.unknown"


class BadTitle(Refusal):
    """Empty, too long, or in a language Regulars does not speak."""

    code = "categories.bad_title"


def path(names: Iterable[str]) -> str:
    """The path of these names from the top down; empty ones are left out, and blanks around them."""
    return BETWEEN.join(tidy for name in names if (tidy := " ".join(name.split())))[:LONGEST_PATH].rstrip(" >")


def tidy(text: str) -> str:
    """A path as it is kept, from one written with `>` or `/` between its names."""
    return path(text.replace("/", ">").split(">") if ">" not in text and "/" in text else text.split(">"))


def clean(text: str) -> str:
    """A source's path without its empty parts: ` > Tea > > Green ` is `Tea > Green`, and ` > > ` is none."""
    return path(text.split(BETWEEN.strip()))


def ensure_many(paths: Iterable[str]) -> None:
    """Make what is missing of `paths` and of all above them. One statement; none for no paths."""
    wanted = sorted({one for one in paths if one})
    if not wanted:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce_category (path, parent_id, name)"
            " SELECT DISTINCT array_to_string(parts[1:n], %(between)s),"
            " NULLIF(array_to_string(parts[1:n - 1], %(between)s), ''), parts[n]"
            " FROM (SELECT string_to_array(told, %(between)s) AS parts FROM unnest(%(paths)s::text[]) AS told) AS told,"
            " generate_series(1, cardinality(parts)) AS n WHERE NOT ('' = ANY(parts)) ORDER BY 1"
            " ON CONFLICT (path) DO NOTHING",
            {"between": BETWEEN, "paths": wanted},
        )


def name(*, path: str, titles: Mapping[str, str], at: datetime, by: Actor) -> None:
    """Say what a category is called, by language; also one that only products have told. The same again changes
    nothing. Raises `BadTitle` and `UnknownCategory`."""
    checked = checked_titles(titles)
    with transaction.atomic():
        if Product.objects.filter(category=path).exists():
            ensure_many([path])
        row = Row.objects.select_for_update().filter(path=path).first()
        if row is None:
            shown = path[:80]
            raise UnknownCategory(
                _("path: there is no %(shown)r; use one of the tree's") % {"shown": shown}, field="path", value=shown
            )
        if row.titles != checked:
            Row.objects.filter(id=row.id).update(titles=checked)
            trail.record(
                by=by,
                verb="commerce.categories.name",
                subject=f"category:{row.id}",
                at=at,
                before={"languages": sorted(row.titles)},
                after={"languages": sorted(checked)},
            )


def branches() -> list[Category]:
    """All categories as `tree` gives them, but nothing is counted: one query over categories and not over products."""
    with connection.cursor() as cursor:
        cursor.execute(_BRANCHES, [BETWEEN])
        return [Category(path, parent, name, json.loads(titles), 0) for path, parent, name, titles in cursor.fetchall()]


def tree() -> list[Category]:
    """All categories by path, those above before those below; also those that only orders have told. One query, over
    the categories of all products."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE(branch.path, inside.category), COALESCE(branch.parent_id, ''),"
            " COALESCE(branch.name, inside.category), COALESCE(branch.titles, '{}')::text, COALESCE(inside.products, 0)"
            " FROM commerce_category AS branch FULL JOIN (SELECT category, count(*) AS products FROM commerce_product"
            " WHERE category <> '' GROUP BY 1) AS inside ON inside.category = branch.path"
            " ORDER BY string_to_array(COALESCE(branch.path, inside.category), %s)",
            [BETWEEN],
        )
        return [
            Category(path, parent, name, json.loads(titles), products)
            for path, parent, name, titles, products in cursor.fetchall()
        ]


#: Those that products have are found one after the other by their index.
_BRANCHES = """
WITH RECURSIVE told AS (
    (SELECT category FROM commerce_product WHERE category <> '' ORDER BY category USING ~<~ LIMIT 1)
    UNION ALL
    SELECT (SELECT next.category FROM commerce_product AS next
             WHERE next.category ~>~ told.category AND next.category <> ''
             ORDER BY next.category USING ~<~ LIMIT 1) FROM told WHERE told.category IS NOT NULL
)
SELECT COALESCE(branch.path, told.category), COALESCE(branch.parent_id, ''), COALESCE(branch.name, told.category),
       COALESCE(branch.titles, '{}')::text
  FROM commerce_category AS branch
  FULL JOIN (SELECT category FROM told WHERE category IS NOT NULL) AS told ON told.category = branch.path
 ORDER BY string_to_array(COALESCE(branch.path, told.category), %s)
"""


def checked_titles(titles: Mapping[str, str], longest: int = 300) -> dict[str, str]:
    """Titles by language, tidy; refused in a language Regulars does not speak, or with what nobody can see."""
    for language, title in titles.items():
        if language not in languages.CODES:
            raise BadTitle(
                _("titles: %(language)r is no language of this house; use one of %(codes)s")
                % {"language": language[:20], "codes": ", ".join(languages.CODES)},
                field="titles",
                value=language[:20],
            )
        if not title.strip() or len(title.strip()) > longest or not title.strip().isprintable():
            raise BadTitle(
                _(
                    "titles: the one in %(language)s is empty, too long or not readable; give 1 to %(longest)s"
                    " characters"
                )
                % {"language": language, "longest": longest},
                field="titles",
                value=language,
            )
    return {language: titles[language].strip() for language in sorted(titles)}
