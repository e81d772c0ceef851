"""Many instants out of a statement. The driver takes seven microseconds over each, and a tenth over a whole number."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def told(column: str) -> str:
    """The column as SQL that `read` reads: microseconds since 1970."""
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


def read(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def read_if_any(micros: int | None) -> datetime | None:
    return None if micros is None else read(micros)
