"""Many profiles at once: what `profiles.describe` does for one, in a few statements for thousands."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import connection

from regulars.facts.customers import _names, _sealing
from regulars.facts.customers.models import Customer, NamePrefix, Profile

_BATCH = 2000
#: What was told: customer to field to text; and by (customer, kind of contact) the contact's digest, None when cleared.
Changes = Mapping[int, Mapping[str, str]]
Digests = Mapping[tuple[int, str], bytes | None]


def lock(customers: Iterable[int]) -> dict[int, Customer]:
    """The rows there are, locked in one order, so that two batches do not wait in a circle. One query."""
    wanted = sorted(customers)
    rows = Customer.objects.select_for_update(no_key=True).filter(id__in=wanted).order_by("id")
    return {row.id: row for row in rows}


def write_customers(rows: Mapping[int, Customer], changes: Changes) -> None:
    """Country and language, which stand readable. The country that orders told is kept aside."""
    changed = [customer for customer, new in changes.items() if "country" in new or "language" in new]
    countries = [changes[customer].get("country", rows[customer].country) or None for customer in changed]
    languages = [changes[customer].get("language", rows[customer].language) or None for customer in changed]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_customer AS customer SET country = told.country, language = told.language,"
            " noted_country = CASE WHEN customer.country IS DISTINCT FROM told.country"
            " THEN coalesce(customer.noted_country, customer.country, '') ELSE customer.noted_country END"
            " FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS told(id, country, language)"
            " WHERE customer.id = told.id",
            [changed, countries, languages],
        )


def write_profiles(
    kept: Mapping[int, Profile],
    changes: Changes,
    digests: Digests,
    *,
    sealed: Sequence[str],
    at: Mapping[int, datetime],
    readable: Mapping[int, Mapping[str, object]],
    hidden: Mapping[int, Mapping[str, str]],
) -> None:
    """The sealed columns; `kept` are the profiles there are already, `at` is when each customer told it. `readable` and
    `hidden` are all that stands readable of somebody, and their personal traits, where any of it changed."""
    told = {customer: {field: new[field] for field in sealed if field in new} for customer, new in changes.items()}
    for customer, secret in hidden.items():
        told[customer]["sealed_traits"] = json.dumps(secret, ensure_ascii=False, sort_keys=True) if secret else ""
    values = _sealing.seal_many(told)
    rows = []
    for customer, columns in values.items():
        row = kept.get(customer) or Profile(customer_id=customer)
        row.described_at, row.is_folded = at[customer], True
        if customer in readable:
            row.traits = dict(readable[customer])
        for column, value in columns.items():
            setattr(row, column, value)
        rows.append(row)
    of = {row.customer_id: row for row in rows}
    for (customer, kind), digest in digests.items():
        setattr(of[customer], f"{kind}_digest", digest)
    Profile.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["customer"],
        update_fields=[*sealed, "sealed_traits", "traits", "email_digest", "phone_digest", "described_at", "is_folded"],
        batch_size=_BATCH,
    )


def index_names(names: Mapping[int, Sequence[str]]) -> None:
    """Each customer is found by the beginnings of these names, and of no others."""
    wanted = {
        (customer, _names.digest(prefix))
        for customer, texts in names.items()
        for text in texts
        for prefix in _names.prefixes(text)
    }
    there = NamePrefix.objects.filter(customer_id__in=names).values_list("id", "customer_id", "digest")
    gone = [number for number, customer, digest in there if (customer, bytes(digest)) not in wanted]
    NamePrefix.objects.filter(id__in=gone).delete()
    told = sorted(wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_name_prefix (customer_id, digest)"
            " SELECT * FROM unnest(%s::bigint[], %s::bytea[]) ON CONFLICT DO NOTHING",
            [[customer for customer, _ in told], [digest for _, digest in told]],
        )


def claim(digests: Digests, at: datetime) -> list[tuple[int, str]]:
    """Each contact becomes its customer's only identifier of its kind. Returns those somebody else is known by.

    Of two customers in one call with the same contact, the one with the lower number gets it.
    """
    told = sorted(digests, key=lambda one: (one[1], digests[one] or b"", one[0]))
    customers, kinds = [customer for customer, _ in told], [kind for _, kind in told]
    values = [digests[one] for one in told]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM customers_identifier AS identifier"
            " USING unnest(%s::bigint[], %s::text[], %s::bytea[]) AS told(customer, kind, digest)"
            " WHERE identifier.customer_id = told.customer AND identifier.namespace = ''"
            " AND identifier.kind = told.kind AND identifier.digest IS DISTINCT FROM told.digest",
            [customers, kinds, values],
        )
        cursor.execute(
            "INSERT INTO customers_identifier (customer_id, namespace, kind, digest, since_at)"
            " SELECT customer, '', kind, digest, %s FROM unnest(%s::bigint[], %s::text[], %s::bytea[])"
            " WITH ORDINALITY AS told(customer, kind, digest, place) WHERE digest IS NOT NULL ORDER BY place"
            " ON CONFLICT DO NOTHING",
            [at, customers, kinds, values],
        )
        cursor.execute(
            "SELECT told.customer, told.kind FROM unnest(%s::bigint[], %s::text[], %s::bytea[])"
            " AS told(customer, kind, digest) JOIN customers_identifier AS identifier"
            " ON identifier.namespace = '' AND identifier.kind = told.kind AND identifier.digest = told.digest"
            " WHERE identifier.customer_id <> told.customer ORDER BY 1, 2",
            [customers, kinds, values],
        )
        return [(customer, kind) for customer, kind in cursor.fetchall()]
