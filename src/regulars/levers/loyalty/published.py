"""What the warehouse gets of loyalty: where people stand, and how they came there."""

from regulars.runtime.database.published import PublishedTable

PUBLISHED: tuple[PublishedTable, ...] = (
    PublishedTable(
        name="tier_standings",
        key="standing_id",
        sql=(
            "SELECT standing.id AS standing_id, standing.customer_id, programme.code AS programme, standing.tiers,"
            " CASE WHEN standing.level <> '' THEN programme.code || '.' || standing.tiers || '.' || standing.level END"
            " AS name, NULLIF(standing.level, '') AS level, standing.rank::bigint AS rank, standing.since_on,"
            " standing.falls_on, standing.changed_xid FROM loyalty_standing AS standing"
            " JOIN loyalty_programme AS programme ON programme.id = standing.programme_id"
        ),
        columns={
            "standing_id": "int64",
            "customer_id": "int64",
            "programme": "text",
            "tiers": "text",
            "level": "text",
            "name": "text",
            "rank": "int64",
            "since_on": "date",
            "falls_on": "date",
        },
    ),
)
