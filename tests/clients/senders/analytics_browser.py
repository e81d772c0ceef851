"""@segment/analytics-next in a real Chromium, on a page of another origin. `python analytics_browser.py '{…}'`."""

import json
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Response, sync_playwright

PAGE = b"""<!doctype html><meta charset="utf-8"><title>A shop</title><link rel="icon" href="data:,">
<script src="/node_modules/@segment/analytics-next/dist/umd/index.js"></script>"""

LOAD = """async ({key, address, isBatching}) => {
  window.failed = []
  const batching = { strategy: 'batching', config: { size: 10, timeout: 300 } }
  const options = isBatching ? { integrations: { 'Segment.io': { deliveryStrategy: batching } } } : {}
  window.analytics = AnalyticsNext.AnalyticsBrowser.load({ writeKey: key, cdnURL: address }, options)
  const [instance] = await window.analytics
  instance.on('error', (error) => window.failed.push(String(error.reason ?? error.code)))
}"""
CALLS = """async ({user, device, traits, properties, before}) => {
  await analytics.identify(user, traits)
  await analytics.track('Product Viewed', properties)
  await analytics.track('Store Visited', { store: 'xuhui' }, { timestamp: new Date(before) })
  await analytics.page('Shop', 'Home', { section: 'spring' })
  await analytics.screen('Shop', 'Basket', { lines: 2 })
  await analytics.group('club-7', { level: 'gold' })
  await analytics.alias(user, device)
  return 7
}"""
MANY = """async (count) => {
  await analytics.identify('li-wei')
  for (let number = 0; number < count; number += 1) await analytics.track('Storm Weathered', { number })
  return count + 1
}"""


class Pages(SimpleHTTPRequestHandler):
    """The page at `/`, and the packages."""

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


told = json.loads(sys.argv[1])
server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=Path(told["packages"])))
threading.Thread(target=server.serve_forever, daemon=True).start()
said: list[str] = []
taken = 0


def count(answer: Response) -> None:
    """The messages of a request that was answered 200."""
    global taken
    if (answer.request.method, answer.status) == ("POST", 200):
        taken += len(answer.request.post_data_json.get("batch", [None]))


with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=told["chromium"],
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
    )
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.on("response", count)
    page.on("request", lambda one: said.append(one.url) if "//127.0.0.1:" not in one.url else None)
    page.goto(f"http://127.0.0.1:{server.server_port}/")
    page.evaluate(LOAD, {name: told[name] for name in ("key", "address", "isBatching")})
    wanted = page.evaluate(CALLS, told["calls"]) if told["what"] == "calls" else page.evaluate(MANY, told["count"])
    # The library says nothing when it is done: each message ends with one 200 that the browser has seen.
    end = time.monotonic() + told["patience"]
    while taken < wanted and time.monotonic() < end:
        page.wait_for_timeout(50)
    if taken != wanted:
        said.append(f"{wanted} messages and {taken} of them answered")
    failed = page.evaluate("window.failed")
    browser.close()
print(json.dumps({"failed": failed, "said": said}))
