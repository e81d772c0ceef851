"""What in a message could tell who somebody is, and the message without it. Pure.

Names, contacts, addresses, birthdays and free text are told by their field's name; an e-mail address or a telephone
number is one wherever it stands, in a search or in a page's address too: with its country's code, a Chinese mobile's,
or as people dial it within their country, known by its zero or its groups. Other digits are a number in a field whose
name speaks of telephones. A field for the id of a thing keeps what looks like a local number.
"""

import re
from collections.abc import Collection
from decimal import Decimal
from typing import Any, Final

from regulars.facts.customers import identifiers

#: What is left in the place of an address inside a longer text.
BLANK = "(contact)"
#: Characters of a value that is shown, and those nobody can see.
LONGEST_SHOWN = 200
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Objects within objects. No client nests so deep, and whoever reads what is kept may be deep in calls already.
DEEPEST = 40
#: Numbers beyond these are nobody's amount; see `messages.MOST_DIGITS`.
LARGEST_NUMBER = 10**60

#: Field names without case, dots, dashes, underscores, blanks, and digits at their end.
_ANYWHERE = frozenset(
    [
        *("email", "emails", "emailaddress", "mail", "phone", "phones", "phonenumber", "phonenumbers", "mobile"),
        *("mobiles", "mobilephone", "mobilenumber", "tel", "telephone", "telephonenumber", "fax", "wechat", "whatsapp"),
        *("firstname", "lastname", "middlename", "fullname", "givenname", "familyname", "surname", "displayname"),
        *("nickname", "realname", "consignee", "recipient", "addressee"),
        *("address", "addresses", "addressline", "street", "streetaddress", "birthday", "birthdate", "dateofbirth"),
        *("dob", "idcard", "idcardnumber", "idnumber", "nationalid", "passport", "passportnumber", "ssn"),
        *("creditcard", "creditcardnumber", "cardholder", "cardholdername", "iban"),
        *("review", "reviewbody", "reviewtext", "reviewtitle", "reviewcontent", "message", "sharemessage", "comment"),
        *("comments", "note", "notes", "remark", "remarks", "giftmessage", "feedback", "password"),
        *("body", "question", "answer", "transcript", "inquiry", "enquiry", "posttext", "postbody", "postcontent"),
        "contactperson",
        *("ip", "ipaddress", "advertisingid", "idfa", "idfv", "pushtoken", "devicetoken"),
        *(
            "手机",
            "手机号",
            "手机号码",
            "电话",
            "电话号码",
            "联系电话",
            "联系方式",
            "邮箱",
            "电子邮箱",
            "邮件",
            "微信号",
        ),
        *("姓名", "名字", "昵称", "真实姓名", "收件人", "收货人", "联系人", "地址", "收货地址", "收件地址", "详细地址"),
        *("生日", "出生日期", "身份证", "身份证号", "身份证号码", "备注", "留言", "评论", "评价"),
    ]
    + [
        f"{whose}{what}"
        for whose in (
            *("customer", "user", "buyer", "member", "guest", "contact", "recipient", "receiver", "sender", "shipping"),
            *("billing", "delivery", "home", "work", "cell", "primary", "invoice"),
        )
        for what in (
            *("name", "email", "phone", "phonenumber", "mobile", "tel", "address", "firstname", "lastname"),
            *("fullname", "emailaddress", "mobilenumber", "mobilephone"),
        )
    ]
)
#: Personal only where the object is about a person: products, pages and libraries have names too.
_OF_A_PERSON = frozenset(
    [
        *(
            "name",
            "username",
            "title",
            "description",
            "avatar",
            "avatarurl",
            "picture",
            "postalcode",
            "postcode",
            "zip",
        ),
        *("zip", "age", "first", "last", "middle", "bio"),
        *("spouse", "partner", "husband", "wife", "fiance", "fiancee", "emergencycontact", "nom", "nombre", "nome"),
        *("vorname", "nachname", "prenom", "prénom", "apellido", "apellidos", "cognome", "sobrenome", "anrede"),
        *("配偶", "爱人", "丈夫", "妻子", "紧急联系人", "家长", "监护人"),
    ]
)
#: A person's fields that end so name somebody, whatever stands before: spouseName, Kindername, 会员姓名.
_ENDS_OF_NAMES = ("name", "names", "姓名", "名字", "昵称")
_NAMES_OF_THINGS = re.compile(
    r"(?:company|organi[sz]ation|business|employer|firm|plan|store|shop|branch|brand|tier|level|product|item|category"
    r"|campaign|segment|list|group|team|app|event|site|domain|page|channel|city|country|state|province|region"
    r"|district|county|currency|language|source|medium|membership|program|programme|host|device|model|os|browser|file"
    r"|coupon|offer|club|school|course|theme|field|column|code|公司|门店|品牌|产品|等级|城市)s?(?:names?|名字)$"
)
_PERSONS = frozenset(
    [
        *("traits", "customer", "user", "buyer", "member", "receiver", "contact", "person", "profile", "sender"),
        *("shipping", "billing", "delivery", "shipto", "billto"),
    ]
)
#: What stands inside an object about a person and is about something else.
_NOT_PERSONS = frozenset(
    [
        *("company", "organization", "organisation", "plan", "store", "shop", "product", "products", "items"),
        *("campaign", "page", "app", "library", "tier", "membership", "segments", "tags", "brand", "category"),
    ]
)
_OF_A_DEVICE = frozenset(["token", "id", "name"])
_EMAIL = re.compile(r"[^\s@/?&=<>\"']{1,64}(?:@|%40)[^\s@/?&=<>\"']{1,255}")
#: With its country's code; a plus after a letter or a digit is a blank of a page's address, or a sum.
_PHONE = re.compile(r"(?<![0-9A-Za-z])(?:\+|%2[Bb])\(?[1-9](?:(?:[ ().-]|%20){0,2}[0-9]){6,14}(?![0-9])")
_PHONE_IN_JSON = re.compile(rb"(?:\+|%2[Bb])\(?[1-9][0-9 ().%-]{6}")
#: Between two groups of digits: a blank, as it is written in a page's address too, or one that keeps a line together.
_BLANK = "(?: |%20|\u00a0)"
#: Groups as they are written where no zero is dialled: Spain, Portugal, Poland, Denmark, Norway, Hong Kong, Singapore,
#: Italy's mobiles, India, Mexico, Brazil, Russia. More groups before or behind are another number: a card's, a code's.
_GROUPS = (
    "(?<![0-9] )(?<![0-9]%20)(?<![0-9]\u00a0)"
    r"(?:[4-9][0-9]{2}(?:_[0-9]{3}){2}|[6-9][0-9]{2}(?:_[0-9]{2}){3}|[2-9][0-9](?:_[0-9]{2}){3}"
    r"|[2-9][0-9]{2}_[0-9]{2}_[0-9]{3}|(?:[35689][0-9]|2[1-9])[0-9]{2}_[0-9]{4}|3[2-9][0-9]_[0-9]{3}_?[0-9]{4}"
    r"|[6-9][0-9]{4}_[0-9]{5}|[2-9][0-9]_[0-9]{4}_[0-9]{4}|\([1-9][0-9]\)_?9?[0-9]{4}[ -][0-9]{4}"
    r"|8_?\(?9[0-9]{2}\)?_?[0-9]{3}[ -][0-9]{2}[ -][0-9]{2})(?!_[0-9])"
).replace("_", _BLANK)
#: Without it: a Chinese mobile, one with the zero that is dialled within a country and is no day, in the groups of
#: North America, or in those of countries without a zero.
_DIALLED = (
    r"(?:(?:(?:00|0)?86(?:[ -]|%20)?)?1[3-9][0-9](?:[ -]|%20)?[0-9]{4}(?:[ -]|%20)?[0-9]{4}"
    r"|(?![0-3]?[0-9][-./ ][0-1]?[0-9][-./ ](?:19|20)[0-9]{2})\(?0[1-9](?:(?:[ ().-]|%20){0,2}[0-9]){8,9}"
    r"|\(?[2-9][0-9]{2}\)?(?:[ .-]|%20){1,2}[2-9][0-9]{2}(?:[ .-]|%20)[0-9]{4}"
    rf"|{_GROUPS})"
)
#: Digits that a word before them calls a telephone's need no form of their own.
_CALLABLE = r"\(?[0-9](?:(?:[ ().-]|%20)?[0-9]){7,11}(?![0-9A-Za-z])"
_WORD = (
    r"(?:(?<![A-Za-z])(?:tele(?:ph|f)(?:o|ó)n[eo]?|telefoon|tel|tlf|(?:mobile|cell)?phone|mobile?|m(?:o|ó)vil|handy|cell"
    r"|whats?app|sms|call|ring|dial|text)(?![a-z0-9])|电话|手机|致电|拨打|联系)"
    r"(?:[ .:#=-]|号|码|：|%20|%3A|(?<![A-Za-z])(?:n[or]|number|me|us|at|on|is)(?![A-Za-z])){0,6}$"
)
_LONGEST_WORD = 24
_ESCAPED_BEFORE = r"(?:(?<=%[0-9A-Fa-f][0-9A-Fa-f])|(?<!"
#: In texts it stands by itself; in what is to name somebody digits around it are enough to make it another number.
_LOCAL = re.compile(
    _ESCAPED_BEFORE + r"[0-9A-Za-z])(?<![0-9][.,-])(?<![A-Za-z][-_]))" + _DIALLED + r"(?![0-9A-Za-z])(?![.,-][0-9])"
)
_LOCAL_AMONG_LETTERS = re.compile(_ESCAPED_BEFORE + "[0-9]))" + _DIALLED + "(?![0-9])")
_LOCAL_IN_JSON = re.compile(_LOCAL_AMONG_LETTERS.pattern.encode())
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_CALLED = re.compile(_CALLABLE)
_CALLS = re.compile(_WORD, re.IGNORECASE)
_CALLS_IN_JSON = re.compile(_WORD.encode(), re.IGNORECASE)
#: A number of China's identity card, whose last sign checks the others.
_OF_IDENTITY = re.compile(r"(?<![0-9A-Za-z])[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])")
_OF_IDENTITY_IN_JSON = re.compile(_OF_IDENTITY.pattern.encode())
#: Fields whose value is the id of a thing, and those where it may be somebody's.
_OF_IDS = re.compile(r"(?:ids?|refs?|skus?|codes?|barcodes?|ean|gtin|upc|isbn|no|number|serial|token|hash|version)$")
_OF_SOMEBODYS_IDS = re.compile(r"user|member|customer|buyer|account|guest")
#: Where the name says that it is a number given to somebody, a zero before the others fills it up.
_OF_GIVEN_NUMBERS = re.compile(r"(?:no|num|number|serial|code|card)$")
_FILLED_UP = re.compile(r"0[0-9]{9,10}", re.ASCII)
_EMAIL_IN_JSON = re.compile(rb"[^\s@/?&=<>\"'](?:@|%40)[^\s@/?&=<>\"']")
#: In a field whose name speaks of telephones a local number is one, too: digits as people write them.
_OF_TELEPHONES = re.compile(
    r"phone|mobile|telefon|whatsapp|msisdn|handy|cellular|手机|电话|联系|^contacts?(?:no|num|number|info|details)?$"
)
_OF_TIMES = re.compile(r"(?:(?:ed|en|nt|st)(?:at|on)|time|date|id|count|sessions|model|version)$")
_DIGITS_OF_ONE = re.compile(r"\+?(?:[ ().-]{0,2}[0-9]){7,15}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.*", re.ASCII)
#: Tidy names that speak of telephones, as far as they were met.
_TELEPHONES: set[str] = set()
#: Bytes of JSON that a contact cannot do without, or hides behind.
AT, PERCENT, PLUS, BACKSLASH = b"@%+\\"
_OBJECT, _LIST = b"{["
#: JSON as far as it matters here: those bytes, and what numbers are written with, or end the words before them. One
#: look at each byte finds out that there is neither a contact nor an endless number.
_OF_NUMBERS = b"0123456789 ().-:=#\xc2\xa0" + bytes({word.encode()[-1] for word in "话机号码：电打系"})
_MARKED = bytes(AT if byte in b"@%+\\" else ord("0") if byte in _OF_NUMBERS else ord("x") for byte in range(256))
_FEWEST_DIGITS = b"0" * 9
#: The fewest digits of a telephone number, with what may stand between them, and bytes within which eight of them end.
_WINDOW = 32
_ENOUGH_DIGITS = re.compile(rb"[0-9](?:(?:[ ().-]|%20|\xc2\xa0){0,2}[0-9]){7,}")
_TIDY = str.maketrans("", "", "-_ .")
_DIGITS: Final = "0123456789"

#: What an object of this name is read with other eyes: `_of_object` and `_kept` ask for it by name.
_READ_APART = _PERSONS | {"device", "externalids"}

#: What has nothing inside.
_ONE_VALUE = frozenset([str, int, Decimal, bool, type(None)])

#: What each field's name says, kept because the same few hundred names come again and again.
_KNOWN_NAMES: dict[str, str] = {}
_MOST_KNOWN = 20_000
_LONGEST_KNOWN = 60
#: Field names that are personal nowhere but in a person's object, and begin none: most messages have no others.
_PLAIN_NAMES: set[str] = set()
#: The names of whole objects, in their order, that are all of these.
_PLAIN_SHAPES: set[tuple[str, ...]] = set()
_MOST_SHAPES, _MOST_NAMES = 2_000, 40


#: Events that are about something written, and the fields it stands in; of other events these are codes and buttons.
WRITTEN = frozenset(["service contact", "post published"])
_TEXTS = frozenset(["text", "content", "subject", "title", "description", "reason", "author"])


class Unkeepable(Exception):
    """The message nests too deep or holds a number too long; its text says which, with the mend."""


def take_out(part: str, told: dict[str, Any], *, has_address: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """`told` without what is personal, and what was taken out by its path, such as `traits.address.street`.

    `part` is where the object stands in the message: properties, traits or context. `has_address` is False where its
    text surely holds no e-mail address, which saves looking into every value. What is null or empty tells nothing and
    stays: it says that a trait goes. So does yes or no, which says that there is a telephone and not which. Raises
    `Unkeepable`.
    """
    taken: dict[str, Any] = {}
    return _of_object(told, part, part, part in _PERSONS, DEEPEST, taken, has_address), taken


def is_plain(told: dict[str, Any], encoded: bytes) -> bool:
    """Whether `take_out` of properties or a context surely takes nothing out of `told`, which is `encoded` as JSON;
    in a third of its time. False says nothing."""
    is_quiet = holds_no_contact(encoded)
    names = tuple(told)
    if is_quiet and names in _PLAIN_SHAPES and encoded.rfind(_OBJECT) == 0 and _LIST not in encoded:
        # An event's properties have the same names each time, and mostly nothing inside.
        return True
    found = (is_quiet or not may_hold_contact(encoded)) and _is_plain(told, DEEPEST, is_quiet)
    if found and len(names) <= _MOST_NAMES and _PLAIN_NAMES.issuperset(names):
        if len(_PLAIN_SHAPES) >= _MOST_SHAPES:
            _PLAIN_SHAPES.clear()
        _PLAIN_SHAPES.add(names)
    return found


def has_plain_names(told: dict[str, Any]) -> bool:
    """`is_plain` where no text is a contact."""
    return _is_plain(told, DEEPEST, False)


def holds_no_contact(encoded: bytes) -> bool:
    """Whether JSON surely holds no address, no telephone number and no endless number. False says nothing."""
    marked = encoded.translate(_MARKED)
    if AT in marked:
        return False
    # Many a title has as long a run of blanks, dashes and few digits.
    place = marked.find(_FEWEST_DIGITS)
    while place >= 0:
        if _ENOUGH_DIGITS.search(encoded, place, place + _WINDOW) is not None:
            return False
        place = marked.find(_FEWEST_DIGITS, place + len(_FEWEST_DIGITS))
    return True


def take_texts(properties: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The properties of a WRITTEN event without what somebody wrote, and what was taken out by its path."""
    taken = {
        f"properties.{name}": value
        for name, value in properties.items()
        if name.translate(_TIDY).casefold() in _TEXTS and value not in (None, "")
    }
    return {name: value for name, value in properties.items() if f"properties.{name}" not in taken}, taken


def without_addresses(text: str) -> str:
    """The text with a blank in the place of each e-mail address and each telephone number."""
    text = _without_world_wide(text)
    return _without_local(text) if len(text) >= len(_FEWEST_DIGITS) else text


def _without_local(text: str) -> str:
    return _CALLED.sub(_unless_called, _LOCAL.sub(BLANK, text))


def _unless_called(digits: re.Match[str]) -> str:
    start = digits.start()
    return BLANK if _CALLS.search(digits.string, max(0, start - _LONGEST_WORD), start) else digits.group(0)


def _without_world_wide(text: str) -> str:
    if "@" in text or "%40" in text:
        text = _EMAIL.sub(BLANK, text)
    if "+" in text or "%2" in text:
        text = _PHONE.sub(BLANK, text)
    if len(text) >= identifiers.SIGNS_OF_IDENTITY:
        text = _OF_IDENTITY.sub(
            lambda found: BLANK if identifiers.is_of_identity(found.group(0)) else found.group(0), text
        )
    return text


def may_hold_address(raw: bytes) -> bool:
    """Whether JSON could hold an e-mail address or a telephone number: False only where it surely holds none.

    Names of libraries begin with an @. An escape below U+0100 may stand for any character that belongs to an address.
    """
    # Single bytes first, as numbers: they are looked for many times faster than patterns of bytes.
    has_percent = PERCENT in raw
    if BACKSLASH in raw and b"\\u00" in raw:
        return True
    if (AT in raw or (has_percent and b"%40" in raw)) and _EMAIL_IN_JSON.search(raw) is not None:
        return True
    if (PLUS in raw or (has_percent and b"%2" in raw)) and _PHONE_IN_JSON.search(raw) is not None:
        return True
    for digits in _ENOUGH_DIGITS.finditer(raw):
        # Only around digits: the patterns are slow where there are none.
        start, end = digits.span()
        if (
            _LOCAL_IN_JSON.search(raw, max(0, start - 2), end + 3)
            or _OF_IDENTITY_IN_JSON.search(raw, start, end + 1)
            or _CALLS_IN_JSON.search(raw, max(0, start - 2 * _LONGEST_WORD), start)
        ):
            return True
    return False


def may_hold_contact(encoded: bytes) -> bool:
    """`may_hold_address`, or a text that begins as a telephone number with its country's code does."""
    return may_hold_address(encoded) or b'"+' in encoded


def is_contact(ref: str) -> bool:
    """Whether a reference is, or holds, an address or a number by which somebody can be reached."""
    if "@" in ref or "%40" in ref or identifiers.is_contact(ref) or _PHONE.search(ref) is not None:
        return True
    # Of a thousand UUIDs some have as many digits in a row as a telephone number has.
    if len(ref) < len(_FEWEST_DIGITS) or _UUID.fullmatch(ref) is not None:
        return False
    return _LOCAL_AMONG_LETTERS.search(ref) is not None


def shown(value: object) -> str:
    """A value as it may stand in a message about it: short, printable, never an object, never an address."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, int) and abs(value) >= LARGEST_NUMBER:
        return ""
    text = UNSEEN.sub("", str(value)[: 2 * LONGEST_SHOWN])
    text = without_addresses(text)[:LONGEST_SHOWN]
    return BLANK if is_contact(text) else text


def is_personal(name: str) -> bool:
    """Whether a field of this name is personal wherever it stands."""
    return _tidy(name) in _ANYWHERE


def _is_plain(told: dict[str, Any], depth: int, is_quiet: bool) -> bool:
    """Whether there is surely nothing to take out where no text is a contact: `_of_object` in a third of its time.
    `is_quiet` where there is no endless number either."""
    if not (told.keys() <= _PLAIN_NAMES or all(map(_is_plain_name, told))):
        return False
    values = told.values()
    return (is_quiet and _ONE_VALUE.issuperset(map(type, values))) or _are_plain(values, depth, is_quiet)


def _are_plain(values: Collection[Any], depth: int, is_quiet: bool) -> bool:
    kinds = set(map(type, values))
    if int in kinds and not is_quiet:
        for value in values:
            if type(value) is int and not -LARGEST_NUMBER < value < LARGEST_NUMBER:
                return False
    if kinds <= _ONE_VALUE:
        return True
    for value in values:
        kind = type(value)
        if kind is dict:
            if depth == 0 or not _is_plain(value, depth - 1, is_quiet):
                return False
        elif kind is list and (depth == 0 or not _are_plain(value, depth - 1, is_quiet)):
            return False
    return True


def _is_plain_name(name: str) -> bool:
    if name in _PLAIN_NAMES:
        return True
    if len(name) > _LONGEST_KNOWN or "@" in name or "%40" in name or "+" in name or "%2" in name:
        return False
    tidy = _tidy(name)
    if tidy in _ANYWHERE or tidy in _READ_APART or tidy in _TELEPHONES:
        return False
    if len(_PLAIN_NAMES) >= _MOST_KNOWN:
        _PLAIN_NAMES.clear()
    _PLAIN_NAMES.add(name)
    return True


def _of_object(
    told: dict[str, Any],
    path: str,
    about: str,
    is_person: bool,
    depth: int,
    taken: dict[str, Any],
    has_address: bool,
) -> dict[str, Any]:
    # Copied only where something is taken out: nearly always nothing is.
    left: dict[str, Any] | None = None
    is_device = about == "device"
    for name, value in told.items():
        tidy = _KNOWN_NAMES.get(name) or _tidy(name)
        if (
            tidy in _ANYWHERE
            or (is_person and (tidy in _OF_A_PERSON or _names_somebody(tidy)))
            or (is_device and tidy in _OF_A_DEVICE)
            or (tidy in _TELEPHONES and _is_local_number(value))
            or (has_address and without_addresses(name) != name)
        ):
            is_contact_itself = has_address and without_addresses(name) != name
            if value is None or value == "":
                if is_contact_itself:
                    left = dict(told) if left is None else left
                    del left[name]
                continue
            if type(value) is bool and not is_contact_itself:
                continue
            left = dict(told) if left is None else left
            taken[f"{path}.{name}"] = left.pop(name)
            continue
        if type(value) is str and not has_address and value[:1] != "+" and about != "externalids":
            # Nearly every value: nothing in it can be personal, and the call below costs more than all else here.
            continue
        kept = _kept(value, path, name, about, tidy, is_person, depth, taken, has_address)
        if kept is not value:
            left = dict(told) if left is None else left
            left[name] = kept
    return told if left is None else left


def _kept(
    value: Any,
    path: str,
    name: object,
    about: str,
    tidy: str,
    is_person: bool,
    depth: int,
    taken: dict[str, Any],
    has_address: bool,
) -> Any:
    """What is left of the value called `name` (`tidy`), or standing at this place of a list, of an object `about`."""
    if isinstance(value, str):
        if has_address and (kept := _readable(value, tidy)) != value:
            taken[f"{path}.{name}"] = value
            return kept
        if (value[:1] == "+" or about == "externalids") and identifiers.is_contact(value):
            taken[f"{path}.{name}"] = value
            return BLANK
    elif isinstance(value, dict):
        if depth == 0:
            raise Unkeepable(f"it has objects within objects, more than {DEEPEST} deep; flatten it")
        is_person = tidy in _PERSONS or (is_person and tidy not in _NOT_PERSONS)
        return _of_object(value, f"{path}.{name}", tidy, is_person, depth - 1, taken, has_address)
    elif isinstance(value, list):
        if depth == 0:
            raise Unkeepable(f"it has lists within lists, more than {DEEPEST} deep; flatten it")
        return _of_list(value, f"{path}.{name}", tidy, is_person, depth - 1, taken, has_address)
    elif type(value) is int and not -LARGEST_NUMBER < value < LARGEST_NUMBER:
        raise Unkeepable("it has a number of more than 60 digits; send amounts as people pay, and ids as text")
    return value


def _readable(value: str, tidy: str) -> str:
    """What of a text in a field of this name may be read by everybody."""
    if _OF_GIVEN_NUMBERS.search(tidy) and _FILLED_UP.fullmatch(value):
        return value
    if _OF_IDS.search(tidy) and not (_OF_SOMEBODYS_IDS.match(tidy) and is_contact(value)):
        return _without_world_wide(value)
    return without_addresses(value)


def _of_list(
    told: list[Any], path: str, about: str, is_person: bool, depth: int, taken: dict[str, Any], has_address: bool
) -> list[Any]:
    left: list[Any] | None = None
    for place, value in enumerate(told):
        kept = _kept(value, path, place, about, about, is_person, depth, taken, has_address)
        if kept is not value:
            left = list(told) if left is None else left
            left[place] = kept
    return told if left is None else left


def _names_somebody(tidy: str) -> bool:
    """Whether a field of this name, of a person's object, is somebody's name, if not the person's own."""
    return tidy.endswith(_ENDS_OF_NAMES) and not _NAMES_OF_THINGS.search(tidy)


def _is_local_number(value: object) -> bool:
    """Whether it could be a telephone number; as a number only where it is too long for a count."""
    if type(value) is int:
        return 10**9 <= value < 10**15
    return isinstance(value, str) and _DIGITS_OF_ONE.fullmatch(value.strip()) is not None and not _DAY.fullmatch(value)


def _tidy(name: str) -> str:
    tidy = name.translate(_TIDY).casefold().rstrip(_DIGITS)
    if len(name) > _LONGEST_KNOWN:
        return tidy
    if len(_KNOWN_NAMES) >= _MOST_KNOWN:
        _KNOWN_NAMES.clear()
        _TELEPHONES.clear()
    if name not in _KNOWN_NAMES and _OF_TELEPHONES.search(tidy) and not _OF_TIMES.search(tidy):
        _TELEPHONES.add(tidy)
    return _KNOWN_NAMES.setdefault(name, tidy)
