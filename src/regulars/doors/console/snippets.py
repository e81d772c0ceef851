"""What to put into a shop so that it sends: programs, the same in every language."""

from dataclasses import dataclass
from string import Template
from typing import Any

from django.utils.translation import gettext_lazy as _

PLACE = "WRITE_KEY"

_PAGE = Template("""\
<script>
const regulars = {
  address: '$address/v1/batch',
  writeKey: '$key',
  visitor: localStorage.visitor ??= Array.from(
    crypto.getRandomValues(new Uint32Array(4)), n => n.toString(36)
  ).join('-'),
  send(message) {
    const timestamp = new Date().toISOString()
    const messageId = this.visitor + '.' + timestamp + '.' + Math.random()
    const batch = [
      { ...message, anonymousId: this.visitor, messageId, timestamp }
    ]
    navigator.sendBeacon(this.address, JSON.stringify({
      writeKey: this.writeKey, sentAt: timestamp, batch
    }))
  },
  track(event, properties) {
    this.send({ type: 'track', event, properties })
  }
}
regulars.send({ type: 'page', properties: { title: document.title } })
</script>""")
_ANALYTICS_JS = Template("""\
// npm install @segment/analytics-next
import { AnalyticsBrowser } from '@segment/analytics-next'

const analytics = AnalyticsBrowser.load({ writeKey: '$key', cdnURL: '$address' })
analytics.page()
analytics.track('Product Viewed', { product_id: 'tea-01', name: 'Jasmine tea', price: 12.5, currency: 'GBP' })""")
_PYTHON = Template("""\
# pip install segment-analytics-python
from segment.analytics.client import Client

client = Client('$key', host='$address')
client.track('li-1', 'Product Viewed', {'product_id': 'tea-01', 'price': 12.5, 'currency': 'GBP'})
client.shutdown()""")
_NODE = Template("""\
// npm install @segment/analytics-node
import { Analytics } from '@segment/analytics-node'

const analytics = new Analytics({ writeKey: '$key', host: '$address' })
analytics.track({
  userId: 'li-1',
  event: 'Product Viewed',
  properties: { product_id: 'tea-01', price: 12.5, currency: 'GBP' }
})
await analytics.closeAndFlush()""")
_CURL = Template("""\
curl $address/v1/track -u '$key:' -H 'X-Strict-Mode: 1' \\
  -d '{"userId": "li-1", "event": "Product Viewed", "properties": {"product_id": "tea-01"}}'""")


@dataclass(frozen=True)
class Snippet:
    """A program and where it goes."""

    title: Any
    code: str


def ready_made(*, address: str, token: str) -> list[Snippet]:
    """The programs for this server, with the key where it is known. `address` is the server's, without a last slash."""
    told = {"address": address, "key": token or PLACE}
    programs = (
        (_("Any web page"), _PAGE),
        (_("A website, with analytics.js"), _ANALYTICS_JS),
        ("Python", _PYTHON),
        ("Node", _NODE),
        ("curl", _CURL),
    )
    return [Snippet(title, program.substitute(told)) for title, program in programs]
