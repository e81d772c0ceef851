"""Customers: finding or making them by what their systems call them, and what a list needs to know of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from regulars.facts.customers import _resolving, contacts, persons
from regulars.facts.customers.identifiers import check_namespace, check_ref, is_contact
from regulars.facts.customers.models import Customer as Row
from regulars.facts.customers.models import Identifier
from regulars.facts.customers.notices import CustomerSeen
from regulars.kit import ids
from regulars.kit.actors import Actor, Origin
from regulars.kit.countries import check_country
from regulars.kit.refusals import Refusal
from regulars.runtime.database import arrays
from regulars.runtime.notices.outbox import announce_many
from regulars.runtime.secrets import lookup
from regulars.runtime.trail import trail

PREFIX = "cus"


@dataclass(frozen=True)
class Customer:
    """Who it is without telling who: numbers, country, language, and since when.

    Of somebody with several records the first day is that of the earliest, and the country the oldest record's that has
    one, where their own has none.
    """

    id: int
    public_id: str
    origin: str
    country: str | None
    language: str | None
    first_seen_at: datetime | None


class UnknownCustomer(Refusal):
    """No such customer."""

    code = "customers.unknown"


def resolve_many(*, namespace: str, refs: Iterable[str], at: datetime, by: Actor, origin: Origin) -> dict[str, int]:
    """Each reference's customer, making those nobody has met. The references are their own key: again gives the same.

    `namespace` is the source that gave the references; the same reference in another namespace is another customer
    until evidence links them. Blanks around a reference do not count. A reference that is an e-mail address or a phone
    number is kept as a keyed hash of the form that is compared (small letters, E.164). Refuses the first reference that
    can identify nobody (`identifiers.why_unusable` asks before). Live ones are announced one by one, history leaves one
    line in the trail. Commit soon: until then others with the same new references wait.
    """
    check_namespace(namespace)
    tidy = {ref: check_ref(ref) for ref in refs}
    readable = {ref for ref in tidy.values() if not is_contact(ref)}
    hashed = {ref: _digest_of_ref(namespace, ref).hex() for ref in tidy.values() if ref not in readable}
    with transaction.atomic():
        found, made = _resolving.find_or_make(
            namespace=namespace, kind="external", refs=list(readable), are_digests=False, at=at, origin=origin
        )
        if hashed:
            by_digest, more = _resolving.find_or_make(
                namespace=namespace, kind="external", refs=list(hashed.values()), are_digests=True, at=at, origin=origin
            )
            found |= {ref: by_digest[digest] for ref, digest in hashed.items()}
            made = sorted(made + more)
        if made and origin == "history":
            trail.record(
                by=by,
                verb="customers.resolve_many",
                subject=f"namespace:{namespace}",
                at=at,
                after={"count": len(made), "first": made[0], "last": made[-1], "origin": origin},
            )
        elif made:
            announce_many(
                [(CustomerSeen(customer=number, at=at), {"namespace": namespace}) for number in made],
                by=by,
                verb="customers.resolve_many",
            )
    return {ref: found[tidy[ref]] for ref in tidy}


def find_many(*, namespace: str, refs: Iterable[str]) -> dict[str, int]:
    """Each reference's customer, as `resolve_many` has it, of those that somebody has met. Two indexed queries."""
    tidy = {ref: check_ref(ref) for ref in refs}
    known = Identifier.objects.filter(namespace=namespace, kind="external")
    digests = {_digest_of_ref(namespace, ref): ref for ref in set(tidy.values()) if is_contact(ref)}
    readable = set(tidy.values()) - set(digests.values())
    found = dict(known.filter(value__in=readable).values_list("value", "customer_id"))
    if digests:
        hashed = known.filter(digest__in=digests).values_list("digest", "customer_id")
        of = {bytes(digest): customer for digest, customer in hashed if digest is not None}
        found |= {ref: customer for digest, ref in digests.items() if (customer := of.get(digest)) is not None}
    return {ref: found[tidied] for ref, tidied in tidy.items() if tidied in found}


def refs(*, namespace: str, part: int, parts: int, limit: int) -> list[str]:
    """References of a source's customers, and of `parts` that they fall into the one numbered `part`: over as many
    askings each comes once. Those that are somebody's address are kept as digests, and left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT value FROM customers_identifier WHERE namespace = %s AND kind = 'external' AND value IS NOT NULL"
            " AND value <> '' AND mod(hashtext(value)::bigint + 2147483648, %s) = %s ORDER BY value LIMIT %s",
            [namespace, parts, part, limit],
        )
        return [value for (value,) in cursor.fetchall()]


def count_of(*, namespace: str) -> int:
    """How many customers a source has told of. One query."""
    return Identifier.objects.filter(namespace=namespace, kind="external").count()


def note_many(
    *,
    at: datetime,
    by: Actor,
    first_seen: Mapping[int, datetime] | None = None,
    countries: Mapping[int, str] | None = None,
) -> int:
    """What orders tell of customers: an earlier first day, and a country where there is none. Returns how many changed.

    `first_seen` only ever moves back. Two statements whatever the number. Again changes nothing.
    """
    for country in set((countries or {}).values()):
        check_country(country)
    changed: set[int] = set()
    with transaction.atomic(), connection.cursor() as cursor:
        # No stronger lock than an update takes: who writes orders holds the customers for sharing (`persons.held`), and
        # two of them who both wanted the rows for themselves would wait for each other.
        if first_seen:
            numbers = sorted(first_seen)
            cursor.execute(
                "WITH told AS MATERIALIZED (SELECT * FROM unnest(%s::bigint[], %s::timestamptz[]) AS told(id, seen)),"
                " locked AS MATERIALIZED (SELECT customer.id, told.seen FROM customers_customer AS customer JOIN told"
                " USING (id) WHERE customer.first_seen_at IS NULL OR told.seen < customer.first_seen_at"
                " ORDER BY customer.id FOR NO KEY UPDATE OF customer)"
                " UPDATE customers_customer AS customer SET first_seen_at = LEAST(customer.first_seen_at, locked.seen)"
                " FROM locked WHERE customer.id = locked.id RETURNING customer.id",
                [numbers, [first_seen[number] for number in numbers]],
            )
            changed.update(number for (number,) in cursor.fetchall())
        if countries:
            numbers = sorted(countries)
            cursor.execute(
                "WITH told AS MATERIALIZED (SELECT * FROM unnest(%s::bigint[], %s::text[]) AS told(id, country)),"
                " locked AS MATERIALIZED (SELECT customer.id, told.country FROM customers_customer AS customer"
                " JOIN told USING (id) WHERE customer.country IS NULL ORDER BY customer.id"
                " FOR NO KEY UPDATE OF customer)"
                " UPDATE customers_customer AS customer SET country = locked.country"
                " FROM locked WHERE customer.id = locked.id RETURNING customer.id",
                [numbers, [countries[number] for number in numbers]],
            )
            changed.update(number for (number,) in cursor.fetchall())
        if changed:
            trail.record(
                by=by,
                verb="customers.note_many",
                subject="customers:many" if len(changed) > 1 else f"customer:{min(changed)}",
                at=at,
                after={"count": len(changed), "first": min(changed), "last": max(changed)},
            )
    return len(changed)


def get(customer: int) -> Customer:
    """One customer by number; a record that was joined leads to its person. One query; refused when there is none."""
    row = _known().filter(id=customer).first()
    if row is None:
        raise no_number(customer)
    return _customer(row)


def by_public_id(text: str) -> Customer:
    """One customer by `cus_…` as people type it. One query; refused when there is none.

    Public ids are for ever: that of a record which was joined leads to its person, who has another.
    """
    row = _known().filter(public_id=ids.parse(text, PREFIX)).first()
    if row is None:
        raise unknown(text)
    return _customer(row)


def no_number(customer: int) -> UnknownCustomer:
    """The refusal of a number that is nobody's."""
    return UnknownCustomer(
        _("customer: there is no number %(customer)s; look it up again") % {"customer": customer},
        field="customer",
        value=customer,
    )


def unknown(public_id: str) -> UnknownCustomer:
    """The refusal of a public id that is nobody's."""
    shown = public_id.strip()[:40]
    return UnknownCustomer(
        _("customer: there is no %(shown)s; look it up again") % {"shown": shown}, field="customer", value=shown
    )


def get_many(customers: Sequence[int]) -> dict[int, Customer]:
    """Customers by number, a joined record's its person; those that do not exist are left out. One query."""
    return {row.id: _customer(row) for row in _known().filter(id__in=customers)}


def countries_of(customers: Sequence[int]) -> dict[int, str]:
    """Where they are, as `get_many` says it, of those of whom it is known. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTRIES, [arrays.of_numbers(customers)])
        return dict(cursor.fetchall())


_COUNTRIES = """
SELECT * FROM (
    SELECT asked.id, coalesce(person.country, (
             SELECT joined.country FROM customers_customer AS joined
              WHERE joined.person_id = person.id AND joined.country IS NOT NULL ORDER BY joined.id LIMIT 1)) AS country
      FROM customers_customer AS asked JOIN customers_customer AS person
        ON person.id = coalesce(asked.person_id, asked.id)
     WHERE asked.id = ANY(%s::bigint[])) AS told
 WHERE country IS NOT NULL
"""


def public_id(uuid: UUID) -> str:
    """`cus_…` for the UUID in a customer's row."""
    return ids.public(PREFIX, uuid)


def find_by_ref(*, ref: str, namespace: str | None = None) -> list[int]:
    """Customers some source calls exactly so, oldest first; in one namespace there is one at most.

    One query; two where the reference is a contact and no namespace is told.
    """
    known = Identifier.objects.filter(kind="external")
    if namespace is not None:
        known = known.filter(namespace=namespace)
    if not is_contact(ref):
        known = known.filter(value=ref.strip())
    else:
        of = [namespace] if namespace is not None else namespaces()
        known = known.filter(digest__in=[_digest_of_ref(one, ref.strip()) for one in of])
    found = known.order_by("customer_id").values_list(Coalesce("customer__person_id", "customer_id"), flat=True)
    return list(dict.fromkeys(found))


def refs_of(customer: int) -> list[tuple[str, str]]:
    """What sources call this person, readable: (namespace, reference). One indexed query."""
    known = Identifier.objects.filter(customer_id__in=persons.asked([customer])).order_by("namespace", "value")
    return [(identifier.namespace, identifier.value) for identifier in known if identifier.value is not None]


def refs_of_many(customers: Sequence[int]) -> dict[int, str]:
    """What a source calls each of these customers, the oldest name where there are several. One indexed query."""
    known = Identifier.objects.filter(customer_id__in=customers, value__isnull=False).order_by("-id")
    return {customer: value or "" for customer, value in known.values_list("customer_id", "value")}


def refs_in(*, namespaces: Sequence[str], people: Sequence[int]) -> list[tuple[int, str, str]]:
    """What sources of these namespaces call these people, readable: (person, namespace, reference). One query."""
    known = Identifier.objects.filter(
        customer_id__in=persons.asked(people), kind="external", namespace__in=namespaces, value__isnull=False
    )
    rows = known.order_by("id").values_list(Coalesce("customer__person_id", "customer_id"), "namespace", "value")
    return [(person, namespace, value or "") for person, namespace, value in rows]


def count() -> int:
    """How many people there are. Counts them all: not for every page."""
    return Row.objects.filter(person=None).count()


#: One look into the index for each namespace, however many references there are.
_NAMESPACES = """
WITH RECURSIVE found AS (
  SELECT min(namespace) AS namespace FROM customers_identifier WHERE {kept} IS NOT NULL
  UNION ALL
  SELECT (SELECT min(namespace) FROM customers_identifier AS identifier
           WHERE {kept} IS NOT NULL AND identifier.namespace > found.namespace)
    FROM found WHERE found.namespace IS NOT NULL)
SELECT namespace FROM found WHERE namespace <> ''
"""


def namespaces() -> list[str]:
    """Of all references. One query."""
    with connection.cursor() as cursor:
        cursor.execute(" UNION ".join(f"({_NAMESPACES.format(kept=kept)})" for kept in ("value", "digest")))
        return [namespace for (namespace,) in cursor.fetchall()]


def _digest_of_ref(namespace: str, ref: str) -> bytes:
    """Of the form that is compared: the same address in other letters is the same customer."""
    try:
        compared = contacts.as_compared(ref, "CN")
    except (contacts.BadEmail, contacts.BadPhone):
        compared = ref
    return lookup.digest("ref", f"{namespace}/{compared}")


def _known() -> QuerySet[Row, Row]:
    """Records with their person and what the person's other records add; one query, an index look-up for each row."""
    joined = Row.objects.filter(person=Coalesce(OuterRef("person_id"), OuterRef("id")))
    return Row.objects.select_related("person").annotate(
        joined_seen_at=Subquery(joined.order_by("first_seen_at").values("first_seen_at")[:1]),
        joined_country=Subquery(joined.filter(country__isnull=False).order_by("id").values("country")[:1]),
    )


def _customer(record: Row) -> Customer:
    row = record.person or record
    days = [day for day in (row.first_seen_at, getattr(record, "joined_seen_at", None)) if day is not None]
    country = row.country or getattr(record, "joined_country", None)
    return from_row((row.id, row.public_id, row.origin, country, row.language, min(days, default=None)))


def from_row(row: Sequence[Any]) -> Customer:
    """From a row of a statement of this room's, its columns in the order of `Customer`."""
    number, uuid, origin, country, language, seen = row
    return Customer(number, public_id(uuid), origin, country, language, seen.astimezone(UTC) if seen else None)


def as_kept(*, ref: str, namespace: str) -> str | bytes:
    """How a reference is kept: readable, or where it is a contact as a keyed hash."""
    tidy = ref.strip()
    return _digest_of_ref(namespace, tidy) if is_contact(tidy) else tidy
