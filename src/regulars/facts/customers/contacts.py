"""Contacts in the one form that look-ups compare, and in the form that lists may show. Pure: no database."""

import re
from dataclasses import dataclass

import phonenumbers
from django.utils.translation import gettext as _
from email_validator import EmailNotValidError, validate_email

from regulars.kit.refusals import Refusal

#: The region of numbers that have their country's code with them.
ANYWHERE = "ZZ"
_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(94)} | {0x3000: 0x20}
_CHINESE_MOBILE = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
#: A Chinese mobile, a number with its country's code, one as people dial it within a country: in the middle of a text.
_NUMBER_IN_TEXT = re.compile(
    r"(?<![0-9])(?:86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}(?![0-9])"
    r"|\+[0-9](?:[ ().-]{0,2}[0-9]){6,}"
    r"|(?<![0-9])0[1-9](?:[ -]?[0-9]){8,9}(?![0-9])",
    re.ASCII,
)
_ADDRESS_IN_TEXT = re.compile(r"[^\s@]+@[^\s@]+")
_SORT = phonenumbers.PhoneNumberType
_COMPANYS = (_SORT.TOLL_FREE, _SORT.PREMIUM_RATE, _SORT.SHARED_COST, _SORT.UAN, _SORT.VOICEMAIL)
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


class BadEmail(Refusal):
    """Not an address mail can be sent to."""

    code = "customers.bad_email"


class BadPhone(Refusal):
    """Not a number that can be called."""

    code = "customers.bad_phone"


@dataclass(frozen=True)
class Email:
    """`shown` is the address as its owner writes it; `key` is what look-ups compare."""

    shown: str
    key: str


def email(text: str) -> Email:
    """An e-mail address; nothing is looked up on the network.

    The key has the domain in its ASCII form and everything in small letters. Dots and plus-tags stay: only the owner's
    mail system knows what they mean, and dropping them makes two people one. A refusal shows the address masked, for
    messages end up in logs.
    """
    typed = text.translate(_FULL_WIDTH).strip()
    try:
        found = validate_email(typed, check_deliverability=False, allow_smtputf8=True)
    except EmailNotValidError:
        shown = masked_email(typed[:60])
        raise BadEmail(
            _("email: %(shown)s is no e-mail address; write it like name@example.com") % {"shown": shown},
            field="email",
            value=shown,
        ) from None
    local = found.local_part.casefold()
    return Email(found.normalized, f"{local}@{found.ascii_domain or found.domain}".lower())


def phone(text: str, region: str) -> str:
    """A phone number in E.164 (`+8613812341234`); one without a country code is read as a number of `region` (CN, GB).

    The length must be possible for its country; whether the range is in use is not asked, because new ranges open
    faster than tables follow. An extension is dropped. A refusal shows the number masked: messages end up in logs.
    """
    try:
        number = phonenumbers.parse(text.translate(_FULL_WIDTH), region)
        is_possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    except phonenumbers.NumberParseException:
        is_possible = False
    if not is_possible:
        shown = "*" * 4 + text.strip()[-2:] if len(text.strip()) > 5 else "****"
        said = {"shown": shown, "region": region}
        raise BadPhone(
            _("phone: %(shown)s is no phone number; write it with its country code, like +86 138 0013 8000") % said
            if region == ANYWHERE
            else _(
                "phone: %(shown)s is no phone number of %(region)s; write it with its country code, like"
                " +86 138 0013 8000"
            )
            % said,
            field="phone",
            value=shown,
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_phone(text: str) -> bool:
    """Whether a number with its country's code could be somebody's: such a country, such a length."""
    try:
        phone(text, ANYWHERE)
    except BadPhone:
        return False
    return True


def is_companys(e164: str) -> bool:
    """Whether a number is of a sort that companies answer, such as 400 820 8888: free to call, at a special rate, at a
    shared cost, one number for a whole company."""
    return phonenumbers.number_type(phonenumbers.parse(e164, None)) in _COMPANYS


def is_in(text: str) -> bool:
    """Whether an e-mail address or a telephone number can be read in `text`. Long numbers of forms and receipts are
    none, unless they look like a mobile's."""
    plain = text.translate(_FULL_WIDTH)
    return _ADDRESS_IN_TEXT.search(plain) is not None or _NUMBER_IN_TEXT.search(plain) is not None


def as_compared(text: str, region: str) -> str:
    """An address or a number in the one form that look-ups compare: an e-mail's key, or E.164.

    A Chinese mobile number is one in every `region` that has no such number itself. Refuses what is neither.
    """
    if "@" in text.translate(_FULL_WIDTH):
        return email(text).key
    typed = text.strip()
    is_chinese = _CHINESE_MOBILE.fullmatch(typed) is not None
    if is_chinese and region == "CN":
        return f"+86{typed}"
    try:
        return phone(typed, region)
    except BadPhone:
        if not is_chinese:
            raise
        return f"+86{typed}"


def masked(text: str) -> str:
    """An address or a number, as it may be shown; whatever else is only stars."""
    typed = text.translate(_FULL_WIDTH).strip()
    if "@" in typed:
        return masked_email(typed)
    try:
        return masked_phone(phone(typed, "CN"))
    except BadPhone:
        return "****"


def masked_email(address: str) -> str:
    """`l***@example.com`: the first letter and the domain."""
    local, at, domain = address.rpartition("@")
    if not at or not local:
        return "***"
    return f"{local[0]}***@{domain}"


def masked_phone(e164: str) -> str:
    """`138****1234` in China, `+44 ****3456` elsewhere."""
    number = phonenumbers.parse(e164, None)
    digits = phonenumbers.national_significant_number(number)
    if number.country_code == 86 and len(digits) == 11:
        return f"{digits[:3]}****{digits[-4:]}"
    return f"+{number.country_code} ****{digits[-4:] if len(digits) > 7 else digits[-2:]}"


def masked_name(name: str) -> str:
    """`L** W**`, `王*`: first letters. The stars do not tell the length."""
    return " ".join(word[0] + ("**" if _LATIN.match(word) else "*") for word in name.split())
