"""What profiles and their explanations both need: all that was said, the fields asked for, the line in the trail."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from regulars.facts.customers import persons, traits
from regulars.facts.customers._profile import SEALED
from regulars.facts.customers._statements import SURER_SOURCES, Statements
from regulars.facts.customers.models import Customer
from regulars.facts.customers.models import Profile as Row
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.preferences import preferences
from regulars.runtime.trail import trail


class UnknownField(Refusal):
    """Not a sealed field."""

    code = "customers.unknown_field"


def known(people: Iterable[int], rows: Mapping[int, Customer]) -> tuple[dict[int, Row], Statements]:
    """What the database has of these persons: the profiles that are shown, and all that was said of their records."""
    records_of = persons.records_of_many(sorted(people))
    records = {record for records in records_of.values() for record in records}
    kept = {row.customer_id: row for row in Row.objects.filter(customer_id__in=records)}
    surest_first = preferences.read(SURER_SOURCES)
    return kept, Statements(records_of, rows, kept, surest_first, sealed=SEALED)


def looked(customer: int, fields: Sequence[str], why: str, at: datetime, by: Actor) -> None:
    trail.record(
        by=by,
        verb="customers.reveal",
        subject=f"customer:{customer}",
        at=at,
        after={"fields": list(fields)},
        why=why,
    )


def asked(fields: Iterable[str], known: Sequence[str]) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(fields))
    for name in wanted:
        if name not in known and (known is SEALED or not name.startswith(traits.PREFIX)):
            raise UnknownField(
                (
                    _("fields: %(name)r is no sealed field; choose from %(choices)s")
                    if known is SEALED
                    else _("fields: %(name)r is no field of a profile; choose from %(choices)s")
                )
                % {"name": name[:40], "choices": ", ".join(known)},
                field="fields",
                value=name[:40],
            )
    return wanted
