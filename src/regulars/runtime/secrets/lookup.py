"""Finding sealed values without opening any: keyed hashes, equal for equal values, useless without the key."""

import hashlib
import hmac

from regulars.runtime.secrets._master import lookup_key


def digest(kind: str, normalised: str) -> bytes:
    """HMAC-SHA-256 (32 bytes) of a value in the one form it is compared in. `kind` keeps a phone and a name apart.

    A bare hash would not do: there are few enough phone numbers to try them all.
    """
    return hmac.digest(lookup_key(), f"{kind}\x00{normalised}".encode(), hashlib.sha256)


def key_of(purpose: str) -> bytes:
    """32 bytes of its own for each purpose, for who makes very many hashes and keeps the key in memory for that."""
    return hmac.digest(lookup_key(), f"key\x00{purpose}".encode(), hashlib.sha256)
