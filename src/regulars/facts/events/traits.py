"""What an identify call told of somebody: the parts that belong into their profile, and the rest. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from regulars.facts.customers.profiles import LONGEST, Profile

#: Names of other traits a visitor keeps at most, and how long their values may be.
MOST_TRAITS = 100
LONGEST_TRAIT = 500
_TIDY = str.maketrans("", "", "-_ .")
_FIELDS = {
    **dict.fromkeys(("email", "emailaddress", "mail", "邮箱"), "email"),
    **dict.fromkeys(("phone", "phonenumber", "mobile", "mobilephone", "tel", "telephone"), "phone"),
    **dict.fromkeys(("手机", "手机号", "电话"), "phone"),
    **dict.fromkeys(("firstname", "givenname"), "given_name"),
    **dict.fromkeys(("lastname", "familyname", "surname"), "family_name"),
    **dict.fromkeys(("name", "fullname", "displayname", "姓名"), "display_name"),
    **dict.fromkeys(("birthday", "birthdate", "dateofbirth", "dob", "生日"), "birthday"),
    **dict.fromkeys(("address", "地址", "收货地址"), "address"),
    **dict.fromkeys(("country", "countrycode"), "country"),
    **dict.fromkeys(("language", "locale"), "language"),
}
_PARTS_OF_ADDRESS = ("street", "address1", "address2", "city", "state", "postalCode", "postal_code", "zip", "country")
#: Where traits stand in a message. RudderStack's clients put them into the context; the call's own count more.
_PLACES = ("context.traits.", "traits.")


def told(data: Mapping[str, Any], hidden: Mapping[str, Any]) -> dict[str, Any]:
    """All traits by their name, whether they were personal or not."""
    found: dict[str, Any] = {}
    for place in _PLACES:
        kept: Any = data
        for part in place.split(".")[:-1]:
            kept = kept.get(part) if isinstance(kept, dict) else None
        found |= kept if isinstance(kept, dict) else {}
        found |= {
            path.removeprefix(place): value
            for path, value in hidden.items()
            if path.startswith(place) and "." not in path.removeprefix(place)
        }
    return found


def profile(traits: Mapping[str, Any], own: Iterable[str] = ()) -> Profile:
    """The profile they tell. A trait that is null, or empty text, clears its field; one of no use is left out.

    `own` are the codes of traits that the shop has defined: one that is called so is told as it is.
    """
    said: dict[str, Any] = {}
    codes = {tidy(code): code for code in own}
    told_own: dict[str, Any] = {}
    for name, value in traits.items():
        if (code := codes.get(tidy(name))) is not None:
            told_own[code] = value
            continue
        field = _FIELDS.get(tidy(name))
        if field == "address" and isinstance(value, dict):
            parts = [_text(value.get(part)) for part in _PARTS_OF_ADDRESS]
            said["address"] = ", ".join(part for part in parts if part)[: LONGEST["address"]]
            country = _country(_text(value.get("country")) or "")
            if country and "country" not in said:
                said["country"] = country
        elif field is not None and (text := _text(value)) is not None:
            if field == "birthday":
                text = text[:10]
            elif field == "language":
                text = text.replace("_", "-")[:10]
            elif field == "country" and text:
                text = _country(text)
                if not text:
                    continue
            said[field] = text
    return Profile(**said, traits=told_own)


def others(traits: Mapping[str, Any], hidden: Mapping[str, Any]) -> dict[str, Any]:
    """Traits that belong into no field, plain values only, without anything personal; null removes one."""
    personal = {path.rsplit(".", 1)[-1] for path in hidden}
    return {
        name: value
        for name, value in traits.items()
        if name not in personal and tidy(name) not in _FIELDS and len(name) <= LONGEST_TRAIT and _is_plain(value)
    }


def tidy(name: str) -> str:
    """A trait's name as it is compared, however it is spelled."""
    return name.translate(_TIDY).casefold()


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LONGEST_TRAIT
    return value is None or isinstance(value, bool | int | Decimal)


def _text(value: Any) -> str | None:
    """The value as text, None for what is none: objects and lists."""
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        return None
    return str(value).strip()


def _country(text: str) -> str:
    """A two-letter code as it is kept; nothing for names of countries, which come in any language."""
    tidy = text.strip().upper()
    return tidy if len(tidy) == 2 and tidy.isascii() and tidy.isalpha() else ""
