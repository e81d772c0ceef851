"""Signatures `v1a` of Standard Webhooks: ed25519, so that who checks a message could not have signed it.

The key pair of a secret is reckoned from it with a key that never leaves this machine: it changes when the secret
does, is there in every backup that has the secret, and who was given the secret cannot reckon it.
"""

import base64
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from regulars.runtime.secrets import lookup

_PURPOSE = "webhooks.v1a"


def seed_of(secret: str) -> bytes:
    """The 32 bytes that the secret's key pair grows from. Reads this machine's key."""
    return lookup.digest(_PURPOSE, secret)


def public_key(seed: bytes) -> str:
    """What receivers check with: `whpk_` and the 32 bytes in base64, as the scheme writes them."""
    return "whpk_" + base64.b64encode(_pair(seed).public_key().public_bytes_raw()).decode()


def signature(seed: bytes, message_id: str, at: datetime, body: bytes) -> str:
    """`v1a,` and the signature in base64, over the same text as `v1`: id, whole seconds and body with dots between."""
    signed = f"{message_id}.{int(at.timestamp())}.".encode() + body
    return "v1a," + base64.b64encode(_pair(seed).sign(signed)).decode()


def _pair(seed: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed)
