"""What the warehouse gets of loyalty: where people stand, what they used of their benefits, their missions
and paid memberships."""

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
    PublishedTable(
        name="benefit_uses",
        key="use_id",
        sql=(
            "SELECT used.id AS use_id, used.record_id AS customer_id, programme.code AS programme, used.benefit,"
            " split_part(used.source, ':', 1) AS source, used.on AS used_on, used.order_id, used.saved_minor,"
            " NULLIF(used.saved_currency, '') AS saved_currency, used.given_back_at IS NOT NULL AS is_given_back,"
            " used.changed_xid FROM loyalty_benefit_use AS used"
            " JOIN loyalty_programme AS programme ON programme.id = used.programme_id"
        ),
        columns={
            "use_id": "int64",
            "customer_id": "int64",
            "programme": "text",
            "benefit": "text",
            "source": "text",
            "used_on": "date",
            "order_id": "int64",
            "saved_minor": "int64",
            "saved_currency": "text",
            "is_given_back": "bool",
        },
    ),
    PublishedTable(
        name="mission_runs",
        key="run_id",
        sql=(
            "SELECT run.id AS run_id, run.record_id AS customer_id, programme.code AS programme,"
            " run.mission, run.round, run.is_done, run.done_on, run.share::bigint AS share, run.step::bigint AS step,"
            " run.points, CASE WHEN run.badge <> '' THEN programme.code || '.' || run.badge END AS badge,"
            " run.changed_xid FROM loyalty_mission_run AS run"
            " JOIN loyalty_programme AS programme ON programme.id = run.programme_id"
        ),
        columns={
            "run_id": "int64",
            "customer_id": "int64",
            "programme": "text",
            "mission": "text",
            "round": "text",
            "is_done": "bool",
            "done_on": "date",
            "share": "int64",
            "step": "int64",
            "points": "int64",
            "badge": "text",
        },
    ),
    PublishedTable(
        name="memberships",
        key="membership_id",
        sql=(
            "SELECT member.id AS membership_id, member.record_id AS customer_id,"
            " programme.code || '.' || member.plan AS plan, member.state, member.joined_on,"
            " member.since AS period_from, member.until AS period_until, member.ends, member.ended_on,"
            " NULLIF(member.why_ended, '') AS why_ended,"
            " member.changed_xid FROM loyalty_membership AS member"
            " JOIN loyalty_programme AS programme ON programme.id = member.programme_id"
        ),
        columns={
            "membership_id": "int64",
            "customer_id": "int64",
            "plan": "text",
            "state": "text",
            "joined_on": "date",
            "period_from": "date",
            "period_until": "date",
            "ends": "bool",
            "ended_on": "date",
            "why_ended": "text",
        },
    ),
)
