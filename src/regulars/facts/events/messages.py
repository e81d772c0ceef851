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
from hashlib import blake2b
from typing import Any, Final, Literal, cast
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import msgspec

from regulars.facts.customers import identifiers
from regulars.facts.events import personal, times

#: The calls of the protocol; their numbers are stored.
KINDS: Final[Mapping[str, int]] = {"track": 1, "identify": 2, "page": 3, "screen": 4, "group": 5, "alias": 6}
NAMES_OF_KINDS: Final[Mapping[int, str]] = {number: name for name, number in KINDS.items()}
_IDENTIFY, _TRACK = KINDS["identify"], KINDS["track"]
#: Calls whose name is what happened or where. Elsewhere a name is somebody's.
_STAMPS = frozenset([str, int, Decimal])
_NAMED = frozenset(["track", "page", "screen"])
_NUMBERS_NAMED = frozenset(KINDS[name] for name in _NAMED)

LARGEST_MESSAGE = 1_000_000
MOST_IN_A_BATCH = 20_000
#: Bytes of a batch's context taken once for each of its messages: a small body must not become a large one here.
LARGEST_SPREAD = 32_000_000
LONGEST_ID = 200
LONGEST_NAME = 200
#: Digits an amount may have before or behind its point; more is an attack on whoever calculates with it.
MOST_DIGITS = 60


Code = Literal[
    "not_json",
    "too_large",
    "no_type",
    "no_identifier",
    "no_event",
    "bad_id",
    "bad_name",
    "unstorable",
    "not_allowed",
    "key_revoked",
    "key_unknown",
    "same_id_other_content",
    "blocked_by_plan",
]


class _No(Exception):
    def __init__(self, code: Code, field: str, why: str) -> None:
        super().__init__(code)
        self.code, self.field, self.why = code, field, why


def _too_deep() -> _No:
    return _No("not_json", "", "it is nested too deeply; flatten it")


def _amount(text: str) -> Decimal:
    value = Decimal(text)
    if len(text) > 2 * MOST_DIGITS or not -MOST_DIGITS < value.adjusted() < MOST_DIGITS:
        raise _No("unstorable", "", f"it has a number of more than {MOST_DIGITS} digits; send amounts as people pay")
    return value


class _Amounts(dict[str, Decimal]):
    """Amounts by how they are written: prices come again and again, and calling Python for each costs as much as all
    else in reading a number."""

    def __missing__(self, text: str) -> Decimal:
        value = _amount(text)
        if len(text) <= _LONGEST_PRICE:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[text] = value
        return value


#: Refs, names, amounts and parts of contexts that are kept in mind with what was found of them: one visit has many
#: events.
_REMEMBERED = 20_000
_LONGEST_PRICE = 20
#: Parts of contexts without anything personal, by their name and how they came: as they are kept.
_PLAIN_PARTS: dict[tuple[str, bytes], bytes] = {}
_MOST_PARTS = 4_000
_LONGEST_PART = 1_000
DECODER = msgspec.json.Decoder(float_hook=_Amounts().__getitem__)
_ENCODER = msgspec.json.Encoder(decimal_format="number", order="deterministic")
_AS_IT_CAME = msgspec.json.Encoder(decimal_format="number")

#: What surely is an id and no contact: too long to be a word for nothing, and begins with no filler.
_SURELY_AN_ID = re.compile(rf"[1-9a-eg-zA-EG-Z][!-$&-*,-?A-~]{{20,{LONGEST_ID - 1}}}").fullmatch
_FILLERS = "0fF-"
_AS_NUMBER = struct.Struct(">q").unpack
#: Letters of a misspelt call.
_LONGEST_CALL = 20
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: An escape that JSON allows and PostgreSQL's jsonb does not; after an escaped backslash it is plain text.
_NUL = b"\\u0000"
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
#: Halves of a character beyond the first 65,536, without the other half: what is left when a program cuts a text there.
_HALF = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:(\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2})|\\ud[89a-f][0-9a-f]{2})", re.IGNORECASE
)


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

    `key` (16 bytes) knows the message by source and id, `content` tells whether another one with that id
    says the same. `visitor` is whom it is about, `device` the browser or app it came from where that is known beside a
    user.
    """

    source: int
    kind: int
    name: str
    message_id: str
    key: bytes
    content: int
    visitor: UUID
    device: UUID | None
    user_ref: str | None
    device_ref: str | None
    occurred_at: datetime
    original_at: datetime | None
    sent_at: datetime | None
    why_then: int
    data: bytes
    personal: bytes | None
    raw: bytes


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

    messages: Sequence[bytes]
    context: Mapping[str, Any]
    sent_at: object
    write_key: str


class NoBatch(Exception):
    """The text as a whole is no batch that is taken: a code, and words with the mend."""

    def __init__(self, code: Code, why: str) -> None:
        super().__init__(code)
        self.code: Code = code
        self.why = why


class _Batch(msgspec.Struct, rename="camel"):
    batch: list[msgspec.Raw]
    context: Any = None
    sent_at: Any = None
    write_key: Any = None


_BATCH = msgspec.json.Decoder(_Batch)


class _Call(msgspec.Struct, gc=False, rename="camel"):
    """A message's fields. The values of its context are not read yet: most of them are known from other messages."""

    type: Any = None
    event: Any = None
    name: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    message_id: Any = None
    timestamp: Any = None
    original_timestamp: Any = None
    sent_at: Any = None
    properties: Any = None
    traits: Any = None
    context: dict[str, msgspec.Raw] | None = None
    previous_id: Any = None
    group_id: Any = None
    category: Any = None


_CALL = msgspec.json.Decoder(_Call, float_hook=_Amounts().__getitem__)
#: The struct's names of its fields, and the protocol's.
_FIELDS = [(field.name, field.encode_name) for field in msgspec.structs.fields(_Call) if field.name != "context"]
#: What a message has and a batch has not.
_OF_A_MESSAGE = ("type", "event", "userId", "anonymousId")


def batch(text: bytes) -> Batch:
    """The batch that `text`, one JSON object, says. Raises `NoBatch`."""
    try:
        told = _BATCH.decode(with_whole_characters(text))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        why = f'the body is not {{"batch": […]}} ({str(problem)[:80]}); send JSON in UTF-8'
        raise NoBatch("not_json", why) from None
    if len(told.batch) > MOST_IN_A_BATCH:
        raise NoBatch("too_large", f"batch: it has {len(told.batch)} messages; send at most {MOST_IN_A_BATCH}")
    context = told.context if isinstance(told.context, dict) else {}
    if context and len(msgspec.json.encode(context)) * len(told.batch) > LARGEST_SPREAD:
        raise NoBatch("too_large", "context: it is too large to be put into each message; send it in few")
    write_key = told.write_key if isinstance(told.write_key, str) else ""
    return Batch([bytes(one) for one in told.batch], context, told.sent_at, write_key)


def says_batch(text: bytes) -> bool:
    """Whether `text` is a batch rather than a message: it has a list of them, and nothing of a message's own."""
    try:
        told = decoded(text)
    except _No:
        return False
    return (
        isinstance(told, dict)
        and isinstance(told.get("batch"), list)
        and not any(told.get(field) for field in _OF_A_MESSAGE)
    )


def read(raw: bytes, *, envelope: Envelope, sender: Sender) -> Message | Rejected:
    """The message that `raw`, one JSON object, says; or why not."""
    try:
        if len(raw) > LARGEST_MESSAGE:
            raise _No("too_large", "", f"it has {len(raw)} bytes; send messages of at most {LARGEST_MESSAGE}")
        return _read(_called(raw), raw, envelope, sender)
    except _No as no:
        return _rejected(no, raw, envelope, sender)
    except RecursionError:
        return _rejected(_too_deep(), raw, envelope, sender)


def _rejected(no: _No, raw: bytes, envelope: Envelope, sender: Sender) -> Rejected:
    told: Any = {}
    if len(raw) <= LARGEST_MESSAGE:
        # What cannot be read says nothing of itself: it is rejected for `no`, which says why.
        with contextlib.suppress(_No):
            told = decoded(raw)
    told = told if isinstance(told, dict) else {}
    kind = _call_meant(envelope.type or told.get("type"))
    return Rejected(
        source=sender.id,
        code=no.code,
        field=no.field,
        why=no.why,
        message_id=shown(told.get("messageId")),
        kind=kind,
        name=shown(told.get("event" if kind.lower() == "track" else "name")) if kind.lower() in _NAMED else "",
        raw=raw,
    )


def names_its_call(raw: bytes) -> bool:
    """Whether the message says itself which call it is."""
    try:
        told = decoded(raw)
    except _No:
        return False
    return isinstance(told, dict) and bool(told.get("type"))


def decoded(raw: bytes) -> Any:
    """JSON with exact numbers; raises `_No` (caught by `read`) with what is wrong."""
    try:
        try:
            return DECODER.decode(raw)
        except msgspec.DecodeError:
            whole = with_whole_characters(raw)
            if whole is raw:
                raise
            return DECODER.decode(whole)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError) as problem:
        raise _No("not_json", "", f"it is not JSON ({str(problem)[:80]}); send one object in UTF-8") from None


def with_whole_characters(text: bytes) -> bytes:
    """JSON with U+FFFD for each escaped half of a character; `text` itself where it has none.

    Programs that cut a text in the middle of an emoji send such halves, and no decoder takes them.
    """
    if personal.BACKSLASH not in text or (b"\\ud" not in text and b"\\uD" not in text):
        return text
    whole = _HALF.sub(lambda found: found.group(0) if found.group(2) else found.group(1) + b"\\ufffd", text)
    return text if whole == text else whole


def _called(raw: bytes) -> _Call:
    """The message's fields; raises `_No`."""
    try:
        call = _CALL.decode(raw)
        if not raw.isascii():
            # What was passed over has to be text as well.
            raw.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
        told = decoded(raw)
    else:
        return call
    if not isinstance(told, dict):
        raise _No("not_json", "", "it is not a JSON object; send {…}")
    context = {name: msgspec.Raw(_AS_IT_CAME.encode(value)) for name, value in _object(told.get("context")).items()}
    return _Call(**{name: told.get(field) for name, field in _FIELDS}, context=context)


def _read(call: _Call, raw: bytes, envelope: Envelope, sender: Sender) -> Message:
    # Every step here is taken thousands of times a second: what nearly all messages are is told apart by itself, and
    # the functions that it calls are for the others.
    type_ = envelope.type or call.type
    kind = KINDS.get(type_) if type(type_) is str else None
    if kind is None:
        kind = _kind(type_)
    properties: dict[str, Any] = call.properties if type(call.properties) is dict else {}
    traits: dict[str, Any] = call.traits if type(call.traits) is dict else {}
    context = _plain_context(call.context) if call.context else b"{}"
    of_context: dict[str, Any] | None = None
    if context is None or envelope.context or (kind == _IDENTIFY and not traits):
        traits, context, of_context = _looked_through(call, kind, traits, raw, envelope)
    value = call.event
    named = _tidy_name(value) if kind == _TRACK and type(value) is str and len(value) <= 2 * LONGEST_NAME else None
    name, is_written = named or _named(call, kind)
    value = call.user_id
    if type(value) is not str or len(value) > LONGEST_ID:
        value = _identity(value, "userId")
    user = None if value is None else _known(sender.keyed, sender.namespace, "user", value)
    value = call.anonymous_id
    if type(value) is not str or len(value) > LONGEST_ID:
        value = _identity(value, "anonymousId")
    device = None if value is None else _known(sender.keyed, sender.namespace, "device", value)
    about = user or device
    if about is None:
        raise _nobody(call)
    original = call.timestamp if call.original_timestamp is None else call.original_timestamp
    if type(original) is not str or not original:
        original = _stamp(call.original_timestamp) or _stamp(call.timestamp)
    sent = call.sent_at
    if type(sent) is not str or not sent:
        sent = _stamp(sent) or envelope.sent_at
    settled = times.settle(original=original, sent=sent, received_at=envelope.received_at, zone=sender.zone)
    taken: dict[str, Any] = {}
    of_whom = b"{}"
    told_of = _ENCODER.encode(properties)
    if is_written or traits or not personal.is_plain(properties, told_of):
        told_of, of_whom, taken = _taken_out(properties, traits, raw, envelope, is_written)
    # That something was told, without what: a tracking plan asks whether a property is there.
    hidden = sorted({personal.without_addresses(path) for path in taken}) if taken else None
    core = b"".join((b'{"properties":', told_of, b',"traits":', of_whom, b"}"))
    is_odd = settled.why is times.UNREADABLE
    if is_odd or call.previous_id is not None or call.group_id is not None or call.category is not None:
        said: dict[str, Any] = {"properties": msgspec.Raw(told_of), "traits": msgspec.Raw(of_whom)}
        if is_odd:
            said["timestamp"] = shown(original)
        _say_rare(call, user, said, taken)
        core = _ENCODER.encode(said)
    user_ref = device_ref = None
    if user is not None:
        user_ref = user.ref
        if user.is_contact:
            taken["userId"] = user_ref
    if device is not None:
        device_ref = device.ref
        if device.is_contact:
            taken["anonymousId"] = device_ref
    # The context is how it was sent and may be filled anew when it is sent again; all else makes it another message.
    of_contents, of_keys = _hashings(sender.keyed, sender.id)
    digest = of_contents.copy()
    digest.update(core + _ENCODER.encode([taken, kind, name, user_ref, device_ref, original]))
    content = _AS_NUMBER(digest.digest())[0]
    message_id = shown_id = call.message_id
    if type(message_id) is not str or not (_is_made_by_a_library(message_id) or _SURELY_AN_ID(message_id)):
        message_id = _message_id(message_id, original, content)
        shown_id = personal.without_addresses(message_id)
    key = of_keys.copy()
    key.update(message_id.encode("utf-8", "replace"))
    if hidden:
        data = b"".join((core[:-1], b',"context":', context, b',"hidden":', _ENCODER.encode(hidden), b"}"))
    else:
        data = b"".join((core[:-1], b',"context":', context, b"}"))
    if of_context:
        taken |= of_context
    if len(data) > LARGEST_MESSAGE:
        raise _No("too_large", "", f"it has {len(data)} bytes with its batch's context; send at most {LARGEST_MESSAGE}")
    if personal.BACKSLASH in data and _NUL in data and _ESCAPED_NUL.search(data):
        raise _No("unstorable", "", "it has the character \\u0000, which no database keeps; leave it out")
    return Message(
        sender.id,
        kind,
        name,
        shown_id,
        key.digest(),
        content,
        about.visitor,
        None if user is None or device is None else device.visitor,
        None if user is None or user.is_contact else user_ref,
        None if device is None or device.is_contact else device_ref,
        settled.occurred_at,
        settled.original_at,
        settled.sent_at,
        settled.why,
        data,
        _ENCODER.encode(taken) if taken else None,
        raw,
    )


def _is_made_by_a_library(message_id: str) -> bool:
    """Whether it is letters and digits with dashes, as `_SURELY_AN_ID` is, in a fifth of its time."""
    return (
        20 < len(message_id) <= LONGEST_ID
        and message_id.isascii()
        and message_id[0] not in _FILLERS
        and message_id.replace("-", "").isalnum()
    )


def _kind(type_: object) -> int:
    kind = KINDS.get(type_.lower()) if isinstance(type_, str) else None
    if kind is None:
        meant = _call_meant(type_)
        what = f"{meant!r} is" if meant or not type_ else "what it says is"
        raise _No("no_type", "type", f"type: {what} no call; use one of {', '.join(KINDS)}")
    return kind


def _nobody(call: _Call) -> _No:
    told = call.user_id or call.anonymous_id
    why = f"userId and anonymousId: {shown(told)!r} names nobody" if told else "userId and anonymousId are missing"
    return _No("no_identifier", "userId", f"{why}; send one of them")


def _plain_context(told: Mapping[str, msgspec.Raw]) -> bytes | None:
    """The context as it is kept, where surely nothing in it is personal; None where that has to be looked for."""
    # The same browser, page, campaign and library come with many messages.
    known = _PLAIN_PARTS.get
    parts = [known((name, bytes(value))) for name, value in told.items()]
    while None in parts:
        place = parts.index(None)
        name, value = list(told.items())[place]
        part = parts[place] = _plain_part(name, bytes(value))
        if part is None:
            return None
    return b"{%b}" % b",".join(cast(list[bytes], parts))


def _plain_part(name: str, text: bytes) -> bytes | None:
    try:
        value = {name: DECODER.decode(text)}
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError):
        # Read again with the whole message, which knows how to mend it or what to say.
        return None
    part = _AS_IT_CAME.encode(value)
    if not personal.is_plain(value, part):
        return None
    part = part[1:-1]
    if len(text) <= _LONGEST_PART:
        if len(_PLAIN_PARTS) >= _MOST_PARTS:
            _PLAIN_PARTS.clear()
        _PLAIN_PARTS[name, text] = part
    return part


def _looked_through(
    call: _Call, kind: int, traits: dict[str, Any], raw: bytes, envelope: Envelope
) -> tuple[dict[str, Any], bytes, dict[str, Any]]:
    """The traits, the context as it is kept, and what was taken out of it."""
    whole = decoded(raw)
    context = _object(whole.get("context")) if call.context else {}
    if kind == _IDENTIFY and not traits and isinstance(context.get("traits"), dict):
        # RudderStack's libraries for servers put them there.
        traits = context["traits"]
        context = {name: value for name, value in context.items() if name != "traits"}
    if envelope.context:
        context = {**envelope.context, **context}
    if kind == _IDENTIFY and not traits:
        # RudderStack's clients tell them there.
        traits = _object(context.get("traits"))
        context = {field: value for field, value in context.items() if field != "traits"} if traits else context
    has_address = bool(envelope.context) or personal.may_hold_address(raw)
    try:
        context, taken = personal.take_out("context", context, has_address=has_address)
    except personal.Unkeepable as problem:
        raise _No("unstorable", "", str(problem)) from None
    return traits, _AS_IT_CAME.encode(context), taken


def _taken_out(
    properties: dict[str, Any], traits: dict[str, Any], raw: bytes, envelope: Envelope, is_written: bool
) -> tuple[bytes, bytes, dict[str, Any]]:
    """What is kept of the properties and of the traits, and what was taken out of both."""
    has_address = bool(envelope.context) or personal.may_hold_address(raw)
    try:
        properties, taken = personal.take_out("properties", properties, has_address=has_address)
        if is_written:
            properties, texts = personal.take_texts(properties)
            taken |= texts
        if traits:
            traits, of_traits = personal.take_out("traits", traits, has_address=has_address)
            taken |= of_traits
    except personal.Unkeepable as problem:
        raise _No("unstorable", "", str(problem)) from None
    return _ENCODER.encode(properties), _ENCODER.encode(traits), taken


def _say_rare(call: _Call, user: "_Who | None", said: dict[str, Any], taken: dict[str, Any]) -> None:
    previous_ref = _identity(call.previous_id, "previousId")
    if user is not None and previous_ref == user.ref:
        # The browser's client sends this when somebody who is known already is linked again: it says nothing.
        previous_ref = None
    for field, value in (("groupId", call.group_id), ("previousId", previous_ref), ("category", call.category)):
        if isinstance(value, str | int | Decimal) and value != "":
            said[field] = shown(value)
            if said[field] != str(value):
                taken[field] = str(value)


class _Who(msgspec.Struct, frozen=True, gc=False):
    """A user or a device that a message names. `is_contact` where the reference must not be stored readable."""

    ref: str
    is_contact: bool
    visitor: UUID


def visitor(sender: Sender, what: Literal["user", "device"], ref: str) -> UUID:
    """Under which number the events of this user or device are kept: the same for all sources of one namespace."""
    return _visitor(sender.keyed, sender.namespace, what, ref)


def _visitor(keyed: bytes, namespace: str, what: str, ref: str) -> UUID:
    hashing = _hashing(keyed).copy()
    hashing.update(f"{what}\x00{namespace}\x00{ref}".encode("utf-8", "replace"))
    return UUID(bytes=hashing.digest())


@lru_cache(maxsize=_REMEMBERED)
def _known(keyed: bytes, namespace: str, what: str, value: str) -> _Who | None:
    ref = _usable(value)
    return None if ref is None else _Who(ref, personal.is_contact(ref), _visitor(keyed, namespace, what, ref))


@lru_cache(maxsize=16)
def _hashing(keyed: bytes) -> blake2b:
    """A hash that has taken the key in, to be copied: that is half of the work."""
    return blake2b(digest_size=16, key=keyed)


@lru_cache(maxsize=1_000)
def _hashings(keyed: bytes, source: int) -> tuple[blake2b, blake2b]:
    """The same for what a source's messages say, and for their ids."""
    of_keys = blake2b(digest_size=16, key=keyed)
    of_keys.update(f"message\x00{source}\x00".encode())
    return blake2b(digest_size=8, key=keyed), of_keys


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _stamp(value: object) -> object:
    """What may be a time; anything else is as if it were an unreadable text, so that it can be compared."""
    if value is None or value == "":
        return None
    return value if type(value) in _STAMPS else "?"


def _named(call: _Call, kind: int) -> tuple[str, bool]:
    """Its name, and whether it is an event about something written."""
    if kind not in _NUMBERS_NAMED:
        return "", False
    value = call.event if kind == _TRACK else call.name or call.category
    if kind == _TRACK and (not isinstance(value, str) or not value.strip()):
        raise _No("no_event", "event", f"event: {shown(value)!r} is no name; say what happened, like 'Product Viewed'")
    if not isinstance(value, str):
        return "", False
    # Cached are short ones only: a message may be a megabyte.
    tidied = _tidy_name if len(value) <= 2 * LONGEST_NAME else _tidy_name.__wrapped__
    if found := tidied(value):
        return found
    name = personal.without_addresses(value.strip())[:40]
    raise _No(
        "bad_name",
        "event" if kind == _TRACK else "name",
        f"{NAMES_OF_KINDS[kind]}: {name!r} has more than {LONGEST_NAME} characters or some nobody can see; shorten it",
    )


@lru_cache(maxsize=2_000)
def _tidy_name(name: str) -> tuple[str, bool] | None:
    """The name, and whether it is an event about something written; None for what is no name."""
    tidy = personal.without_addresses(name.strip())
    if not tidy or len(tidy) > LONGEST_NAME or _UNSEEN.search(tidy):
        return None
    return tidy, tidy.casefold() in personal.WRITTEN


def _identity(value: object, field: str) -> str | None:
    """The reference, or None where it is absent or what programs write for nobody.

    A number is the same in all its forms: 7, 7.0 and 7e0 are one user, as they are one number in JSON.
    """
    if value is None or isinstance(value, bool):
        return None
    if not isinstance(value, str) and isinstance(value, int | Decimal):
        if value != int(value):
            raise _No("bad_id", field, f"{field}: {value} is no whole number; send ids as text")
        value = int(value)
        if abs(value) >= personal.LARGEST_NUMBER:
            raise _No("bad_id", field, f"{field}: it has more than {MOST_DIGITS} digits; send ids as text")
        value = str(value)
    if not isinstance(value, str):
        raise _No("bad_id", field, f"{field}: an object or list names nobody; send text")
    if len(value) > LONGEST_ID:
        raise _No(
            "bad_id", field, f"{field}: {shown(value)[:20]!r}… has {len(value)} characters; use at most {LONGEST_ID}"
        )
    return _usable(value)


def _usable(ref: str) -> str | None:
    return None if identifiers.why_unusable(ref) else ref.strip()


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
        if len(tidy) > LONGEST_ID or _UNSEEN.search(tidy):
            shown_ = shown(tidy)[:20]
            raise _No("bad_id", "messageId", f"messageId: {shown_!r}… is no id; use up to {LONGEST_ID} characters")
        if not identifiers.why_unusable(tidy):
            return tidy
    return f"made-{content & (1 << 64) - 1:016x}" if original else f"made-{uuid4().hex}"


def shown(value: object) -> str:
    """A value as it may stand in a message about it: short, printable, never an object, never an address."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, int) and abs(value) >= personal.LARGEST_NUMBER:
        return ""
    text = _UNSEEN.sub("", str(value)[: 2 * LONGEST_ID])
    text = personal.without_addresses(text)[:LONGEST_ID]
    return personal.BLANK if personal.is_contact(text) else text
