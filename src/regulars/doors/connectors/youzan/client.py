"""Asks Youzan's open API, with a token that a self-used app is given for its client secret and the shop's number.

Lists are asked for in windows of update time, which may have three months at most and so many pages; a window that
holds more is halved. Pages are read from the last to the first: what changes meanwhile leaves its window, and what
stood behind it moves forward, where it has been read already or will be read again, never past us.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from regulars.doors.connectors.calling import CallFailed
from regulars.doors.connectors.protocol import Asking, PageOf
from regulars.doors.connectors.reading import Document, NotUnderstood, got, listing, mapping
from regulars.doors.connectors.youzan.translate import SHANGHAI

ADDRESS = "https://open.youzanyun.com"
#: Things of a page, and pages of a window: as refunds allow at most 3,000 things and all lists 100 pages.
SIZE, MOST_PAGES = 50, 20
#: Windows of three months at most; the first begins with Youzan.
WINDOW, BEGINNING = timedelta(days=88), datetime(2012, 11, 1, tzinfo=UTC)
_EARLY = timedelta(hours=1)
_SECOND = timedelta(seconds=1)
#: What the gateway says of a token that is not good (any more).
_BAD_TOKENS = frozenset({"4200", "4201", "4202", "4203"})
_NAMES = {
    "orders": ("youzan.trades.sold.get", "4.0.4", "full_order_info_list", "total_results"),
    "refunds": ("youzan.trade.refund.search", "3.0.1", "refunds", "total"),
}


@dataclass(frozen=True)
class _Place:
    """A window and the page of it that is next; page 0: it is not known how many there are."""

    start: datetime
    end: datetime
    page: int = 0

    def written(self) -> str:
        return json.dumps([self.start.isoformat(), self.end.isoformat(), self.page])


class YouzanClient:
    """One shop, asked in one thread."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._base = str(asking.about.settings.get("address") or ADDRESS).rstrip("/")
        self._token = self._known_token()

    def page(self, stream: str, *, since: datetime | None, until: datetime, cursor: str) -> PageOf:
        """Some things that changed in [since, until), window by window, each from its last page to its first."""
        until = until.replace(microsecond=0)
        start = (since or self._beginning()).replace(microsecond=0)
        place = _read(cursor) if cursor else _Place(start, min(start + WINDOW, until))
        if place.start >= until:
            return PageOf([])
        found: Document = {}
        while place.page == 0:
            # The first page says how many there are.
            found = self._listed(stream, place, 1)
            pages = -(-_total(found, stream) // SIZE)
            if pages > MOST_PAGES and place.end - place.start > _SECOND:
                half = (place.end - place.start) / 2
                place = _Place(place.start, place.start + max(_SECOND, timedelta(seconds=int(half.total_seconds()))))
                continue
            if pages > MOST_PAGES:
                raise CallFailed("too_many_at_once", f"more than {SIZE * MOST_PAGES} {stream} changed in one second")
            place = _Place(place.start, place.end, max(1, pages))
            if place.page > 1:
                found = self._listed(stream, place, place.page)
            break
        else:
            found = self._listed(stream, place, place.page)
        items = self._items(stream, found)
        if place.page > 1:
            following = _Place(place.start, place.end, place.page - 1)
        else:
            following = _Place(place.end, min(place.end + WINDOW, until))
        return PageOf(items, following.written() if following.start < until else "")

    def one(self, stream: str, ref: str) -> Document | None:
        """One thing as it stands now; Youzan is sometimes half a minute behind itself."""
        if stream == "orders":
            told = self._call("youzan.trade.get", "4.0.2", {"tid": ref})
            found = got(told, "full_order_info")
        else:
            found = self._call("youzan.trade.refund.get", "3.0.1", {"refund_id": ref})
        return found if isinstance(found, Mapping) and found else None

    def about(self) -> Mapping[str, str]:
        """The shop's name."""
        name = got(self._call("youzan.shop.get", "3.0.0", {}), "name")
        return {"name": str(name)} if name else {}

    def subscribe(self, url: str) -> NoReturn:
        """Set by hand in the app's own pages."""
        raise CallFailed("by_hand", f"set the address {url} in the app's message settings at Youzan, and choose them")

    def _beginning(self) -> datetime:
        told = self._asking.about.settings.get("opened_on")
        return BEGINNING if not told else datetime.fromisoformat(str(told)).replace(tzinfo=SHANGHAI).astimezone(UTC)

    def _listed(self, stream: str, place: _Place, page: int) -> Document:
        """Both ends of a window count as within it, in whole seconds."""
        first, last = place.start, place.end - _SECOND
        asked: dict[str, Any] = {"page_no": page, "page_size": SIZE}
        if stream == "orders":
            asked |= {"start_update": _local(first), "end_update": _local(last)}
        else:
            asked |= {"update_time_start": int(first.timestamp()), "update_time_end": int(last.timestamp())}
        name, version, _, _ = _NAMES[stream]
        return mapping(self._call(name, version, asked) or {}, "data")

    def _items(self, stream: str, found: Document) -> Sequence[Document]:
        items = [mapping(one, stream) for one in listing(found.get(_NAMES[stream][2]), stream)]
        if stream == "orders":
            return [mapping(one.get("full_order_info"), "full_order_info") for one in items]
        return items

    def _call(self, name: str, version: str, asked: Mapping[str, Any]) -> Any:
        """The `data` of an answer. Errors come with the status 200, too, in one of three forms."""
        body = json.dumps(dict(asked)).encode()
        for is_last in (False, True):
            token = self._token or self._new_token()
            url = f"{self._base}/api/{name}/{version}?access_token={token}"
            reply = self._asking.caller.ask("POST", url, headers={"Content-Type": "application/json"}, body=body)
            if reply.status == 404:
                raise CallFailed("no_api", f"there is no {name}/{version} at that address")
            told = reply.document()
            wrong = told.get("gw_err_resp") or told.get("error_response")
            code = str(got(wrong, "err_code") or got(wrong, "code") or "")
            if code in _BAD_TOKENS and not is_last and "access_token" not in self._asking.secrets.credentials:
                # A token that was lent has ended early.
                self._token = ""
                continue
            if wrong:
                raise CallFailed("not_allowed" if code in _BAD_TOKENS else f"gateway_{code or 'error'}"[:40])
            if told.get("success") is False:
                raise CallFailed(f"youzan_{told.get('code')}"[:40], f"{name} was refused")
            return told.get("data") if "data" in told else told.get("response")
        raise AssertionError("the second try returns or raises")

    def _known_token(self) -> str:
        secrets = self._asking.secrets
        if own := secrets.credentials.get("access_token"):
            return own
        until = secrets.kept.get("until", "")
        is_good = bool(until) and datetime.fromisoformat(until) > datetime.now(UTC) + _EARLY
        return secrets.kept.get("access_token", "") if is_good else ""

    def _new_token(self) -> str:
        """The silent grant: for an app that its own shop uses, good for a week."""
        settings, secrets = self._asking.about.settings, self._asking.secrets.credentials
        asked = {
            "authorize_type": "silent",
            "client_id": settings["client_id"],
            "client_secret": secrets["client_secret"],
            "grant_id": settings["kdt_id"],
            "refresh": False,
        }
        headers = {"Content-Type": "application/json"}
        reply = self._asking.caller.ask(
            "POST", f"{self._base}/auth/token", headers=headers, body=json.dumps(asked).encode()
        )
        told = reply.document()
        token, until = got(told, "data", "access_token"), got(told, "data", "expires")
        if not isinstance(token, str) or not token.isascii() or not token.isalnum():
            raise CallFailed("not_allowed", "Youzan gives no token; is the app authorised for this shop?")
        if not isinstance(until, int):
            raise NotUnderstood("bad_time", "data.expires: is no moment in milliseconds")
        self._token = token
        self._asking.keep({"access_token": token, "until": datetime.fromtimestamp(until / 1000, UTC).isoformat()})
        return token


def _total(found: Document, stream: str) -> int:
    told = found.get(_NAMES[stream][3])
    return told if isinstance(told, int) and not isinstance(told, bool) else 0


def _local(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def _read(cursor: str) -> _Place:
    start, end, page = json.loads(cursor)
    return _Place(datetime.fromisoformat(start), datetime.fromisoformat(end), page)
