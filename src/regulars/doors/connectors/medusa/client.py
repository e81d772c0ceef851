"""Asks a Medusa shop, by its Admin API with a secret key (Basic, the key as the user).

Pages are not counted off, for rows move while they are read: each page begins where the last one ended in time, and
leaves out what was seen of that moment. Two things move no update time that could be asked for, and are looked for
another way: money that is taken or goes back (by the payments, which know when they changed), and stock (by its
levels).
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import quote, urlencode

from regulars.doors.connectors.calling import CallFailed
from regulars.doors.connectors.protocol import Asking, PageOf
from regulars.doors.connectors.reading import Document, got, instant, listing, mapping, ref

#: How long after an order its payments are still looked at for money that went back, unless the settings say otherwise.
PAYMENT_DAYS = 180
#: Things of a page.
FIRST = {"orders": 50, "products": 50, "customers": 200, "stores": 100, "stock": 200, "payments": 500, "variants": 500}
_TOTALS = "total subtotal tax_total credit_line_total summary"
_FIELDS = {
    "orders": (
        "id display_id status version created_at updated_at canceled_at is_draft_order currency_code customer_id"
        f" {_TOTALS} *items *items.detail *items.tax_lines *items.adjustments *shipping_address *shipping_methods"
        " *shipping_methods.tax_lines *shipping_methods.adjustments *transactions *credit_lines *payment_collections"
        " *payment_collections.payments *payment_collections.payments.captures *payment_collections.payments.refunds"
        " *fulfillments *fulfillments.items *fulfillments.labels"
        " fulfillments.shipping_option.service_zone.fulfillment_set.type *returns *returns.items"
        " *returns.exchange *returns.exchange.additional_items *returns.claim *returns.claim.additional_items"
    ),
    "products": (
        "id title status created_at updated_at *type *collection *categories *variants *variants.prices"
        " variants.prices.price_rules.value variants.prices.price_rules.attribute *variants.options"
        " *variants.options.option"
    ),
    "customers": "id email first_name last_name phone has_account created_at updated_at *addresses",
    "stock": "id created_at *location_levels variants.id variants.product_id variants.allow_backorder",
    "stores": "id name created_at updated_at",
    "payments": "id created_at updated_at payment_collection.updated_at payment_collection.order.id",
    "variants": "id product_id updated_at",
}
#: The path of each stream, the name of its list in an answer, and of one of it.
_PATHS = {
    "orders": ("orders", "orders", "order"),
    "products": ("products", "products", "product"),
    "customers": ("customers", "customers", "customer"),
    "stock": ("inventory-items", "inventory_items", "inventory_item"),
    "stores": ("stock-locations", "stock_locations", "stock_location"),
    "payments": ("payments", "payments", "payment"),
    "variants": ("product-variants", "variants", "variant"),
}
#: Pages of one moment, such as of a mass change, grow up to so many times.
_DOUBLINGS = 6


@dataclass(frozen=True)
class _Place:
    """Where a walk stands: in which part of it, from which moment on, and what of that moment was seen."""

    part: str
    at: str = ""
    seen: tuple[str, ...] = ()
    doubled: int = 0
    offset: int = 0

    def written(self) -> str:
        return json.dumps([self.part, self.at, list(self.seen), self.doubled, self.offset])


class MedusaClient:
    """One shop, asked in one thread."""

    def __init__(self, asking: Asking) -> None:
        self._asking, settings = asking, asking.about.settings
        self._url = str(settings["address"]).rstrip("/")
        self._days = int(str(settings.get("payment_days") or PAYMENT_DAYS))
        key = asking.secrets.credentials["api_key"]
        self._headers = {
            "Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode(),
            "Accept": "application/json",
        }

    def page(self, stream: str, *, since: datetime | None, until: datetime, cursor: str) -> PageOf:
        """Some things that changed in [since, until), the longest unchanged first."""
        place = _place(cursor) or _Place("stock" if stream == "stock" else stream)
        if place.part == "stock":
            return self._levels(since, place)
        if place.part == "payments":
            return self._paid_since(since or until, until, place)
        rows, following = self._changed(place.part, since, until, place)
        if place.part == "variants":
            rows = self._all_of("products", [ref(one.get("product_id"), "product_id") for one in rows])
        if following is None and since is not None:
            # What moved no time of its own.
            after = {"orders": "payments", "products": "variants"}.get(place.part)
            following = _Place(after) if after is not None else None
        return PageOf(rows, following.written() if following is not None else "")

    def one(self, stream: str, ref: str) -> Document | None:
        """One thing as it stands now."""
        path, _, name = _PATHS[stream]
        asked = urlencode({"fields": _fields(stream)}, safe="*,")
        reply = self._asking.caller.ask(
            "GET", f"{self._url}/admin/{path}/{quote(ref, safe='')}?{asked}", headers=self._headers
        )
        if reply.status == 404:
            return None
        return mapping(reply.document().get(name), name)

    def about(self) -> Mapping[str, str]:
        """The shop's name and its first currency."""
        stores = listing(self._get("stores", {"limit": 1}).get("stores"), "stores")
        if not stores:
            return {}
        codes = listing(got(stores[0], "supported_currencies"), "supported_currencies")
        first = sorted(codes, key=lambda one: got(one, "is_default") is not True)[:1]
        told = {"name": got(stores[0], "name"), "currency": got(first[0], "currency_code") if first else None}
        return {name: str(value).upper() if name == "currency" else str(value) for name, value in told.items() if value}

    def subscribe(self, url: str) -> NoReturn:
        """Medusa sends nothing by itself."""
        raise CallFailed(
            "no_webhooks", f"put the module of extras/medusa-subscriber into the shop, with REGULARS_HOOK_URL={url}"
        )

    def _changed(
        self, stream: str, since: datetime | None, until: datetime, place: _Place
    ) -> tuple[list[Document], _Place | None]:
        """The next things by their update times, and where to go on."""
        asked: dict[str, Any] = {"updated_at[$lt]": _iso(until)}
        if place.at or since is not None:
            asked["updated_at[$gte]"] = place.at or _iso(since or until)
        limit = FIRST[stream] << place.doubled
        rows = self._list(stream, asked | {"order": "updated_at", "limit": limit})
        fresh = [one for one in rows if ref(one.get("id"), "id") not in place.seen]
        if len(rows) < limit:
            return fresh, None
        last = str(rows[-1].get("updated_at"))
        if str(rows[0].get("updated_at")) == last:
            # A page all of one moment: nobody says in which order these stand, so they are asked for all together.
            if place.doubled >= _DOUBLINGS:
                raise CallFailed("too_many_at_once", f"more than {limit} {stream} changed at one moment")
            seen = place.seen if place.at == last else ()
            return [], _Place(stream, last, seen, place.doubled + 1)
        # Of its last moment there may be more behind it.
        seen = tuple(sorted(str(one["id"]) for one in rows if str(one.get("updated_at")) == last))
        return fresh, _Place(stream, last, seen)

    def _paid_since(self, since: datetime, until: datetime, place: _Place) -> PageOf:
        """The orders whose payments changed: an order's own time tells nothing of that. The latest payments first."""
        asked = {
            "created_at[$gte]": _iso(since - timedelta(days=self._days)),
            "created_at[$lt]": _iso(until),
            "order": "-created_at",
            "limit": FIRST["payments"],
            "offset": place.offset,
        }
        rows = self._list("payments", asked)
        numbers = [
            order
            for one in rows
            if (order := got(one, "payment_collection", "order", "id")) is not None and self._moved(one, since)
        ]
        following = _Place("payments", offset=place.offset + len(rows)) if len(rows) == FIRST["payments"] else None
        found = self._all_of("orders", [ref(order, "order.id") for order in numbers])
        return PageOf(found, following.written() if following is not None else "")

    def _moved(self, payment: Document, since: datetime) -> bool:
        zone = self._asking.about.zone
        times = [payment.get("updated_at"), got(payment, "payment_collection", "updated_at")]
        return any(since <= instant(at, zone, "updated_at") for at in times if at is not None)

    def _levels(self, since: datetime | None, place: _Place) -> PageOf:
        """Every inventory item, by id; those of which a level changed. Items that go meanwhile move the others forward:
        the last item of the page before has to be there again, else the page begins earlier."""
        limit = FIRST["stock"]
        offset, last = max(0, place.offset - 1), place.at
        rows = self._list("stock", {"order": "id", "limit": limit, "offset": offset})
        while last and offset and (not rows or str(rows[0].get("id")) > last):
            offset = max(0, offset - limit)
            rows = self._list("stock", {"order": "id", "limit": limit, "offset": offset})
        fresh = [one for one in rows if str(one.get("id")) > last]
        zone = self._asking.about.zone
        moved = [
            one
            for one in fresh
            if since is None
            or any(
                instant(got(level, "updated_at"), zone, "updated_at") >= since
                for level in listing(one.get("location_levels"), "location_levels")
            )
        ]
        if len(rows) < limit:
            return PageOf(moved)
        return PageOf(moved, _Place("stock", str(rows[-1]["id"]), offset=offset + len(rows)).written())

    def _all_of(self, stream: str, refs: Sequence[str]) -> list[Document]:
        """These things as they stand now; without those that are gone."""
        found: list[Document] = []
        wanted = list(dict.fromkeys(refs))
        for start in range(0, len(wanted), FIRST[stream]):
            some = wanted[start : start + FIRST[stream]]
            found += self._list(stream, {"id[]": some, "limit": len(some)})
        return found

    def _list(self, stream: str, asked: Mapping[str, Any]) -> list[Document]:
        path, name, _ = _PATHS[stream]
        found = listing(self._get(path, {**asked, "fields": _fields(stream)}).get(name), name)
        return [mapping(one, name) for one in found]

    def _get(self, path: str, asked: Mapping[str, Any]) -> Document:
        url = f"{self._url}/admin/{path}?{urlencode(asked, doseq=True, safe='*,[]$:')}"
        reply = self._asking.caller.ask("GET", url, headers=self._headers)
        if reply.status == 404:
            raise CallFailed("no_shop", f"there is no Medusa 2 at that address: it knows no /admin/{path}")
        return reply.document()


def _fields(stream: str) -> str:
    return ",".join(_FIELDS[stream].split())


def _place(cursor: str) -> _Place | None:
    if not cursor:
        return None
    part, at, seen, doubled, offset = json.loads(cursor)
    return _Place(part, at, tuple(seen), doubled, offset)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
