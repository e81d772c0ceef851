"""Channels: the ways the shop sells. Their code is their key: the same code again is the same channel."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.company import _codes, models
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

Kind = Literal["web", "store", "app", "marketplace", "phone"]


@dataclass(frozen=True)
class Channel:
    """One way to sell."""

    id: int
    code: str
    name: str
    kind: str


class UnknownKind(Refusal):
    """Not a kind of channel."""

    code = "company.unknown_kind"


def resolve_many(*, codes: Iterable[str], at: datetime, by: Actor, kind: Kind = "web") -> dict[str, int]:
    """Code to id, making what is missing with its code as name. One statement when all are known."""
    tidy = {code: _codes.check_code("channel", code) for code in codes}
    with transaction.atomic():
        found, made = _codes.find_or_make("company_channel", tidy.values(), {"kind": _check_kind(kind)})
        if made:
            trail.record(
                by=by,
                verb="company.channels.resolve_many",
                subject="company:channels",
                at=at,
                after={"kind": kind, "count": len(made), "ids": made[:100]},
            )
    return {code: found[tidy[code]] for code in tidy}


def describe(*, code: str, name: str, kind: Kind, at: datetime, by: Actor) -> Channel:
    """Name the channel, making it where it is missing. The same again changes nothing."""
    name = _codes.check_name("name", name)
    with transaction.atomic():
        number = resolve_many(codes=[code], at=at, by=by, kind=kind)[code]
        row = models.Channel.objects.select_for_update().get(id=number)
        if (row.name, row.kind) != (name, _check_kind(kind)):
            trail.record(
                by=by,
                verb="company.channels.describe",
                subject=f"channel:{number}",
                at=at,
                before={"kind": row.kind},
                after={"kind": kind},
            )
            models.Channel.objects.filter(id=number).update(name=name, kind=kind)
    return Channel(number, row.code, name, kind)


def every() -> list[Channel]:
    """All channels by code. One query."""
    return [Channel(row.id, row.code, row.name, row.kind) for row in models.Channel.objects.order_by("code")]


def _check_kind(kind: str) -> str:
    if kind not in models.KINDS:
        raise UnknownKind(
            _("kind: %(kind)r is no kind of channel; use one of %(kinds)s")
            % {"kind": kind[:20], "kinds": ", ".join(models.KINDS)},
            field="kind",
            value=kind[:20],
        )
    return kind
