"""What commerce tells other rooms: that something happened to an order or a return, by number."""

from dataclasses import dataclass
from typing import ClassVar

from regulars.runtime.notices.notice import Notice


@dataclass(frozen=True, kw_only=True)
class _OfAnOrder(Notice):
    order: int
    customer: int | None

    @property
    def subject(self) -> str:
        """In order per customer; per order where it is a guest's."""
        return f"order:{self.order}" if self.customer is None else f"customer:{self.customer}"


@dataclass(frozen=True, kw_only=True)
class OrderRecorded(_OfAnOrder):
    """A live order is on record."""

    kind: ClassVar[str] = "commerce.order_recorded"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class OrderChanged(_OfAnOrder):
    """Its source sent a newer version."""

    kind: ClassVar[str] = "commerce.order_changed"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class OrderCancelled(_OfAnOrder):
    """It does not count any more."""

    kind: ClassVar[str] = "commerce.order_cancelled"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class OrderPaid(_OfAnOrder):
    """Its source says that all of it is paid. Told besides that it came in or changed."""

    kind: ClassVar[str] = "commerce.order_paid"
    version: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class GoodsReturned(Notice):
    """Goods came back, for an order or for none that the return names."""

    goods_return: int
    order: int | None
    customer: int | None

    kind: ClassVar[str] = "commerce.goods_returned"
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """In order per customer; per return where it is a guest's."""
        return f"return:{self.goods_return}" if self.customer is None else f"customer:{self.customer}"


@dataclass(frozen=True, kw_only=True)
class ShipmentMoved(Notice):
    """Something became known of a shipment: `state` is where it stands now. Its order may not be on record yet."""

    shipment: int
    order: int | None
    customer: int | None
    state: str

    kind: ClassVar[str] = "commerce.shipment_moved"
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """In order per customer; per order where it is a guest's, per shipment while it has none."""
        if self.customer is not None:
            return f"customer:{self.customer}"
        return f"shipment:{self.shipment}" if self.order is None else f"order:{self.order}"


@dataclass(frozen=True, kw_only=True)
class OrdersImported(Notice):
    """A batch of history came in; who wants the orders reads them from the tables."""

    first_order: int
    last_order: int
    count: int

    kind: ClassVar[str] = "commerce.orders_imported"
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """All imports in one line."""
        return "commerce:imports"


@dataclass(frozen=True, kw_only=True)
class ReturnsImported(Notice):
    """A batch of returns of history came in."""

    first_return: int
    last_return: int
    count: int

    kind: ClassVar[str] = "commerce.returns_imported"
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """All imports in one line."""
        return "commerce:imports"


@dataclass(frozen=True, kw_only=True)
class PricesRecorded(Notice):
    """A batch of prices is on record: `product` where they are all of one. What they are, `prices` is asked."""

    count: int
    product: int | None

    kind: ClassVar[str] = "commerce.prices_recorded"
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """All prices in one line."""
        return "commerce:prices"


@dataclass(frozen=True, kw_only=True)
class StockRecorded(Notice):
    """A batch of levels is on record: `variant` where they are all of one. What they are, `stock` is asked."""

    count: int
    variant: int | None

    kind: ClassVar[str] = "commerce.stock_recorded"
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """All levels in one line."""
        return "commerce:stock"


@dataclass(frozen=True, kw_only=True)
class StockHeld(Notice):
    """Goods are kept for somebody."""

    hold: int

    kind: ClassVar[str] = "commerce.stock_held"
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """In order per hold."""
        return f"hold:{self.hold}"


@dataclass(frozen=True, kw_only=True)
class HoldEnded(Notice):
    """They are not kept any more: `state` says whether they were captured, released, or their time ran out."""

    hold: int
    state: str

    kind: ClassVar[str] = "commerce.hold_ended"
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """In order per hold."""
        return f"hold:{self.hold}"


@dataclass(frozen=True, kw_only=True)
class CatalogueRecorded(Notice):
    """A batch of products and their forms is on record."""

    products: int
    variants: int

    kind: ClassVar[str] = "commerce.catalogue_recorded"
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """The whole catalogue in one line."""
        return "commerce:catalogue"
