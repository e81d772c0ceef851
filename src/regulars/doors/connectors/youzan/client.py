"""Asks Youzan's open API, with a token that a self-used app is given for its client secret and the shop's number.

Lists are asked for in windows of time, which may have three months at most where they are of orders or refunds, and so
many pages; a window that holds more is halved. Pages are read from the last to the first: what changes meanwhile leaves
its window, and what stood behind it moves forward, where it has been read already or will be read again, never past us.

Goods stand in three lists (on sale, taken down, sold out), none of which tells their forms: each is asked for. Stock
and customers have no update time, so all of them are read, now and then, as of the moment at which Youzan answered.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from regulars.doors.connectors.calling import CallFailed, Reply
from regulars.doors.connectors.protocol import Asking, PageOf
from regulars.doors.connectors.reading import Document, NotUnderstood, got, instant, listing, mapping, ref
from regulars.doors.connectors.youzan.goods import SHANGHAI
from regulars.doors.connectors.youzan.translate import is_sent

ADDRESS = "https://open.youzanyun.com"
#: Things of a page, and pages of a window: as refunds allow at most 3,000 things, goods 4,000 and all lists 100 pages.
SIZE, MOST_PAGES = 50, 20
#: Windows of three months at most; the first begins with Youzan.
WINDOW, BEGINNING = timedelta(days=88), datetime(2012, 11, 1, tzinfo=UTC)
_EARLY = timedelta(hours=1)
_SECOND = timedelta(seconds=1)
#: What the gateway says of a token that is not good (any more); that the app may not ask for this; that there is none.
_BAD_TOKENS, _NO_RIGHT, _NO_API = frozenset({"4200", "4201", "4202", "4203"}), "4204", frozenset({"4001", "4005"})
#: Too many calls, and the seconds to wait then, as its documents advise.
_TOO_MANY = frozenset({"4101", "500100004", "123000042", "141500203"})
_WAITS = (3.0, 6.0, 12.0, 24.0, 48.0)
_NO_SUCH_GOODS = frozenset({"youzan_122001001", "youzan_123005001"})


@dataclass(frozen=True)
class _List:
    """One list: how it is called, where its things and their number stand, and by which names times are asked for.

    `unit`: parts of a second that times are told in; 0 for texts of Shanghai's time. `most`: so many times MOST_PAGES.
    """

    api: str
    items: str
    total: str
    times: tuple[str, str]
    unit: int
    more: Mapping[str, Any] = field(default_factory=dict)
    is_windowed: bool = False
    most: int = 1


def _goods(name: str, **more: str) -> _List:
    times = ("update_time_start", "update_time_end")
    return _List(f"{name}/3.0.0", "items", "count", times, 1000, {"order_by": "update_time:asc", **more})


_ORDERS = _List(
    "youzan.trades.sold.get/4.0.4",
    "full_order_info_list",
    "total_results",
    ("start_update", "end_update"),
    0,
    is_windowed=True,
)
_REFUNDS = _List(
    "youzan.trade.refund.search/3.0.1",
    "refunds",
    "total",
    ("update_time_start", "update_time_end"),
    1,
    is_windowed=True,
)
_ALL_GOODS = (
    _goods("youzan.items.onsale.get"),
    _goods("youzan.items.inventory.get", banner="for_shelved"),
    _goods("youzan.items.inventory.get", banner="sold_out"),
)
#: Many are made in one second where a shop brings its customers along, and 10,000 are listed.
_CUSTOMERS = _List(
    "youzan.scrm.customer.list/1.0.0", "record_list", "total", ("created_at_start", "created_at_end"), 1, most=10
)
_LISTS: Mapping[str, Sequence[_List]] = {
    "products": _ALL_GOODS,
    "stock": _ALL_GOODS,
    "customers": (_CUSTOMERS,),
    "orders": (_ORDERS,),
    "refunds": (_REFUNDS,),
}


@dataclass(frozen=True)
class _Place:
    """A window of one of a stream's lists, and the page of it that is next; page 0: it is not known how many there are.

    `unit`: the list's, where its documents contradict each other and it was found out.
    """

    start: datetime
    end: datetime
    page: int = 0
    part: int = 0
    unit: int | None = None

    def written(self) -> str:
        return json.dumps([self.start.isoformat(), self.end.isoformat(), self.page, self.part, self.unit])


class YouzanClient:
    """One shop, asked in one thread."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._base = str(asking.about.settings.get("address") or ADDRESS).rstrip("/")
        self._token = self._known_token()
        self._answered_at = datetime.now(UTC)
        self._carriers: Mapping[str, str] | None = None

    def page(self, stream: str, *, since: datetime | None, until: datetime, cursor: str) -> PageOf:
        """Some things that changed in [since, until), window by window, each from its last page to its first."""
        until = until.replace(microsecond=0)
        # What has no update time is all read, whenever it is read.
        since = None if stream in {"stock", "customers"} else since
        start = (since or self._beginning(stream)).replace(microsecond=0)
        place = _read(cursor) if cursor else _Place(start, _window(stream, start, until))
        if place.start >= until:
            return PageOf([])
        if stream == "customers" and place.unit is None:
            place = replace(place, unit=self._unit_of_customers(place))
        is_whole = since is None
        found: Document = {}
        while place.page == 0:
            # The first page says how many there are.
            found = self._listed(stream, place, 1, is_whole)
            pages = -(-_total(found, stream) // SIZE)
            most = MOST_PAGES * _LISTS[stream][place.part].most
            if pages > most and place.end - place.start > _SECOND:
                half = (place.end - place.start) / 2
                end = place.start + max(_SECOND, timedelta(seconds=int(half.total_seconds())))
                place = replace(place, end=end)
                continue
            if pages > most:
                raise CallFailed("too_many_at_once", f"more than {SIZE * most} {stream} changed in one second")
            place = replace(place, page=max(1, pages))
            if place.page > 1:
                found = self._listed(stream, place, place.page, is_whole)
            break
        else:
            found = self._listed(stream, place, place.page, is_whole)
        items = self._items(stream, found, place.part)
        following = _next(stream, place, start, until)
        return PageOf(items, "" if following is None else following.written())

    def one(self, stream: str, ref: str) -> Document | None:
        """One thing as it stands now; None where Youzan says that there is none. It is sometimes half a minute behind
        itself: what it refuses to show now, polls find."""
        if stream in {"products", "stock"}:
            return self._goods(ref)
        with suppress(_Refused):
            if stream == "orders":
                return self._order(ref)
            if stream == "customers":
                return self._customer(ref)
            found = self._call("youzan.trade.refund.get/3.0.1", {"refund_id": ref})
            return found if isinstance(found, Mapping) and found else None
        return None

    def about(self) -> Mapping[str, str]:
        """The shop's name, where the app may ask for it. That its token is taken shows the credentials to be good."""
        try:
            name = got(self._call("youzan.shop.get/3.0.0", {}), "name")
        except _NotForThisApp:
            return {}
        return {"name": str(name)} if name else {}

    def subscribe(self, url: str) -> NoReturn:
        """Set by hand in the app's own pages."""
        raise CallFailed("by_hand", f"set the address {url} in the app's message settings at Youzan, and choose them")

    def call(self, api: str, asked: Mapping[str, Any]) -> Any:
        """The `data` of an answer, for who writes. Raises CallFailed, with `youzan_` and its number for a refusal."""
        return self._call(api, asked)

    def _beginning(self, stream: str) -> datetime:
        told = self._asking.about.settings.get("opened_on")
        if not told or stream not in {"orders", "refunds"}:
            # Goods and customers are older than the orders that are wanted.
            return BEGINNING
        return datetime.fromisoformat(str(told)).replace(tzinfo=SHANGHAI).astimezone(UTC)

    def _listed(self, stream: str, place: _Place, page: int, is_whole: bool) -> Document:
        """Both ends of a window count as within it, in whole seconds."""
        one = _LISTS[stream][place.part]
        names, unit = one.times, one.unit if place.unit is None else place.unit
        if stream == "refunds" and is_whole:
            # Asked without a time of creation, the list may hold three months of it only.
            names = ("create_time_start", "create_time_end")
        ends = (place.start, place.end - _SECOND)
        asked: dict[str, Any] = {"page_no": page, "page_size": SIZE, **one.more}
        # Where times are told in thousandths, the last second counts to its end.
        late = (0, unit - 1 if unit else 0)
        for name, at, more in zip(names, ends, late, strict=True):
            asked[name] = int(at.timestamp()) * unit + more if unit else _local(at)
        return mapping(self._call(one.api, asked) or {}, "data")

    def _unit_of_customers(self, place: _Place) -> int:
        """Seconds or thousandths: one document says this, another that, and asked wrongly the list is empty."""
        for unit in (1, 1000):
            if _total(self._listed("customers", replace(place, unit=unit), 1, True), "customers"):
                return unit
        return 1

    def _items(self, stream: str, found: Document, part: int) -> Sequence[Document]:
        items = [mapping(one, stream) for one in listing(found.get(_LISTS[stream][part].items), stream)]
        if stream == "orders":
            return [self._with_deliveries(mapping(one.get("full_order_info"), "full_order_info")) for one in items]
        if stream in {"products", "stock"}:
            # What went while the page was read is told by who deleted it.
            whole = [self._goods(ref(one.get("item_id"), "items.item_id"), one) for one in items]
            return [one for one in whole if one is not None]
        if stream == "customers":
            return [{**one, "asked_at": self._answered_at.isoformat()} for one in items]
        return items

    def _goods(self, number: str, listed: Document | None = None) -> Document | None:
        """A product with its forms, and when it changed, which only lists say."""
        try:
            told = self._call("youzan.item.get/3.0.0", {"item_id": _whole(number)})
        except _Refused as refused:
            if refused.code in _NO_SUCH_GOODS:
                return None
            raise NotUnderstood(refused.code, f"item {number}: Youzan does not show it") from None
        asked_at = self._answered_at
        found = got(told, "item")
        if not isinstance(found, Mapping) or not found:
            return None
        if listed is None:
            asked = {"item_ids": number, "show_sold_out": 2, "page_no": 1, "page_size": 1}
            told = self._call("youzan.item.search/3.0.0", asked)
            listed = next((one for one in listing(got(told, "items"), "items") if isinstance(one, Mapping)), {})
        return {**found, "update_time": listed.get("update_time"), "asked_at": asked_at.isoformat()}

    def _customer(self, number: str) -> Document | None:
        asked = {
            "yz_open_id": number,
            "account_info": {"account_id": number, "account_type": 5},
            "fields": "user_base",
            # It would ask the shop's other systems, us among them.
            "is_do_ext_point": False,
        }
        told = self._call("youzan.scrm.customer.detail.get/1.0.1", asked)
        # Documents do not say whether what was asked for stands beside its name or under it.
        found = got(told, "user_base") or told
        if not isinstance(found, Mapping) or not found:
            return None
        return {**found, "yz_open_id": number, "asked_at": self._answered_at.isoformat()}

    def _order(self, number: str) -> Document | None:
        told = self._call("youzan.trade.get/4.0.2", {"tid": number})
        found = got(told, "full_order_info")
        if not isinstance(found, Mapping) or not got(found, "order_info", "tid"):
            # What is not there comes as an order with nothing in it, too.
            return None
        sent = listing(got(told, "delivery_order"), "delivery_order")
        return {**found, "delivery_order": sent, "carriers": self._names_of_carriers() if sent else {}}

    def _with_deliveries(self, listed: Document) -> Document:
        """An order of a list, and what was sent of it, which only the order itself tells."""
        if self._asking.about.settings.get("deliveries") == "no" or not is_sent(listed):
            return listed
        whole = None
        with suppress(_Refused):
            whole = self._order(ref(got(listed, "order_info", "tid"), "order_info.tid"))
        if whole is None:
            return listed
        if str(got(whole, "order_info", "update_time") or "") < str(got(listed, "order_info", "update_time") or ""):
            # Details may be half a minute behind the list.
            return {**listed, "delivery_order": whole["delivery_order"], "carriers": whole["carriers"]}
        return whole

    def _names_of_carriers(self) -> Mapping[str, str]:
        if self._carriers is None:
            told = listing(got(self._call("youzan.logistics.express.get/3.0.0", {}), "allExpress"), "allExpress")
            self._carriers = {str(got(one, "id")): str(got(one, "name") or "") for one in told}
        return self._carriers

    def _call(self, api: str, asked: Mapping[str, Any]) -> Any:
        """The `data` of an answer. Errors come with the status 200, too, in one of three forms."""
        body = json.dumps(dict(asked)).encode()
        is_new, waits = False, iter(_WAITS)
        while True:
            if not self._token:
                self._new_token()
                is_new = True
            url = f"{self._base}/api/{api}?access_token={self._token}"
            reply = self._asking.caller.ask("POST", url, headers={"Content-Type": "application/json"}, body=body)
            self._answered_at = _answered_at(reply)
            if reply.status == 404:
                raise CallFailed("no_api", f"there is no {api} at that address")
            told = reply.document()
            wrong = told.get("gw_err_resp") or told.get("error_response")
            code = str(got(wrong, "err_code") or got(wrong, "code") or "")
            is_no = told.get("success") is False or (wrong is None and "data" not in told and "response" not in told)
            if (code or str(told.get("code") or "")) in _TOO_MANY:
                if (pause := next(waits, None)) is None:
                    raise CallFailed("too_many_calls", f"{api}: Youzan wants to be asked less often")
                self._asking.caller.wait(pause)
                continue
            if code in _BAD_TOKENS and not is_new and "access_token" not in self._asking.secrets.credentials:
                # A token that was lent has ended early.
                self._token = ""
                continue
            if code in _BAD_TOKENS:
                raise CallFailed("not_allowed", "Youzan does not take the token; is the app authorised for this shop?")
            if code == _NO_RIGHT:
                why = f"the app has no right to {api}; apply for it in its pages at Youzan"
                raise _NotForThisApp("not_allowed", why)
            if code in _NO_API:
                raise _NotForThisApp("no_api", f"Youzan knows no {api}")
            if wrong:
                raise CallFailed(f"gateway_{code or 'error'}"[:40], f"{api} did not answer")
            if is_no:
                raise _Refused(f"youzan_{told.get('code')}"[:40], f"{api} was refused")
            return told.get("data") if "data" in told else told.get("response")

    def _known_token(self) -> str:
        secrets = self._asking.secrets
        if own := secrets.credentials.get("access_token"):
            return own
        until = secrets.kept.get("until", "")
        is_good = bool(until) and datetime.fromisoformat(until) > datetime.now(UTC) + _EARLY
        return secrets.kept.get("access_token", "") if is_good else ""

    def _new_token(self) -> None:
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


class _NotForThisApp(CallFailed):
    """The token was taken, and this one thing cannot be asked for with it."""


class _Refused(CallFailed):
    """Youzan understood, and says no: there is no such thing, or not in this shop, or it was asked wrongly."""


def _next(stream: str, place: _Place, start: datetime, until: datetime) -> _Place | None:
    """Where it goes on: the page before, the next window, the next list; None at the end."""
    if place.page > 1:
        return replace(place, page=place.page - 1)
    if place.end < until:
        return replace(place, start=place.end, end=_window(stream, place.end, until), page=0)
    if place.part + 1 < len(_LISTS[stream]):
        return _Place(start, _window(stream, start, until), part=place.part + 1)
    return None


def _window(stream: str, start: datetime, until: datetime) -> datetime:
    return min(start + WINDOW, until) if _LISTS[stream][0].is_windowed else until


def _total(found: Document, stream: str) -> int:
    told = found.get(_LISTS[stream][0].total)
    return told if isinstance(told, int) and not isinstance(told, bool) else 0


def _whole(number: str) -> int | str:
    """Ids of goods are numbers to the API, and texts to us."""
    return int(number) if number.isascii() and number.isdigit() else number


def _local(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def _answered_at(reply: Reply) -> datetime:
    """When Youzan answered, by its own clock."""
    try:
        return parsedate_to_datetime(reply.headers.get("date", "")).astimezone(UTC)
    except ValueError:
        return datetime.now(UTC).replace(microsecond=0)


def _read(cursor: str) -> _Place:
    start, end, page, *more = json.loads(cursor)
    return _Place(instant(start, SHANGHAI, "cursor"), instant(end, SHANGHAI, "cursor"), page, *more)
