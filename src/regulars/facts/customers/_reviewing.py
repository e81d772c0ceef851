"""Keeps the open questions in line with who is who: opened by what rules keep apart, closed by what was decided."""

from collections.abc import Collection

from django.db.models import Q
from django.db.models.functions import Now

from regulars.facts.customers import _worn
from regulars.facts.customers.models import Decision, Review
from regulars.facts.customers.projecting import Decided, People, latest, verdict

#: Kinds that the evidence itself asks; they go when it asks no more. The others wait for a decision.
BY_EVIDENCE = ("new_owner", "too_many", "too_large", "contradicted", "torn", "nothing_else")

#: A question about an identifier that too many use, not about the two records that name it.
ABOUT_AN_IDENTIFIER = "worn"


def follow(records: Collection[int], people: People) -> None:
    """Bring the questions about these records in line with who they are now. A few queries whatever the number.

    Their times are the clock's: evidence of years ago may be told today, and is asked about today.
    """
    asked = {(one.one, one.other, one.why, one.identifier.digest): one for one in people.conflicts}
    there = {
        (review.one_id, review.other_id, review.kind, bytes(review.digest or b"").hex()): review
        for review in Review.objects.filter(Q(one_id__in=records) | Q(other_id__in=records))
    }
    apart = {frozenset((people.person[one], people.person[other])) for one, other in _kept_apart(records)}
    changed: list[Review] = []
    for key, review in there.items():
        if review.one_id not in people.person or review.other_id not in people.person:
            continue
        if review.kind == ABOUT_AN_IDENTIFIER:
            continue
        state = review.state
        if people.person[review.one_id] == people.person[review.other_id]:
            state = "joined"
        elif frozenset((people.person[review.one_id], people.person[review.other_id])) in apart:
            state = "apart"
        elif review.kind in BY_EVIDENCE:
            state = "open" if key in asked else "gone"
        elif state in ("joined", "apart"):
            state = "open"
        if state != review.state:
            review.state = state
            if state == "open":
                review.opened_at, review.decided_at = Now(), None
            else:
                review.decided_at = Now()
            changed.append(review)
    Review.objects.bulk_update(changed, ["state", "opened_at", "decided_at"])
    Review.objects.bulk_create(
        [
            Review(
                kind=one.why,
                one_id=one.one,
                other_id=one.other,
                identifier_kind=one.identifier.kind,
                digest=bytes.fromhex(one.identifier.digest),
            )
            for key, one in asked.items()
            if key not in there
        ],
        ignore_conflicts=True,
    )
    _worn.note([(one.kind, bytes.fromhex(one.digest)) for one in people.worn])


def _kept_apart(records: Collection[int]) -> set[tuple[int, int]]:
    rows = Decision.objects.filter(one_id__in=records, other_id__in=records)
    decided = latest(Decided(row.one_id, row.other_id, verdict(row.verdict), row.at) for row in rows)
    return {pair for pair, one in decided.items() if one.verdict == "apart"}
