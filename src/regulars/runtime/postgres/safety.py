"""Settings without which "recorded" would not mean "on disk"."""

from dataclasses import dataclass
from typing import Any

import psycopg

#: `local` and the `remote_` ones flush here before they answer; `off` does not.
FLUSHING = frozenset({"on", "local", "remote_write", "remote_apply"})


@dataclass(frozen=True)
class Unsafe:
    """A setting that can lose what was acknowledged."""

    setting: str
    value: str
    mend: str

    def __str__(self) -> str:
        return f"{self.setting} is {self.value}: {self.mend}"


def unsafe_settings(connection: psycopg.Connection[Any]) -> list[Unsafe]:
    """What must be mended before this server may hold a shop's data. Three short queries."""
    said = dict(
        connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN"
            " ('fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums')"
        ).fetchall()
    )
    found = [
        Unsafe(name, said[name], f"a power cut would lose or damage data; set {name} = on")
        for name in ("fsync", "full_page_writes")
        if said[name] != "on"
    ]
    if said["synchronous_commit"] not in FLUSHING:
        found.append(
            Unsafe(
                "synchronous_commit",
                said["synchronous_commit"],
                "a power cut would lose what was acknowledged; set synchronous_commit = on",
            )
        )
    for role, setting in connection.execute(
        "SELECT coalesce(r.rolname, d.datname, '?'), kept FROM pg_db_role_setting s"
        " LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase,"
        " unnest(s.setconfig) kept WHERE kept = 'synchronous_commit=off'"
    ).fetchall():
        found.append(Unsafe(f"{setting.split('=')[0]} of {role}", "off", f"ALTER … {role} RESET synchronous_commit"))
    return found


def has_checksums(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server notices a page that the disk has spoiled."""
    row = connection.execute("SELECT setting FROM pg_settings WHERE name = 'data_checksums'").fetchone()
    return row is not None and row[0] == "on"
