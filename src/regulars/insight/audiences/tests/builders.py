"""A shop with people in it whose audiences are asked for."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.facts.customers import customers
from regulars.insight.audiences import audiences
from regulars.insight.audiences.audiences import Audience
from regulars.insight.audiences.models import Change, Member
from regulars.kit.actors import Actor
from regulars.runtime.database import clock

MAREK = Actor("operator", "7")
BUYERS: Mapping[str, Any] = {"did": "commerce.orders"}
LATELY: Mapping[str, Any] = {"did": "commerce.orders", "during": {"last": {"days": 30}}}


def asking(node: Mapping[str, Any]) -> dict[str, Any]:
    # Its clocks never change: where they did about when a window begins, everybody is looked at again each minute.
    return {"version": 1, "zone": "UTC", "if": node}


def an_audience(name: str, node: Mapping[str, Any], **more: Any) -> Audience:
    return audiences.define(name=name, condition=asking(node), key=f"key of {name}", at=clock.now(), by=MAREK, **more)


def bought(who: str, *, ref: str, days_ago: float = 1, pounds: str = "80.00", product: str = "coat") -> int:
    """An order; the number of who placed it."""
    at = clock.now()
    placed = at - timedelta(days=days_ago)
    orders.record(
        report=OrderReport(
            namespace="till",
            ref=ref,
            customer_ref=who,
            placed_at=placed,
            currency="GBP",
            lines=[LineReport(1, product, Decimal(1), Decimal(pounds))],
        ),
        at=at,
        by=MAREK,
    )
    return the(who)


def called_off(ref: str) -> None:
    order = orders.by_ref(namespace="till", ref=ref)
    assert order is not None
    orders.cancel(order=order.id, at=clock.now(), by=MAREK)


def the(who: str) -> int:
    (found,) = customers.find_by_ref(ref=who)
    return found


def inside(audience: Audience) -> set[int]:
    return set(Member.objects.filter(audience=audience.number).values_list("customer_id", flat=True))


def came_and_went(customer: int) -> list[tuple[str, bool, str]]:
    """The names of the audiences, whether they came in, and because of what, in order."""
    rows = Change.objects.filter(customer=customer).order_by("id").values_list("audience__name", "entered", "because")
    return list(rows)


def told(kind: str) -> list[str]:
    """Whom or what notices of a kind were about, in order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT subject FROM notices_notice WHERE kind = %s ORDER BY id", [kind])
        return [subject for (subject,) in cursor.fetchall()]
