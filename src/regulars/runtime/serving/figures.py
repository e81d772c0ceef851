"""What the database itself knows, as Prometheus gauges. Each costs one query, bounded to two seconds."""

from dataclasses import dataclass

from django.db import DatabaseError, connections, transaction

from regulars.runtime.serving.registry import escaped


@dataclass(frozen=True)
class Figure:
    """A gauge: `sql` gives one value, or (label, value) rows where `label` is named."""

    name: str
    words: str
    sql: str
    label: str = ""


FIGURES = (
    Figure("regulars_database_bytes", "Size of the database.", "SELECT pg_database_size(current_database())"),
    Figure(
        "regulars_jobs",
        "Jobs by state.",
        "SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY status ORDER BY status",
        label="state",
    ),
)


def _lines(figure: Figure) -> list[str]:
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '2s'")
        cursor.execute(figure.sql)
        rows = cursor.fetchall()
    lines = [f"# HELP {figure.name} {figure.words}", f"# TYPE {figure.name} gauge"]
    for row in rows:
        label = f'{{{figure.label}="{escaped(str(row[0]))}"}}' if figure.label else ""
        lines.append(f"{figure.name}{label} {row[-1]}")
    return lines


def figures() -> str:
    """All of them; `regulars_database_up` is 0 and the rest is missing while the database is away."""
    lines: list[str] = []
    up = 1
    for figure in FIGURES:
        try:
            lines += _lines(figure)
        except DatabaseError:
            up = 0
    lines += [
        "# HELP regulars_database_up Whether the database answered every question of this page.",
        "# TYPE regulars_database_up gauge",
        f"regulars_database_up {up}",
    ]
    return "\n".join(lines) + "\n"
