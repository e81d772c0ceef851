"""Whether a message is from our module in the shop: signed by the Standard Webhooks scheme. Pure.

`webhook-signature` holds `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, with the secret's bytes: those of
its text, or what stands in base64 behind `whsec_`. A message only hints at what to ask the shop for, so an old one that
comes again does no harm; one from another day is refused all the same, for then a clock is wrong.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from regulars.doors.connectors.protocol import About, Forged, Genuine, Hook, Verdict
from regulars.doors.connectors.reading import NotUnderstood, document, instant_or_none, text

_OLDEST, _AHEAD = timedelta(days=1), timedelta(minutes=10)


def verify(hook: Hook, keys: Sequence[str], about: About, now: datetime) -> Verdict:
    """What to think of it. The event's id makes it the same when the module tries again."""
    number = hook.headers.get("webhook-id", "")
    sent = hook.headers.get("webhook-timestamp", "")
    told = hook.headers.get("webhook-signature", "").split()
    if not number or not sent or not told:
        return Forged("unsigned")
    signed = f"{number}.{sent}.".encode() + hook.body
    # Every key and signature is tried, so that how long it takes tells nothing.
    good = [hmac.compare_digest(_signature(key, signed), one) for key in keys for one in told if one.isascii()]
    if not any(good):
        return Forged("bad_signature")
    if not sent.isascii() or not sent.isdigit() or len(sent) > 11:
        return Forged("too_old")
    if not now - _OLDEST <= datetime.fromtimestamp(int(sent), UTC) <= now + _AHEAD:
        return Forged("too_old")
    topic, happened_at = "", None
    try:
        doc = document(hook.body)
        topic = text(doc.get("event"), 120) or ""
        happened_at = instant_or_none(doc.get("at"), about.zone, "at")
    except NotUnderstood:
        # It is kept, and shown with the reason when it is taken.
        pass
    return Genuine(key=number[:200], topic=topic, told_at=happened_at, headers={"webhook-id": number[:200]})


def _signature(key: str, signed: bytes) -> str:
    secret = key.encode()
    if key.startswith("whsec_"):
        try:
            secret = base64.b64decode(key.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            secret = key.encode()
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
