"""Values under names, written where a refresh keeps them."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import connection
from psycopg import sql

from regulars.insight.measures.models import FigureReading, ShopReading


def write(
    kept: type[ShopReading] | type[FigureReading],
    values: Mapping[str, Any],
    *,
    as_of: date,
    currency: str,
    at: datetime,
) -> None:
    """In place of what stood under the same names. In the caller's transaction.

    As one document: as rows of an array, a tenth of a small shop's refresh went into the quotes of their texts.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "INSERT INTO {table} (name, as_of, currency, computed_at, value)"
                " SELECT told.key, %s, %s, %s, told.value FROM jsonb_each(%s::jsonb) AS told"
                " ON CONFLICT (name) DO UPDATE SET (as_of, currency, computed_at, value)"
                " = ROW (excluded.as_of, excluded.currency, excluded.computed_at, excluded.value)"
            ).format(table=sql.Identifier(kept._meta.db_table)),
            [as_of, currency, at, json.dumps(values)],
        )
