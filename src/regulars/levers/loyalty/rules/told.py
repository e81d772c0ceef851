"""What a programme's file says, read key by key: what is unknown or unreadable is refused, with the mend."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from regulars.kit.refusals import Refusal
from regulars.kit.texts import translated as _

LANGUAGES = ("en", "zh")
_NAME = re.compile("[a-z][a-z0-9_]*")
#: More digits than any amount or number of points has.
_LARGEST = Decimal(10**12)


class BadProgramme(Refusal):
    """A programme's file says what means nothing or may not be. `facts`: `field`, its place in the file; `value`;
    `mend`, what to write instead."""

    code = "programmes.bad"


def bad(field: str, value: object, mend: str) -> BadProgramme:
    """Why what is said at `field` may not stand, with the mend."""
    shown = str(value)[:80]
    words = (
        _("%(field)s: nothing is written here; %(mend)s")
        if value is None
        else _("%(field)s: %(value)s is not possible here; %(mend)s")
    )
    return BadProgramme(
        words % {"field": field, "value": repr(shown), "mend": mend},
        field=field,
        value=shown,
        mend=mend,
    )


class Told:
    """One object of the file; `where` names it in refusals. Every key has to be asked for before `done`."""

    def __init__(self, told: object, where: str) -> None:
        if not isinstance(told, Mapping):
            raise bad(where or "file", told, _("write names and values below it"))
        self._told = {str(key): value for key, value in told.items()}
        self._asked: set[str] = set()
        self.where = where

    def at(self, key: str) -> str:
        """The place of a key, as refusals name it."""
        return f"{self.where}.{key}" if self.where else key

    def has(self, key: str) -> bool:
        """Whether the key is there and says something."""
        self._asked.add(key)
        return self._told.get(key) is not None

    def raw(self, key: str) -> object:
        """What stands there, None where nothing does."""
        self._asked.add(key)
        return self._told.get(key)

    def bad(self, key: str, mend: str) -> BadProgramme:
        """A refusal of what stands at the key."""
        return bad(self.at(key), self._told.get(key), mend)

    def done(self, also: Iterable[str] = ()) -> None:
        """Refuse keys that nobody asked for."""
        known = self._asked | set(also)
        for key in self._told:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                mend = (
                    _("did you mean %(name)s?") % {"name": near[0]}
                    if near
                    else _("use one of %(names)s") % {"names": ", ".join(sorted(known))}
                )
                raise bad(self.at(key), key, mend)

    def under(self, key: str) -> "Told":
        """The object below a key; an empty one where nothing is said."""
        value = self.raw(key)
        return Told({} if value is None else value, self.at(key))

    def each(self, key: str) -> list["Told"]:
        """The objects of a list; none where nothing is said."""
        value = self.raw(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.bad(key, _("write a list"))
        return [Told(one, f"{self.at(key)}[{place}]") for place, one in enumerate(value)]

    def name(self, key: str = "id", default: str | None = None) -> str:
        """A short name, which stays: small letters, digits and underscores, a letter first."""
        name = self.text(key, default, longest=40)
        if not _NAME.fullmatch(name):
            raise self.bad(key, _("use small letters, digits and underscores"))
        return name

    def text(self, key: str, default: str | None = None, *, longest: int = 120) -> str:
        """A text; refused where it is missing and has no default."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value.strip() or len(value) > longest:
            raise self.bad(key, _("write a text of 1 to %(longest)s characters") % {"longest": longest})
        return value.strip()

    def one_of(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        """One of some words."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or value not in choices:
            near = difflib.get_close_matches(str(value), choices, n=1)
            mend = (
                _("did you mean %(name)s?") % {"name": near[0]}
                if near
                else _("use one of %(names)s") % {"names": ", ".join(choices)}
            )
            raise self.bad(key, mend)
        return value

    def words(self, key: str, choices: Collection[str] | None = None) -> tuple[str, ...]:
        """A list of words, or one of them alone; none where nothing is said."""
        value = self.raw(key)
        if value is None:
            return ()
        found = value if isinstance(value, list) else [value]
        for one in found:
            if not isinstance(one, str) or not one or (choices is not None and one not in choices):
                mend = (
                    _("use some of %(names)s") % {"names": ", ".join(choices)}
                    if choices is not None
                    else _("write a list of texts")
                )
                raise self.bad(key, mend)
        return tuple(found)

    def number(self, key: str, default: int | None = None, *, least: int = 0, most: int = 1_000_000_000) -> int:
        """A whole number."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        if type(value) is not int or not least <= value <= most:
            raise self.bad(key, _("write a whole number from %(least)s to %(most)s") % {"least": least, "most": most})
        return value

    def decimal(self, key: str, default: Decimal | None = None, *, least: Decimal = Decimal(0)) -> Decimal:
        """An exact number above `least`, or `least` itself where that is not 0. YAML's numbers with a point are
        inexact: they are written as texts."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        mend = _('write an exact number above 0, with a point in quotes, such as "1.50"')
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self.bad(key, mend)
        try:
            found = Decimal(value)
        except InvalidOperation:
            raise self.bad(key, mend) from None
        if not found.is_finite() or not least <= found <= _LARGEST or (least == 0 and found == 0):
            raise self.bad(key, mend)
        return found

    def percent(self, key: str, default: int | None = None) -> int:
        """A whole percentage from 0 to 100."""
        return self.number(key, default, least=0, most=100)

    def day(self, key: str) -> date | None:
        """A day, None where nothing is said."""
        value = self.raw(key)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                return date.fromisoformat(value)
            except ValueError:
                value = None
        if type(value) is not date:
            raise self.bad(key, _("write a day such as 2027-01-31"))
        return value

    def titles(self, key: str, default: str) -> Mapping[str, str]:
        """What something is called in each language: one text for all, or one under each."""
        value = self.raw(key)
        if value is None:
            return dict.fromkeys(LANGUAGES, default)
        if isinstance(value, str):
            return dict.fromkeys(LANGUAGES, self.text(key))
        under = self.under(key)
        found = {language: under.text(language) for language in LANGUAGES}
        under.done()
        return found

    def yes(self, key: str, *, default: bool = False) -> bool:
        """Yes or no."""
        value = self.raw(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.bad(key, _("write true or false"))
        return value
