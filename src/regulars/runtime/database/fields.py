"""Column types and defaults of PostgreSQL that Django lacks."""

from typing import TYPE_CHECKING, Any

from django.db import models

#: This module carries the name by which rooms are asked for what they offer of customers; this room offers nothing.
FIELDS: tuple[()] = ()


class CurrentTransaction(models.Func):
    """The id of the transaction that writes the row."""

    function = "pg_current_xact_id"
    arity = 0


class RandomUuid(models.Func):
    """A random UUID made by the database, for public ids."""

    function = "gen_random_uuid"
    arity = 0


if TYPE_CHECKING:
    _Number = models.BigIntegerField[int, int]
else:
    _Number = models.BigIntegerField


class TransactionIdField(_Number):
    """An xid8: which transaction last wrote the row. The database fills it; `StampsChanges` keeps it true on update.

    Transaction ids order by start, not by commit, so a reader asks for those below `pg_snapshot_xmin` and misses no
    row of a transaction that commits late.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["editable"] = False
        kwargs["db_default"] = CurrentTransaction()
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["editable"], kwargs["db_default"]
        return name, path, args, kwargs

    def db_type(self, connection: Any) -> str:
        return "xid8"

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Whoever puts a row back that they had read before puts it there now."""
        return CurrentTransaction() if add else super().pre_save(model_instance, add)

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        """Psycopg writes a number, and none is taken for a transaction's id without being told."""
        return "%s::text::xid8"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> int | None:
        return None if value is None else int(value)
