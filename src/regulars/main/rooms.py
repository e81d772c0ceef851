"""The one tuple of rooms. A room that is not here does not exist: nothing discovers it.

Order is the order of the house, lower floors first.
"""

ROOMS: tuple[str, ...] = (
    "regulars.runtime.database",
    "regulars.runtime.secrets",
    "regulars.runtime.trail",
    "regulars.runtime.notices",
    "regulars.runtime.jobs",
    "regulars.runtime.preferences",
    "regulars.runtime.staff",
    "regulars.runtime.serving",
    "regulars.runtime.backup",
    "regulars.facts.company",
    "regulars.facts.sources",
    "regulars.facts.customers",
    "regulars.facts.commerce",
    "regulars.facts.events",
    "regulars.insight.warehouse",
    "regulars.insight.measures",
    "regulars.insight.audiences",
    "regulars.levers.loyalty",
    "regulars.oversight.timeline",
    "regulars.oversight.reporting",
    "regulars.oversight.outbound",
    "regulars.doors.api",
    "regulars.doors.ingest",
    "regulars.doors.imports",
    "regulars.doors.connectors",
    "regulars.doors.console",
    "regulars.doors.portal",
    "regulars.simulator",
)
