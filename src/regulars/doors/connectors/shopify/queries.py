"""What the GraphQL Admin API is asked for, under the names that messages use, and the little that still differs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: Things of one page. Costs count what could come, so pages are small: one query may cost 1,000 points.
FIRST: Mapping[str, int] = {"stores": 50, "products": 10, "stock": 100, "customers": 50, "orders": 3}
TYPES: Mapping[str, str] = {
    "stores": "Location",
    "products": "Product",
    "customers": "Customer",
    "orders": "Order",
}

_PAID = "presentment_money: presentmentMoney { amount currency_code: currencyCode }"
_BOTH = f"{_PAID} shop_money: shopMoney {{ amount currency_code: currencyCode }}"
_LINE = f"""
  id quantity title sku gift_card: isGiftCard
  product {{ id }} variant {{ id }}
  price_set: originalUnitPriceSet {{ {_PAID} }}
  discount_allocations: discountAllocations {{ amount_set: allocatedAmountSet {{ {_PAID} }} }}
  tax_lines: taxLines {{ price_set: priceSet {{ {_PAID} }} }}
  properties: customAttributes {{ name: key value }}
"""


def _refund(lines: int, payments: int) -> str:
    return f"""
  gid: id id: legacyResourceId created_at: createdAt
  refund_line_items: refundLineItems(first: {lines}) {{ nodes {{
    quantity restock_type: restockType line: lineItem {{ id }} location {{ id }}
    subtotal_set: subtotalSet {{ {_PAID} }} total_tax_set: totalTaxSet {{ {_PAID} }} }} }}
  refund_shipping_lines: refundShippingLines(first: {payments}) {{ nodes {{
    subtotal_amount_set: subtotalAmountSet {{ {_PAID} }} }} }}
  transactions(first: {payments}) {{ nodes {{ kind status amount_set: amountSet {{ {_PAID} }} }} }}
"""


def _fulfilment(lines: int) -> str:
    return f"""
  gid: id id: legacyResourceId created_at: createdAt updated_at: updatedAt status shipment_status: displayStatus
  delivered_at: deliveredAt estimated_delivery_at: estimatedDeliveryAt location {{ id }}
  tracking: trackingInfo(first: 1) {{ company number }}
  lines: fulfillmentLineItems(first: {lines}) {{ nodes {{ quantity line: lineItem {{ id }} }} }}
"""


_TRANSACTION = f"kind status gateway amount_set: amountSet {{ {_PAID} }}"
_ORDER = f"""
  gid: id id: legacyResourceId name test
  created_at: createdAt updated_at: updatedAt processed_at: processedAt
  cancelled_at: cancelledAt closed_at: closedAt
  source_name: sourceName taxes_included: taxesIncluded financial_status: displayFinancialStatus
  currency: currencyCode presentment_currency: presentmentCurrencyCode
  payment_gateway_names: paymentGatewayNames
  customer {{ id }} location: retailLocation {{ id }}
  shipping_address: shippingAddress {{ country_code: countryCodeV2 }}
  total_price_set: totalPriceSet {{ {_BOTH} }}
  total_tax_set: totalTaxSet {{ {_PAID} }}
  total_outstanding_set: totalOutstandingSet {{ {_PAID} }}
  total_tip_received_set: totalTipReceivedSet {{ {_PAID} }}
  original_total_duties_set: originalTotalDutiesSet {{ {_PAID} }}
  shipping_lines: shippingLines(first: 3) {{ nodes {{ discounted_price_set: discountedPriceSet {{ {_PAID} }} }} }}
  line_items: lineItems(first: 10) {{ nodes {{ {_LINE} }} pageInfo {{ hasNextPage endCursor }} }}
  refunds(first: 2) {{ {_refund(5, 2)} }}
  fulfillments(first: 2) {{ {_fulfilment(5)} }}
  transactions(first: 4) {{ {_TRANSACTION} }}
"""
_CUSTOMER = """
  gid: id id: legacyResourceId created_at: createdAt updated_at: updatedAt
  first_name: firstName last_name: lastName locale
  mail: defaultEmailAddress { address: emailAddress state: marketingState consent_updated_at: marketingUpdatedAt }
  telephone: defaultPhoneNumber { number: phoneNumber state: marketingState consent_updated_at: marketingUpdatedAt }
  default_address: defaultAddress { address1 address2 zip city province country country_code: countryCodeV2 }
"""
_VARIANT = """
  id: legacyResourceId title sku barcode price compare_at_price: compareAtPrice
  selected_options: selectedOptions { name value }
"""
_PRODUCT = f"""
  gid: id id: legacyResourceId title vendor product_type: productType status updated_at: updatedAt
  variants(first: 20) {{ nodes {{ {_VARIANT} }} pageInfo {{ hasNextPage endCursor }} }}
"""
_LOCATION = "gid: id id: legacyResourceId name"
_QUANTITY = """
  updated_at: updatedAt location { id } quantities(names: ["available"]) { name quantity }
"""
_STOCKED = "id variant { id: legacyResourceId inventory_policy: inventoryPolicy product { id } }"


def _page(name: str, of: str, arguments: str) -> str:
    return f"""query Page($first: Int!, $after: String, $query: String) {{
  page: {name}(first: $first, after: $after, query: $query{arguments}) {{
    nodes {{ {of} }} pageInfo {{ hasNextPage endCursor }} }} }}"""


def _one(name: str, of: str) -> str:
    return f"query One($id: ID!) {{ one: {name}(id: $id) {{ {of} }} }}"


PAGES: Mapping[str, str] = {
    # Locations cannot be asked for by their update time; there are few.
    "stores": f"""query Page($first: Int!, $after: String) {{
  page: locations(first: $first, after: $after, includeInactive: true) {{
    nodes {{ {_LOCATION} }} pageInfo {{ hasNextPage endCursor }} }} }}""",
    "products": _page("products", _PRODUCT, ", sortKey: UPDATED_AT"),
    "customers": _page("customers", _CUSTOMER, ", sortKey: UPDATED_AT"),
    "orders": _page("orders", _ORDER, ", sortKey: UPDATED_AT"),
}
ONES: Mapping[str, str] = {
    "stores": _one("location", _LOCATION),
    "products": _one("product", _PRODUCT),
    "customers": _one("customer", _CUSTOMER),
    "orders": _one("order", _ORDER),
}
#: Parts of a thing that come in pages of their own.
PARTS: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "line_items": f"""query Part($id: ID!, $after: String!) {{ one: order(id: $id) {{
  part: lineItems(first: 50, after: $after) {{ nodes {{ {_LINE} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"""
    },
    "products": {
        "variants": f"""query Part($id: ID!, $after: String!) {{ one: product(id: $id) {{
  part: variants(first: 100, after: $after) {{ nodes {{ {_VARIANT} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"""
    },
}


@dataclass(frozen=True)
class Few:
    """Things that an order has few of, in a list without pages. A list as long as was asked for may go on: then all
    their ids are asked for, and each of them by itself; so is one whose own lists (`inner`) are as long as that."""

    asked: int
    inner: Mapping[str, int]
    ids: str
    one: str


FEW: Mapping[str, Mapping[str, Few]] = {
    "orders": {
        "refunds": Few(
            2,
            {"refund_line_items": 5, "transactions": 2, "refund_shipping_lines": 2},
            _one("order", "part: refunds(first: 250) { gid: id }"),
            _one("refund", _refund(60, 20)),
        ),
        "fulfillments": Few(
            2,
            {"lines": 5},
            _one("order", "part: fulfillments(first: 250) { gid: id }"),
            _one("fulfillment", _fulfilment(200)),
        ),
    }
}
PAYMENTS, PAYMENTS_ASKED = _one("order", f"part: transactions(first: 200) {{ {_TRANSACTION} }}"), 4
PLACES = "query Places { page: locations(first: 100, includeInactive: true) { nodes { gid: id } } }"
LEVELS = f"""query Levels($id: ID!, $first: Int!, $after: String, $query: String) {{ page: location(id: $id) {{
  levels: inventoryLevels(first: $first, after: $after, query: $query) {{
    nodes {{ {_QUANTITY} item {{ {_STOCKED} }} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"""
LEVEL = f"""query Level($id: ID!, $location: ID!) {{ one: inventoryItem(id: $id) {{
  {_STOCKED} level: inventoryLevel(locationId: $location) {{ {_QUANTITY} }} }} }}"""
SHOP = "query Shop { shop { name currency: currencyCode zone: ianaTimezone domain: myshopifyDomain } }"
SUBSCRIPTIONS = "query Subscriptions { page: webhookSubscriptions(first: 100) { nodes { topic uri } } }"
SUBSCRIBE = """mutation Subscribe($topic: WebhookSubscriptionTopic!, $uri: String!) {
  made: webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri, format: JSON}) {
    userErrors { field message } } }"""


def as_message(stream: str, doc: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was asked for, in the form that messages have."""
    return _FORMS[stream](dict(doc)) if stream in _FORMS else doc


def _order(doc: dict[str, Any]) -> dict[str, Any]:
    doc["location_id"] = _id(doc.pop("location", None))
    for line in doc["line_items"]:
        line["product_id"], line["variant_id"] = _id(line.pop("product", None)), _id(line.pop("variant", None))
    for refund in doc.get("refunds") or ():
        for line in refund["refund_line_items"]:
            line["line_item_id"], line["location_id"] = _id(line.pop("line", None)), _id(line.pop("location", None))
    for fulfilment in doc.get("fulfillments") or ():
        fulfilment["location_id"] = _id(fulfilment.pop("location", None))
        tracking = fulfilment.pop("tracking", None) or [{}]
        fulfilment["tracking_company"] = tracking[0].get("company")
        fulfilment["tracking_number"] = tracking[0].get("number")
        lines = fulfilment.pop("lines", None) or ()
        fulfilment["line_items"] = [{"id": _id(one.get("line")), "quantity": one.get("quantity")} for one in lines]
    return doc


def _customer(doc: dict[str, Any]) -> dict[str, Any]:
    mail, telephone = doc.pop("mail", None), doc.pop("telephone", None)
    doc["email"] = (mail or {}).get("address")
    doc["phone"] = (telephone or {}).get("number")
    doc["email_marketing_consent"], doc["sms_marketing_consent"] = mail, telephone
    return doc


def _level(doc: dict[str, Any]) -> dict[str, Any]:
    doc["location_id"] = _id(doc.pop("location", None))
    quantities = doc.pop("quantities", None) or ()
    doc["available"] = next((one["quantity"] for one in quantities if one.get("name") == "available"), None)
    item = dict(doc.get("item") or {})
    if item.get("variant") is not None:
        item["variant"] = dict(item["variant"])
        item["variant"]["product_id"] = _id(item["variant"].pop("product", None))
    doc["item"] = item
    return doc


def _id(of: Mapping[str, Any] | None) -> Any:
    return None if of is None else of.get("id")


_FORMS: Mapping[str, Callable[[dict[str, Any]], Mapping[str, Any]]] = {
    "orders": _order,
    "customers": _customer,
    "stock": _level,
}
