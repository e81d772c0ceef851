"""The wire: what a request to the event endpoints says, whichever client wrote it. Pure.

Segment's paths with their one-letter forms and RudderStack's habits. The content type is ignored, because browsers send
text/plain and some servers send forms that are JSON; gzip is known by its first bytes, because some clients forget
to say so; null stands for absent.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from regulars.facts.events import messages
from regulars.facts.events.messages import Body, Envelope

#: Bytes of a body, unpacked. The largest real batch seen of a client that miscounts its own is 2 MB.
LARGEST_BODY = 8_000_000
GZIP = b"\x1f\x8b"
#: Members of one body. Each has what follows it copied, so that many small ones would cost far more than they weigh.
MOST_MEMBERS = 128
_BOM = b"\xef\xbb\xbf"

_CALLS = {
    **{f"/v1/{call}": call for call in messages.KINDS},
    **{f"/v1/{call[0]}": call for call in messages.KINDS},
}
_BATCHES = frozenset(["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"])
#: The browser client tells Segment how it fares; there is nobody here who asks.
METRICS = "/v1/m"
_KEY_IN_PIECES = re.compile(rb'"writeKey"\s*:\s*"([0-9A-Za-z_]{1,100})"')
_SETTINGS = re.compile(r"/v1/projects/([^/]{1,100})/settings")


class Unreadable(Exception):
    """The body as a whole is no request of this protocol: a code, and words with the mend. `text` is what was unpacked
    of it before it broke."""

    def __init__(self, code: str, why: str, text: bytes = b"") -> None:
        super().__init__(code)
        self.code, self.why, self.text = code, why, text


@dataclass(frozen=True)
class Told:
    """A request that was understood: its messages as they came, and what it says for all of them."""

    envelope: Envelope
    messages: Body
    write_key: str


class _Single(msgspec.Struct, rename="camel"):
    write_key: Any = None


_SINGLE = msgspec.json.Decoder(_Single)


def route(path: str) -> str | None:
    """The endpoint's one name for the figures; None when the path is none of ours."""
    tidy = path.rstrip("/")
    if tidy in _BATCHES:
        return "/v1/batch"
    if call := _CALLS.get(tidy):
        return f"/v1/{call}"
    if tidy == METRICS:
        return METRICS
    return "/v1/projects/<key>/settings" if _SETTINGS.fullmatch(tidy) else None


def key_in_path(path: str) -> str:
    """The write key of a settings address; empty elsewhere."""
    found = _SETTINGS.fullmatch(path.rstrip("/"))
    return found.group(1) if found else ""


def key_in_headers(headers: Mapping[bytes, bytes], query: bytes) -> str:
    """The write key from Basic (as user; its colon may be missing), Bearer, or `?writeKey=`; empty where none is."""
    scheme, _, given = headers.get(b"authorization", b"").decode("latin-1").strip().partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() == "basic":
        try:
            user, _, _ = base64.b64decode(given.strip(), validate=True).decode("latin-1").partition(":")
        except (binascii.Error, ValueError):
            return ""
        return user
    return parse_qs(query.decode("latin-1")).get("writeKey", [""])[0] if query else ""


def key_in_pieces(text: bytes) -> str:
    """The write key that a body names which cannot be read; empty where it names none."""
    found = _KEY_IN_PIECES.search(text)
    return found.group(1).decode() if found else ""


def unpacked(body: bytes) -> bytes:
    """The body's text; gzip may have several members, one after the other. Raises `Unreadable` where it is broken or
    grows beyond `LARGEST_BODY`."""
    if not body.startswith(GZIP):
        return body.removeprefix(_BOM)
    parts: list[bytes] = []
    size, rest = 0, body
    # What follows a member and begins none is left out, as gzip itself does.
    while rest.startswith(GZIP):
        if len(parts) == MOST_MEMBERS:
            raise Unreadable("not_gzip", f"the body has more than {MOST_MEMBERS} members; pack it as one")
        unpacker = zlib.decompressobj(wbits=31)
        try:
            part = unpacker.decompress(rest, LARGEST_BODY + 1 - size)
        except zlib.error:
            raise Unreadable("not_gzip", "the body begins like gzip and is not; send it whole") from None
        size += len(part)
        if size > LARGEST_BODY:
            raise too_large()
        if not unpacker.eof:
            raise Unreadable("not_gzip", "the body is cut off; send it whole", b"".join([*parts, part]))
        parts.append(part)
        rest = unpacker.unused_data
    return b"".join(parts).removeprefix(_BOM)


def too_large() -> Unreadable:
    """More than we read."""
    return Unreadable("too_large", f"the body has more than {LARGEST_BODY} bytes; send smaller batches")


def read(path: str, text: bytes, *, received_at: datetime) -> Told:
    """What the request says. Raises `Unreadable` where nothing in it can be told apart."""
    tidy = path.rstrip("/")
    try:
        if tidy in _BATCHES:
            batch = messages.batch(text)
            envelope = Envelope(context=batch.context, sent_at=batch.sent_at, received_at=received_at)
            return Told(envelope, batch.messages, batch.write_key)
        text = messages.with_whole_characters(text)
        try:
            single = _SINGLE.decode(text)
        except msgspec.DecodeError:
            single = _SINGLE.decode(text := messages.with_real_numbers(text))
        return Told(Envelope({}, None, received_at, _CALLS[tidy]), Body([text]), _text(single.write_key))
    except messages.NoBatch as no:
        raise Unreadable(no.code, no.why) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        why = f"the body is not one JSON object ({str(problem)[:80]}); send JSON in UTF-8"
        raise Unreadable("not_json", why) from None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
