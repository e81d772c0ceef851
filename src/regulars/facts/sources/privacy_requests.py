"""What shops ask of us about their people, as the law lets people ask them: on record until somebody has done it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast, get_args

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.sources.models import PrivacyRequest as Row
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

#: `deleted`: the shop has this customer no more, and nobody said whether they want to be forgotten.
Kind = Literal["data_request", "redact", "shop_redact", "deleted"]
#: Shopify gives thirty days for all three, as the GDPR gives a month.
TIME_TO_DO_IT = timedelta(days=30)


@dataclass(frozen=True)
class PrivacyRequest:
    """One request. `ref` is what the shop calls the person; empty where it means everybody."""

    id: int
    connection: int
    kind: Kind
    ref: str
    asked_at: datetime
    due_at: datetime
    settled_at: datetime | None
    how: str


class UnknownRequest(Refusal):
    """No such request."""

    code = "privacy_requests.unknown"


def ask(*, connection: int, kind: Kind, ref: str, key: str, asked_at: datetime, at: datetime, by: Actor) -> bool:
    """Put a request on record; False when it is there already, by its `key`."""
    assert kind in get_args(Kind)
    with transaction.atomic():
        row, is_new = Row.objects.get_or_create(
            connection_id=connection,
            key=key[:120],
            defaults={"kind": kind, "ref": ref[:200], "asked_at": asked_at, "due_at": asked_at + TIME_TO_DO_IT},
        )
        if is_new:
            trail.record(
                by=by, verb="privacy_requests.ask", subject=f"privacy_request:{row.id}", at=at, after={"kind": kind}
            )
    return is_new


def get(request: int) -> PrivacyRequest:
    """One request; refused when there is none. One query."""
    row = Row.objects.filter(id=request).first()
    if row is None:
        raise UnknownRequest(
            _("request: there is no %(request)s; look at the list") % {"request": request},
            field="request",
            value=request,
        )
    return _told(row)


def settle(*, request: int, how: str, at: datetime, by: Actor) -> PrivacyRequest:
    """Somebody has done it, or says why there was nothing to do. Again changes nothing."""
    with transaction.atomic():
        row = Row.objects.select_for_update().filter(id=request).first()
        if row is None:
            raise UnknownRequest(
                _("request: there is no %(request)s; look at the list") % {"request": request},
                field="request",
                value=request,
            )
        if row.settled_at is None:
            row.settled_at, row.how = at, how[:200]
            row.save(update_fields=["settled_at", "how"])
            trail.record(by=by, verb="privacy_requests.settle", subject=f"privacy_request:{request}", at=at)
    return _told(row)


def still_open() -> list[PrivacyRequest]:
    """Those that nobody has done, the most pressing first. One query."""
    return [_told(row) for row in Row.objects.filter(settled_at=None).order_by("due_at", "id")]


def every(limit: int = 200) -> list[PrivacyRequest]:
    """The latest first. One query."""
    return [_told(row) for row in Row.objects.order_by("-id")[:limit]]


def _told(row: Row) -> PrivacyRequest:
    return PrivacyRequest(
        row.id, row.connection_id, cast("Kind", row.kind), row.ref, row.asked_at, row.due_at, row.settled_at, row.how
    )
