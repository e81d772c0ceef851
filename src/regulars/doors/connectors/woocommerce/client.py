"""Asks a WooCommerce shop, by its REST API v3, with a consumer key.

Its pages are counted, so that whatever changes while they are read moves what follows them: something would be passed
over. So the next page is not "page 3" but "what changed after the last we saw". A shop that cannot sort by update time
is read in the order in which things were made, with the same care. Only where more things than fit into a page changed
in one second are pages counted, of that second alone, and from the beginning when one of them has left it.

What has no update time of its own (stock), and what cannot be asked for by it (customers), is read whole, now and then.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from regulars.doors.connectors.calling import CallFailed, Reply
from regulars.doors.connectors.protocol import Asking, PageOf
from regulars.doors.connectors.reading import Document, NotUnderstood, documents, got, instant, listing, ref
from regulars.doors.connectors.woocommerce.translate import TOPICS

#: Things of one page: the most there may be.
PER_PAGE = 100
#: Places of an amount. The shop rounds to pence otherwise, and lines do not add up.
_PLACES = 6
_SECOND = timedelta(seconds=1)
_GMT = ZoneInfo("UTC")
_PATHS: Mapping[str, str] = {
    "orders": "orders",
    "products": "products",
    "stock": "products",
    "customers": "customers",
}
#: What each stream's walks read one after the other: what was thrown away is not among "any".
_STATUSES: Mapping[str, Sequence[str]] = {"orders": ("any", "trash"), "products": ("any", "trash")}
_TOPIC_NAMES: Mapping[str, str] = {"order": "Orders", "customer": "Customers", "product": "Products"}


@dataclass(frozen=True)
class _Place:
    """Where a walk stands: which of the statuses; sorted by what; after which second; and, of a second in which more
    changed than fits into a page, which page, and how many there were."""

    status: int = 0
    by: str = "modified"
    after: datetime | None = None
    page: int = 1
    total: int | None = None

    def text(self) -> str:
        """As a cursor."""
        after = None if self.after is None else _iso(self.after)
        return json.dumps([self.status, self.by, after, self.page, self.total])


class WooCommerceClient:
    """One shop, asked in one thread."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._base = str(asking.about.settings["address"]).rstrip("/")
        own = asking.secrets.credentials
        key = f"{own.get('consumer_key', '')}:{own.get('consumer_secret', '')}"
        self._headers = {
            "Authorization": f"Basic {b64encode(key.encode()).decode()}",
            "Accept": "application/json",
            "User-Agent": "Regulars",
        }

    def page(self, stream: str, *, since: datetime | None, until: datetime, cursor: str) -> PageOf:
        """Some things that changed in [since, until), each whole."""
        if stream in _STATUSES:
            found = self._by_time(stream, since, until, cursor)
        else:
            found = self._counted(stream, since if stream == "customers" else None, until, cursor)
        return PageOf([self._whole(stream, one) for one in found.items], found.cursor, found.expected)

    def one(self, stream: str, ref: str) -> Document | None:
        """One thing as it stands now; of a form, its product."""
        asked = self._get(f"{_PATHS[stream]}/{ref}", _exactly(stream))
        if asked.status == 404:
            self._is_really_gone(asked)
            return None
        found: Document = {**asked.document(), "asked_at": _iso(_asked_at(asked))}
        parent = found.get("parent_id")
        if stream in {"products", "stock"} and found.get("type") == "variation" and parent not in (None, 0):
            return self.one(stream, str(parent))
        return self._whole(stream, found)

    def about(self) -> Mapping[str, str]:
        """The shop's name and currency: the second only for whom it knows."""
        index = self._found(self._asking.caller.ask("GET", f"{self._base}/wp-json/", headers=self._headers))
        known = self._found(self._get("data/currencies/current", {})).document()
        told = {"name": str(index.document().get("name") or ""), "currency": str(known.get("code") or "")}
        return {name: value for name, value in told.items() if value}

    def subscribe(self, url: str) -> Sequence[str]:
        """Have each topic sent to `url`; one that the shop switched off after failures is switched on again."""
        secret = self._asking.secrets.credentials["secret"]
        known = {
            str(one.get("topic")): one
            for one in documents(self._found(self._get("webhooks", {"per_page": PER_PAGE})).body)
            if one.get("delivery_url") == url
        }
        made = []
        for topic in TOPICS:
            if (one := known.get(topic)) is None:
                name = f"Regulars: {_TOPIC_NAMES[topic.partition('.')[0]]} ({topic})"
                self._send("webhooks", {"name": name, "topic": topic, "delivery_url": url, "secret": secret})
            elif one.get("status") != "active":
                self._send(f"webhooks/{ref(one.get('id'), 'id')}", {"status": "active", "secret": secret})
            else:
                continue
            made.append(topic)
        return made

    def _by_time(self, stream: str, since: datetime | None, until: datetime, cursor: str) -> PageOf:
        after = None if since is None else since.replace(microsecond=0) - _SECOND
        place = _place(cursor) if cursor else _Place(after=after)
        try:
            reply = self._list(stream, place, after)
        except CallFailed as failed:
            if failed.code != "status_400" or place.by != "modified" or place.page > 1:
                raise
            # It is too old to sort by update time.
            place = _Place(status=place.status, by="date")
            reply = self._list(stream, place, after)
        items = [{**one, "asked_at": _iso(_asked_at(reply))} for one in documents(reply.body)]
        if after is not None and any(_changed_at(one) <= after for one in items):
            raise CallFailed("too_old", "the shop does not heed modified_after; WooCommerce 5.8 or newer is needed")
        following = self._next(stream, place, items, _total(reply), until, after)
        wanted = [one for one in items if _changed_at(one) < until]
        is_first = place.after == after and place.page == 1 and not place.status
        return PageOf(wanted, "" if following is None else following.text(), _total(reply) if is_first else None)

    def _list(self, stream: str, place: _Place, since: datetime | None) -> Reply:
        edge = {"modified": "modified_", "date": ""}[place.by]
        asked: dict[str, object] = {
            "status": _STATUSES[stream][place.status],
            "order": "asc",
            "orderby": place.by,
            "per_page": PER_PAGE,
            "dates_are_gmt": "true",
            **_exactly(stream),
        }
        if since is not None:
            asked["modified_after"] = _iso(since)
        if place.after is not None:
            asked[f"{edge}after"] = _iso(place.after)
        if place.total is not None:
            assert place.after is not None
            asked |= {"orderby": "id", "page": place.page, f"{edge}before": _iso(place.after + 2 * _SECOND)}
        return self._found(self._get(_PATHS[stream], asked))

    def _next(
        self,
        stream: str,
        place: _Place,
        items: Sequence[Document],
        total: int | None,
        until: datetime,
        since: datetime | None,
    ) -> _Place | None:
        """Where it goes on after a page; None at the end."""
        over = _Place(status=place.status + 1, by=place.by, after=since if place.by == "modified" else None)
        the_end = over if over.status < len(_STATUSES[stream]) else None
        if place.total is not None:
            assert place.after is not None
            if total is not None and total < place.total:
                return _Place(place.status, place.by, place.after, 1, total)
            if len(items) == PER_PAGE:
                return _Place(place.status, place.by, place.after, place.page + 1, total)
            return _Place(place.status, place.by, place.after + _SECOND)
        if len(items) < PER_PAGE:
            return the_end
        first, last = (_key(one, place.by) for one in (items[0], items[-1]))
        if place.by == "modified" and last >= until:
            return the_end
        if last > first:
            # What shares the last one's second may stand on both sides of the page's end.
            return _Place(place.status, place.by, last - _SECOND)
        return _Place(place.status, place.by, first - _SECOND, 1, total or PER_PAGE)

    def _counted(self, stream: str, since: datetime | None, until: datetime, cursor: str) -> PageOf:
        """All there is, page by page; of customers, who changed. Where fewer are left than there were, what moved up
        is read again."""
        page, before = json.loads(cursor) if cursor else (1, None)
        asked = {"orderby": "id", "order": "asc", "per_page": PER_PAGE, "page": page}
        asked |= {"role": "all"} if stream == "customers" else {"status": "any"}
        reply = self._found(self._get(_PATHS[stream], asked))
        items = [{**one, "asked_at": _iso(_asked_at(reply))} for one in documents(reply.body)]
        total = _total(reply)
        following = page + 1
        if before is not None and total is not None and total < before:
            following = max(1, page - -(-(before - total) // PER_PAGE))
        wanted = [one for one in items if stream != "customers" or _is_within(one, since, until)]
        is_over = following > page and len(items) < PER_PAGE
        return PageOf(wanted, "" if is_over else json.dumps([following, total]), total if page == 1 else None)

    def _whole(self, stream: str, item: Document) -> Document:
        """The thing with what the shop keeps in other places."""
        number = item.get("id")
        if stream == "orders" and listing(item.get("refunds"), "refunds"):
            told = {str(got(one, "id")) for one in listing(item["refunds"], "refunds")}
            found = self._all(f"orders/{number}/refunds", _exactly(stream))
            # One that came after the order was read comes with the order's next update.
            return {**item, "refund_details": [one for one in found if str(one.get("id")) in told]}
        if stream in {"products", "stock"} and listing(item.get("variations"), "variations"):
            forms = self._all(f"products/{number}/variations", {"orderby": "id", "order": "asc"})
            return {**item, "variations": forms}
        return item

    def _all(self, path: str, asked: Mapping[str, object]) -> list[Document]:
        """Every page of a short list."""
        found: list[Document] = []
        for page in range(1, 100):
            reply = self._get(path, {**asked, "per_page": PER_PAGE, "page": page})
            if reply.status == 404:
                # It went while it was asked for.
                self._is_really_gone(reply)
                return found
            items = documents(reply.body)
            found += items
            if len(items) < PER_PAGE:
                return found
        raise CallFailed("too_many", f"{path.rpartition('/')[2]}: there are more than anybody has")

    def _get(self, path: str, asked: Mapping[str, object]) -> Reply:
        question = f"?{urlencode(asked)}" if asked else ""
        return self._asking.caller.ask("GET", f"{self._base}/wp-json/wc/v3/{path}{question}", headers=self._headers)

    def _send(self, path: str, doc: Mapping[str, Any]) -> None:
        headers = {**self._headers, "Content-Type": "application/json"}
        url = f"{self._base}/wp-json/wc/v3/{path}"
        reply = self._asking.caller.once("POST", url, headers=headers, body=json.dumps(doc).encode())
        if not 200 <= reply.status <= 299:
            raise CallFailed("not_subscribed", f"the shop answered {reply.status}; may the key write?")

    def _found(self, reply: Reply) -> Reply:
        if reply.status == 404:
            raise CallFailed("no_shop", "there is no WooCommerce at that address, or its permalinks are plain")
        return reply

    def _is_really_gone(self, reply: Reply) -> None:
        """A plugin that is switched off answers 404 to everything: nothing was deleted by that."""
        try:
            code = str(reply.document().get("code") or "")
        except NotUnderstood:
            code = ""
        if not code.endswith("invalid_id"):
            self._found(reply)


def _exactly(stream: str) -> dict[str, object]:
    return {"dp": _PLACES} if stream == "orders" else {}


def _place(cursor: str) -> _Place:
    status, by, after, page, total = json.loads(cursor)
    return _Place(status, by, None if after is None else instant(after, _GMT, "cursor"), page, total)


def _key(item: Document, by: str) -> datetime:
    name = f"date_{'modified' if by == 'modified' else 'created'}_gmt"
    return instant(item.get(name) or item.get("date_created_gmt"), _GMT, name)


def _changed_at(item: Document) -> datetime:
    return _key(item, "modified")


def _is_within(item: Document, since: datetime | None, until: datetime) -> bool:
    return (since is None or _changed_at(item) >= since) and _changed_at(item) < until


def _total(reply: Reply) -> int | None:
    told = reply.headers.get("x-wp-total", "")
    return int(told) if told.isascii() and told.isdigit() else None


def _asked_at(reply: Reply) -> datetime:
    """When the shop answered, by its own clock."""
    try:
        return parsedate_to_datetime(reply.headers.get("date", "")).astimezone(UTC)
    except ValueError:
        return datetime.now(UTC).replace(microsecond=0)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
