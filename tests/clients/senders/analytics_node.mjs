// @segment/analytics-node as a shop's server uses it. `node analytics_node.mjs '{"address": …}'`.

import { createRequire } from 'node:module'

const told = JSON.parse(process.argv[2])
const { Analytics } = createRequire(`${told.packages}/`)('@segment/analytics-node')
const failed = []
const client = new Analytics({
  writeKey: told.key,
  host: told.address,
  flushAt: told.batch,
  flushInterval: 50,
  httpRequestTimeout: told.timeout * 1000,
})
client.on('error', (error) => failed.push(String(error.reason ?? error.code)))

if (told.what === 'calls') {
  const { user: userId, device, traits, properties, before } = told.calls
  client.identify({ userId, traits })
  client.track({ userId, event: 'Product Viewed', properties })
  client.track({ userId, event: 'Store Visited', properties: { store: 'xuhui' }, timestamp: new Date(before) })
  client.page({ userId, name: 'Home', category: 'Shop', properties: { section: 'spring' } })
  client.screen({ userId, name: 'Basket', properties: { lines: 2 } })
  client.group({ userId, groupId: 'club-7', traits: { level: 'gold' } })
  client.alias({ userId, previousId: device })
} else {
  for (let number = 0; number < told.count; number += 1) {
    client.track({ userId: 'li-wei', event: 'Storm Weathered', properties: { number } })
  }
}

await client.closeAndFlush({ timeout: told.patience * 1000 })
console.log(JSON.stringify({ failed }))
