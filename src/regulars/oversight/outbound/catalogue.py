"""What can be heard from outside: the kinds of messages, and which fields of a notice leave the house.

A promise to other people's programs: a kind keeps its name and its fields; fields may be added. Ids are public ones.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import goods_returns, orders, shipments
from regulars.facts.commerce import notices as commerce
from regulars.facts.customers import notices as customers
from regulars.facts.customers import records
from regulars.facts.sources import notices as sources
from regulars.runtime.notices.notice import Notice

#: A message that says nothing but that messages arrive.
TRIAL = "webhooks.trial"

Named = Callable[[Iterable[int]], dict[int, str]]


@dataclass(frozen=True)
class Kind:
    """One kind of message. `plain` fields leave as they are; `ids` as (name outside, field) with a public id."""

    notice: type[Notice]
    words: Promise | str
    plain: tuple[str, ...] = ()
    ids: tuple[tuple[str, str, Named], ...] = ()

    @property
    def name(self) -> str:
        return self.notice.kind


_CUSTOMER = ("customer_id", "customer", records.public_ids)
_PERSON = ("person_id", "person", records.public_ids)
_ORDER = ("order_id", "order", orders.public_ids)
_SHIPMENT = ("shipment_id", "shipment", shipments.public_ids)
_RETURN = ("return_id", "goods_return", goods_returns.public_ids)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(commerce.OrderRecorded, _("An order came in"), ids=(_ORDER, _CUSTOMER)),
        Kind(commerce.OrderChanged, _("An order changed"), ids=(_ORDER, _CUSTOMER)),
        Kind(commerce.OrderCancelled, _("An order was cancelled"), ids=(_ORDER, _CUSTOMER)),
        Kind(commerce.OrderPaid, _("All of an order is paid"), ids=(_ORDER, _CUSTOMER)),
        Kind(commerce.ShipmentMoved, _("A shipment moved"), ("state",), (_SHIPMENT, _ORDER, _CUSTOMER)),
        Kind(commerce.GoodsReturned, _("Goods came back"), ids=(_RETURN, _ORDER, _CUSTOMER)),
        Kind(commerce.OrdersImported, _("A batch of past orders is in"), plain=("count",)),
        Kind(commerce.ReturnsImported, _("A batch of past returns is in"), plain=("count",)),
        Kind(customers.CustomerSeen, _("A customer is new"), ids=(_CUSTOMER,)),
        Kind(customers.CustomerDescribed, _("A customer's profile changed"), ("fields",), (_CUSTOMER,)),
        Kind(customers.CustomerTagged, _("A customer's tags changed"), ids=(_CUSTOMER,)),
        Kind(customers.CustomerJoined, _("Two records became one person"), ids=(_CUSTOMER, _PERSON)),
        Kind(customers.CustomerParted, _("A record left a person"), ids=(_CUSTOMER, _PERSON)),
        Kind(customers.ConsentGiven, _("A customer consented"), ("purpose", "channel"), (_CUSTOMER,)),
        Kind(customers.ConsentWithdrawn, _("A customer took consent back"), ("purpose", "channel"), (_CUSTOMER,)),
        Kind(customers.PreferencesChanged, _("A customer said how to be talked to"), ("names",), (_CUSTOMER,)),
        Kind(sources.ImportEnded, _("A file was walked to its end"), ("run", "what", "rows_good")),
    )
}


def data_of(notices: Sequence[Notice]) -> list[dict[str, Any]]:
    """Each notice's fields as they leave the house. One query for each sort of id."""
    wanted: dict[Named, set[int]] = {}
    for notice in notices:
        for _outside, field, named in KINDS[notice.kind].ids:
            if (number := getattr(notice, field)) is not None:
                wanted.setdefault(named, set()).add(number)
    found = {named: named(numbers) for named, numbers in wanted.items()}
    told = []
    for notice in notices:
        kind = KINDS[notice.kind]
        data: dict[str, Any] = {
            outside: found[named].get(number) if (number := getattr(notice, field)) is not None else None
            for outside, field, named in kind.ids
        }
        told.append(data | {field: getattr(notice, field) for field in kind.plain})
    return told
