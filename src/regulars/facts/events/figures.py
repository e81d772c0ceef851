"""How far the readers of the stream are behind, for /metrics."""

from regulars.runtime.serving.figures import Figure

#: Counting stops at ten thousand batches: beyond, only "at least" is known, and the question stays cheap.
_UNREAD = (
    "FROM events_reader AS reader LEFT JOIN LATERAL (SELECT recorded_at,"
    " greatest(0, events - CASE WHEN id = reader.position >> 14 THEN (reader.position & 16383) + 1 ELSE 0 END)"
    " AS events FROM events_batch WHERE id >= reader.position >> 14 AND id << 14 | 16383 > reader.position"
    " ORDER BY id LIMIT 10000) AS batch ON true GROUP BY reader.name ORDER BY reader.name"
)

FIGURES = (
    Figure(
        "regulars_events_behind",
        "Events that a reader of the stream has not read.",
        "SELECT reader.name, coalesce(sum(batch.events), 0) " + _UNREAD,
        label="reader",
    ),
    Figure(
        "regulars_events_lag_seconds",
        "Age of the oldest batch that a reader of the stream has not read.",
        "SELECT reader.name, greatest(0, coalesce(date_part('epoch', clock_timestamp() - min(batch.recorded_at)), 0)) "
        + _UNREAD,
        label="reader",
    ),
    Figure(
        "regulars_events_parked",
        "Events that a reader of the stream could not take.",
        "SELECT reader.name, count(parked.id) FROM events_reader AS reader"
        " LEFT JOIN events_parked AS parked ON parked.reader = reader.name AND NOT parked.is_note"
        " GROUP BY reader.name ORDER BY reader.name",
        label="reader",
    ),
    Figure(
        "regulars_events_orders_open",
        "Events of the order feed that put nothing on record: they failed, or wait for their order.",
        "SELECT states.state, count(told.event) FROM (VALUES ('failed'), ('waiting')) AS states (state)"
        " LEFT JOIN events_order_event AS told ON told.state = states.state GROUP BY states.state"
        " ORDER BY states.state",
        label="state",
    ),
)
