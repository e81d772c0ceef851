"""Stores: places with a door. Their code is their key: the same code again is the same store."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.company import _codes, channels, company, models, opening
from regulars.facts.company.opening import Hours, Span
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

LONGEST_ADDRESS = 300
LONGEST_CITY = 120
#: Days that differ, of one store: some years of holidays.
MOST_EXCEPTIONS = 2_000


@dataclass(frozen=True)
class Place:
    """Where a store is. Degrees, north and east positive; both or neither. Its address is nobody's personal data."""

    address: str = ""
    city: str = ""
    latitude: Decimal | None = None
    longitude: Decimal | None = None


@dataclass(frozen=True)
class Store:
    """One place with a door. `zone` is empty where its clock is the shop's."""

    id: int
    code: str
    name: str
    zone: str
    channel_id: int
    place: Place = field(default_factory=Place)
    offers_pickup: bool = False


class UnknownStore(Refusal):
    """No such store."""

    code = "company.unknown_store"


class BadPlace(Refusal):
    """No place on earth, or an address too long or with characters nobody can see."""

    code = "company.bad_place"


class TooManyExceptions(Refusal):
    """More days that differ than a store has."""

    code = "company.too_many_exceptions"


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
        row.name, row.zone, row.channel_id = name, zone, channel_id
    return _store(row)


def locate(*, store: int, place: Place, offers_pickup: bool, at: datetime, by: Actor) -> Store:
    """Say where the store is and whether goods can be picked up there. The same again changes nothing."""
    _check_place(place)
    with transaction.atomic():
        row = _held(store)
        before = _store(row)
        after = Place(place.address.strip(), place.city.strip(), _micro(place.latitude), _micro(place.longitude))
        if (before.place, before.offers_pickup) != (after, offers_pickup):
            values = {name: getattr(after, name) for name in ("address", "city", "latitude", "longitude")}
            models.Store.objects.filter(id=store).update(**values, offers_pickup=offers_pickup)
            trail.record(
                by=by,
                verb="company.stores.locate",
                subject=f"store:{store}",
                at=at,
                before={"offers_pickup": before.offers_pickup},
                after={"offers_pickup": offers_pickup, "is_on_the_map": after.latitude is not None},
            )
    return Store(row.id, row.code, row.name, row.zone, row.channel_id, after, offers_pickup)


def set_hours(*, store: int, week: Mapping[int, Sequence[Span]], at: datetime, by: Actor) -> Hours:
    """Replace the store's week: spans by ISO weekday (Monday is 1); a weekday without any is closed.

    Days that differ stay. The same again changes nothing. Raises `opening.BadHours`.
    """
    for weekday in week:
        if not 1 <= weekday <= 7:
            raise opening.BadHours(
                _("weekday: %(weekday)s is none; Monday is 1 and Sunday 7") % {"weekday": weekday},
                field="weekday",
                value=weekday,
            )
    told = {weekday: opening.check(spans, _DAYS[weekday]) for weekday, spans in week.items() if spans}
    with transaction.atomic():
        _held(store)
        before = hours_of([store])[store]
        if dict(before.week) != told:
            models.StoreSpan.objects.filter(store_id=store, day=None).delete()
            models.StoreSpan.objects.bulk_create(
                models.StoreSpan(store_id=store, weekday=weekday, opens=span.opens, closes=span.closes)
                for weekday, spans in told.items()
                for span in spans
            )
            _told_hours(store, "set_hours", before.week, told, at, by)
    return Hours(told, before.exceptions)


def set_exceptions(*, store: int, days: Mapping[date, Sequence[Span] | None], at: datetime, by: Actor) -> Hours:
    """Say how single days differ from their weekday: these spans, none for closed, None for as ever.

    Days that are not named stay as they are. The same again changes nothing. Raises `opening.BadHours`.
    """
    told = {day: None if spans is None else opening.check(spans, day.isoformat()) for day, spans in days.items()}
    with transaction.atomic():
        _held(store)
        before = hours_of([store])[store]
        after = dict(before.exceptions)
        for day, spans in told.items():
            if spans is None:
                after.pop(day, None)
            else:
                after[day] = spans
        if len(after) > MOST_EXCEPTIONS:
            raise TooManyExceptions(
                _("days: %(after)s days would differ, at most %(most_exceptions)s can; take old ones out first")
                % {"after": len(after), "most_exceptions": MOST_EXCEPTIONS},
                field="days",
                value=len(after),
            )
        if changed := [day for day in told if before.exceptions.get(day) != after.get(day)]:
            models.StoreSpan.objects.filter(store_id=store, day__in=changed).delete()
            models.StoreSpan.objects.bulk_create(
                _on(store, day, span) for day in changed if day in after for span in (after[day] or (None,))
            )
            days_before = {day: before.exceptions[day] for day in changed if day in before.exceptions}
            days_after = {day: after[day] for day in changed if day in after}
            _told_hours(store, "set_exceptions", days_before, days_after, at, by)
    return Hours(before.week, after)


def every() -> list[Store]:
    """All stores by code. One query."""
    return [_store(row) for row in models.Store.objects.order_by("code")]


def get(store: int) -> Store:
    """One store; refused when there is none. One query."""
    row = models.Store.objects.filter(id=store).first()
    if row is None:
        raise UnknownStore(
            _("store: there is no number %(store)s; look it up again") % {"store": store}, field="store", value=store
        )
    return _store(row)


def by_code(code: str) -> Store:
    """One store by its code; refused when there is none. One query."""
    row = models.Store.objects.filter(code=code.strip()).first() if "\x00" not in code else None
    if row is None:
        shown = code.strip()[: _codes.LONGEST_CODE]
        raise UnknownStore(
            _("store: there is no %(shown)r; use the code of one there is") % {"shown": shown},
            field="store",
            value=shown,
        )
    return _store(row)


def find_many(codes: Iterable[str]) -> dict[str, int]:
    """The numbers of those of `codes` that are stores. One query."""
    return dict(models.Store.objects.filter(code__in=set(codes)).values_list("code", "id"))


def hours_of(stores: Collection[int]) -> dict[int, Hours]:
    """The hours of each of `stores`: of a store nobody has described, hours that are not told. One query."""
    weeks: dict[int, dict[int, list[Span]]] = {store: {} for store in stores}
    days: dict[int, dict[date, list[Span]]] = {store: {} for store in stores}
    for row in models.StoreSpan.objects.filter(store_id__in=stores).order_by("store_id", "weekday", "day", "opens"):
        if row.weekday is not None:
            spans = weeks[row.store_id].setdefault(row.weekday, [])
        elif row.day is not None:
            spans = days[row.store_id].setdefault(row.day, [])
        if row.opens is not None and row.closes is not None:
            spans.append(Span(row.opens, row.closes))
    return {
        store: Hours(
            {weekday: tuple(spans) for weekday, spans in weeks[store].items()},
            {day: tuple(spans) for day, spans in days[store].items()},
        )
        for store in stores
    }


def zone_of(store: Store) -> str:
    """The name of the store's zone: the shop's where it has none of its own. Up to one query."""
    return store.zone or company.shop().zone


def is_open(*, store: int, at: datetime) -> bool | None:
    """Whether its door is open at that instant; None where nobody has told its hours. Up to three queries."""
    hours, zone = hours_of([store])[store], civil.zone(zone_of(get(store)))
    return opening.is_open(hours, at, zone) if hours.is_told else None


def next_opening(*, store: int, at: datetime) -> datetime | None:
    """The first instant from `at` on at which it is open; None where that is not within a year. Up to three queries."""
    return opening.next_opening(hours_of([store])[store], at, civil.zone(zone_of(get(store))))


def names(codes: Iterable[str]) -> dict[str, str]:
    """The names of these stores by code. One query, none for no codes."""
    wanted = set(codes)
    return dict(models.Store.objects.filter(code__in=wanted).values_list("code", "name")) if wanted else {}


_DAYS = dict(enumerate(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), 1))
_EARTH = {"latitude": 90, "longitude": 180}


def _held(store: int) -> models.Store:
    """The store's row, locked: its hours change one hand at a time."""
    row = models.Store.objects.select_for_update().filter(id=store).first()
    if row is None:
        raise UnknownStore(
            _("store: there is no number %(store)s; look it up again") % {"store": store}, field="store", value=store
        )
    return row


def _store(row: models.Store) -> Store:
    place = Place(row.address, row.city, row.latitude, row.longitude)
    return Store(row.id, row.code, row.name, row.zone, row.channel_id, place, row.offers_pickup)


def _on(store: int, day: date, span: Span | None) -> models.StoreSpan:
    if span is None:
        return models.StoreSpan(store_id=store, day=day)
    return models.StoreSpan(store_id=store, day=day, opens=span.opens, closes=span.closes)


def _micro(degrees: Decimal | None) -> Decimal | None:
    """As the column keeps it: a millionth of a degree is a hand's breadth."""
    return None if degrees is None else degrees.quantize(Decimal("0.000001"))


def _check_place(place: Place) -> None:
    for name, most in (("address", LONGEST_ADDRESS), ("city", LONGEST_CITY)):
        text: str = getattr(place, name).strip()
        if len(text) > most or (text and not text.isprintable()):
            raise BadPlace(
                _("%(name)s: %(text)r is too long or has characters nobody can see; give at most %(most)s")
                % {"name": name, "text": text[:40], "most": most},
                field=name,
                value=text[:40],
            )
    if (place.latitude is None) != (place.longitude is None):
        raise BadPlace(
            _("latitude: a place has a latitude and a longitude; give both or neither"), field="latitude", value=None
        )
    for name, most in _EARTH.items():
        degrees: Decimal | None = getattr(place, name)
        if degrees is not None and not (degrees.is_finite() and abs(degrees) <= most):
            raise BadPlace(
                _("%(name)s: %(degrees)s is not from -%(most)s to %(most)s; give degrees as a decimal number")
                % {"name": name, "degrees": degrees, "most": most},
                field=name,
                value=str(degrees),
            )


def _told_hours(
    store: int,
    verb: str,
    before: Mapping[int, Sequence[Span]] | Mapping[date, Sequence[Span]],
    after: Mapping[int, Sequence[Span]] | Mapping[date, Sequence[Span]],
    at: datetime,
    by: Actor,
) -> None:
    trail.record(
        by=by,
        verb=f"company.stores.{verb}",
        subject=f"store:{store}",
        at=at,
        before={str(day): [str(span) for span in spans] for day, spans in before.items()},
        after={str(day): [str(span) for span in spans] for day, spans in after.items()},
    )
