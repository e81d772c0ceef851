"""What the database itself knows, as Prometheus gauges. Each query is bounded to two seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db import DatabaseError, connections, transaction

from regulars.runtime import rooms
from regulars.runtime.notices import lag
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


def _head(name: str, words: str) -> list[str]:
    return [f"# HELP {name} {words}", f"# TYPE {name} gauge"]


def _lines(figure: Figure) -> list[str]:
    with connections["default"].cursor() as cursor:
        cursor.execute(figure.sql)
        rows = cursor.fetchall()
    lines = _head(figure.name, figure.words)
    for row in rows:
        label = f'{{{figure.label}="{escaped(str(row[0]))}"}}' if figure.label else ""
        lines.append(f"{figure.name}{label} {row[-1]}")
    return lines


def _notices() -> list[str]:
    listeners = [(f'{{listener="{escaped(one.listener)}"}}', one) for one in lag.of_listeners()]
    lines = _head("regulars_notices_behind", f"Notices a listener has not read, at most {lag.MOST_COUNTED}.")
    lines += [f"regulars_notices_behind{label} {one.behind}" for label, one in listeners]
    lines += _head("regulars_notices_lag_seconds", "Age of the oldest notice a listener has not read.")
    lines += [f"regulars_notices_lag_seconds{label} {one.seconds:.3f}" for label, one in listeners]
    lines += _head("regulars_notices_parked", "Notices that failed: to be tried again, or dead.")
    for label, one in listeners:
        for state, count in (("waiting", one.waiting), ("dead", one.dead)):
            lines.append(f'regulars_notices_parked{label[:-1]},state="{state}"}} {count}')
    return lines


def _bounded(ask: Callable[[], list[str]]) -> list[str]:
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '2s'")
        return ask()


def figures() -> str:
    """All of them; `regulars_database_up` is 0 and the rest is missing while the database is away."""
    lines: list[str] = []
    up = 1
    # This module is the first of them: every room may have a `figures.py` with FIGURES of its own.
    # Where a room calls figures something else, that is no business of this page.
    told = [figure for room in rooms.modules("figures") for figure in room.FIGURES]
    every = [figure for figure in told if isinstance(figure, Figure)]
    questions: list[Callable[[], list[str]]] = [*(partial(_lines, figure) for figure in every), _notices]
    for ask in questions:
        try:
            lines += _bounded(ask)
        except DatabaseError:
            up = 0
    lines += [
        "# HELP regulars_database_up Whether the database answered every question of this page.",
        "# TYPE regulars_database_up gauge",
        f"regulars_database_up {up}",
    ]
    return "\n".join(lines) + "\n"
