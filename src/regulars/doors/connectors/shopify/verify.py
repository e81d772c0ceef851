"""Whether a message is from the shop: base64 of HMAC-SHA256 over its raw bytes, with the app's client secret. Pure.

After a rotation Shopify may sign with the old secret for up to an hour, so both are tried. There is no time in the
signature: a message that is sent again years later is genuine, and stale by its update time.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from regulars.doors.connectors.protocol import About, Forged, Genuine, Hook, Verdict
from regulars.doors.connectors.reading import NotUnderstood, instant_or_none

#: What Shopify says of a message beside its body, worth keeping: none of it is personal.
_WORTH_KEEPING = (
    "x-shopify-webhook-id",
    "x-shopify-event-id",
    "x-shopify-triggered-at",
    "x-shopify-api-version",
    "x-shopify-topic",
)
#: A message from so far ahead has a clock that is wrong; its time is not written down.
_SKEW = timedelta(minutes=10)


def verify(hook: Hook, keys: Sequence[str], about: About, now: datetime) -> Verdict:
    """What to think of it. The delivery's id makes it the same when it is tried again, whatever the event's id."""
    signed = hook.headers.get("x-shopify-hmac-sha256", "")
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
    # One app may be in several shops, all signed with its one secret.
    if hook.headers.get("x-shopify-shop-domain", "").strip().lower() != about.settings.get("shop"):
        return Forged("other_shop")
    topic = hook.headers.get("x-shopify-topic", "").strip().lower()[:120]
    try:
        triggered_at = instant_or_none(hook.headers.get("x-shopify-triggered-at"), about.zone, "triggered_at")
    except NotUnderstood:
        triggered_at = None
    if triggered_at is not None and triggered_at > now + _SKEW:
        triggered_at = None
    return Genuine(
        key=hook.headers.get("x-shopify-webhook-id", "")[:200],
        topic=topic,
        told_at=triggered_at,
        headers={name: hook.headers[name][:200] for name in _WORTH_KEEPING if name in hook.headers},
    )
