"""The profile's columns in and out of the vault: each value sealed for its person, its column and its row."""

from collections.abc import Iterable, Mapping, Sequence

from regulars.facts.customers.models import Profile
from regulars.runtime.secrets import vault
from regulars.runtime.secrets.vault import Plain, Sealed

_TABLE = "customers_profile"


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
    cells = [
        Sealed(row.customer_id, _TABLE, column, row.customer_id, bytes(sealed))
        for row in rows
        for column in columns
        if (sealed := getattr(row, column)) is not None
    ]
    opened: dict[int, dict[str, str]] = {}
    for cell, plain in zip(cells, vault.open_many(cells), strict=True):
        if plain is not None:
            opened.setdefault(cell.person, {})[cell.column] = plain
    return opened
