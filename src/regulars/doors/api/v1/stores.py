"""Stores: named, placed, and when they are open."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

from django.http import HttpRequest
from django.urls import register_converter
from ninja import Router
from pydantic import Field

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.company import channels, opening, stores
from regulars.facts.company.opening import Hours
from regulars.facts.company.stores import Place, Store
from regulars.kit import civil
from regulars.runtime.database import clock

router = Router(tags=["catalogue and stock"])


class AnyCode:
    """A store's code as part of a path: whatever it holds, slashes too, so that no store is out of reach."""

    regex = r"[\s\S]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(AnyCode, "anycode")

#: As people write it; what it means is read where hours are kept.
Written = Annotated[str, Field(max_length=200)]
Degrees = Annotated[str, Field(pattern=r"^-?[0-9]{1,3}(\.[0-9]{1,6})?$", max_length=12)]


class StoreIn(exact.Told):
    """What a store is called, and whose clock it goes by."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    zone: Annotated[str, Field(max_length=60)] = Field("", description="Such as Europe/London; empty: the shop's own.")


class PlaceIn(exact.Told):
    """Where it is: degrees, north and east positive, both or neither."""

    address: Annotated[str, Field(max_length=stores.LONGEST_ADDRESS)] = ""
    city: Annotated[str, Field(max_length=stores.LONGEST_CITY)] = ""
    latitude: Degrees | None = None
    longitude: Degrees | None = None
    offers_pickup: bool = False


class WeekIn(exact.Told):
    """Its hours by weekday, Monday first, such as `09:00-12:30, 14:00-18:00`; empty is closed."""

    week: Annotated[list[Written], Field(min_length=7, max_length=7)]


class DayIn(exact.Told):
    """How one day differs: other hours, empty where it is closed; null: as ever."""

    hours: Written | None


class StoreOut(exact.Shown):
    """One store. `week` has its hours by weekday, Monday first; `is_open` is null where nobody told them."""

    code: str
    name: str
    zone: str
    address: str
    city: str
    latitude: str | None
    longitude: str | None
    offers_pickup: bool
    week: list[str]
    days: dict[str, str] = Field(description="Days from today on that differ, with their hours; empty is closed.")
    is_open: bool | None
    next_opening: datetime | None


class StoresOut(exact.Shown):
    """All stores by code."""

    items: list[StoreOut]


@router.get("/stores", auth=ApiKey("company.read"), response=StoresOut, operation_id="list_stores")
def list_stores(request: HttpRequest) -> StoresOut:
    """All stores: where they are, when they are open, whether goods are picked up there."""
    return StoresOut(items=_out(stores.every()))


@router.put(
    "/stores/{anycode:store}/place", auth=ApiKey("company.write"), response=StoreOut, operation_id="locate_store"
)
def locate_store(request: HttpRequest, store: exact.Code, body: PlaceIn) -> StoreOut:
    """Say where it is, and whether goods can be picked up there. Again changes nothing."""
    where = Place(body.address, body.city, _degrees(body.latitude), _degrees(body.longitude))
    told = stores.locate(
        store=stores.by_code(store).id,
        place=where,
        offers_pickup=body.offers_pickup,
        at=clock.now(),
        by=caller(request),
    )
    return _out([told])[0]


@router.put(
    "/stores/{anycode:store}/hours", auth=ApiKey("company.write"), response=StoreOut, operation_id="set_store_hours"
)
def set_store_hours(request: HttpRequest, store: exact.Code, body: WeekIn) -> StoreOut:
    """Replace its week; days that differ stay. Again changes nothing."""
    found = stores.by_code(store)
    week = {number: opening.read(text, f"week.{number - 1}") for number, text in enumerate(body.week, 1)}
    stores.set_hours(store=found.id, week=week, at=clock.now(), by=caller(request))
    return _out([found])[0]


@router.put(
    "/stores/{anycode:store}/days/{day}", auth=ApiKey("company.write"), response=StoreOut, operation_id="set_store_day"
)
def set_store_day(request: HttpRequest, store: exact.Code, day: date, body: DayIn) -> StoreOut:
    """Say how one day differs from its weekday. Again changes nothing."""
    found = stores.by_code(store)
    spans = None if body.hours is None else opening.read(body.hours)
    stores.set_exceptions(store=found.id, days={day: spans}, at=clock.now(), by=caller(request))
    return _out([found])[0]


# Last of all: a code may have a slash in it, and these would take what follows for a part of it.
@router.get("/stores/{anycode:store}", auth=ApiKey("company.read"), response=StoreOut, operation_id="get_store")
def get_store(request: HttpRequest, store: exact.Code) -> StoreOut:
    """One store by its code."""
    return _out([stores.by_code(store)])[0]


@router.put("/stores/{anycode:store}", auth=ApiKey("company.write"), response=StoreOut, operation_id="describe_store")
def describe_store(request: HttpRequest, store: exact.Code, body: StoreIn) -> StoreOut:
    """Name a store, making it where there is none of that code. Again changes nothing."""
    known = stores.find_many([store])
    ways = {one.id: one.code for one in channels.every()}
    channel = ways[stores.get(known[store]).channel_id] if store in known else "store"
    told = stores.describe(
        code=store, name=body.name, zone=body.zone, channel=channel, at=clock.now(), by=caller(request)
    )
    return _out([told])[0]


def _degrees(told: str | None) -> Decimal | None:
    return None if told is None else Decimal(told)


def _out(some: Sequence[Store]) -> list[StoreOut]:
    hours, now = stores.hours_of([store.id for store in some]), clock.now()
    return [_store(store, hours[store.id], now) for store in some]


def _store(store: Store, hours: Hours, now: datetime) -> StoreOut:
    name = stores.zone_of(store)
    zone = civil.zone(name)
    today = civil.day_of(now, zone)
    where = store.place
    return StoreOut(
        code=store.code,
        name=store.name,
        zone=name,
        address=where.address,
        city=where.city,
        latitude=None if where.latitude is None else str(where.latitude),
        longitude=None if where.longitude is None else str(where.longitude),
        offers_pickup=store.offers_pickup,
        week=[", ".join(map(str, hours.week.get(weekday, ()))) for weekday in range(1, 8)],
        days={
            day.isoformat(): ", ".join(map(str, spans))
            for day, spans in sorted(hours.exceptions.items())
            if day >= today
        },
        is_open=opening.is_open(hours, now, zone) if hours.is_told else None,
        next_opening=opening.next_opening(hours, now, zone),
    )
