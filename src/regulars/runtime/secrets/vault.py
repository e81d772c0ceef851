"""Seals what tells who somebody is: AES-256-GCM with a key of the person's own, bound to the very cell it stands in.

A sealed value is one byte of version, 12 random bytes, and the ciphertext with its 16-byte tag. The associated data is
table, column, row and person, so a value moved to another cell does not open. The persons' keys stand in the database,
wrapped by the master key, which does not: forgetting a person is deleting one row.

A person's number is above zero. What came in for somebody nobody knows yet is sealed for its month, a number below
zero (`nobody_yet`), until it is known whose it is; deleting that key forgets the month's strangers.

What the house keeps for itself, such as the secrets it shares with other programs, is sealed for `HOUSE`, number zero.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection, transaction
from django.db.models.functions import Now

from regulars.kit.refusals import Refusal
from regulars.runtime.secrets._master import fingerprint, keyring, master_key
from regulars.runtime.secrets.models import ForgottenPerson, PersonKey

#: The persons' keys as a relation, for statements that read sealed cells and fetch what opens them on the same way. The
#: columns that stay: person, wrapped, master.
KEYS = "secrets_person_key"
#: A person's key as it stands there: the bytes, and which master key wrapped it.
Wrapped = tuple[bytes, str]

#: For whom the house seals what belongs to no person; nobody forgets it.
HOUSE = 0
_VERSION = b"\x01"
_NONCE = 12
_TAG = 16


@dataclass(frozen=True)
class Plain:
    """A text and the cell it belongs into."""

    person: int
    table: str
    column: str
    row: int
    plain: str


@dataclass(frozen=True)
class Sealed:
    """What stands in a cell."""

    person: int
    table: str
    column: str
    row: int
    sealed: bytes


class Forgotten(Refusal):
    """The person's key has been deleted: nobody can read this any more."""

    code = "secrets.forgotten"


class Damaged(Exception):
    """The bytes were changed or belong into another cell, or the master key is another. No refusal: look into it."""


def nobody_yet(at: datetime) -> int:
    """The number to seal for while it is not known whose it is: minus the year and month of `at` in UTC."""
    month = at.astimezone(UTC)
    return -(month.year * 100 + month.month)


def seal(*, person: int, table: str, column: str, row: int, plain: str) -> bytes:
    """The text as bytes for that one cell. Makes the person's key where there is none, in the caller's transaction."""
    return seal_many([Plain(person, table, column, row, plain)])[0]


def open_(*, person: int, table: str, column: str, row: int, sealed: bytes) -> str:
    """The text again. Refused when the person is forgotten; raises Damaged when the bytes belong elsewhere."""
    opened = open_many([Sealed(person, table, column, row, sealed)])[0]
    if opened is None:
        raise Forgotten(f"person: {person} is forgotten; nobody can read this any more", field="person", value=person)
    return opened


def seal_many(items: Sequence[Plain], *, wrapped: Mapping[int, Wrapped] | None = None) -> list[bytes]:
    """`seal` for each, in order. One query when all the persons have keys, three when some do not.

    No query where the keys came along, read in the same transaction: `wrapped`, by person.
    """
    keys = _keys({item.person for item in items}, make=True) if wrapped is None else _unwrapped(wrapped)
    # Random bytes for all at once: asking the kernel each time costs as much as the cipher.
    random = os.urandom(_NONCE * len(items))
    sealed = []
    for place, item in enumerate(items):
        nonce = random[place * _NONCE : (place + 1) * _NONCE]
        sealed.append(_VERSION + nonce + keys[item.person].encrypt(nonce, item.plain.encode(), _cell(item)))
    return sealed


def open_many(items: Sequence[Sealed], *, wrapped: Mapping[int, Wrapped] | None = None) -> list[str | None]:
    """`open_` for each, in order; None where the person is forgotten. One query.

    No query where the keys came along, joined from KEYS by the statement that read the cells: `wrapped`, by person.
    """
    keys = _keys({item.person for item in items}, make=False) if wrapped is None else _unwrapped(wrapped)
    return [_open(keys[item.person], item) if item.person in keys else None for item in items]


def forget(person: int) -> bool:
    """Delete the person's key: what was sealed for them is lost for good in this database. False if there was none.

    Of a person their number is kept, for backups that are brought back (`forgotten`).
    """
    with transaction.atomic():
        deleted, _ = PersonKey.objects.filter(person=person).delete()
        if deleted and person > HOUSE:
            ForgottenPerson.objects.update_or_create(person=person, defaults={"at": Now(), "again_at": None})
    return deleted > 0


def _open(key: AESGCM, item: Sealed) -> str:
    if item.sealed[:1] != _VERSION or len(item.sealed) < 1 + _NONCE + _TAG:
        raise Damaged(f"{item.table}.{item.column} of row {item.row} is no sealed value")
    nonce, text = item.sealed[1 : 1 + _NONCE], item.sealed[1 + _NONCE :]
    try:
        return key.decrypt(nonce, text, _cell(item)).decode()
    except InvalidTag:
        raise Damaged(
            f"{item.table}.{item.column} of row {item.row} was changed or belongs into another cell"
        ) from None


def _cell(item: Plain | Sealed) -> bytes:
    return f"{item.table}|{item.column}|{item.row}|{item.person}".encode()


def _keys(persons: Iterable[int], *, make: bool) -> dict[int, AESGCM]:
    wanted = sorted(set(persons))
    found = _wrapped(wanted)
    missing = [person for person in wanted if person not in found]
    if make and missing:
        _make(missing)
        found |= _wrapped(missing)
    return _unwrapped(found)


def _unwrapped(found: Mapping[int, Wrapped]) -> dict[int, AESGCM]:
    masters = {name: AESGCM(key) for name, key in keyring().items()}
    return {person: AESGCM(unwrap(masters, person, wrapped, master)) for person, (wrapped, master) in found.items()}


def _wrapped(persons: Sequence[int]) -> dict[int, Wrapped]:
    """Each person's wrapped key, and which master key wrapped it."""
    with connection.cursor() as cursor:
        # One array instead of one parameter a person: with thousands of them most of the time went into the statement.
        cursor.execute("SELECT person, wrapped, master FROM secrets_person_key WHERE person = ANY(%s)", [list(persons)])
        return {person: (bytes(wrapped), master) for person, wrapped, master in cursor.fetchall()}


def _make(persons: Sequence[int]) -> None:
    master = master_key()
    wrapping, name = AESGCM(master), fingerprint(master)
    wrapped = [wrap(wrapping, person, os.urandom(32)) for person in persons]
    with connection.cursor() as cursor:
        # Who comes second keeps the first one's key: two keys for one person would lose what one of them sealed.
        cursor.execute(
            "INSERT INTO secrets_person_key (person, wrapped, master)"
            " SELECT person, wrapped, %s FROM unnest(%s::bigint[], %s::bytea[]) AS made(person, wrapped)"
            " ON CONFLICT DO NOTHING",
            [name, list(persons), wrapped],
        )


def wrap(wrapping: AESGCM, person: int, key: bytes) -> bytes:
    """A person's key, wrapped by a master key. For this room alone."""
    nonce = os.urandom(_NONCE)
    return nonce + wrapping.encrypt(nonce, key, _owner(person))


def unwrap(masters: Mapping[str, AESGCM], person: int, wrapped: bytes, master: str) -> bytes:
    """A person's key; Damaged when `master` is not at hand or the bytes are not theirs. For this room alone."""
    if master not in masters:
        raise Damaged(
            f"the key of person {person} does not open with this master key; bring back the key file used before"
        )
    try:
        return masters[master].decrypt(wrapped[:_NONCE], wrapped[_NONCE:], _owner(person))
    except InvalidTag:
        raise Damaged(f"the key of person {person} was changed or belongs to somebody else") from None


def _owner(person: int) -> bytes:
    return f"secrets_person_key|{person}".encode()
