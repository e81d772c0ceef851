"""What in a message could tell who somebody is, and the message without it. Pure.

Names, contacts, addresses, birthdays and free text are told by their field's name; an e-mail address is one wherever it
stands, in a search or in a page's address too.
"""

import re
from typing import Any

#: What is left in the place of an address inside a longer text.
BLANK = "(contact)"

#: Field names without case, dots, dashes, underscores and blanks.
_ANYWHERE = frozenset(
    [
        *("email", "emailaddress", "mail", "phone", "phonenumber", "mobile", "mobilephone", "tel", "telephone"),
        *("firstname", "lastname", "fullname", "givenname", "familyname", "surname", "displayname", "nickname"),
        *("address", "address1", "address2", "street", "streetaddress", "birthday", "birthdate", "dateofbirth", "dob"),
        *("reviewbody", "message", "comment", "comments", "note", "notes", "recipient", "giftmessage"),
        *("ip", "ipaddress", "advertisingid", "idfa", "idfv", "pushtoken", "devicetoken"),
        *("手机", "手机号", "电话", "邮箱", "姓名", "昵称", "地址", "收货地址", "生日", "备注", "留言"),
    ]
)
#: Personal only where the object is about a person: products, pages and libraries have names too.
_OF_A_PERSON = frozenset(["name", "username", "title", "description", "avatar", "postalcode", "zip", "age"])
_PERSONS = frozenset(["traits", "customer", "user", "buyer", "receiver", "shipping", "billing"])
_OF_A_DEVICE = frozenset(["token", "id", "name"])
_EMAIL = re.compile(r"[^\s@/?&=<>\"']{1,64}(?:@|%40)[^\s@/?&=<>\"']{1,255}")
_TIDY = str.maketrans("", "", "-_ .")

#: What each field's name says, kept because the same few hundred names come again and again.
_KNOWN_NAMES: dict[str, str] = {}
_MOST_KNOWN = 20_000


def take_out(part: str, told: dict[str, Any], *, has_address: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """`told` without what is personal, and what was taken out by its path, such as `traits.address.street`.

    `part` is where the object stands in the message: properties, traits or context. `has_address` is False where its
    text surely holds no e-mail address, which saves looking at every value.
    """
    taken: dict[str, Any] = {}
    return _of_object(told, part, part, taken, has_address), taken


def without_addresses(text: str) -> str:
    """The text with a blank in the place of each e-mail address."""
    return _EMAIL.sub(BLANK, text) if "@" in text or "%40" in text else text


def _of_object(told: dict[str, Any], path: str, about: str, taken: dict[str, Any], has_address: bool) -> dict[str, Any]:
    # Copied only where something is taken out: nearly always nothing is.
    left: dict[str, Any] | None = None
    is_person, is_device = about in _PERSONS, about == "device"
    for name, value in told.items():
        tidy = _KNOWN_NAMES.get(name) or _tidy(name)
        if (
            tidy in _ANYWHERE
            or (is_person and tidy in _OF_A_PERSON and not isinstance(value, dict | list))
            or (is_device and tidy in _OF_A_DEVICE and isinstance(value, str))
        ):
            if value is None or value == "":
                continue
            left = dict(told) if left is None else left
            taken[f"{path}.{name}"] = left.pop(name)
            continue
        kept = value
        if isinstance(value, str):
            if has_address and (kept := without_addresses(value)) != value:
                taken[f"{path}.{name}"] = value
        elif isinstance(value, dict):
            kept = _of_object(value, f"{path}.{name}", tidy, taken, has_address)
        elif isinstance(value, list):
            kept = _of_list(value, f"{path}.{name}", tidy, taken, has_address)
        if kept is not value:
            left = dict(told) if left is None else left
            left[name] = kept
    return told if left is None else left


def _of_list(told: list[Any], path: str, about: str, taken: dict[str, Any], has_address: bool) -> list[Any]:
    left: list[Any] | None = None
    for place, value in enumerate(told):
        kept = value
        if isinstance(value, dict):
            kept = _of_object(value, f"{path}.{place}", about, taken, has_address)
        elif isinstance(value, list):
            kept = _of_list(value, f"{path}.{place}", about, taken, has_address)
        elif has_address and isinstance(value, str) and (kept := without_addresses(value)) != value:
            taken[f"{path}.{place}"] = value
        if kept is not value:
            left = list(told) if left is None else left
            left[place] = kept
    return told if left is None else left


def _tidy(name: str) -> str:
    if len(_KNOWN_NAMES) >= _MOST_KNOWN:
        _KNOWN_NAMES.clear()
    return _KNOWN_NAMES.setdefault(name, name.translate(_TIDY).casefold())
