"""The event endpoints: a plain ASGI application with no Django between the socket and the commit.

Always exactly 200, with a verdict on each message, because clients take anything else for a reason to throw a batch
away or to send it for ever; 429 and 503 with Retry-After only where coming again helps. With `X-Strict-Mode: 1` what
would be taken in silence is a 4xx, and nothing of such a request is kept.
"""

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from django.db import DatabaseError, InterfaceError

from regulars.doors.ingest import protocol
from regulars.doors.ingest.committing import Away, Committer
from regulars.doors.ingest.disk import Disk
from regulars.doors.ingest.doors import Doors, Opened, Rates
from regulars.doors.ingest.hands import Crowded, Hand, Hands
from regulars.doors.ingest.protocol import Told, Unreadable
from regulars.doors.ingest.strangers import Strangers
from regulars.facts.events import intake, messages, planning
from regulars.facts.events.intake import Verdict
from regulars.facts.events.messages import NAMES_OF_KINDS, Code, Message, Rejected
from regulars.runtime.serving.observed import CLIENT_WENT_AWAY, Receive, Scope, Send

_ENCODER = msgspec.json.Encoder()
#: All of them; `*` leaves this one out.
_ALLOWED = b"authorization, *"
_CROSS_ORIGIN = (
    # A write key is public and there is no cookie: any page may send, which is what the endpoints are for.
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", _ALLOWED),
    # Scripts of another origin see no more of an answer's head than this names: when to come again.
    (b"access-control-expose-headers", b"retry-after"),
    (b"access-control-max-age", b"86400"),
)
#: What a strict request is answered where a lenient one gets 200.
_STRICT = {"key_unknown": 401, "key_revoked": 401, "not_allowed": 403, "too_large": 413, "same_id_other_content": 409}
_ANOTHER = "another message of the request is bad"
RETRY_SECONDS = 2
DISK_RETRY_SECONDS = 30
#: Seconds within which a body must be here; a phone on a bad line sends five megabytes in less.
SLOWEST_BODY = 120
#: As how many messages a body counts that cannot be read.
BYTES_OF_A_MESSAGE = 1_000
#: Messages that are read before others have their turn: some milliseconds.
READ_AT_ONCE = 100


class Ingest:
    """The application. Its thread and its caches begin with the first request."""

    def __init__(self) -> None:
        self._committer = Committer()
        self._doors = Doors(self._committer)
        self._rates = Rates()
        self._hands = Hands()
        self._disk = Disk()
        self._strangers = Strangers(self._committer)

    def close(self) -> None:
        """Write what waits and let go of the database."""
        self._committer.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = protocol.route(scope["path"])
        scope["regulars.route"], scope["regulars.quiet"] = route, True
        method = scope["method"]
        if route is None:
            await _say(send, 404, {"success": False, "message": "there is no such endpoint"})
        elif method == "OPTIONS":
            await _say(send, 200, None)
        elif route.endswith("settings"):
            await self._settings(scope, send)
        elif method != "POST":
            await _say(send, 405, {"success": False, "message": "send it with POST"}, (b"allow", b"POST, OPTIONS"))
        else:
            await self._take(scope, receive, send, route)

    async def _settings(self, scope: Scope, send: Send) -> None:
        """What the browser client asks before its first event: which destinations there are. One, this."""
        try:
            opened = await self._doors.find(protocol.key_in_path(scope["path"]))
        except (DatabaseError, InterfaceError):
            await _later(send, 503, RETRY_SECONDS, "the database is away")
            return
        if opened is None or not opened.door.is_open:
            await _say(send, 404, {"success": False, "message": "no such write key"})
            return
        host = _host(scope)
        told = {
            "integrations": {
                "Segment.io": {
                    "apiKey": protocol.key_in_path(scope["path"]),
                    "apiHost": f"{host}/v1",
                    "protocol": _scheme(scope),
                    "type": "browser",
                    "bundlingStatus": "bundled",
                    "unbundledIntegrations": [],
                    "addBundledMetadata": False,
                    "maybeBundledConfigIds": {},
                    "versionSettings": {"version": "4.4.7", "componentTypes": ["browser"]},
                }
            },
            "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
            "metrics": {"sampleRate": 0},
            "edgeFunction": {},
            "middlewareSettings": {},
            "enabledMiddleware": {},
            "legacyVideoPluginsEnabled": False,
            "remotePlugins": [],
        }
        await _say(send, 200, told)

    async def _take(self, scope: Scope, receive: Receive, send: Send, route: str) -> None:
        headers = dict(scope.get("headers", ()))
        hand = self._hands.take()
        try:
            async with asyncio.timeout(SLOWEST_BODY):
                body = await _body(receive, hand)
            await self._take_body(scope, send, route, headers, body, hand)
        except _Gone:
            await _say(send, CLIENT_WENT_AWAY, None)
        except TimeoutError:
            await _later(send, 503, RETRY_SECONDS, f"the request took more than {SLOWEST_BODY} s to come")
        except Crowded:
            await _later(send, 429, RETRY_SECONDS, "too much is coming in already")
        finally:
            hand.let_go()

    async def _take_body(
        self, scope: Scope, send: Send, route: str, headers: Mapping[bytes, bytes], body: bytes | None, hand: Hand
    ) -> None:
        is_strict = headers.get(b"x-strict-mode", b"").strip() == b"1"
        if route == protocol.METRICS:
            await _say(send, 200, {"success": True})
            return
        if self._disk.is_full():
            await _later(send, 503, DISK_RETRY_SECONDS, "the disk is nearly full")
            return
        token = protocol.key_in_headers(headers, scope.get("query_string", b""))
        text = b""
        try:
            try:
                if body is None:
                    raise protocol.too_large()
                text = protocol.unpacked(body)
                hand.hold(len(text) if text is not body else 0)
                told = protocol.read(scope["path"], text, received_at=datetime.now(UTC))
            except Unreadable as no:
                wait = await self._keep_unreadable(token, _as_far_as_read(no, text, body), no, is_strict)
                if wait:
                    await _later(send, 429, math.ceil(wait), "too much comes with this key that cannot be read")
                else:
                    await self._refuse(send, no, is_strict)
                return
            opened = await self._doors.find(token or told.write_key)
        except (DatabaseError, InterfaceError, Away):
            await _later(send, 503, RETRY_SECONDS, "the database is away")
            return
        if opened is None:
            self._strangers.count(len(told.messages))
            await self._refuse(
                send, Unreadable("key_unknown", "writeKey: nobody made this key; copy it from its source"), is_strict
            )
            return
        key = opened.door.key
        if wait := self._rates.wait_for(key.id, key.per_second, len(told.messages), time.monotonic()):
            await _later(send, 429, math.ceil(wait), f"this key may send {key.per_second} messages a second")
            return
        if not self._committer.has_room(opened.sender.id, len(text)):
            await _later(send, 429, RETRY_SECONDS, "too much of this source is waiting already")
            return
        self._committer.coming += 1
        try:
            read = await _read_all(told, opened)
        finally:
            self._committer.coming -= 1
        if is_strict and (bad := next((one for one in read if isinstance(one, Rejected)), None)):
            verdicts = [
                Verdict(one.message_id, "rejected", None, one.code, one.field, one.why)
                if isinstance(one, Rejected)
                else Verdict(one.message_id, "rejected", None, "not_kept", "", _ANOTHER)
                for one in read
            ]
            await _say(send, _STRICT.get(bad.code, 400), _told(verdicts, success=False))
            return
        try:
            if is_strict and (others := await self._committer.ask(partial(intake.conflicting, read))):
                verdicts = [
                    others.get(place) or Verdict(one.message_id, "rejected", None, "not_kept", "", _ANOTHER)
                    for place, one in enumerate(read)
                ]
                await _say(send, _STRICT["same_id_other_content"], _told(verdicts, success=False))
                return
            verdicts = await self._committer.submit(opened.sender.id, read, len(text)) if read else []
        except (DatabaseError, InterfaceError, Away):
            await _later(send, 503, RETRY_SECONDS, "the database is away")
            return
        conflicts = is_strict and any(one.said == "conflict" for one in verdicts)
        await _say(send, 409 if conflicts else 200, _told(verdicts, success=not conflicts))

    async def _keep_unreadable(self, token: str, text: bytes, no: Unreadable, is_strict: bool) -> float:
        """A broken body of a known key goes to quarantine whole, unpacked as far as it can be. Seconds after which it
        may, where the key's messages have used up its rate: a body counts as many as it has room for."""
        token = token or protocol.key_in_pieces(text)
        opened = await self._doors.find(token)
        if opened is None and token:
            self._strangers.count(1)
        if opened is None or not text or is_strict or not self._committer.has_room(opened.sender.id, len(text)):
            return 0.0
        key, now = opened.door.key, time.monotonic()
        if wait := self._rates.wait_for(key.id, key.per_second, 1 + len(text) // BYTES_OF_A_MESSAGE, now):
            return wait
        code: Code = "too_large" if no.code == "too_large" else "not_json"
        kept = Rejected(opened.sender.id, code, "", no.why, "", "", "", text)
        await self._committer.submit(opened.sender.id, [kept], len(text))
        return 0.0

    async def _refuse(self, send: Send, no: Unreadable, is_strict: bool) -> None:
        status = _STRICT.get(no.code, 400) if is_strict else 200
        told = {"success": not is_strict, "results": [], "code": no.code, "message": no.why}
        await _say(send, status, told)


def _as_far_as_read(no: Unreadable, text: bytes, body: bytes | None) -> bytes:
    """What the quarantine keeps of a body that cannot be read: its text, or how much there was of what is none."""
    if body is None:
        return b"(more than %d bytes, of which nothing was kept)" % protocol.LARGEST_BODY
    if no.text or text or not body:
        return no.text or text
    return b"(%d bytes that could not be unpacked)" % len(body) if body.startswith(protocol.GZIP) else body


async def _read_all(told: Told, opened: Opened) -> list[Message | Rejected]:
    """The messages; others have their turn in between, so that a large batch makes nobody wait for its end."""
    read: list[Message | Rejected] = []
    places = range(len(told.messages))
    for start in places[::READ_AT_ONCE]:
        if start:
            await asyncio.sleep(0)
        some = places[start : start + READ_AT_ONCE]
        read += messages.read_many(told.messages, some, envelope=told.envelope, sender=opened.sender)
    told.messages.let_go()
    return read if opened.takes_everything else [_passed(one, opened) for one in read]


def _passed(read: Message | Rejected, opened: Opened) -> Message | Rejected:
    """The message; rejected where its key was revoked or is not for this call, or the plan blocks it: kept, to be
    replayed."""
    if isinstance(read, Rejected):
        return read
    kind, key = NAMES_OF_KINDS[read.kind], opened.door.key
    if not opened.door.is_open:
        why = "writeKey: this key was revoked, or its source retired; use a key that is good"
        return Rejected(read.source, "key_revoked", "writeKey", why, read.message_id, kind, read.name, read.raw)
    if key.kinds and kind not in key.kinds:
        why = f"type: this key may send {', '.join(sorted(key.kinds))} only, not {kind}; use another key"
        return Rejected(read.source, "not_allowed", "type", why, read.message_id, kind, read.name, read.raw)
    if opened.plan is not None:
        return planning.turned_away(read, opened.plan) or read
    return read


class _Said(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    message_id: str
    verdict: str
    code: str = ""
    field: str = ""
    message: str = ""


def _told(verdicts: Sequence[Verdict], *, success: bool) -> dict[str, Any]:
    results = [_Said(one.message_id, one.said, one.code, one.field, one.why) for one in verdicts]
    return {"success": success, "results": results}


class _Gone(Exception):
    """The client went away in the middle of its request; nobody waits for an answer, and it sends all of it again."""


async def _body(receive: Receive, hand: Hand) -> bytes | None:
    """The whole body; None when it is larger than we read, and the rest of it is thrown away as it comes.

    Raises `_Gone`, and `Crowded` once it has come.
    """
    parts, size, is_crowded = [], 0, False
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part = message.get("body", b"")
        size += len(part)
        is_crowded = is_crowded or not hand.has_room(len(part))
        if size <= protocol.LARGEST_BODY and not is_crowded:
            hand.hold(len(part))
            parts.append(part)
        else:
            parts.clear()
            hand.let_go()
        if not message.get("more_body", False):
            break
        if size > 4 * protocol.LARGEST_BODY:
            break
    if size > protocol.LARGEST_BODY:
        return None
    if is_crowded:
        raise Crowded
    return b"".join(parts)


def _scheme(scope: Scope) -> str:
    """As the page's browser called us: behind a proxy that ends TLS it is what the proxy says. Whoever lies about it
    is told of no other place than this."""
    told = dict(scope.get("headers", ())).get(b"x-forwarded-proto", b"").split(b",")[0].strip().lower()
    return told.decode() if told in {b"http", b"https"} else str(scope.get("scheme", "http"))


def _host(scope: Scope) -> str:
    given = next((value for name, value in scope.get("headers", ()) if name == b"host"), b"127.0.0.1")
    host: str = given.decode("latin-1")
    return host


async def _later(send: Send, status: int, seconds: int, why: str) -> None:
    told = {"success": False, "results": [], "message": f"{why}; come again in {seconds} s"}
    await _say(send, status, told, (b"retry-after", str(max(1, seconds)).encode()))


async def _say(send: Send, status: int, told: object, *headers: tuple[bytes, bytes]) -> None:
    body = b"" if told is None else _ENCODER.encode(told)
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *_CROSS_ORIGIN,
            *headers,
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})
