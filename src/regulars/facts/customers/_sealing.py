"""The profile's columns in and out of the vault: each value sealed for its person, its column and its row."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection

from regulars.facts.customers.models import Profile
from regulars.runtime.secrets import vault
from regulars.runtime.secrets.vault import KEYS, Plain, Sealed, Wrapped

_TABLE = "customers_profile"
_OPENED = (
    f"SELECT profile.customer_id, {{columns}}, key.wrapped, key.master FROM {_TABLE} AS profile"  # noqa: S608 - our own names
    f" LEFT JOIN {KEYS} AS key ON key.person = profile.customer_id WHERE profile.customer_id = ANY(%s)"
)


def seal_many(values: Mapping[int, Mapping[str, str]]) -> dict[int, dict[str, bytes | None]]:
    """Customer to column to what is stored: nothing where the text is empty."""
    cells = [
        Plain(customer, _TABLE, column, customer, plain)
        for customer, told in values.items()
        for column, plain in told.items()
        if plain
    ]
    stored: dict[int, dict[str, bytes | None]] = {customer: dict.fromkeys(told) for customer, told in values.items()}
    for cell, sealed in zip(cells, vault.seal_many(cells), strict=True):
        stored[cell.person][cell.column] = sealed
    return stored


def open_rows(rows: Iterable[Profile], columns: Sequence[str]) -> dict[int, dict[str, str]]:
    """Customer to column to plain text, where there is something; nothing of a forgotten person. One query more."""
    return _opened(columns, [(row.customer_id, *(getattr(row, column) for column in columns)) for row in rows])


def open_of(customers: Sequence[int], columns: Sequence[str]) -> dict[int, dict[str, str]]:
    """`open_rows` of these customers' profiles, the keys on the same way: it is asked for on every page. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_OPENED.format(columns=", ".join(f"profile.{column}" for column in columns)), [list(customers)])
        rows = cursor.fetchall()
    wrapped = {customer: (bytes(key), master) for customer, *_, key, master in rows if key is not None}
    return _opened(columns, [row[:-2] for row in rows], wrapped)


def _opened(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], wrapped: Mapping[int, Wrapped] | None = None
) -> dict[int, dict[str, str]]:
    cells = [
        Sealed(customer, _TABLE, column, customer, bytes(sealed))
        for customer, *values in rows
        for column, sealed in zip(columns, values, strict=True)
        if sealed is not None
    ]
    opened: dict[int, dict[str, str]] = {}
    for cell, plain in zip(cells, vault.open_many(cells, wrapped=wrapped), strict=True):
        if plain is not None:
            opened.setdefault(cell.person, {})[cell.column] = plain
    return opened
