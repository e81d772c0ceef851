"""What a shop can tell, whichever shop it is: the small union that every translator speaks and `taking` understands.

`told_at` is the shop's own update time: it decides between versions, never the order of arrival. References are the
shop's ids as texts. Amounts are whole minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from regulars.facts.commerce.order_reports import OrderReport
from regulars.facts.commerce.return_reports import ReturnReport
from regulars.facts.commerce.shipment_reports import ShipmentReport
from regulars.facts.customers.kinds import Evidence
from regulars.facts.customers.profiles import Profile

#: What can be gone. Some shops number products and their forms together, and do not say which of them it was.
Gone = Literal["order", "product", "variant", "product_or_variant", "customer"]


@dataclass(frozen=True, kw_only=True)
class StoreTold:
    """A place where the shop has goods or sells. `code` is what our stores are called by."""

    code: str
    name: str


@dataclass(frozen=True, kw_only=True)
class VariantTold:
    """One form of a product. None leaves a field as it is."""

    ref: str
    title: str | None = None
    sku: str | None = None
    barcode: str | None = None
    options: Mapping[str, str] | None = None
    status: Literal["active", "draft", "discontinued"] | None = None


@dataclass(frozen=True, kw_only=True)
class ProductTold:
    """One product with its forms. `category` is a path, levels parted as `categories.tidy` has them."""

    ref: str
    told_at: datetime | None
    title: str | None = None
    titles: Mapping[str, str] | None = None
    category: str | None = None
    brand: str | None = None
    status: Literal["active", "draft", "discontinued"] | None = None
    variants: Sequence[VariantTold] = ()


@dataclass(frozen=True, kw_only=True)
class PriceTold:
    """What a product, or one form of it, costs from `told_at` on. `sale_minor` where it is reduced."""

    product_ref: str | None
    currency: str
    list_minor: int
    told_at: datetime
    sale_minor: int | None = None
    variant_ref: str | None = None
    store: str | None = None
    channel: str | None = None


@dataclass(frozen=True, kw_only=True)
class StockTold:
    """How much of one form is in one store, by its code; `reserved` of it by the shop for what is sold already."""

    variant_ref: str
    store: str
    on_hand: Decimal
    told_at: datetime | None
    product_ref: str | None = None
    may_oversell: bool | None = None
    version: int | None = None
    reserved: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class ConsentTold:
    """An answer the shop has on record, for marketing unless it says otherwise; `at` is when it was given."""

    channel: str
    is_granted: bool
    at: datetime
    purpose: str = "marketing"
    proof: str = ""


@dataclass(frozen=True, kw_only=True)
class IdentifierTold:
    """A platform's id of the person, of one of the `kinds`, in its namespace, and how well it is known."""

    kind: str
    namespace: str
    value: str
    evidence: Evidence = "platform"


@dataclass(frozen=True, kw_only=True)
class CustomerTold:
    """One of the shop's customers. What is None or left out, because it is hidden from us, changes nothing.

    `is_as_read`: the shop does not say since when it is so; `told_at` is when it was asked. What we show already is no
    news then.
    """

    ref: str
    told_at: datetime
    profile: Profile
    is_as_read: bool = False
    first_seen_at: datetime | None = None
    consents: Sequence[ConsentTold] = ()
    identifiers: Sequence[IdentifierTold] = ()


@dataclass(frozen=True, kw_only=True)
class OrderTold:
    """One order as it stands in the shop now. `taking` sets what marks the report's version."""

    report: OrderReport


@dataclass(frozen=True, kw_only=True)
class RefundTold:
    """One refund, of goods or of money alone, before or after its order."""

    report: ReturnReport


@dataclass(frozen=True, kw_only=True)
class ShipmentTold:
    """One shipment or pick-up, before or after its order."""

    report: ShipmentReport


@dataclass(frozen=True, kw_only=True)
class MembershipPaymentTold:
    """Money of a paid membership: paid, not paid after all, or gone back. `membership` is our id of it (mbs_…), which
    the provider was given; of money that went back `of` may say whose it is, the number it was paid under, and
    `is_part` that more of that stays paid."""

    payment: str
    state: Literal["paid", "failed", "refunded"]
    minor: int
    currency: str
    membership: str = ""
    of: str = ""
    is_part: bool = False


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """It is gone from the shop. An order is cancelled, a product discontinued; of a customer people are asked."""

    what: Gone
    ref: str
    told_at: datetime


@dataclass(frozen=True, kw_only=True)
class PersonRedacted:
    """The shop passes on what the law lets people ask. `ref` is empty where it means everybody; `key` is its own."""

    kind: Literal["data_request", "redact", "shop_redact"]
    ref: str
    asked_at: datetime
    key: str


@dataclass(frozen=True, kw_only=True)
class Ask:
    """The message is only a hint: ask the shop for this thing of that stream and take what it answers.

    `gone` is what was deleted where the shop answers that there is no such thing; None where that tells nothing.
    """

    stream: str
    ref: str
    gone: Gone | None = None


@dataclass(frozen=True, kw_only=True)
class Disconnected:
    """The shop has let us go. The connection is paused, and says so."""

    why: str = "uninstalled"


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """Understood, and nothing to do with it; `why` is a short code that counts."""

    why: str


Report = (
    StoreTold
    | ProductTold
    | PriceTold
    | StockTold
    | CustomerTold
    | OrderTold
    | RefundTold
    | ShipmentTold
    | MembershipPaymentTold
    | Deleted
    | PersonRedacted
    | Ask
    | Disconnected
    | Ignored
)
