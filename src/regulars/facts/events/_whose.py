"""Whom a message names: a user, a device, and the numbers their events are kept under. Pure."""

from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Literal
from uuid import UUID

import msgspec

from regulars.facts.customers import identifiers
from regulars.facts.events import personal
from regulars.facts.events._wire import MOST_DIGITS, No

LONGEST_ID = 200
_FILLERS = "0fF-"
_REMEMBERED = 10_000
What = Literal["user", "device"]


class Who(msgspec.Struct, frozen=True, gc=False):
    """A user or a device that a message names. `is_contact` where the reference must not be stored readable."""

    ref: str
    is_contact: bool
    number: bytes

    @property
    def visitor(self) -> UUID:
        return UUID(bytes=self.number)

    @property
    def open_ref(self) -> str | None:
        """The reference where it may be stored readable."""
        return None if self.is_contact else self.ref


def is_made_by_a_library(told: str) -> bool:
    """Whether it surely is an id and no contact: letters and digits with dashes, too long to be a word for nothing,
    and beginning with no filler. Nearly all ids of messages and browsers are, and this is a fifth of the work."""
    return (
        20 < len(told) <= LONGEST_ID and told.isascii() and told[0] not in _FILLERS and told.replace("-", "").isalnum()
    )


class Known(dict[str, Who | None]):
    """The users, or the devices, of a namespace by how a message names them; None for what names nobody. One visit has
    many events, and finding out costs more than all else in reading one."""

    def __init__(self, keyed: bytes, namespace: str, what: What) -> None:
        super().__init__()
        self._of = keyed, namespace, what

    def __missing__(self, told: str) -> Who | None:
        if len(self) >= _REMEMBERED:
            self.clear()
        found = None
        if is_made_by_a_library(told):
            found = Who(told, False, number(*self._of, told))
        elif (ref := usable(told)) is not None:
            found = Who(ref, personal.is_contact(ref), number(*self._of, ref))
        self[told] = found
        return found


@lru_cache(maxsize=16)
def known(keyed: bytes, namespace: str, what: What) -> Known:
    return Known(keyed, namespace, what)


def number(keyed: bytes, namespace: str, what: What, ref: str) -> bytes:
    """Sixteen bytes that know a user or a device."""
    hashing = _hashing(keyed).copy()
    hashing.update(f"{what}\x00{namespace}\x00{ref}".encode("utf-8", "replace"))
    return hashing.digest()


@lru_cache(maxsize=16)
def _hashing(keyed: bytes) -> blake2b:
    """A hash that has taken the key in, to be copied: that is half of the work."""
    return blake2b(digest_size=16, key=keyed)


@lru_cache(maxsize=1_000)
def hashings(keyed: bytes, source: int) -> tuple[blake2b, blake2b]:
    """The same for what a source's messages say, and for their ids."""
    of_keys = blake2b(digest_size=16, key=keyed)
    of_keys.update(f"message\x00{source}\x00".encode())
    return blake2b(digest_size=8, key=keyed), of_keys


def identity(value: object, field: str) -> str | None:
    """The reference, or None where it is absent or what programs write for nobody. Raises `No`.

    A number is the same in all its forms: 7, 7.0 and 7e0 are one user, as they are one number in JSON.
    """
    if value is None or isinstance(value, bool):
        return None
    if not isinstance(value, str) and isinstance(value, int | Decimal):
        if value != int(value):
            raise No("bad_id", field, f"{field}: {value} is no whole number; send ids as text")
        value = int(value)
        if abs(value) >= personal.LARGEST_NUMBER:
            raise No("bad_id", field, f"{field}: it has more than {MOST_DIGITS} digits; send ids as text")
        value = str(value)
    if not isinstance(value, str):
        raise No("bad_id", field, f"{field}: an object or list names nobody; send text")
    if len(value) > LONGEST_ID:
        start = personal.shown(value)[:20]
        raise No("bad_id", field, f"{field}: {start!r}… has {len(value)} characters; use at most {LONGEST_ID}")
    return usable(value)


def usable(ref: str) -> str | None:
    return None if identifiers.why_unusable(ref) else ref.strip()
