"""What the warehouse gets of commerce: documents, lines, tenders, shipments, products; money in minor units."""

from regulars.runtime.database.published import PublishedTable

PUBLISHED: tuple[PublishedTable, ...] = (
    PublishedTable(
        name="orders",
        key="order_id",
        noted="commerce_order",
        sql=(
            "SELECT sale.id AS order_id, sale.customer_id, sale.kind, sale.placed_at, sale.placed_on,"
            " channel.code AS channel, store.code AS store, sale.currency, sale.goods_minor, sale.discount_minor,"
            " sale.total_minor, sale.cancelled_at IS NOT NULL AS is_cancelled, sale.origin, sale.shipping_minor,"
            " sale.tax_minor, sale.fees_minor, sale.prices_include_tax, sale.paid_minor, sale.refunded_minor,"
            " sale.differs_minor, NULLIF(sale.state, '') AS state, NULLIF(sale.fulfilment, '') AS fulfilment,"
            " sale.shop_currency, sale.rate, sale.set_off_minor, sale.over_refunded_minor,"
            " sale.lines_differ_minor, sale.tenders_differ_minor, sale.changed_xid"
            " FROM commerce_order AS sale JOIN company_channel AS channel ON channel.id = sale.channel_id"
            " LEFT JOIN company_store AS store ON store.id = sale.store_id"
        ),
        columns={
            "order_id": "int64",
            "customer_id": "int64",
            "kind": "text",
            "placed_at": "timestamp",
            "placed_on": "date",
            "channel": "text",
            "store": "text",
            "currency": "text",
            "goods_minor": "int64",
            "discount_minor": "int64",
            "total_minor": "int64",
            "is_cancelled": "bool",
            "origin": "text",
            "shipping_minor": "int64",
            "tax_minor": "int64",
            "fees_minor": "int64",
            "prices_include_tax": "bool",
            "paid_minor": "int64",
            "refunded_minor": "int64",
            "differs_minor": "int64",
            "state": "text",
            "fulfilment": "text",
            "shop_currency": "text",
            "rate": "decimal",
            "set_off_minor": "int64",
            "over_refunded_minor": "int64",
            "lines_differ_minor": "int64",
            "tenders_differ_minor": "int64",
        },
    ),
    PublishedTable(
        name="lines",
        key="line_id",
        noted="commerce_line",
        # A line changes only with its order, whose stamp is indexed; lines carry none of their own.
        sql=(
            "SELECT line.id AS line_id, line.order_id, line.number, line.product_id, line.quantity, line.unit_price,"
            " line.amount_minor, line.tax_minor, NULLIF(line.sku, '') AS sku, line.is_gift_card,"
            " NULLIF(line.personalisation, '') AS personalisation, sale.changed_xid"
            " FROM commerce_order AS sale JOIN commerce_line AS line ON line.order_id = sale.id"
        ),
        whole=(
            "SELECT id AS line_id, order_id, number, product_id, quantity, unit_price, amount_minor, tax_minor,"
            " NULLIF(sku, '') AS sku, is_gift_card, NULLIF(personalisation, '') AS personalisation FROM commerce_line"
        ),
        columns={
            "line_id": "int64",
            "order_id": "int64",
            "number": "int64",
            "product_id": "int64",
            "quantity": "decimal",
            "unit_price": "decimal",
            "amount_minor": "int64",
            "tax_minor": "int64",
            "sku": "text",
            "is_gift_card": "bool",
            "personalisation": "text",
        },
    ),
    PublishedTable(
        name="tenders",
        key="tender_id",
        noted="commerce_tender",
        # Changes only with its order, as lines do.
        sql=(
            "SELECT tender.id AS tender_id, tender.order_id, tender.kind, tender.state, tender.amount_minor, tender.at,"
            " sale.changed_xid"
            " FROM commerce_order AS sale JOIN commerce_tender AS tender ON tender.order_id = sale.id"
        ),
        whole="SELECT id AS tender_id, order_id, kind, state, amount_minor, at FROM commerce_tender",
        columns={
            "tender_id": "int64",
            "order_id": "int64",
            "kind": "text",
            "state": "text",
            "amount_minor": "int64",
            "at": "timestamp",
        },
    ),
    PublishedTable(
        name="shipments",
        key="shipment_id",
        noted="commerce_shipment",
        sql=(
            "SELECT shipment.id AS shipment_id, shipment.order_id, shipment.mode, shipment.state, store.code AS store,"
            " NULLIF(shipment.carrier, '') AS carrier, shipment.shipped_at, shipment.promised_from,"
            " shipment.promised_until, shipment.expected_at, shipment.ready_at, shipment.arrived_at,"
            " shipment.changed_xid FROM commerce_shipment AS shipment"
            " LEFT JOIN company_store AS store ON store.id = shipment.store_id"
        ),
        columns={
            "shipment_id": "int64",
            "order_id": "int64",
            "mode": "text",
            "state": "text",
            "store": "text",
            "carrier": "text",
            "shipped_at": "timestamp",
            "promised_from": "timestamp",
            "promised_until": "timestamp",
            "expected_at": "timestamp",
            "ready_at": "timestamp",
            "arrived_at": "timestamp",
        },
    ),
    PublishedTable(
        name="returns",
        key="return_id",
        noted="commerce_return",
        sql=(
            "SELECT back.id AS return_id, back.customer_id, back.order_id, back.returned_at, back.returned_on,"
            " back.currency, back.amount_minor, back.matched_minor, back.shipping_minor, back.tax_minor,"
            " back.money_minor, back.is_void, COALESCE(back.paid_back_minor, back.amount_minor) AS paid_back_minor,"
            " store.code AS store, NULLIF(back.reason, '') AS reason, back.changed_xid FROM commerce_return AS back"
            " LEFT JOIN company_store AS store ON store.id = back.store_id"
        ),
        columns={
            "return_id": "int64",
            "customer_id": "int64",
            "order_id": "int64",
            "returned_at": "timestamp",
            "returned_on": "date",
            "currency": "text",
            "amount_minor": "int64",
            "matched_minor": "int64",
            "shipping_minor": "int64",
            "tax_minor": "int64",
            "money_minor": "int64",
            "is_void": "bool",
            "paid_back_minor": "int64",
            "store": "text",
            "reason": "text",
        },
    ),
    PublishedTable(
        name="return_lines",
        key="return_line_id",
        noted="commerce_return_line",
        # What a return takes back of which line changes with the return alone; what was matched is not given.
        sql=(
            "SELECT line.id AS return_line_id, line.goods_return_id AS return_id, line.number, line.product_id,"
            " line.quantity, line.amount_minor, back.changed_xid FROM commerce_return AS back"
            " JOIN commerce_return_line AS line ON line.goods_return_id = back.id"
        ),
        columns={
            "return_line_id": "int64",
            "return_id": "int64",
            "number": "int64",
            "product_id": "int64",
            "quantity": "decimal",
            "amount_minor": "int64",
        },
    ),
    PublishedTable(
        name="products",
        key="product_id",
        # Attributes as JSON, by their codes.
        sql=(
            "SELECT id AS product_id, ref, title, category, brand, status, attributes::text AS attributes, changed_xid"
            " FROM commerce_product"
        ),
        columns={
            "product_id": "int64",
            **dict.fromkeys(("ref", "title", "category", "brand", "status", "attributes"), "text"),
        },
    ),
    PublishedTable(
        name="variants",
        key="variant_id",
        sql=(
            "SELECT id AS variant_id, product_id, ref, sku, gtin, status, attributes::text AS attributes, changed_xid"
            " FROM commerce_variant"
        ),
        columns={
            "variant_id": "int64",
            "product_id": "int64",
            "ref": "text",
            "sku": "text",
            "gtin": "text",
            "status": "text",
            "attributes": "text",
        },
    ),
    PublishedTable(
        name="prices",
        key="price_id",
        # All that was ever said: of one scope and start the row told last counts.
        sql=(
            "SELECT price.id AS price_id, price.product_id, price.variant_id, store.code AS store,"
            " channel.code AS channel, price.currency, price.list_minor, price.sale_minor, price.valid_from,"
            " price.valid_until, price.is_withdrawn, price.told_at, price.changed_xid FROM commerce_price AS price"
            " LEFT JOIN company_store AS store ON store.id = price.store_id"
            " LEFT JOIN company_channel AS channel ON channel.id = price.channel_id"
        ),
        columns={
            "price_id": "int64",
            "product_id": "int64",
            "variant_id": "int64",
            "store": "text",
            "channel": "text",
            "currency": "text",
            "list_minor": "int64",
            "sale_minor": "int64",
            "valid_from": "timestamp",
            "valid_until": "timestamp",
            "is_withdrawn": "bool",
            "told_at": "timestamp",
        },
    ),
    PublishedTable(
        name="stock",
        key="stock_id",
        sql=(
            "SELECT stock.id AS stock_id, stock.variant_id, store.code AS store, stock.on_hand, stock.held,"
            " stock.reserved, stock.told_at, stock.changed_xid FROM commerce_stock AS stock"
            " JOIN company_store AS store ON store.id = stock.store_id"
        ),
        columns={
            "stock_id": "int64",
            "variant_id": "int64",
            "store": "text",
            "on_hand": "decimal",
            "held": "decimal",
            "reserved": "decimal",
            "told_at": "timestamp",
        },
    ),
)
