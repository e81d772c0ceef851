"""Brands: the names the company sells under. Their code is their key."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from regulars.facts.company import _codes, models
from regulars.kit.actors import Actor
from regulars.runtime.trail import trail


@dataclass(frozen=True)
class Brand:
    """One name the company sells under."""

    id: int
    code: str
    name: str


def describe(*, code: str, name: str, at: datetime, by: Actor) -> Brand:
    """Name the brand, making it where it is missing. The same again changes nothing."""
    code, name = _codes.check_code("brand", code), _codes.check_name("name", name)
    with transaction.atomic():
        found, made = _codes.find_or_make("company_brand", [code], {})
        number = found[code]
        changed = models.Brand.objects.filter(id=number).exclude(name=name).update(name=name)
        if made or changed:
            trail.record(by=by, verb="company.brands.describe", subject=f"brand:{number}", at=at)
    return Brand(number, code, name)


def every() -> list[Brand]:
    """All brands by code. One query."""
    return [Brand(row.id, row.code, row.name) for row in models.Brand.objects.order_by("code")]
