"""Whether a message is from the shop: base64 of HMAC-SHA256 over its raw bytes, with the webhook's secret. Pure.

When a webhook is made, WooCommerce first posts an unsigned form, `webhook_id=N`, and wants to hear 200. There is no
time in a signature, and none in most headers; every message is a hint to ask the shop, so an old one does no harm.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

from regulars.doors.connectors.protocol import About, Forged, Genuine, Hook, Ping, Verdict
from regulars.doors.connectors.reading import NotUnderstood, document

_PING = re.compile(rb"webhook_id=\d{1,20}")
_WORTH_KEEPING = (
    "x-wc-webhook-topic",
    "x-wc-webhook-id",
    "x-wc-webhook-delivery-id",
    "x-wc-webhook-source",
)


def verify(hook: Hook, keys: Sequence[str], about: About, now: datetime) -> Verdict:
    """What to think of it.

    X-WC-Webhook-Delivery-ID is made of the webhook and the second alone: two orders that change in one second share it.
    A message is the same when webhook, thing, update time and body are; the delivery's id only tells deletions apart,
    whose bodies hold nothing but the thing's id.
    """
    if _PING.fullmatch(hook.body):
        return Ping()
    signed = hook.headers.get("x-wc-webhook-signature", "")
    if not signed:
        return Forged("unsigned")
    try:
        told = base64.b64decode(signed, validate=True)
    except (binascii.Error, ValueError):
        return Forged("bad_signature")
    # Each key is tried, so that how long it takes tells nothing.
    good = [hmac.compare_digest(hmac.digest(key.encode(), hook.body, hashlib.sha256), told) for key in keys]
    if not any(good):
        return Forged("bad_signature")
    return Genuine(
        key=_key(hook),
        topic=hook.headers.get("x-wc-webhook-topic", "").strip().lower()[:120],
        headers={name: hook.headers[name][:200] for name in _WORTH_KEEPING if name in hook.headers},
    )


def _key(hook: Hook) -> str:
    try:
        doc = document(hook.body)
    except NotUnderstood:
        doc = {}
    modified = doc.get("date_modified_gmt") or hook.headers.get("x-wc-webhook-delivery-id", "")
    return ":".join(str(part)[:100] for part in (hook.headers.get("x-wc-webhook-id", ""), doc.get("id"), modified))
