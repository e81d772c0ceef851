"""rudder-sdk-python as a shop's server uses it. `python rudder_python.py '{"address": …}'`."""

import json
import sys
from datetime import datetime

from rudderstack.analytics.client import Client

told = json.loads(sys.argv[1])
failed: list[str] = []
client = Client(
    told["key"],
    host=told["address"],
    on_error=lambda error, batch: failed.append(f"{len(batch)} messages: {error}"),
    upload_size=told["batch"],
    upload_interval=0.05,
    timeout=told["timeout"],
)

if told["what"] == "calls":
    calls = told["calls"]
    client.identify(calls["user"], calls["traits"])
    client.track(calls["user"], "Product Viewed", calls["properties"])
    client.track(calls["user"], "Store Visited", {"store": "xuhui"}, timestamp=datetime.fromisoformat(calls["before"]))
    client.page(calls["user"], name="Home", category="Shop", properties={"section": "spring"})
    client.screen(calls["user"], name="Basket", properties={"lines": 2})
    client.group(calls["user"], "club-7", {"level": "gold"})
    client.alias(calls["device"], calls["user"])
else:
    for number in range(told["count"]):
        client.track("li-wei", "Storm Weathered", {"number": number})

client.shutdown()
print(json.dumps({"failed": failed}))
