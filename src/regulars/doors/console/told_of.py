"""Which record of a person a page was opened by: what staff write down there stands with it, also once they part."""

from collections.abc import Sequence

from django.http import Http404

from regulars.doors.console import identity_words
from regulars.facts.customers import records
from regulars.kit.refusals import Refusal


def number(public_id: str) -> int:
    """The record that the page's address names."""
    try:
        return records.number_of(public_id)
    except Refusal:
        raise Http404 from None


def name(public_id: str, of: Sequence[int]) -> str:
    """What the record is called, where the person has others; empty for a person of one record. A few queries."""
    if len(of) < 2:
        return ""
    called = identity_words.names(records.of(of[0]))
    return called.get(number(public_id), "")
