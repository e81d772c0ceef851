"""Migration operations for what PostgreSQL itself shall forbid."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.db.migrations.operations.base import Operation

from regulars.kit.refusals import Refusal


class MadeByAnUnreleasedVersion(Refusal):
    code: ClassVar[str] = "database.made_by_an_unreleased_version"


class AppendOnly(Operation):
    """Rows of `table` are added and read, never changed or removed: by right (the app's role) and by trigger (all)."""

    reversible = True

    def __init__(self, table: str) -> None:
        self.table = table

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models do not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        quoted, name = schema_editor.quote_name(self.table), f"{self.table}_append_only"
        app = schema_editor.quote_name(settings.DATABASES["default"]["USER"])
        schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {quoted} FROM {app}")
        schema_editor.execute(
            f"CREATE FUNCTION {schema_editor.quote_name(name)}() RETURNS trigger LANGUAGE plpgsql AS $$"
            f"BEGIN RAISE EXCEPTION '{self.table} is append-only' USING ERRCODE = 'restrict_violation'; END $$"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {schema_editor.quote_name(name)} BEFORE UPDATE OR DELETE OR TRUNCATE ON {quoted}"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {schema_editor.quote_name(name)}()"
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        quoted, name = schema_editor.quote_name(self.table), schema_editor.quote_name(f"{self.table}_append_only")
        schema_editor.execute(f"DROP TRIGGER {name} ON {quoted}")
        schema_editor.execute(f"DROP FUNCTION {name}()")

    def describe(self) -> str:
        return f"Make {self.table} append-only"

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        return type(self).__name__, [self.table], {}


class StampsChanges(Operation):
    """Every update of a row of `table` writes the updating transaction's id into its xid8 column `column`.

    By trigger, so that no verb and no hand-written UPDATE can forget what the warehouse relies on. An update that
    changes nothing else leaves the stamp alone.
    """

    reversible = True

    def __init__(self, table: str, column: str = "changed_xid") -> None:
        self.table = table
        self.column = column

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models do not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        quoted, name = schema_editor.quote_name(self.table), schema_editor.quote_name(f"{self.table}_stamps_changes")
        schema_editor.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$"
            f"BEGIN NEW.{schema_editor.quote_name(self.column)} := pg_current_xact_id(); RETURN NEW; END $$"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {name} BEFORE UPDATE ON {quoted} FOR EACH ROW"
            f" WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION {name}()"
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        quoted, name = schema_editor.quote_name(self.table), schema_editor.quote_name(f"{self.table}_stamps_changes")
        schema_editor.execute(f"DROP TRIGGER {name} ON {quoted}")
        schema_editor.execute(f"DROP FUNCTION {name}()")

    def describe(self) -> str:
        return f"Stamp changed rows of {self.table} with their transaction"

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        return type(self).__name__, [self.table, self.column], {}


class NotesRemovals(Operation):
    """Every transaction that removes rows of `table` leaves its id in `TABLE_removed`, for the warehouse.

    Removed rows leave no stamp, and to count ten million rows each time to find that none is gone takes longer than to
    read a day's. By trigger, as `StampsChanges`. Making it counts as a removal: what went before was not noted.
    """

    reversible = True

    def __init__(self, table: str) -> None:
        self.table = table

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models do not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        quote = schema_editor.quote_name
        table, noted, name = quote(self.table), quote(f"{self.table}_removed"), quote(f"{self.table}_notes_removals")
        note = f"INSERT INTO {noted} VALUES (pg_current_xact_id()) ON CONFLICT DO NOTHING"  # noqa: S608 - quoted names
        schema_editor.execute(f"CREATE TABLE {noted} (xid xid8 PRIMARY KEY)")
        schema_editor.execute(note)
        schema_editor.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF TG_OP = 'TRUNCATE' THEN {note}; ELSIF EXISTS (SELECT FROM gone) THEN {note}; END IF;"
            " RETURN NULL; END $$"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {name} AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )
        emptied = quote(f"{self.table}_notes_emptying")
        schema_editor.execute(
            f"CREATE TRIGGER {emptied} AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        quote = schema_editor.quote_name
        table, name = quote(self.table), quote(f"{self.table}_notes_removals")
        schema_editor.execute(f"DROP TRIGGER {name} ON {table}")
        schema_editor.execute(f"DROP TRIGGER {quote(f'{self.table}_notes_emptying')} ON {table}")
        schema_editor.execute(f"DROP FUNCTION {name}()")
        schema_editor.execute(f"DROP TABLE {quote(f'{self.table}_removed')}")

    def describe(self) -> str:
        return f"Note which transactions remove rows of {self.table}"

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        return type(self).__name__, [self.table], {}


class Follows(Operation):
    """Goes on only where `table` has `column`, what the last of the migrations folded into a room's first one brought.

    A database that an unreleased version had brought half of the way knows the first by its name and lacks the rest:
    it would be called complete and fail much later.
    """

    reversible = True

    def __init__(self, table: str, column: str) -> None:
        self.table = table
        self.column = column

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models do not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s", [self.table, self.column]
            )
            if cursor.rowcount != 1:
                raise MadeByAnUnreleasedVersion(
                    f"This database was made by an unreleased version of Regulars and stopped half way: {self.table}"
                    f" has no {self.column}. It cannot be brought forward; begin with an empty one."
                )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Nothing was done."""

    def describe(self) -> str:
        return f"Look whether {self.table} has {self.column}"

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        return type(self).__name__, [self.table, self.column], {}
