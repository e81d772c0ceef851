"""Whether a message is from whom we gave the secret: the Standard Webhooks scheme. Pure.

HMAC-SHA256 over id, time and raw body; `webhook-signature` may hold several, with blanks between, and one that is good
is enough. A message of more than five minutes ago, or ahead, is not believed: whoever has written one down cannot send
it again later. A sender that tries again signs anew, with the same id.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from regulars.doors.connectors.protocol import About, Forged, Genuine, Hook, Verdict

#: How far the sender's clock may be from ours.
SKEW = timedelta(minutes=5)
_SCHEME, _PREFIX = "v1", "whsec_"


def verify(hook: Hook, keys: Sequence[str], about: About, now: datetime) -> Verdict:
    """What to think of it. Its `webhook-id` makes it the same when it is sent again."""
    told = {name: hook.headers.get(f"webhook-{name}", "").strip() for name in ("id", "timestamp", "signature")}
    if not all(told.values()) or len(told["id"]) > 200:
        return Forged("unsigned")
    if not (told["timestamp"].isascii() and told["timestamp"].isdigit() and len(told["timestamp"]) <= 12):
        return Forged("bad_time")
    away = timedelta(seconds=int(told["timestamp"]) - int(now.timestamp()))
    signed = f"{told['id']}.{told['timestamp']}.".encode("utf-8", "surrogatepass") + hook.body
    wanted = [base64.b64encode(hmac.digest(_key(key), signed, hashlib.sha256)).decode() for key in keys]
    given = [one.partition(",")[2] for one in told["signature"].split() if one.startswith(f"{_SCHEME},")]
    # Each is compared with each, so that how long it takes tells nothing.
    good = [hmac.compare_digest(one.encode(), other.encode()) for one in given[:10] for other in wanted]
    if not any(good):
        return Forged("bad_signature")
    if abs(away) > SKEW:
        return Forged("too_old" if away < timedelta(0) else "too_early")
    return Genuine(
        key=told["id"],
        topic="items",
        told_at=datetime.fromtimestamp(int(told["timestamp"]), UTC),
        headers={f"webhook-{name}": told[name][:200] for name in ("id", "timestamp")},
    )


def _key(secret: str) -> bytes:
    """As libraries of the scheme read it: base64 after its prefix; else the text itself."""
    text = secret.removeprefix(_PREFIX)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return secret.encode()
