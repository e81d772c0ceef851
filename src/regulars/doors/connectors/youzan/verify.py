"""Whether a message is from Youzan: MD5 over client id, the raw body and the client secret, in `Event-Sign`. Pure.

That is how Youzan signs, and no keyed hash: whoever knows the secret can sign, nobody else should be able to. Older
messages carry `sign` in the body instead, over client id, `msg` as it stands there and the secret. There is no time in
either; what a message says is asked for again, so that an old one that comes again does no harm.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from regulars.doors.connectors.protocol import About, Forged, Genuine, Hook, Ping, Verdict
from regulars.doors.connectors.reading import Document, NotUnderstood, document, text
from regulars.doors.connectors.youzan.translate import happened_at, signed_text

_SKEW = timedelta(minutes=10)


def verify(hook: Hook, keys: Sequence[str], about: About, now: datetime) -> Verdict:
    """What to think of it. `msg_id` makes it the same when it is sent again."""
    client = str(about.settings.get("client_id", "")).encode()
    told = hook.headers.get("event-sign", "").strip().lower()
    doc: Document = {}
    try:
        doc = document(hook.body)
    except NotUnderstood:
        if not told:
            return Forged("unsigned")
    signed = hook.body
    if not told:
        told = (text(doc.get("sign"), 64) or "").lower()
        signed = signed_text(doc).encode()
    if not told or not told.isascii():
        return Forged("unsigned")
    # Each key is tried, so that how long it takes tells nothing.
    good = [hmac.compare_digest(_md5(client + signed + key.encode()), told) for key in keys]
    if not any(good):
        return Forged("bad_signature")
    # One app may serve several shops, all signed with its one secret.
    shops = {str(doc.get("kdt_id", "")), str(doc.get("root_kdt_id", ""))}
    if str(about.settings.get("kdt_id", "")) not in shops and doc:
        return Forged("other_shop")
    if doc.get("test") is True:
        return Ping()
    topic = text(doc.get("type"), 120) or text(hook.headers.get("event-type"), 120) or ""
    made_at = happened_at(doc)
    if made_at is not None and made_at > now + _SKEW:
        made_at = None
    number = text(doc.get("msg_id"), 120) or f"{topic}:{doc.get('id')}:{doc.get('version')}"[:200]
    return Genuine(key=number, topic=topic, told_at=made_at, headers={"event-type": topic})


def _md5(signed: bytes) -> str:
    # Nothing of ours rests on it: it is the platform's own scheme.
    return hashlib.md5(signed, usedforsecurity=False).hexdigest()
