"""Whether orders and returns stand with the people they belong to, and what came back adds up."""

from collections.abc import Iterator

from django.db import connection

from regulars.facts.customers.relation import CUSTOMERS
from regulars.runtime.checkups import Checkup, Finding

#: Of a joined record nothing may be left, and what came with a record goes where its person is. The second reads the
#: table once, which takes seconds at ten million orders.
_ASTRAY = """
SELECT (SELECT count(*) FROM {table} AS document JOIN {customers} AS record ON record.id = document.customer_id
         WHERE record.person_id IS NOT NULL)
     + (SELECT count(*) FROM {table} AS document JOIN {customers} AS record ON record.id = document.came_with_id
         WHERE record.person_id IS DISTINCT FROM document.customer_id)
"""
_UNEVEN = """
SELECT count(*) FROM commerce_return_line AS back
 WHERE back.id IN (SELECT id FROM commerce_return_line ORDER BY id DESC LIMIT 20000)
   AND back.matched_quantity <>
       coalesce((SELECT sum(quantity) FROM commerce_return_match WHERE return_line_id = back.id), 0)
"""
#: Each from an index of its own, which holds nothing else.
_WAITING = """
SELECT (SELECT count(*) FROM commerce_return WHERE order_id IS NULL AND order_ref <> ''),
       (SELECT count(*) FROM commerce_shipment WHERE order_id IS NULL),
       (SELECT count(*) FROM commerce_return AS waiting JOIN commerce_order AS sale
            ON sale.namespace = waiting.namespace AND sale.ref = waiting.order_ref
         WHERE waiting.order_id IS NULL AND waiting.order_ref <> '')
     + (SELECT count(*) FROM commerce_shipment AS waiting JOIN commerce_order AS sale
            ON sale.namespace = waiting.namespace AND sale.ref = waiting.order_ref WHERE waiting.order_id IS NULL),
       flagged.differing, flagged.overpaid, flagged.lines, flagged.tenders
  FROM (SELECT count(*) FILTER (WHERE differs_minor <> 0) AS differing,
               count(*) FILTER (WHERE over_refunded_minor <> 0) AS overpaid,
               count(*) FILTER (WHERE lines_differ_minor <> 0) AS lines,
               count(*) FILTER (WHERE tenders_differ_minor <> 0) AS tenders
          FROM commerce_order WHERE differs_minor <> 0 OR over_refunded_minor <> 0 OR lines_differ_minor <> 0
            OR tenders_differ_minor <> 0) AS flagged
"""

_DOUBLES = """
SELECT count(*), count(*) FILTER (WHERE twin.kind <> 'double')
  FROM commerce_double AS pair JOIN commerce_order AS twin ON twin.id = pair.twin_id WHERE pair.state = 'same'
"""


def _documents() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        for table, words in (("commerce_order", "orders"), ("commerce_return", "returns")):
            cursor.execute(_ASTRAY.format(table=table, customers=CUSTOMERS))
            [(astray,)] = cursor.fetchall()
            if astray:
                mend = "Part and join these people again, on their pages; and tell us: this should not happen."
                yield Finding(
                    words.capitalize(), "wrong", f"{astray} {words} stand with another than their person", mend
                )
            else:
                yield Finding(words.capitalize(), "fine", f"all {words} stand with the person they belong to")
        cursor.execute(_UNEVEN)
        [(uneven,)] = cursor.fetchall()
    if uneven:
        words = f"{uneven} of the last 20,000 lines that came back are matched to more or less than they say"
        yield Finding("Matched returns", "wrong", words, "Import the last file of orders again: it matches them anew.")


def _waiting() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        [(refunds, shipments, missed, differing, overpaid, lines, tenders)] = cursor.fetchall()
    if missed:
        words = f"{missed} refunds or shipments wait for an order that is on record"
        yield Finding("Waiting refunds", "wrong", words, "Have their shop tell of them again; and tell us.")
    else:
        words = f"{refunds} refunds and {shipments} shipments wait for orders nobody has told of"
        yield Finding("Waiting refunds", "fine", words)
    words = (
        f"the total of {differing} orders is not what their parts come to; of {overpaid} more went back than was paid;"
        f" of {lines} lines are not quantity times price; of {tenders} the tenders are not what was paid"
    )
    yield Finding("Sums of orders", "fine", words)


def _doubles() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(_DOUBLES)
        [(decided, astray)] = cursor.fetchall()
    if astray:
        words = f"{astray} sales that were found to be told twice count twice"
        yield Finding("Sales told twice", "wrong", words, "Take their decisions back and decide again; and tell us.")
    else:
        yield Finding("Sales told twice", "fine", f"{decided} sales were told twice, and count once")


CHECKUPS: tuple[Checkup, ...] = (_documents, _waiting, _doubles)
