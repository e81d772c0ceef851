"""Public ids: `cus_` and 26 letters of Crockford's base 32 for a random UUID, which tells nobody how many there are."""

import re
from uuid import UUID

from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LETTERS = 26
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)} | {"o": 0, "i": 1, "l": 1}
_PREFIX = re.compile(r"[a-z][a-z0-9]{1,7}", re.ASCII)


class BadId(Refusal):
    """Not a public id of the wanted kind."""

    code = "id.bad"


def public(prefix: str, uuid: UUID) -> str:
    """`prefix`, an underscore, and the UUID's 128 bits in 26 lower-case letters and digits."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"a prefix is 2 to 8 small letters and digits, not {prefix!r}")
    number = uuid.int
    return prefix + "_" + "".join(_ALPHABET[(number >> shift) & 31] for shift in range(5 * (_LETTERS - 1), -1, -5))


def parse(text: str, prefix: str) -> UUID:
    """The UUID of a public id as people type it: in capitals, with O for 0, I or L for 1, blanks around it."""
    tidy = text.strip().lower() if isinstance(text, str) and len(text) <= 64 else ""
    found, _dash, letters = tidy.rpartition("_")
    if found == prefix and len(letters) == _LETTERS and all(letter in _VALUES for letter in letters):
        number = 0
        for letter in letters:
            number = number * 32 + _VALUES[letter]
        # 26 letters hold 130 bits: a first letter above 7 would name a second spelling of no UUID at all.
        if number < 2**128:
            return UUID(int=number)
    shown = str(text)[:64]
    raise BadId(
        _(
            "id: %(value)r is not an id that starts with %(prefix)s_; copy it whole, with all %(letters)s letters and"
            " digits"
        )
        % {"value": shown, "prefix": prefix, "letters": _LETTERS},
        field="id",
        value=shown,
    )
