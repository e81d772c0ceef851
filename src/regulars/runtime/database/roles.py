"""What the app's role may do: use every table, own none of them."""

import psycopg
from psycopg import sql


def let_app_use_what_owner_makes(*, owner_url: str, app_role: str) -> None:
    """Grants on every table, sequence and function the owner will make from now on. Run before the first migration.

    Default privileges, not a grant on all tables after each migration: so a migration that revokes
    (append-only tables) is not undone by the next one.
    """
    with psycopg.connect(owner_url, autocommit=True) as connection:
        role = sql.Identifier(app_role)
        for what, rights in (
            ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
            ("SEQUENCES", "USAGE, SELECT, UPDATE"),
            ("FUNCTIONS", "EXECUTE"),
        ):
            connection.execute(
                sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {} ON {} TO {}").format(
                    sql.SQL(rights), sql.SQL(what), role
                )
            )
        connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
