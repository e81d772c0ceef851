"""`v1a`: checked with the public key alone, as the scheme says, by nothing of ours."""

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from regulars.kit.actors import SYSTEM
from regulars.oversight.outbound import _asymmetric, _sending, endpoints
from regulars.oversight.outbound._asymmetric import seed_of
from regulars.oversight.outbound._queues import Claimed
from regulars.oversight.outbound._sending import Letter

AT = datetime(2026, 3, 2, 10, 0, 0, 600_000, tzinfo=UTC)
NEW, OLD = "whsec_" + "a" * 32, "whsec_" + "b" * 32
BODY = '{"type":"commerce.order_recorded","data":{"order_id":"ord_1","title":"茶"}}'.encode()


def headers(*secrets: str) -> dict[str, str]:
    """As the sender writes them."""
    claimed = Claimed(1, UUID(int=0), 1, 1, None, "msg_1", 1, AT, "https://erp.example.com/", "whe_1")
    letter = Letter(claimed, BODY, secrets, tuple(seed_of(one) for one in secrets))
    at = datetime.now(UTC)
    told = {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp()))}
    return {**told, "webhook-signature": _sending.signature(letter, at)}


def is_good(sent: dict[str, str], public: str, body: bytes = BODY) -> bool:
    """What a receiver does that knows the scheme's text and an ed25519."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    signed = b".".join([sent["webhook-id"].encode(), sent["webhook-timestamp"].encode(), body])
    for one in sent["webhook-signature"].split(" "):
        version, _, signature = one.partition(",")
        if version == "v1a":
            try:
                key.verify(base64.b64decode(signature), signed)
            except InvalidSignature:
                continue
            return True
    return False


def public(secret: str) -> str:
    return _asymmetric.public_key(seed_of(secret))


def test_the_public_key_checks_it_and_nothing_else_does():
    sent = headers(NEW)
    assert is_good(sent, public(NEW))
    assert not is_good(sent, public(OLD))
    assert not is_good(sent, public(NEW), BODY + b" ")
    assert not is_good({**sent, "webhook-id": "msg_2"}, public(NEW))


def test_while_the_secret_changes_both_keys_check_it_and_the_library_still_reads_v1():
    sent = headers(NEW, OLD)
    assert [one.partition(",")[0] for one in sent["webhook-signature"].split(" ")] == ["v1", "v1", "v1a", "v1a"]
    assert is_good(sent, public(NEW))
    assert is_good(sent, public(OLD))
    for secret in (NEW, OLD):
        assert Webhook(secret).verify(BODY, sent)["type"] == "commerce.order_recorded"


@pytest.mark.django_db
def test_who_knows_the_secret_alone_cannot_reckon_the_key_and_another_machine_has_another(monkeypatch):
    made = endpoints.make(name="erp", url="https://erp.example.com/", at=AT, by=SYSTEM)
    [[mine]] = endpoints.public_keys_of([made.endpoint.id], AT).values()
    assert mine == public(made.secret)
    assert endpoints.rotate(endpoint=made.endpoint.id, at=AT, by=SYSTEM).secret != made.secret
    [both] = endpoints.public_keys_of([made.endpoint.id], AT + timedelta(hours=1)).values()
    assert (len(both), both[1]) == (2, mine)
    monkeypatch.setattr("regulars.runtime.secrets.lookup.lookup_key", lambda: b"x" * 32)
    assert public(made.secret) != mine
