"""The shop systems there are connectors for. To add one: its folder, and its line here."""

from collections.abc import Mapping

from regulars.doors.connectors.generic.shop import GENERIC
from regulars.doors.connectors.medusa.shop import MEDUSA
from regulars.doors.connectors.protocol import About, Shop
from regulars.doors.connectors.shopify.shop import SHOPIFY
from regulars.doors.connectors.stripe.shop import STRIPE
from regulars.doors.connectors.woocommerce.shop import WOOCOMMERCE
from regulars.doors.connectors.youzan.shop import YOUZAN
from regulars.facts.company import company
from regulars.facts.sources.connections import Connection
from regulars.kit import civil
from regulars.kit.refusals import Refusal

SHOPS: Mapping[str, Shop] = {shop.kind: shop for shop in (SHOPIFY, WOOCOMMERCE, YOUZAN, MEDUSA, GENERIC, STRIPE)}


class NoConnector(Refusal):
    """There is no connector for that kind of shop."""

    code = "connections.no_connector"


def of(kind: str) -> Shop:
    """The connector of that kind; refused when there is none."""
    if kind not in SHOPS:
        raise NoConnector(
            f"kind: there is no connector for {kind[:20]!r}; use one of {', '.join(sorted(SHOPS))}",
            field="kind",
            value=kind[:20],
        )
    return SHOPS[kind]


def about(connection: Connection) -> About:
    """What translators may know of the connection. Up to one query."""
    return About(
        connection.id,
        connection.name,
        connection.namespace,
        civil.zone(connection.zone),
        company.shop().country,
        connection.settings,
    )
