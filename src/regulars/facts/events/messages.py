"""One message as a client sent it, read into what is kept of it: no database, no clock, no Django.

Tolerant where real clients are careless (null for absent, numbers for ids, times of any form), strict where a
tolerated mistake would join strangers or change an amount: amounts keep the digits they were written with.
"""

import contextlib
import difflib
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec

from regulars.facts.customers import identifiers
from regulars.facts.events import _contexts, _whose, _wire, personal, times
from regulars.facts.events._whose import LONGEST_ID, What, Who
from regulars.facts.events._wire import AS_IT_CAME as _AS_IT_CAME
from regulars.facts.events._wire import DECODER, Body, Call, Code, No, decoded, with_real_numbers, with_whole_characters
from regulars.facts.events._wire import ENCODER as _ENCODER
from regulars.facts.events.personal import shown

__all__ = [
    "DECODER",
    "KINDS",
    "LARGEST_MESSAGE",
    "LONGEST_ID",
    "LONGEST_NAME",
    "MOST_IN_A_BATCH",
    "NAMES_OF_KINDS",
    "Batch",
    "Body",
    "Code",
    "Envelope",
    "Message",
    "NoBatch",
    "Rejected",
    "Sender",
    "batch",
    "names_its_call",
    "read",
    "read_many",
    "says_batch",
    "shown",
    "visitor",
    "with_real_numbers",
    "with_whole_characters",
]

#: The calls of the protocol; their numbers are stored.
KINDS: Final[Mapping[str, int]] = {"track": 1, "identify": 2, "page": 3, "screen": 4, "group": 5, "alias": 6}
NAMES_OF_KINDS: Final[Mapping[int, str]] = {number: name for name, number in KINDS.items()}
_IDENTIFY, _TRACK = KINDS["identify"], KINDS["track"]
_STAMPS = frozenset([str, int, Decimal])
#: Calls whose name is what happened or where. Elsewhere a name is somebody's.
_NAMED = frozenset(["track", "page", "screen"])
_NUMBERS_NAMED = frozenset(KINDS[name] for name in _NAMED)

LARGEST_MESSAGE = 1_000_000
MOST_IN_A_BATCH = 20_000
#: Bytes of a batch's context taken once for each of its messages: a small body must not become a large one here.
LARGEST_SPREAD = 32_000_000
LONGEST_NAME = 200

#: What surely is an id and no contact: too long to be a word for nothing, and begins with few fillers.
_SURELY_AN_ID = re.compile(rf"[0fF-]{{0,9}}[1-9a-eg-zA-EG-Z][!-$&-*,-?A-~]{{20,{LONGEST_ID - 10}}}").fullmatch
_AS_NUMBER = struct.Struct(">q").unpack
#: Letters of a misspelt call.
_LONGEST_CALL = 20
#: An escape that JSON allows and PostgreSQL's jsonb does not; after an escaped backslash it is plain text.
_NUL = b"\\u0000"
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Sender(msgspec.Struct, frozen=True):
    """What is known of a source while its messages are read. `zone` is for times told without an offset.

    `keyed` makes the hashes under which messages and visitors are known; nobody without it can try out addresses.
    """

    id: int
    namespace: str
    zone: ZoneInfo
    keyed: bytes


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message that is good. `data` is its JSON without what is personal; that is in `personal`, by path, and in
    `data` the list `hidden` has the paths of what was taken out of its properties and traits.

    `key` (16 bytes) knows the message by source and id, `content` tells whether another one with that id says the
    same. It names `of_user`, `on_device` or both.
    """

    source: int
    kind: int
    name: str
    message_id: str
    key: bytes
    content: int
    of_user: Who | None
    on_device: Who | None
    occurred_at: datetime
    original_at: datetime | None
    sent_at: datetime | None
    why_then: int
    data: bytes
    personal: bytes | None
    body: Body | None = None
    place: int = 0

    @property
    def about(self) -> Who:
        """Whom it is about: its user, or the device where it names none."""
        who = self.of_user or self.on_device
        assert who is not None
        return who

    @property
    def visitor(self) -> UUID:
        return self.about.visitor

    @property
    def device(self) -> UUID | None:
        """The browser or app it came from, where that is known beside a user."""
        return None if self.of_user is None or self.on_device is None else self.on_device.visitor

    @property
    def user_ref(self) -> str | None:
        return None if self.of_user is None else self.of_user.open_ref

    @property
    def device_ref(self) -> str | None:
        return None if self.on_device is None else self.on_device.open_ref

    @property
    def raw(self) -> bytes:
        """The message as it came; nothing where nobody will ask."""
        return b"" if self.body is None else self.body.text(self.place)


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A message that cannot be taken as it is: why, in a code and in words that name the field, the value and the mend.

    `raw` is what came, to be looked at, mended and sent again.
    """

    source: int
    code: Code
    field: str
    why: str
    message_id: str
    kind: str
    name: str
    raw: bytes


@dataclass(frozen=True)
class Envelope:
    """What a batch says once for all its messages."""

    context: Mapping[str, Any]
    sent_at: object
    received_at: datetime
    type: str = ""


@dataclass(frozen=True)
class Batch:
    """Messages as they came, and what was said once for all of them; nothing but the batch itself is checked yet."""

    messages: Body
    context: Mapping[str, Any]
    sent_at: object
    write_key: str


class NoBatch(Exception):
    """The text as a whole is no batch that is taken: a code, and words with the mend."""

    def __init__(self, code: Code, why: str) -> None:
        super().__init__(code)
        self.code: Code = code
        self.why = why


#: What a message has and a batch has not.
_OF_A_MESSAGE = ("type", "event", "userId", "anonymousId")


def batch(text: bytes) -> Batch:
    """The batch that `text`, one JSON object, says. Raises `NoBatch`."""
    try:
        body, context, sent_at, write_key = _wire.batch(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        why = f'the body is not {{"batch": […]}} ({str(problem)[:80]}); send JSON in UTF-8'
        raise NoBatch("not_json", why) from None
    if len(body) > MOST_IN_A_BATCH:
        raise NoBatch("too_large", f"batch: it has {len(body)} messages; send at most {MOST_IN_A_BATCH}")
    context = context if isinstance(context, dict) else {}
    if context and len(msgspec.json.encode(context)) * len(body) > LARGEST_SPREAD:
        raise NoBatch("too_large", "context: it is too large to be put into each message; send it in few")
    return Batch(body, context, sent_at, write_key if isinstance(write_key, str) else "")


def says_batch(text: bytes) -> bool:
    """Whether `text` is a batch rather than a message: it has a list of them, and nothing of a message's own."""
    try:
        told = decoded(text)
    except No:
        return False
    return (
        isinstance(told, dict)
        and isinstance(told.get("batch"), list)
        and not any(told.get(field) for field in _OF_A_MESSAGE)
    )


def read(raw: bytes, *, envelope: Envelope, sender: Sender) -> Message | Rejected:
    """The message that `raw`, one JSON object, says; or why not."""
    return _Reading(Body([raw]), envelope, sender).read(0)


def read_many(
    body: Body, places: Sequence[int] | None = None, *, envelope: Envelope, sender: Sender
) -> list[Message | Rejected]:
    """`read` of each message of a request, or of those in these places."""
    read = _Reading(body, envelope, sender).read
    return [read(place) for place in (range(len(body)) if places is None else places)]


def names_its_call(raw: bytes) -> bool:
    """Whether the message says itself which call it is."""
    try:
        told = decoded(raw)
    except No:
        return False
    return isinstance(told, dict) and bool(told.get("type"))


class _Reading:
    """Reads the messages of one request. What holds for all of them is found out once."""

    def __init__(self, body: Body, envelope: Envelope, sender: Sender) -> None:
        self.body, self.envelope, self.sender = body, envelope, sender
        self.calls = body.calls
        self.users = _whose.known(sender.keyed, sender.namespace, "user")
        self.devices = _whose.known(sender.keyed, sender.namespace, "device")
        self.of_contents, self.of_keys = _whose.hashings(sender.keyed, sender.id)
        self.clock = times.Clock(received_at=envelope.received_at, zone=sender.zone)

    def read(self, place: int) -> Message | Rejected:
        try:
            if self.calls is not None:
                return self._read(self.calls[place], place)
            text = self.body.texts[place]
            if len(text) > LARGEST_MESSAGE:
                raise No("too_large", "", f"it has {len(text)} bytes; send messages of at most {LARGEST_MESSAGE}")
            return self._read(_wire.called(text), place)
        except No as no:
            return self._rejected(no, place)
        except RecursionError:
            return self._rejected(_wire.too_deep(), place)

    def _rejected(self, no: No, place: int) -> Rejected:
        told: Any = {}
        raw = self.body.text(place)
        if len(raw) <= LARGEST_MESSAGE:
            # What cannot be read says nothing of itself: it is rejected for `no`, which says why.
            with contextlib.suppress(No):
                told = decoded(raw)
        else:
            told = _wire.heading(raw)
        told = told if isinstance(told, dict) else {}
        kind = _call_meant(self.envelope.type or told.get("type"))
        return Rejected(
            source=self.sender.id,
            code=no.code,
            field=no.field,
            why=no.why,
            message_id=shown(told.get("messageId")),
            kind=kind,
            name=shown(told.get("event" if kind.lower() == "track" else "name")) if kind.lower() in _NAMED else "",
            raw=raw,
        )

    def _read(self, call: Call, place: int) -> Message:
        # Every step here is taken thousands of times a second: what nearly all messages are is told apart by itself,
        # and the functions that it calls are for the others.
        envelope = self.envelope
        type_ = envelope.type or call.type
        kind = KINDS.get(type_) if type(type_) is str else None
        if kind is None:
            kind = _kind(type_)
        properties: dict[str, Any] = call.properties if type(call.properties) is dict else {}
        traits: dict[str, Any] = call.traits if type(call.traits) is dict else {}
        context = bytes(call.context)
        of_context: dict[str, Any] | None = None
        if context[:1] != b"{":
            context = b"{}"
        if envelope.context or (kind == _IDENTIFY and not traits) or not _contexts.is_plain(context):
            traits, context, of_context = _looked_through(context, kind, traits, envelope)
        value = call.event
        named = _tidy_name(value) if kind == _TRACK and type(value) is str and len(value) <= 2 * LONGEST_NAME else None
        name, is_written = named or _named(call, kind)
        value = call.user_id
        if type(value) is not str or len(value) > LONGEST_ID:
            value = _whose.identity(value, "userId")
        user = None if value is None else self.users[value]
        value = call.anonymous_id
        if type(value) is not str or len(value) > LONGEST_ID:
            value = _whose.identity(value, "anonymousId")
        device = None if value is None else self.devices[value]
        if user is None and device is None:
            raise _nobody(call)
        original = call.timestamp if call.original_timestamp is None else call.original_timestamp
        if type(original) is not str or not original:
            original = _stamp(call.original_timestamp) or _stamp(call.timestamp)
        sent = call.sent_at
        if type(sent) is not str or not sent:
            sent = _stamp(sent) or envelope.sent_at
        settled = self.clock.settle(original, sent)
        taken: dict[str, Any] = {}
        of_whom = b"{}"
        told_of = _ENCODER.encode(properties)
        if is_written or traits or not personal.is_plain(properties, told_of):
            told_of, of_whom, taken = _taken_out(properties, told_of, traits, is_written)
        # That something was told, without what: a tracking plan asks whether a property is there.
        hidden = sorted({personal.without_addresses(path) for path in taken}) if taken else None
        # The object is closed where its end is known.
        said = b"".join((b'{"properties":', told_of, b',"traits":', of_whom))
        is_odd = settled.why is times.UNREADABLE
        if is_odd or call.previous_id is not None or call.group_id is not None or call.category is not None:
            said = _with_rare(call, user, told_of, of_whom, taken, shown(original) if is_odd else None)
        user_ref = device_ref = None
        if user is not None:
            user_ref = user.ref
            if user.is_contact:
                taken["userId"] = user_ref
        if device is not None:
            device_ref = device.ref
            if device.is_contact:
                taken["anonymousId"] = device_ref
        # The context is how it was sent and may be filled anew when it is sent again; all else makes it another
        # message.
        digest = self.of_contents.copy()
        digest.update(b"".join((said, b"}", _ENCODER.encode((taken, kind, name, user_ref, device_ref, original)))))
        content = _AS_NUMBER(digest.digest())[0]
        message_id = shown_id = call.message_id
        if type(message_id) is not str or not _SURELY_AN_ID(message_id):
            message_id = _message_id(message_id, original, content)
            shown_id = personal.without_addresses(message_id)
        key = self.of_keys.copy()
        key.update(message_id.encode("utf-8", "replace"))
        if hidden:
            data = b"".join((said, b',"context":', context, b',"hidden":', _ENCODER.encode(hidden), b"}"))
        else:
            data = b"".join((said, b',"context":', context, b"}"))
        if of_context:
            taken |= of_context
        if len(data) > LARGEST_MESSAGE:
            raise No(
                "too_large", "", f"it has {len(data)} bytes with its batch's context; send at most {LARGEST_MESSAGE}"
            )
        if personal.BACKSLASH in data and _NUL in data and _ESCAPED_NUL.search(data):
            raise No("unstorable", "", "it has the character \\u0000, which no database keeps; leave it out")
        return Message(
            self.sender.id,
            kind,
            name,
            shown_id,
            key.digest(),
            content,
            user,
            device,
            settled.occurred_at,
            settled.original_at,
            settled.sent_at,
            settled.why,
            data,
            _ENCODER.encode(taken) if taken else None,
            self.body,
            place,
        )


def _kind(type_: object) -> int:
    kind = KINDS.get(type_.lower()) if isinstance(type_, str) else None
    if kind is None:
        meant = _call_meant(type_)
        what = f"{meant!r} is" if meant or not type_ else "what it says is"
        raise No("no_type", "type", f"type: {what} no call; use one of {', '.join(KINDS)}")
    return kind


def _nobody(call: Call) -> No:
    told = call.user_id or call.anonymous_id
    why = f"userId and anonymousId: {shown(told)!r} names nobody" if told else "userId and anonymousId are missing"
    return No("no_identifier", "userId", f"{why}; send one of them")


def _looked_through(
    text: bytes, kind: int, traits: dict[str, Any], envelope: Envelope
) -> tuple[dict[str, Any], bytes, dict[str, Any]]:
    """The traits, the context as it is kept, and what was taken out of it."""
    context: dict[str, Any] = decoded(text)
    if kind == _IDENTIFY and not traits and isinstance(context.get("traits"), dict):
        # RudderStack's libraries for servers put them there.
        traits = context["traits"]
        context = {name: value for name, value in context.items() if name != "traits"}
    if envelope.context:
        context = {**envelope.context, **context}
    if kind == _IDENTIFY and not traits:
        # RudderStack's clients tell them there.
        told = context.get("traits")
        traits = told if isinstance(told, dict) else {}
        context = {field: value for field, value in context.items() if field != "traits"} if traits else context
    has_address = bool(envelope.context) or personal.may_hold_address(text)
    try:
        context, taken = personal.take_out("context", context, has_address=has_address)
    except personal.Unkeepable as problem:
        raise No("unstorable", "", str(problem)) from None
    return traits, _AS_IT_CAME.encode(context), taken


def _taken_out(
    properties: dict[str, Any], encoded: bytes, traits: dict[str, Any], is_written: bool
) -> tuple[bytes, bytes, dict[str, Any]]:
    """What is kept of the properties, which are `encoded`, and of the traits, and what was taken out of both."""
    try:
        has_address = personal.may_hold_address(encoded)
        properties, taken = personal.take_out("properties", properties, has_address=has_address)
        if is_written:
            properties, texts = personal.take_texts(properties)
            taken |= texts
        if traits:
            has_address = personal.may_hold_address(_ENCODER.encode(traits))
            traits, of_traits = personal.take_out("traits", traits, has_address=has_address)
            taken |= of_traits
    except personal.Unkeepable as problem:
        raise No("unstorable", "", str(problem)) from None
    return _ENCODER.encode(properties), _ENCODER.encode(traits), taken


def _with_rare(
    call: Call, user: Who | None, told_of: bytes, of_whom: bytes, taken: dict[str, Any], timestamp: str | None
) -> bytes:
    """What is said, with what few messages say; without its end. `timestamp` is one nobody could read."""
    said: dict[str, Any] = {"properties": msgspec.Raw(told_of), "traits": msgspec.Raw(of_whom)}
    if timestamp is not None:
        said["timestamp"] = timestamp
    _say_rare(call, user, said, taken)
    return _ENCODER.encode(said)[:-1]


def _say_rare(call: Call, user: Who | None, said: dict[str, Any], taken: dict[str, Any]) -> None:
    previous_ref = _whose.identity(call.previous_id, "previousId")
    if user is not None and previous_ref == user.ref:
        # The browser's client sends this when somebody who is known already is linked again: it says nothing.
        previous_ref = None
    for field, value in (("groupId", call.group_id), ("previousId", previous_ref), ("category", call.category)):
        if isinstance(value, str | int | Decimal) and value != "":
            said[field] = shown(value)
            if said[field] != str(value):
                taken[field] = str(value)


def visitor(sender: Sender, what: What, ref: str) -> UUID:
    """Under which number the events of this user or device are kept: the same for all sources of one namespace."""
    return UUID(bytes=_whose.number(sender.keyed, sender.namespace, what, ref))


def _stamp(value: object) -> object:
    """What may be a time; anything else is as if it were an unreadable text, so that it can be compared."""
    if value is None or value == "":
        return None
    return value if type(value) in _STAMPS else "?"


def _named(call: Call, kind: int) -> tuple[str, bool]:
    """Its name, and whether it is an event about something written."""
    if kind not in _NUMBERS_NAMED:
        return "", False
    value = call.event if kind == _TRACK else call.name or call.category
    if kind == _TRACK and (not isinstance(value, str) or not value.strip()):
        raise No("no_event", "event", f"event: {shown(value)!r} is no name; say what happened, like 'Product Viewed'")
    if not isinstance(value, str):
        return "", False
    # Cached are short ones only: a message may be a megabyte.
    tidied = _tidy_name if len(value) <= 2 * LONGEST_NAME else _tidy_name.__wrapped__
    if found := tidied(value):
        return found
    name = personal.without_addresses(value.strip())[:40]
    raise No(
        "bad_name",
        "event" if kind == _TRACK else "name",
        f"{NAMES_OF_KINDS[kind]}: {name!r} has more than {LONGEST_NAME} characters or some nobody can see; shorten it",
    )


@lru_cache(maxsize=2_000)
def _tidy_name(name: str) -> tuple[str, bool] | None:
    """The name, and whether it is an event about something written; None for what is no name."""
    tidy = personal.without_addresses(name.strip())
    if not tidy or len(tidy) > LONGEST_NAME or personal.UNSEEN.search(tidy):
        return None
    return tidy, tidy.casefold() in personal.WRITTEN


def _call_meant(type_: object) -> str:
    """A type as it may be shown: a call, or what somebody wrote for one. Whatever else stands there may be a name."""
    text = type_.strip().lower() if isinstance(type_, str) and len(type_) <= _LONGEST_CALL else ""
    return text if text in KINDS or difflib.get_close_matches(text, KINDS, n=1) else ""


def _message_id(value: object, original: object, content: int) -> str:
    """The sender's id, or one made of what the message says. Without a time of its own it is new each time.

    What programs write for nothing is no id: all messages of a broken client would be one.
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < personal.LARGEST_NUMBER:
        value = str(value)
    if isinstance(value, str) and value.strip():
        tidy = value.strip()
        if len(tidy) > LONGEST_ID or personal.UNSEEN.search(tidy):
            shown_ = shown(tidy)[:20]
            raise No("bad_id", "messageId", f"messageId: {shown_!r}… is no id; use up to {LONGEST_ID} characters")
        if not identifiers.why_unusable(tidy):
            return tidy
    return f"made-{content & (1 << 64) - 1:016x}" if original else f"made-{uuid4().hex}"
