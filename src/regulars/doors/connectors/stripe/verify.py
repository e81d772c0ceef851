"""Whether a message is Stripe's: hexadecimal HMAC-SHA256 over its time, a dot and the raw body, with the endpoint's
secret as it is written (`whsec_` included). Pure.

`Stripe-Signature: t=…,v1=…,v1=…`: several while the secret is changed, and one that is good is enough. A message signed
more than five minutes ago is not believed; who tries again signs anew. The event's id makes it the same.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from regulars.doors.connectors.protocol import About, Forged, Genuine, Hook, Verdict

SKEW = timedelta(minutes=5)


def verify(hook: Hook, keys: Sequence[str], about: About, now: datetime) -> Verdict:
    """What to think of it."""
    told = [one.strip().partition("=") for one in hook.headers.get("stripe-signature", "").split(",")]
    times = [value for name, _, value in told if name == "t"]
    given = [value for name, _, value in told if name == "v1"][:10]
    if len(times) != 1 or not given:
        return Forged("unsigned")
    if not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12):
        return Forged("bad_time")
    signed = times[0].encode() + b"." + hook.body
    wanted = [hmac.digest(key.encode(), signed, hashlib.sha256).hex() for key in keys]
    # Each is compared with each, so that how long it takes tells nothing.
    good = [
        hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode()) for one in given for other in wanted
    ]
    if not any(good):
        return Forged("bad_signature")
    away = timedelta(seconds=int(times[0]) - int(now.timestamp()))
    if abs(away) > SKEW:
        return Forged("too_old" if away < timedelta(0) else "too_early")
    kind, number = _named(hook.body)
    return Genuine(key=number, topic=kind, told_at=datetime.fromtimestamp(int(times[0]), UTC))


def _named(body: bytes) -> tuple[str, str]:
    """What it is called, and its number; read only after it is believed."""
    try:
        told = json.loads(body)
    except ValueError:
        return "", ""
    if not isinstance(told, dict):
        return "", ""
    return str(told.get("type", ""))[:120], str(told.get("id", ""))[:200]
