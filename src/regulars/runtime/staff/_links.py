"""One-time links: made, looked at, spent. The secret itself is never stored."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db.models import Q

from regulars.runtime.staff.models import OneTimeLink

LIFE = {
    OneTimeLink.Purpose.FIRST_OPERATOR: timedelta(hours=24),
    OneTimeLink.Purpose.INVITATION: timedelta(days=7),
    OneTimeLink.Purpose.NEW_PASSWORD: timedelta(hours=1),
}


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def make(purpose: OneTimeLink.Purpose, *, operator_id: int | None, at: datetime) -> str:
    """A fresh secret of 256 random bits; the same person's earlier links of this purpose stop working."""
    whose = Q(operator=None) if operator_id is None else Q(operator_id=operator_id)
    OneTimeLink.objects.filter(whose, purpose=purpose, used_at=None).update(used_at=at)
    token = secrets.token_urlsafe(32)
    OneTimeLink.objects.create(
        digest=_digest(token), purpose=purpose, operator_id=operator_id, expires_at=at + LIFE[purpose]
    )
    return token


def void(*, operator_id: int, at: datetime) -> None:
    """Every open link of this operator stops working."""
    OneTimeLink.objects.filter(operator_id=operator_id, used_at=None).update(used_at=at)


def open_link(token: str, *, at: datetime) -> OneTimeLink | None:
    """The link behind `token` if it could still be spent. Spends nothing."""
    return OneTimeLink.objects.filter(digest=_digest(token), used_at=None, expires_at__gt=at).first()


def spend(token: str, purposes: set[OneTimeLink.Purpose], *, at: datetime) -> OneTimeLink | None:
    """The link, now spent; None if it is unknown, spent, expired or for something else.

    One conditional UPDATE: of two who come at once the second waits for the first's commit and finds nothing left.
    """
    spent = OneTimeLink.objects.filter(
        digest=_digest(token), purpose__in=purposes, used_at=None, expires_at__gt=at
    ).update(used_at=at)
    return OneTimeLink.objects.get(digest=_digest(token)) if spent else None
