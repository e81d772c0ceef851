"""Asks a Shopify shop, by the GraphQL Admin API: pages by cursor, within its budget of query costs.

The queries ask for every field under the name that messages use for it, so that one translator reads both. What a page
costs is known before it runs: the shop's bucket says when the next one fits, and a page that would cost too much is
asked for in smaller pieces.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from regulars.doors.connectors.calling import CallFailed, Reply
from regulars.doors.connectors.protocol import Asking, PageOf
from regulars.doors.connectors.reading import Document, got, listing, mapping
from regulars.doors.connectors.shopify import queries
from regulars.doors.connectors.shopify.translate import TOPICS

#: The newest version at the time of writing; Shopify serves each for a year at least.
VERSION = "2026-07"
_EARLY = timedelta(minutes=5)
#: How often one call waits for the bucket before the walk rests.
_TRIES = 8


class ShopifyClient:
    """One shop, asked in one thread."""

    def __init__(self, asking: Asking) -> None:
        self._asking, settings = asking, asking.about.settings
        base = str(settings.get("address") or f"https://{settings['shop']}").rstrip("/")
        self._url = f"{base}/admin/api/{settings.get('api_version', VERSION)}/graphql.json"
        self._token_url = f"{base}/admin/oauth/access_token"
        self._token = self._known_token()
        #: Things of a page; halved when the shop finds a page too dear.
        self._first = dict(queries.FIRST)
        #: What the bucket holds, how fast it fills (points a second), and what the last query wanted of it.
        self._available, self._restore, self._wanted = 0.0, 0.0, 0.0

    def page(self, stream: str, *, since: datetime | None, until: datetime, cursor: str) -> PageOf:
        """Some things that changed in [since, until), the longest unchanged first."""
        if stream == "stock":
            return self._levels(since, until, cursor)
        found = self._paged(queries.PAGES[stream], stream, {"after": cursor or None, "query": _changed(since, until)})
        items = [self._whole(stream, item) for item in _nodes(found)]
        return PageOf(items, _next(found))

    def one(self, stream: str, ref: str) -> Document | None:
        """One thing as it stands now."""
        if stream == "stock":
            item, _, place = ref.partition(":")
            variables = {"id": f"gid://shopify/InventoryItem/{item}", "location": f"gid://shopify/Location/{place}"}
            found = self._ask(queries.LEVEL, variables).get("one")
            level = got(found, "level")
            return None if level is None else _level({**level, "item": found})
        found = self._ask(queries.ONES[stream], {"id": f"gid://shopify/{queries.TYPES[stream]}/{ref}"}).get("one")
        return None if found is None else self._whole(stream, found)

    def about(self) -> Mapping[str, str]:
        """The shop's name, currency and zone."""
        shop = mapping(self._ask(queries.SHOP, {}).get("shop"), "shop")
        return {name: str(shop[name]) for name in ("name", "currency", "zone", "domain") if shop.get(name)}

    def subscribe(self, url: str) -> Sequence[str]:
        """Have each topic sent to `url` that is not yet."""
        known = {
            got(one, "topic") for one in _nodes(self._ask(queries.SUBSCRIPTIONS, {})["page"]) if got(one, "uri") == url
        }
        made = []
        for topic in TOPICS:
            name = topic.upper().replace("/", "_")
            if name not in known:
                done = self._ask(queries.SUBSCRIBE, {"topic": name, "uri": url}).get("made")
                if errors := listing(got(done, "userErrors"), "userErrors"):
                    raise CallFailed("not_subscribed", f"{topic}: {str(got(errors[0], 'message'))[:200]}")
                made.append(topic)
        return made

    def _levels(self, since: datetime | None, until: datetime, cursor: str) -> PageOf:
        """Stock stands by location: one after the other, as the cursor says: [location, cursor within it]."""
        places = [str(got(one, "gid")) for one in _nodes(self._ask(queries.PLACES, {})["page"])]
        place, after = json.loads(cursor) if cursor else (places[0] if places else "", None)
        if place not in places:
            return PageOf([])
        variables = {"id": place, "after": after, "query": _changed(since, until)}
        found = self._paged(queries.LEVELS, "stock", variables, within=("levels",))
        items = [_level(one) for one in _nodes(found)]
        left = places[places.index(place) + 1 :]
        if inner := _next(found):
            return PageOf(items, json.dumps([place, inner]))
        return PageOf(items, json.dumps([left[0], None]) if left else "")

    def _paged(
        self, query: str, stream: str, variables: Mapping[str, object], within: tuple[str, ...] = ()
    ) -> Document:
        while True:
            try:
                found = self._ask(query, {**variables, "first": self._first[stream]})
            except _TooDear:
                if self._first[stream] == 1:
                    raise CallFailed("too_dear", "one thing alone costs more than the shop allows") from None
                self._first[stream] = max(1, self._first[stream] // 2)
                continue
            return mapping(got(found, "page", *within), "page")

    def _whole(self, stream: str, node: Document) -> Document:
        """The thing as a message has it; parts that did not fit into the page are asked for."""
        whole: dict[str, Any] = dict(node)
        for name, query in queries.PARTS.get(stream, {}).items():
            part = mapping(whole.get(name) or {"nodes": []}, name)
            items = list(_nodes(part))
            while after := _next(part):
                variables = {"id": node["gid"], "after": after}
                part = mapping(got(self._ask(query, variables), "one", "part"), name)
                items += _nodes(part)
            whole[name] = items
        for name, few in queries.FEW.get(stream, {}).items():
            whole[name] = self._all_of(node["gid"], listing(whole.get(name), name), few)
        if stream == "orders" and len(listing(whole.get("transactions"), "transactions")) >= queries.PAYMENTS_ASKED:
            whole["transactions"] = got(self._ask(queries.PAYMENTS, {"id": node["gid"]}), "one", "part")
        return queries.as_message(stream, _flat(whole))

    def _all_of(self, gid: object, found: Sequence[Any], few: queries.Few) -> list[Any]:
        """The things of a short list, each whole."""
        ids = [one["gid"] for one in found]
        if len(found) >= few.asked:
            ids = [one["gid"] for one in listing(got(self._ask(few.ids, {"id": gid}), "one", "part"), "part")]
        known = {
            one["gid"]: one
            for one in found
            if all(len(_nodes(one.get(name))) < most for name, most in few.inner.items())
        }
        return [known.get(one) or self._ask(few.one, {"id": one})["one"] for one in ids]

    def _ask(self, query: str, variables: Mapping[str, object]) -> Document:
        """The `data` of an answer, when the bucket has enough for it."""
        for _ in range(_TRIES):
            if self._restore and self._available < self._wanted:
                self._asking.caller.wait((self._wanted - self._available) / self._restore)
            answer = self._post(json.dumps({"query": query, "variables": dict(variables)}).encode()).document()
            self._note(answer)
            errors = listing(answer.get("errors") if isinstance(answer.get("errors"), list) else None, "errors")
            codes = {str(got(one, "extensions", "code") or "") for one in errors}
            if "THROTTLED" in codes:
                self._available = min(self._available, self._wanted - 1)
                if not self._restore:
                    self._asking.caller.wait(1.0)
                continue
            if "MAX_COST_EXCEEDED" in codes:
                raise _TooDear
            if "ACCESS_DENIED" in codes:
                raise CallFailed("not_allowed", "the app has no right to read this; add the scopes it needs")
            if errors or answer.get("errors"):
                raise CallFailed("asked_wrongly", f"the shop does not understand the question: {sorted(codes)}"[:200])
            return mapping(answer.get("data"), "data")
        self._asking.caller.wait(60.0)
        raise CallFailed("throttled", "the shop's limit leaves nothing for us")

    def _note(self, answer: Document) -> None:
        cost = got(answer, "extensions", "cost")
        status = got(cost, "throttleStatus")
        if status is not None:
            self._available = float(got(status, "currentlyAvailable") or 0)
            self._restore = float(got(status, "restoreRate") or 0)
            self._wanted = float(got(cost, "requestedQueryCost") or 0)

    def _post(self, body: bytes) -> Reply:
        for is_last in (False, True):
            token = self._token or self._new_token()
            headers = {"Content-Type": "application/json", "X-Shopify-Access-Token": token}
            try:
                reply = self._asking.caller.ask("POST", self._url, headers=headers, body=body)
            except CallFailed as failed:
                if failed.code != "not_allowed" or is_last or "access_token" in self._asking.secrets.credentials:
                    raise
                # A token that was lent has ended early.
                self._token = ""
                continue
            if reply.status == 404:
                raise CallFailed("no_shop", "there is no such shop, or no such version of its API")
            return reply
        raise AssertionError("the second try returns or raises")

    def _known_token(self) -> str:
        secrets = self._asking.secrets
        if own := secrets.credentials.get("access_token"):
            return own
        until = secrets.kept.get("until", "")
        is_good = bool(until) and datetime.fromisoformat(until) > datetime.now(UTC) + _EARLY
        return secrets.kept.get("access_token", "") if is_good else ""

    def _new_token(self) -> str:
        """The client credentials grant: for an app of one's own organisation, good for a day."""
        secrets = self._asking.secrets.credentials
        if "client_id" not in secrets:
            raise CallFailed("not_allowed", "there is neither an access token nor a client ID to ask for one")
        form = {
            "grant_type": "client_credentials",
            "client_id": secrets["client_id"],
            "client_secret": secrets["client_secret"],
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        reply = self._asking.caller.ask("POST", self._token_url, headers=headers, body=urlencode(form).encode())
        told = reply.document()
        token = told.get("access_token")
        if reply.status != 200 or not isinstance(token, str) or not token:
            raise CallFailed("not_allowed", "the shop gives no token; is the app installed there?")
        lasts = told.get("expires_in")
        until = datetime.now(UTC) + timedelta(seconds=lasts if isinstance(lasts, int) else 3600)
        self._token = token
        self._asking.keep({"access_token": token, "until": until.isoformat()})
        return token


class _TooDear(Exception):
    """The query costs more than one query may."""


def _changed(since: datetime | None, until: datetime) -> str:
    end = f"updated_at:<'{_iso(until)}'"
    return end if since is None else f"updated_at:>='{_iso(since)}' AND {end}"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _nodes(page: object) -> list[Any]:
    return list(listing(got(page, "nodes"), "nodes"))


def _next(page: object) -> str:
    return str(got(page, "pageInfo", "endCursor") or "") if got(page, "pageInfo", "hasNextPage") is True else ""


def _flat(value: Any) -> Any:
    """Lists instead of connections, and the numbers that messages have instead of global ids."""
    if isinstance(value, Mapping):
        if set(value) <= {"nodes", "pageInfo"} and "nodes" in value:
            return [_flat(one) for one in value["nodes"]]
        return {name: _flat(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_flat(one) for one in value]
    if isinstance(value, str) and value.startswith("gid://shopify/"):
        return value.rsplit("/", 1)[1].split("?", 1)[0]
    return value


def _level(node: Document) -> Document:
    return queries.as_message("stock", _flat(node))
