"""Identifiers that are nobody's: a till's own number, an address typed to be let through. They join nobody."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from regulars.facts.customers import _settling, identity
from regulars.facts.customers.identity import Changed
from regulars.facts.customers.models import Link, Review
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal


class NotBlocked(Refusal):
    """The identifier is not blocked."""

    code = "customers.not_blocked"


@dataclass(frozen=True)
class Blocked:
    """A blocked identifier by its keyed hash (hexadecimal). `kind` is empty and `value` None where nobody knows more:
    a contact stays unreadable. `records` is how many proved it."""

    digest: str
    kind: str
    value: str | None
    records: int


def block(*, digest: str, at: datetime, by: Actor) -> Changed:
    """From now on it joins nobody, and whom it alone made one person are two again. Again changes nothing.

    `digest` is what `identity.digest` says of an identifier.
    """
    with transaction.atomic():
        _settling.lock()
        rules = identity.rules()
        if digest in rules.blocked:
            return Changed((), (), ())
        return identity.set_rules(rules=replace(rules, blocked=rules.blocked | {digest}), at=at, by=by)


def unblock(*, digest: str, at: datetime, by: Actor) -> Changed:
    """It is evidence again. Refused where it was not blocked."""
    with transaction.atomic():
        _settling.lock()
        rules = identity.rules()
        if digest not in rules.blocked:
            raise NotBlocked(_("digest: is not blocked; look at the list again"), field="digest", value=digest[:64])
        return identity.set_rules(rules=replace(rules, blocked=rules.blocked - {digest}), at=at, by=by)


def listed() -> list[Blocked]:
    """Every blocked identifier with what is known of it. Three queries."""
    digests = sorted(identity.rules().blocked)
    raw = [bytes.fromhex(digest) for digest in digests]
    kinds = {
        bytes(digest or b"").hex(): (kind, None, 0)
        for digest, kind in Review.objects.filter(digest__in=raw).values_list("digest", "identifier_kind")
    }
    told = Link.objects.filter(digest__in=raw, revokes=None).values_list("digest", "kind", "value")
    proved = {
        bytes(digest).hex(): (kind, value, count)
        for digest, kind, value, count in told.annotate(count=Count("record_id", distinct=True))
    }
    known = {**kinds, **proved}
    return [Blocked(digest, *known.get(digest, ("", None, 0))) for digest in digests]
