"""Whose turn it is to use benefits and to change what gives them."""

from django.db import connection

from regulars.facts.customers import persons


def one_at_a_time(customer: int) -> int:
    """The person, of whose benefits nobody else takes any, and of whose memberships nobody changes one, until the
    transaction ends: a refund depends on whether something was used."""
    person = persons.held([customer])[customer]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('loyalty.benefits'), %s::int)", [person % 2**31])
    return person
