"""Sources of events, the write keys with which they send, and how many of their messages ended how."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Query, Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.sources import sources, traffic, write_keys
from regulars.facts.sources.sources import Kind, Source
from regulars.facts.sources.write_keys import WriteKey
from regulars.kit import paging
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock

router = Router(tags=["sources"])

LONGEST_LOOK_BACK = timedelta(days=62)
#: What has no public id is known by its number.
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


class SourceIn(exact.Told):
    """One sender. Sources that give people the same ids share a `namespace`."""

    name: exact.Code
    kind: Kind = "web"
    namespace: exact.Code = "shop"
    zone: exact.Code = Field(description="For times told without an offset, such as `Asia/Shanghai`.")
    is_order_feed: bool = Field(False, description="Its order events become orders. For one source of each sale only.")


class SourceChangeIn(exact.Told):
    """What is given is changed, the rest stays. What came in before stays as it was read then."""

    zone: exact.Code | None = None
    is_order_feed: bool | None = None


class SourceOut(exact.Shown):
    """One source. Once `retired_at` is set it sends no more."""

    id: str
    name: str
    kind: str
    namespace: str
    zone: str
    is_order_feed: bool
    plan: str
    made_at: datetime
    retired_at: datetime | None


class SourcesOut(exact.Shown):
    """A page of sources by name, and the cursor of the next page."""

    items: list[SourceOut]
    next: str | None


class WriteKeyIn(exact.Told):
    """What the key may do: all calls unless `kinds` names some."""

    kinds: Annotated[list[exact.Code], Field(max_length=len(write_keys.KINDS))] = []
    per_second: Annotated[int, Field(ge=1, le=1_000_000)] = write_keys.PER_SECOND


class WriteKeyOut(exact.Shown):
    """One key without its secret; `prefix` is its visible beginning."""

    number: int
    prefix: str
    kinds: list[str]
    per_second: int
    made_at: datetime
    revoked_at: datetime | None


class MadeWriteKeyOut(WriteKeyOut):
    """A fresh key with its secret, which is told in this answer only."""

    token: str


class WriteKeysOut(exact.Shown):
    """A page of a source's keys, newest first, and the cursor of the next page."""

    items: list[WriteKeyOut]
    next: str | None


class HourOut(exact.Shown):
    """Messages with one verdict (accepted, duplicate, conflict or rejected) in the hour that begins at `hour`."""

    hour: datetime
    verdict: str
    count: int
    last_at: datetime


class TrafficOut(exact.Shown):
    """Oldest hour first."""

    items: list[HourOut]


class TooFarBack(Refusal):
    """Longer ago than one answer tells."""

    code = "traffic.too_far_back"


@router.get("/sources", auth=ApiKey("sources.read"), response=SourcesOut, operation_id="list_sources")
def list_sources(request: HttpRequest, limit: int = 50, cursor: str = "") -> SourcesOut:
    """All sources by name, retired ones too."""
    size = paging.check_size(limit)
    (after,) = paging.decode(cursor, "sources", str) if cursor else ("",)
    rows = sorted((one for one in sources.every() if one.name > str(after)), key=lambda one: one.name)
    page = paging.cut(rows[: size + 1], size, of="sources", key=lambda one: (one.name,))
    return SourcesOut(items=[_source_out(one) for one in page.items], next=page.next)


@router.post("/sources", auth=ApiKey("sources.manage"), response=SourceOut, operation_id="make_source")
def make_source(request: HttpRequest, body: SourceIn) -> SourceOut:
    """A new source. Its name is its key: the same again with the same content gives the same answer."""
    return _source_out(
        sources.make(
            name=body.name,
            kind=body.kind,
            namespace=body.namespace,
            zone=body.zone,
            is_order_feed=body.is_order_feed,
            at=clock.now(),
            by=caller(request),
        )
    )


@router.get("/sources/{source}", auth=ApiKey("sources.read"), response=SourceOut, operation_id="get_source")
def get_source(request: HttpRequest, source: str) -> SourceOut:
    """One source."""
    return _source_out(sources.by_public_id(source))


@router.patch("/sources/{source}", auth=ApiKey("sources.manage"), response=SourceOut, operation_id="change_source")
def change_source(request: HttpRequest, source: str, body: SourceChangeIn) -> SourceOut:
    """Change what is given. Again changes nothing."""
    found = sources.by_public_id(source)
    changed = sources.change(
        source=found.id, zone=body.zone, is_order_feed=body.is_order_feed, at=clock.now(), by=caller(request)
    )
    return _source_out(changed)


@router.post(
    "/sources/{source}/retire", auth=ApiKey("sources.manage"), response=SourceOut, operation_id="retire_source"
)
def retire_source(request: HttpRequest, source: str) -> SourceOut:
    """It sends no more, for good; what it sent stays. Again changes nothing."""
    found = sources.by_public_id(source)
    return _source_out(sources.retire(source=found.id, at=clock.now(), by=caller(request)))


@router.get(
    "/sources/{source}/keys", auth=ApiKey("sources.read"), response=WriteKeysOut, operation_id="list_write_keys"
)
def list_write_keys(request: HttpRequest, source: str, limit: int = 50, cursor: str = "") -> WriteKeysOut:
    """A source's keys, newest first, revoked ones too."""
    size = paging.check_size(limit)
    (before,) = paging.decode(cursor, "write_keys", int) if cursor else (None,)
    keys = write_keys.of_source(sources.by_public_id(source).id)
    rows = [key for key in keys if not isinstance(before, int) or key.id < before]
    page = paging.cut(rows[: size + 1], size, of="write_keys", key=lambda key: (key.id,))
    return WriteKeysOut(items=[WriteKeyOut(**_key_told(key)) for key in page.items], next=page.next)


@router.post(
    "/sources/{source}/keys", auth=ApiKey("sources.manage"), response=MadeWriteKeyOut, operation_id="make_write_key"
)
def make_write_key(request: HttpRequest, source: str, body: WriteKeyIn | None = None) -> MadeWriteKeyOut:
    """Another key for the source, with its secret, which nobody can be told again.

    Each call makes a new key. Did the answer get lost, make another and revoke the one that was lost.
    """
    told = body or WriteKeyIn()
    made = write_keys.make(
        source=sources.by_public_id(source).id,
        kinds=told.kinds,
        per_second=told.per_second,
        at=clock.now(),
        by=caller(request),
    )
    return MadeWriteKeyOut(token=made.token, **_key_told(made.key))


@router.post(
    "/sources/{source}/keys/{number}/revoke",
    auth=ApiKey("sources.manage"),
    response=WriteKeyOut,
    operation_id="revoke_write_key",
)
def revoke_write_key(request: HttpRequest, source: str, number: Number) -> WriteKeyOut:
    """The key opens nothing any more, for good. What still comes with it goes to quarantine. Again changes nothing."""
    found = sources.by_public_id(source)
    if all(key.id != number for key in write_keys.of_source(found.id)):
        raise write_keys.UnknownWriteKey(
            f"key: the source {found.name} has no number {number}; look at its list", field="key", value=number
        )
    return WriteKeyOut(**_key_told(write_keys.revoke(key=number, at=clock.now(), by=caller(request))))


@router.get(
    "/sources/{source}/traffic", auth=ApiKey("sources.read"), response=TrafficOut, operation_id="get_source_traffic"
)
def get_source_traffic(
    request: HttpRequest,
    source: str,
    since: Annotated[
        exact.Instant | None, Query(description="Left out: the last 24 hours. At most 62 days ago.")
    ] = None,
) -> TrafficOut:
    """How many messages of the source ended how, by the hour."""
    now = clock.now()
    if since is not None and since < now - LONGEST_LOOK_BACK:
        raise TooFarBack(
            f"since: {since.isoformat()} is more than {LONGEST_LOOK_BACK.days} days ago; ask for less", field="since"
        )
    hours = traffic.since(since or now - timedelta(hours=24), source=sources.by_public_id(source).id)
    return TrafficOut(
        items=[HourOut(hour=one.hour, verdict=one.verdict, count=one.count, last_at=one.last_at) for one in hours]
    )


def names() -> dict[int, str]:
    """The public id of each source by its number. One query."""
    return {one.id: one.public_id for one in sources.every()}


def _source_out(one: Source) -> SourceOut:
    return SourceOut(
        id=one.public_id,
        name=one.name,
        kind=one.kind,
        namespace=one.namespace,
        zone=one.zone,
        is_order_feed=one.is_order_feed,
        plan=one.plan,
        made_at=one.made_at,
        retired_at=one.retired_at,
    )


def _key_told(key: WriteKey) -> dict[str, Any]:
    return {
        "number": key.id,
        "prefix": key.prefix,
        "kinds": sorted(key.kinds),
        "per_second": key.per_second,
        "made_at": key.made_at,
        "revoked_at": key.revoked_at,
    }
