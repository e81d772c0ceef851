"""Stores: places with a door. Their code is their key: the same code again is the same store."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from regulars.facts.company import _codes, channels, models
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.runtime.trail import trail


@dataclass(frozen=True)
class Store:
    """One place. `zone` is empty where its clock is the shop's."""

    id: int
    code: str
    name: str
    zone: str
    channel_id: int


def resolve_many(*, codes: Iterable[str], at: datetime, by: Actor, channel: str = "store") -> dict[str, int]:
    """Code to id, making what is missing with its code as name, in `channel`. Two statements when all are known."""
    tidy = {code: _codes.check_code("store", code) for code in codes}
    if not tidy:
        return {}
    with transaction.atomic():
        channel_id = channels.resolve_many(codes=[channel], at=at, by=by, kind="store")[channel]
        found, made = _codes.find_or_make("company_store", tidy.values(), {"channel_id": channel_id, "zone": ""})
        if made:
            trail.record(
                by=by,
                verb="company.stores.resolve_many",
                subject="company:stores",
                at=at,
                after={"channel": channel_id, "count": len(made), "ids": made[:100]},
            )
    return {code: found[tidy[code]] for code in tidy}


def describe(*, code: str, name: str, at: datetime, by: Actor, zone: str = "", channel: str = "store") -> Store:
    """Name the store, making it where it is missing. The same again changes nothing."""
    name = _codes.check_name("name", name)
    if zone:
        civil.zone(zone)
    with transaction.atomic():
        number = resolve_many(codes=[code], at=at, by=by, channel=channel)[code]
        channel_id = channels.resolve_many(codes=[channel], at=at, by=by, kind="store")[channel]
        row = models.Store.objects.select_for_update().get(id=number)
        if (row.name, row.zone, row.channel_id) != (name, zone, channel_id):
            trail.record(
                by=by,
                verb="company.stores.describe",
                subject=f"store:{number}",
                at=at,
                before={"zone": row.zone, "channel": row.channel_id},
                after={"zone": zone, "channel": channel_id},
            )
            models.Store.objects.filter(id=number).update(name=name, zone=zone, channel_id=channel_id)
    return Store(number, row.code, name, zone, channel_id)


def every() -> list[Store]:
    """All stores by code. One query."""
    return [
        Store(row.id, row.code, row.name, row.zone, row.channel_id) for row in models.Store.objects.order_by("code")
    ]


def names(codes: Iterable[str]) -> dict[str, str]:
    """The names of these stores by code. One query, none for no codes."""
    wanted = set(codes)
    return dict(models.Store.objects.filter(code__in=wanted).values_list("code", "name")) if wanted else {}
