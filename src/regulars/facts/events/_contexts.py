"""Contexts in which surely nothing is personal: one visit's browser, library and campaign come with all its messages,
so what was looked through once is known by its text. Only the page is another one each time. Pure."""

import msgspec

from regulars.facts.events import personal
from regulars.facts.events._wire import DECODER, No

#: Texts around a page, or whole contexts without one, in which nothing is personal.
_PLAIN: set[tuple[bytes, bytes]] = set()
_MOST_KNOWN = 4_000
_LONGEST_KNOWN = 2_000
_PAGE, _ENDS = b'"page":', b"}"


class Page(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A page as the usual clients tell it: texts under names that speak of no person, and nothing else."""

    path: str | None = None
    referrer: str | None = None
    search: str | None = None
    title: str | None = None
    url: str | None = None
    tab_url: str | None = None
    referring_domain: str | None = None
    initial_referrer: str | None = None
    initial_referring_domain: str | None = None


_page = msgspec.json.Decoder(Page).decode


def is_plain(text: bytes) -> bool:
    """Whether surely nothing in the context, an object of JSON, is personal. False says nothing."""
    # A page that has objects or a brace within is cut off here, and is no JSON then.
    before, told, rest = text.partition(_PAGE)
    page, ends, after = rest.partition(_ENDS)
    around = before, after
    is_known, page = around in _PLAIN, page + ends
    if is_known and (not told or (personal.holds_no_contact(page) and _is_page(page))):
        # What stands around the page, or all of it where there is none, was looked through before.
        return True
    if not personal.holds_no_contact(text):
        if personal.may_hold_contact(text):
            return False
        if personal.BACKSLASH in text:
            # What was passed over may have escapes that are none.
            return _is_plain(text)
    is_page = not told or _is_page(page)
    if is_page and is_known:
        return True
    found = _is_plain(text)
    if found and is_page and len(text) <= _LONGEST_KNOWN:
        if len(_PLAIN) >= _MOST_KNOWN:
            _PLAIN.clear()
        _PLAIN.add(around)
    return found


def _is_page(text: bytes) -> bool:
    try:
        _page(text)
    except msgspec.DecodeError:
        return False
    return True


def _is_plain(text: bytes) -> bool:
    try:
        told = DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError, RecursionError, No):
        # Read again with the whole message, which knows how to mend it or what to say.
        return False
    if not isinstance(told, dict):
        return False
    if personal.has_plain_names(told):
        return True
    # A name such as `mobile`, which Chrome says of itself, may have a value that tells nothing.
    try:
        left, taken = personal.take_out("context", told, has_address=False)
    except personal.Unkeepable:
        return False
    return left is told and not taken
