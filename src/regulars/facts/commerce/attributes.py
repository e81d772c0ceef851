"""What may be said of products and their forms beyond their names: typed attributes, declared before they are told."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce.categories import checked_titles
from regulars.facts.commerce.models import Attribute as Row
from regulars.facts.commerce.models import Product, Variant
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

Kind = Literal["text", "number", "yes_no", "day", "choice"]
#: As it is told and kept: numbers and days as text, so that no digit is lost.
Value = str | bool

KINDS = ("text", "number", "yes_no", "day", "choice")
MOST_CHOICES = 200
_LONGEST_TEXT = 300
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Attribute:
    """One thing that may be said. `choices` are the values that one of the kind "choice" takes."""

    code: str
    kind: Kind
    titles: Mapping[str, str]
    choices: Sequence[str]


class BadAttribute(Refusal):
    """No such attribute can be declared."""

    code = "attributes.bad_attribute"


class BadValue(Refusal):
    """Not a value that the attribute takes."""

    code = "attributes.bad_value"


class UnknownAttribute(Refusal):
    """Nobody has declared it."""

    code = "attributes.unknown"


class KindIsSettled(Refusal):
    """An attribute keeps its kind, and the choices that are in use."""

    code = "attributes.kind_is_settled"


def define(
    *, code: str, kind: Kind, titles: Mapping[str, str], choices: Sequence[str] = (), at: datetime, by: Actor
) -> Attribute:
    """Declare an attribute, or name it anew and give it more choices. The same again changes nothing.

    Its kind stays, and so do its choices: products may have them. Raises `BadAttribute` and `KindIsSettled`.
    """
    if not _CODE.fullmatch(code):
        raise BadAttribute(
            _("code: %(code)r is none; write at most 64 characters like shoe_size") % {"code": code[:64]}, field="code"
        )
    if kind not in KINDS:
        raise BadAttribute(
            _("kind: %(kind)r is none; use one of %(kinds)s") % {"kind": kind[:20], "kinds": ", ".join(KINDS)},
            field="kind",
        )
    wanted = Attribute(code, kind, checked_titles(titles), _choices(kind, choices))
    with transaction.atomic():
        row, is_new = Row.objects.select_for_update().get_or_create(
            code=code, defaults={"kind": kind, "titles": wanted.titles, "choices": wanted.choices}
        )
        before = _attribute(row)
        if before.kind != kind or not set(before.choices) <= set(wanted.choices):
            raise KindIsSettled(
                _("kind: %(code)r is %(kind)s with %(choices)s choices and keeps them; declare another")
                % {"code": code, "kind": before.kind, "choices": len(before.choices)},
                field="kind",
                value=before.kind,
            )
        if is_new or before != wanted:
            Row.objects.filter(code=code).update(titles=dict(wanted.titles), choices=list(wanted.choices))
            trail.record(
                by=by,
                verb="commerce.attributes.define",
                subject=f"attribute:{code}",
                at=at,
                after={"kind": kind, "choices": len(wanted.choices)},
            )
    return wanted


def every() -> list[Attribute]:
    """All that are declared, by code. One query."""
    return [_attribute(row) for row in Row.objects.order_by("code")]


def describe(
    *,
    product: int | None = None,
    variant: int | None = None,
    values: Mapping[str, Value | None],
    at: datetime,
    by: Actor,
) -> dict[str, Value]:
    """Say `values` of a product or of one of its forms; None takes one back, and what is not named stays. All of them.

    The same again changes nothing. Raises `UnknownAttribute` and `BadValue`.
    """
    table: type[Product] | type[Variant] = Variant if product is None else Product
    number = variant if product is None else product
    if number is None:
        raise TypeError("name the product or the variant that is described")
    declared = {one.code: one for one in every()}
    told = {code: None if value is None else _checked(declared, code, value) for code, value in values.items()}
    with transaction.atomic():
        row = table.objects.select_for_update().get(id=number)
        after = {code: value for code, value in {**row.attributes, **told}.items() if value is not None}
        if after != row.attributes:
            table.objects.filter(id=row.id).update(attributes=after)
            trail.record(
                by=by,
                verb="commerce.attributes.describe",
                subject=f"{'product' if table is Product else 'variant'}:{row.id}",
                at=at,
                after={"told": ",".join(sorted(told))[:200]},
            )
    return after


def of_products(products: Sequence[int]) -> dict[int, dict[str, Value]]:
    """What is said of each of these products. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, attributes::text FROM commerce_product WHERE id = ANY(%s)", [list(products)])
        return {number: json.loads(told) for number, told in cursor.fetchall()}


def _checked(declared: Mapping[str, Attribute], code: str, value: Value) -> Value:
    if code not in declared:
        raise UnknownAttribute(_("%(code)s: is not declared; declare it first") % {"code": code[:64]}, field=code[:64])
    found = _read(declared[code], value)
    if found is None:
        raise BadValue(
            _("%(code)s: %(value)r cannot be; send %(mend)s")
            % {"code": code, "value": str(value)[:40], "mend": _MEND[declared[code].kind]},
            field=code,
            value=str(value)[:40],
        )
    return found


_MEND = {
    "text": _("at most %(longest)s visible characters") % {"longest": _LONGEST_TEXT},
    "number": _('a decimal number as text, such as "41.5"'),
    "yes_no": _("true or false"),
    "day": _('a day such as "2026-03-02"'),
    "choice": _("one of its choices"),
}


def _read(attribute: Attribute, value: Value) -> Value | None:
    if attribute.kind == "yes_no" or isinstance(value, bool):
        return value if attribute.kind == "yes_no" and isinstance(value, bool) else None
    tidy = value.strip()
    try:
        match attribute.kind:
            case "number":
                number = Decimal(tidy)
                return f"{number.normalize():f}" if number.is_finite() and abs(number.adjusted()) < 30 else None
            case "day":
                return date.fromisoformat(tidy).isoformat()
            case "choice":
                return tidy if tidy in attribute.choices else None
    except (InvalidOperation, ValueError):
        return None
    return tidy if 0 < len(tidy) <= _LONGEST_TEXT and tidy.isprintable() else None


def _choices(kind: str, choices: Sequence[str]) -> tuple[str, ...]:
    tidy = tuple(dict.fromkeys(one.strip() for one in choices))
    if (kind == "choice") != bool(tidy) or len(tidy) > MOST_CHOICES:
        raise BadAttribute(
            _("choices: send 1 to %(most_choices)s for a choice, and none for another kind")
            % {"most_choices": MOST_CHOICES},
            field="choices",
        )
    for one in tidy:
        if not 0 < len(one) <= _LONGEST_TEXT or not one.isprintable():
            raise BadAttribute(
                _("choices: %(one)r cannot be one; send visible characters") % {"one": one[:40]}, field="choices"
            )
    return tidy


def _attribute(row: Row) -> Attribute:
    return Attribute(row.code, row.kind, row.titles, tuple(row.choices))  # type: ignore[arg-type]  # checked by the table
