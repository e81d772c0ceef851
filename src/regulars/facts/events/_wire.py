"""JSON as clients write it: decoded with exact numbers, a message by itself or a whole batch at once. Pure."""

import re
from decimal import Decimal
from typing import Any, Literal

import msgspec

from regulars.facts.events import personal

#: Digits an amount may have before or behind its point; more is an attack on whoever calculates with it.
MOST_DIGITS = 60
_LONGEST_PRICE = 20
_REMEMBERED = 20_000
#: Bytes of a batch that is decoded at once. Objects weigh many times what their text does, and what requests hold in
#: memory is counted in bytes of text, so larger ones are decoded message by message.
LARGEST_AT_ONCE = 500_000
_NOT_TOLD = msgspec.Raw(b"")

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


class No(Exception):
    """Why a message is not taken: a code, the field, and words with the mend."""

    def __init__(self, code: Code, field: str, why: str) -> None:
        super().__init__(code)
        self.code, self.field, self.why = code, field, why


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


def _amount(text: str) -> Decimal:
    value = Decimal(text)
    if len(text) > 2 * MOST_DIGITS or not -MOST_DIGITS < value.adjusted() < MOST_DIGITS:
        raise No("unstorable", "", f"it has a number of more than {MOST_DIGITS} digits; send amounts as people pay")
    return value


class Call(msgspec.Struct, gc=False, rename="camel"):
    """A message's fields, as they came. The context is not read yet: most of it is known from other messages."""

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
    context: msgspec.Raw = _NOT_TOLD
    previous_id: Any = None
    group_id: Any = None
    category: Any = None


class _Heading(msgspec.Struct, rename="camel"):
    type: Any = None
    event: Any = None
    name: Any = None
    message_id: Any = None


class _OfBatch(msgspec.Struct, rename="camel"):
    context: Any = None
    sent_at: Any = None
    write_key: Any = None


class _Read(_OfBatch, kw_only=True):
    batch: list[Call]


class _Split(_OfBatch, kw_only=True):
    batch: list[msgspec.Raw]


_AMOUNTS = _Amounts().__getitem__
DECODER = msgspec.json.Decoder(float_hook=_AMOUNTS)
ENCODER = msgspec.json.Encoder(decimal_format="number", order="deterministic")
AS_IT_CAME = msgspec.json.Encoder(decimal_format="number")
_CALL = msgspec.json.Decoder(Call, float_hook=_AMOUNTS)
_READ = msgspec.json.Decoder(_Read, float_hook=_AMOUNTS)
_SPLIT = msgspec.json.Decoder(_Split)
_HEADING = msgspec.json.Decoder(_Heading)
#: The struct's names of its fields, and the protocol's.
_FIELDS = [(field.name, field.encode_name) for field in msgspec.structs.fields(Call) if field.name != "context"]
#: What is wrong with a text that is no JSON, in all the ways decoders say it.
_WRONG = (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError)

#: Halves of a character beyond the first 65,536, without the other half: what is left when a program cuts a text there.
_HALF = re.compile(
    rb"(?<!\\)((?:\\\\)*)(?:(\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2})|\\ud[89a-f][0-9a-f]{2})", re.IGNORECASE
)


#: Texts, so that nothing within them is taken for one, and what programs write for a number that is none. A text may
#: lack its end: otherwise each quote in it would be tried anew, up to the end of the body.
_NO_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"?|-?(?:NaN|Infinity)', re.DOTALL)


class Body(msgspec.Struct, gc=False):
    """The messages of one request: each in a text of its own, or all of them decoded at once and still in one text,
    which is taken apart when somebody asks for one of them as it came."""

    texts: list[bytes]
    calls: list[Call] | None = None
    whole: bytes = b""

    def __len__(self) -> int:
        return len(self.texts if self.calls is None else self.calls)

    def let_go(self) -> None:
        """Forget what was decoded, once it was read: objects weigh many times what their text does, and the next
        request fares better with memory that the processor has at hand."""
        self.calls = None

    def text(self, place: int) -> bytes:
        """The message as it came."""
        if not self.texts:
            self.texts = [bytes(one) for one in _SPLIT.decode(self.whole).batch]
        return self.texts[place]


def batch(text: bytes) -> tuple[Body, Any, Any, Any]:
    """The messages, and the context, time of sending and write key said once for all of them.

    Raises what decoders raise where `text` is no batch.
    """
    text = with_whole_characters(text)
    try:
        return _batch(text)
    except msgspec.DecodeError:
        told = with_real_numbers(text)
        if told is text:
            raise
        return _batch(told)


def _batch(text: bytes) -> tuple[Body, Any, Any, Any]:
    if len(text) <= LARGEST_AT_ONCE and (text.isascii() or _is_text(text)):
        try:
            read = _READ.decode(text)
        except (*_WRONG, RecursionError, No):
            # One message is to blame, and says so when it is read by itself.
            pass
        else:
            return Body([], read.batch, text), read.context, read.sent_at, read.write_key
    split = _SPLIT.decode(text)
    return Body([bytes(one) for one in split.batch]), split.context, split.sent_at, split.write_key


def _is_text(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def called(text: bytes) -> Call:
    """The fields of one message; raises `No`."""
    try:
        call = _CALL.decode(text)
        if not text.isascii():
            # What was passed over has to be text as well.
            text.decode()
    except (*_WRONG, RecursionError):
        told = decoded(text)
    else:
        return call
    if not isinstance(told, dict):
        raise No("not_json", "", "it is not a JSON object; send {…}")
    context = msgspec.Raw(AS_IT_CAME.encode(told.get("context")))
    return Call(**{name: told.get(field) for name, field in _FIELDS}, context=context)


def heading(text: bytes) -> dict[str, Any]:
    """What a message calls itself that is too large to be read; empty where that cannot be told."""
    try:
        found = _HEADING.decode(text)
    except (*_WRONG, RecursionError):
        return {}
    return {"type": found.type, "event": found.event, "name": found.name, "messageId": found.message_id}


def decoded(text: bytes) -> Any:
    """JSON with exact numbers; raises `No` with what is wrong."""
    try:
        try:
            return DECODER.decode(text)
        except msgspec.DecodeError:
            whole = with_real_numbers(with_whole_characters(text))
            if whole is text:
                raise
            return DECODER.decode(whole)
    except RecursionError:
        raise too_deep() from None
    except _WRONG as problem:
        raise No("not_json", "", f"it is not JSON ({str(problem)[:80]}); send one object in UTF-8") from None


def too_deep() -> No:
    """Nobody nests so deep."""
    return No("not_json", "", "it is nested too deeply; flatten it")


def with_real_numbers(text: bytes) -> bytes:
    """JSON with null for each number that is none; `text` itself where it has no such, or is larger than a client's.

    Python and others write NaN and Infinity, which are no JSON, and one of them would cost its whole batch.
    """
    if len(text) > LARGEST_AT_ONCE or (b"NaN" not in text and b"Infinity" not in text):
        return text
    whole = _NO_NUMBER.sub(lambda found: found.group(0) if found.group(0).startswith(b'"') else b"null", text)
    return text if whole == text else whole


def with_whole_characters(text: bytes) -> bytes:
    """JSON with U+FFFD for each escaped half of a character; `text` itself where it has none.

    Programs that cut a text in the middle of an emoji send such halves, and no decoder takes them.
    """
    if personal.BACKSLASH not in text or (b"\\ud" not in text and b"\\uD" not in text):
        return text
    whole = _HALF.sub(lambda found: found.group(0) if found.group(2) else found.group(1) + b"\\ufffd", text)
    return text if whole == text else whole
