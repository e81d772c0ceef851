"""Sources of events: what sends, under whose names it knows people, and whether its orders count."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast, get_args

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.sources.models import Source as Row
from regulars.kit import civil, ids
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

PREFIX = "src"
Kind = Literal["web", "app", "server", "till", "other"]
Plan = Literal["learning", "watching", "blocking"]
LEARNS_FOR = timedelta(days=7)
LONGEST_NAME = 60
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)


@dataclass(frozen=True)
class Source:
    """One sender. The same user id in two sources of one `namespace` is the same person.

    `zone` is for times told without an offset. Orders come only from an `is_order_feed`: elsewhere an order event is
    something that somebody did, so that one sale told by two sources is still one sale.
    """

    id: int
    public_id: str
    name: str
    kind: Kind
    namespace: str
    zone: str
    is_order_feed: bool
    plan: Plan
    learns_until: datetime
    made_at: datetime
    retired_at: datetime | None


class BadSourceName(Refusal):
    """Not a short name in small letters."""

    code = "sources.bad_name"


class SourceNameTaken(Refusal):
    """Another source has the name."""

    code = "sources.name_taken"


class BadKind(Refusal):
    """Not a kind of source."""

    code = "sources.bad_kind"


class UnknownSource(Refusal):
    """No such source."""

    code = "sources.unknown"


class SourceRetired(Refusal):
    """It was retired and sends no more."""

    code = "sources.retired"


def make(
    *, name: str, kind: str, namespace: str, zone: str, is_order_feed: bool = False, at: datetime, by: Actor
) -> Source:
    """A new source; the name makes a repeat harmless: the same again with the same facts returns it.

    Its tracking plan is learned from the first week. Refuses a name another source has, unknown kinds and zones.
    """
    check_name(name)
    _check_namespace(namespace)
    civil.zone(zone)
    if kind not in get_args(Kind):
        raise BadKind(
            _("kind: %(kind)r is no kind of source; use one of %(kind2)s")
            % {"kind": kind[:20], "kind2": ", ".join(get_args(Kind))},
            field="kind",
            value=kind[:20],
        )
    try:
        with transaction.atomic():
            row = Row.objects.create(
                name=name,
                kind=kind,
                namespace=namespace,
                zone=zone,
                is_order_feed=is_order_feed,
                learns_until=at + LEARNS_FOR,
                made_at=at,
            )
            row.refresh_from_db()
            trail.record(
                by=by,
                verb="sources.make",
                subject=f"source:{row.id}",
                at=at,
                after={"name": name, "kind": kind, "namespace": namespace, "zone": zone, "orders": is_order_feed},
            )
    except IntegrityError:
        known = of_row(Row.objects.get(name=name))
        if (known.kind, known.namespace, known.zone, known.is_order_feed) == (kind, namespace, zone, is_order_feed):
            return known
        raise SourceNameTaken(
            _("name: %(name)r is another source's; choose a new name") % {"name": name}, field="name", value=name
        ) from None
    return of_row(row)


def change(
    *,
    source: int,
    zone: str | None = None,
    is_order_feed: bool | None = None,
    plan: Plan | None = None,
    at: datetime,
    by: Actor,
) -> Source:
    """Change what is given, leave the rest. What came in before stays as it was read then."""
    with transaction.atomic():
        row = _locked(source)
        before = of_row(row)
        if zone is not None:
            civil.zone(zone)
            row.zone = zone
        if is_order_feed is not None:
            row.is_order_feed = is_order_feed
        if plan is not None:
            row.plan = plan
        after = of_row(row)
        if after == before:
            return before
        row.save(update_fields=["zone", "is_order_feed", "plan"])
        trail.record(
            by=by,
            verb="sources.change",
            subject=f"source:{row.id}",
            at=at,
            before={"zone": before.zone, "orders": before.is_order_feed, "plan": before.plan},
            after={"zone": after.zone, "orders": after.is_order_feed, "plan": after.plan},
        )
    return after


def retire(*, source: int, at: datetime, by: Actor, why: str = "") -> Source:
    """It sends no more: its keys open nothing from now on. What it sent stays. Again changes nothing."""
    with transaction.atomic():
        row = _locked(source)
        if row.retired_at is None:
            row.retired_at = at
            row.save(update_fields=["retired_at"])
            trail.record(by=by, verb="sources.retire", subject=f"source:{row.id}", at=at, why=why)
    return of_row(row)


def get(source: int) -> Source:
    """One source by number; refused when there is none."""
    row = Row.objects.filter(id=source).first()
    if row is None:
        raise UnknownSource(
            _("source: there is no number %(source)s; look at the list") % {"source": source},
            field="source",
            value=source,
        )
    return of_row(row)


def by_public_id(text: str) -> Source:
    """One source by `src_…`; refused when there is none."""
    row = Row.objects.filter(public_id=ids.parse(text, PREFIX)).first()
    if row is None:
        shown = text.strip()[:40]
        raise UnknownSource(
            _("source: there is no %(shown)s; look at the list") % {"shown": shown}, field="source", value=shown
        )
    return of_row(row)


def by_name(name: str) -> Source:
    """One source by its name; refused when there is none."""
    row = Row.objects.filter(name=name).first()
    if row is None:
        raise UnknownSource(
            _("source: there is no %(name)r; make it first, or look at the list") % {"name": name[:LONGEST_NAME]},
            field="source",
            value=name[:LONGEST_NAME],
        )
    return of_row(row)


def every() -> Sequence[Source]:
    """All sources, retired ones last, by name. One query."""
    return [of_row(row) for row in Row.objects.order_by(models.F("retired_at").asc(nulls_first=True), "name")]


def check_name(name: str) -> str:
    """`name` when it is a short one in small letters, such as `web-shop` or `till.xuhui`."""
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise BadSourceName(
            _(
                "name: %(name)r is no source's name; use up to %(longest_name)s small letters, digits, dots, dashes and"
                " underscores"
            )
            % {"name": name[:LONGEST_NAME], "longest_name": LONGEST_NAME},
            field="name",
            value=name[:LONGEST_NAME],
        )
    return name


def _check_namespace(namespace: str) -> None:
    if len(namespace) > 64 or not _NAME.fullmatch(namespace):
        raise BadSourceName(
            _(
                "namespace: %(namespace)r is no namespace; use up to 64 small letters, digits, dots, dashes and"
                " underscores, the same for all sources that give people the same ids"
            )
            % {"namespace": namespace[:64]},
            field="namespace",
            value=namespace[:64],
        )


def _locked(source: int) -> Row:
    row = Row.objects.select_for_update().filter(id=source).first()
    if row is None:
        raise UnknownSource(
            _("source: there is no number %(source)s; look at the list") % {"source": source},
            field="source",
            value=source,
        )
    return row


def of_row(row: Row) -> Source:
    """For this room alone."""
    return Source(
        row.id,
        ids.public(PREFIX, row.public_id),
        row.name,
        cast(Kind, row.kind),
        row.namespace,
        row.zone,
        row.is_order_feed,
        cast(Plan, row.plan),
        row.learns_until,
        row.made_at,
        row.retired_at,
    )
