"""Codes that files and shop systems give to places, and finding or making many of them at once."""

from collections.abc import Iterable, Mapping

from django.db import connection
from django.utils.translation import gettext_lazy as _

from regulars.kit.refusals import Refusal

LONGEST_CODE = 64
LONGEST_NAME = 120


class BadCode(Refusal):
    """Empty, too long, or with characters nobody can see."""

    code = "company.bad_code"


class BadName(Refusal):
    """Empty, too long, or with characters nobody can see."""

    code = "company.bad_name"


def check_code(field: str, code: str) -> str:
    """`code` without the blanks around it. Capitals count: `S1` and `s1` are two."""
    tidy = code.strip()
    if not tidy or len(tidy) > LONGEST_CODE or not tidy.isprintable():
        raise BadCode(
            _("%(field)s: %(tidy)r is no code; give 1 to %(longest_code)s visible characters")
            % {"field": field, "tidy": tidy[:LONGEST_CODE], "longest_code": LONGEST_CODE},
            field=field,
            value=tidy[:LONGEST_CODE],
        )
    return tidy


def check_name(field: str, name: str) -> str:
    """`name` without the blanks around it."""
    tidy = name.strip()
    if not tidy or len(tidy) > LONGEST_NAME or not tidy.isprintable():
        raise BadName(
            _("%(field)s: %(tidy)r is no name; give 1 to %(longest_name)s visible characters")
            % {"field": field, "tidy": tidy[:LONGEST_NAME], "longest_name": LONGEST_NAME},
            field=field,
            value=tidy[:LONGEST_NAME],
        )
    return tidy


def find_or_make(table: str, codes: Iterable[str], fixed: Mapping[str, str | int]) -> tuple[dict[str, int], list[int]]:
    """The ids of `codes` (already checked), and which of them are new: those get their code as name and `fixed`.

    Two statements when all are known, three when some are new. Safe beside others who make the same ones, in READ
    COMMITTED: who comes second waits for the first and finds theirs.
    """
    wanted = sorted(set(codes))
    find = f"SELECT code, id FROM {table} WHERE code = ANY(%s)"  # noqa: S608 - the table is one of this room's own
    with connection.cursor() as cursor:
        cursor.execute(find, [wanted])
        found = dict(cursor.fetchall())
        missing = [code for code in wanted if code not in found]
        if not missing:
            return found, []
        columns = "".join(f", {column}" for column in fixed)
        cursor.execute(
            # Sorted, so that two who make the same codes take their locks in the same order.
            f"INSERT INTO {table} (code, name{columns})"  # noqa: S608 - as above, and `fixed` has this room's column names
            f" SELECT code, code{', %s' * len(fixed)} FROM unnest(%s::text[]) WITH ORDINALITY AS wanted(code, place)"
            " ORDER BY place ON CONFLICT (code) DO NOTHING RETURNING code, id",
            [*fixed.values(), missing],
        )
        made = dict(cursor.fetchall())
        found |= made
        if len(found) < len(wanted):
            cursor.execute(find, [wanted])
            found = dict(cursor.fetchall())
    return found, sorted(made.values())
