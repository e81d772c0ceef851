// Tells Regulars what changed in this shop: the event and ids, signed. What it is about, Regulars asks for itself.

import { createHmac, randomUUID } from "node:crypto"

const EVENTS = [
  "order.placed", "order.updated", "order.canceled", "order.completed", "order.archived",
  "order.fulfillment_created", "order.fulfillment_canceled",
  "order.return_requested", "order.return_received", "order.claim_created", "order.exchange_created",
  "order.transfer_requested", "order-edit.confirmed",
  "payment.captured", "payment.refunded", "shipment.created", "delivery.created",
  "customer.created", "customer.updated", "customer.deleted",
  "product.created", "product.updated", "product.deleted",
  "product-variant.created", "product-variant.updated", "product-variant.deleted",
  "inventory-level.created", "inventory-level.updated", "inventory-level.deleted",
]

// What the Admin API cannot find by the id that the event carries: where its other id stands.
const ALSO: Record<string, { entity: string; field: string; as: string }> = {
  "payment.captured": { entity: "payment", field: "payment_collection.order.id", as: "order_id" },
  "payment.refunded": { entity: "payment", field: "payment_collection.order.id", as: "order_id" },
  "shipment.created": { entity: "fulfillment", field: "order.id", as: "order_id" },
  "delivery.created": { entity: "fulfillment", field: "order.id", as: "order_id" },
  "product-variant.created": { entity: "product_variant", field: "product_id", as: "product_id" },
  "product-variant.updated": { entity: "product_variant", field: "product_id", as: "product_id" },
  "inventory-level.created": { entity: "inventory_level", field: "inventory_item_id", as: "inventory_item_id" },
  "inventory-level.updated": { entity: "inventory_level", field: "inventory_item_id", as: "inventory_item_id" },
}

const IDS = ["id", "order_id", "return_id", "product_id", "inventory_item_id"]
const WAITS = [0, 1000, 5000, 30000]

function secret(): Buffer | string {
  const told = process.env.REGULARS_SECRET ?? ""
  return told.startsWith("whsec_") ? Buffer.from(told.slice(6), "base64") : told
}

async function post(url: string, id: string, body: string): Promise<void> {
  let why = ""
  for (const wait of WAITS) {
    await new Promise((go) => setTimeout(go, wait))
    const sent = Math.floor(Date.now() / 1000).toString()
    const signature = createHmac("sha256", secret()).update(`${id}.${sent}.${body}`).digest("base64")
    try {
      const reply = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "webhook-id": id,
          "webhook-timestamp": sent,
          "webhook-signature": `v1,${signature}`,
        },
        body,
        signal: AbortSignal.timeout(10000),
      })
      if (reply.ok) return
      why = `it answered ${reply.status}`
      if (reply.status === 404 || reply.status === 413) break
    } catch (problem) {
      why = String(problem)
    }
  }
  throw new Error(`Regulars was not told: ${why}`)
}

export default async function tellRegulars({ event, container }: any): Promise<void> {
  const url = process.env.REGULARS_HOOK_URL
  const logger = container.resolve("logger")
  if (!url || !process.env.REGULARS_SECRET) {
    logger.warn("REGULARS_HOOK_URL and REGULARS_SECRET are not set: Regulars is told nothing")
    return
  }
  const data: Record<string, string> = {}
  for (const name of IDS) if (typeof event.data?.[name] === "string") data[name] = event.data[name]
  const also = ALSO[event.name]
  if (also && !data[also.as] && data.id) {
    try {
      const query = container.resolve("query")
      const found = await query.graph({ entity: also.entity, fields: ["id", also.field], filters: { id: data.id } })
      const other = also.field.split(".").reduce((of: any, step) => of?.[step], found.data[0])
      if (typeof other === "string") data[also.as] = other
    } catch (problem) {
      logger.warn(`Regulars: nobody knows what ${event.name} ${data.id} belongs to: ${problem}`)
    }
  }
  const body = JSON.stringify({ event: event.name, at: new Date().toISOString(), data })
  // The shop does not wait for us; what is not told, Regulars finds when it asks.
  void post(url, `msg_${randomUUID().replaceAll("-", "")}`, body).catch((problem) => logger.warn(problem.message))
}

export const config = { event: EVENTS }
