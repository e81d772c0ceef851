"""Rights that shops shall honour too: discount codes, and what a shop says of a customer, such as tier and balance.

Who issues them (a coupon, a redeemed reward, a tier) wants them here, once for all shops; `writing` brings each shop
that is written to up to what is wanted.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.customers import persons
from regulars.kit import money
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import _spreading
from regulars.oversight.outbound.models import WantedAttributes, WantedCode
from regulars.runtime.trail import trail

LONGEST_KEY, LONGEST_CODE, LONGEST_TITLE, LONGEST_VALUE, MOST_ATTRIBUTES = 120, 60, 120, 200, 20
Takes = Literal["percent", "amount", "shipping"]
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a code is good for. `percent` off the goods, or `amount_minor` of `currency`, or free shipping.

    `least_minor`: from goods of so much on, in `currency`. `uses`: in all; None for any number. `ends_at` may be open.
    """

    takes: Takes
    percent: Decimal | None = None
    amount_minor: int | None = None
    currency: str = ""
    least_minor: int | None = None
    starts_at: datetime
    ends_at: datetime | None = None
    uses: int | None = 1
    once_each: bool = True


@dataclass(frozen=True)
class Code:
    """One wanted code. For one `customer` alone, where that is not None: a shop that knows them binds it to them."""

    key: str
    code: str
    title: str
    terms: Terms
    customer: int | None
    is_active: bool
    version: int


class BadCode(Refusal):
    """Terms, a code or a title that none is."""

    code = "rights.bad_code"


class CodeTaken(Refusal):
    """Another right is behind the same code."""

    code = "rights.code_taken"


class UnknownCode(Refusal):
    """No such key."""

    code = "rights.unknown_code"


class BadAttribute(Refusal):
    """A name or a value that shops do not keep."""

    code = "rights.bad_attribute"


def want_code(
    *, key: str, code: str, title: str, terms: Terms, customer: int | None = None, at: datetime, by: Actor
) -> Code:
    """Every shop that takes codes shall honour this one. The key is the issuer's own; the same again changes nothing.

    With other terms the code is changed in every shop. What people type (`code`) stays. Raises `BadCode`, and
    `CodeTaken` when another right is behind the same code.
    """
    _check_code(key, code, title, terms)
    told = {"title": title, **_written(terms)}
    try:
        with transaction.atomic():
            person = None if customer is None else persons.of(customer)
            row, is_new = WantedCode.objects.select_for_update().get_or_create(
                key=key,
                defaults={
                    "code": code,
                    "terms": told,
                    "customer_id": person,
                    "wanted_at": at,
                    "changed_at": at,
                },
            )
            if not is_new and row.code != code:
                raise BadCode(
                    _("code: the right %(key)r has another code, which people may know; keep it") % {"key": key},
                    field="code",
                )
            if not is_new and person != (row.customer_id and persons.of(row.customer_id)):
                raise BadCode(
                    _("customer: the right %(key)r is somebody else's; take it back") % {"key": key}, field="customer"
                )
            if not is_new and (row.terms, row.is_active) != (told, True):
                row.terms, row.is_active, row.changed_at, row.version = told, True, at, row.version + 1
                row.save(update_fields=["terms", "is_active", "changed_at", "version"])
                is_new = True
            if is_new:
                _spreading.code(row, at=at)
                trail.record(by=by, verb="rights.want_code", subject=f"code:{row.id}", at=at, after=told)
    except IntegrityError as problem:
        if "outbound_wanted_code_once" not in str(problem):
            raise
        raise CodeTaken(
            _("code: %(code)r stands for another right; choose another") % {"code": code}, field="code", value=code
        ) from None
    return _code(row)


def take_back(*, key: str, at: datetime, by: Actor, why: str = "") -> Code:
    """No shop shall honour the code any more: it was used, called off, or its points went back. Again: nothing."""
    with transaction.atomic():
        row = WantedCode.objects.select_for_update().filter(key=key).first()
        if row is None:
            raise UnknownCode(_("key: there is no right %(key)r") % {"key": key[:60]}, field="key", value=key[:60])
        if row.is_active:
            row.is_active, row.changed_at, row.version = False, at, row.version + 1
            row.save(update_fields=["is_active", "changed_at", "version"])
            _spreading.code(row, at=at)
            trail.record(by=by, verb="rights.take_back", subject=f"code:{row.id}", at=at, why=why)
    return _code(row)


def want_attributes(*, customer: int, told: Mapping[str, str], at: datetime, by: Actor) -> Mapping[str, str]:
    """Every shop that knows the customer shall say this of them; names not given stay. Returns all that is wanted.

    An empty text takes the name away there. The same again changes nothing. Raises `BadAttribute`.
    """
    for name, value in told.items():
        if not _NAME.fullmatch(name):
            raise BadAttribute(
                _("%(name)s: write names in small letters, digits and underscores") % {"name": name[:30]},
                field=name[:30],
            )
        if len(value) > LONGEST_VALUE or not value.isprintable():
            raise BadAttribute(
                _("%(name)s: write one line of at most %(longest_value)s characters")
                % {"name": name, "longest_value": LONGEST_VALUE},
                field=name,
            )
    with transaction.atomic():
        [person] = persons.held([customer]).values()
        row, _is_new = WantedAttributes.objects.select_for_update().get_or_create(
            customer_id=person, defaults={"told": {}, "version": 1, "changed_at": at}
        )
        wanted = {**row.told, **told}
        if len(wanted) > MOST_ATTRIBUTES:
            raise BadAttribute(
                _("there are more than %(most_attributes)s names; use fewer") % {"most_attributes": MOST_ATTRIBUTES},
                field="attributes",
            )
        if wanted != row.told:
            row.told, row.version, row.changed_at = wanted, row.version + 1, at
            row.save(update_fields=["told", "version", "changed_at"])
            _spreading.attributes([person], at=at)
            after = {"names": sorted(told)}
            trail.record(by=by, verb="rights.want_attributes", subject=f"customer:{person}", at=at, after=after)
    return wanted


def code(key: str) -> Code:
    """One code by its key; refused when there is none. One query."""
    row = WantedCode.objects.filter(key=key).first()
    if row is None:
        raise UnknownCode(_("key: there is no right %(key)r") % {"key": key[:60]}, field="key", value=key[:60])
    return _code(row)


def attributes(customer: int) -> Mapping[str, str]:
    """What is wanted to be said of a customer, by name. One query."""
    row = WantedAttributes.objects.filter(customer_id=persons.of(customer)).first()
    return {} if row is None else row.told


def codes_of(customer: int) -> Sequence[Code]:
    """The codes that are one customer's alone, newest first. One query."""
    rows = WantedCode.objects.filter(customer_id__in=persons.records_of(persons.of(customer)))
    return [_code(row) for row in rows.order_by("-id")]


def terms_of(told: Mapping[str, Any]) -> Terms:
    """Terms as they were kept."""
    return Terms(
        takes=told["takes"],
        percent=None if told["percent"] is None else Decimal(told["percent"]),
        amount_minor=told["amount_minor"],
        currency=told["currency"],
        least_minor=told["least_minor"],
        starts_at=datetime.fromisoformat(told["starts_at"]),
        ends_at=None if told["ends_at"] is None else datetime.fromisoformat(told["ends_at"]),
        uses=told["uses"],
        once_each=told["once_each"],
    )


def _written(terms: Terms) -> dict[str, Any]:
    return {
        "takes": terms.takes,
        "percent": None if terms.percent is None else str(terms.percent.normalize()),
        "amount_minor": terms.amount_minor,
        "currency": terms.currency,
        "least_minor": terms.least_minor,
        "starts_at": terms.starts_at.isoformat(),
        "ends_at": None if terms.ends_at is None else terms.ends_at.isoformat(),
        "uses": terms.uses,
        "once_each": terms.once_each,
    }


def _check_code(key: str, code: str, title: str, terms: Terms) -> None:
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise BadCode(
            _("key: write 1 to %(longest_key)s visible characters") % {"longest_key": LONGEST_KEY}, field="key"
        )
    if len(code) > LONGEST_CODE or not _CODE.fullmatch(code):
        raise BadCode(
            _("code: use at most %(longest_code)s letters, digits, dashes and underscores, so every shop takes it")
            % {"longest_code": LONGEST_CODE},
            field="code",
            value=code[:LONGEST_CODE],
        )
    if not 0 < len(title) <= LONGEST_TITLE or not title.isprintable():
        raise BadCode(
            _("title: write one line of at most %(longest_title)s characters") % {"longest_title": LONGEST_TITLE},
            field="title",
        )
    if terms.currency:
        money.exponent(terms.currency)
    match terms.takes:
        case "percent" if terms.percent is None or not 0 < terms.percent <= 100:
            raise BadCode(_("percent: must be above 0 and at most 100"), field="percent", value=str(terms.percent))
        case "amount" if not terms.amount_minor or terms.amount_minor < 0 or not terms.currency:
            raise BadCode(_("amount: must be above 0, with its currency"), field="amount_minor")
        case _:
            pass
    if terms.least_minor is not None and (terms.least_minor < 0 or not terms.currency):
        raise BadCode(_("least: must not be below 0, and has a currency"), field="least_minor", value=terms.least_minor)
    if terms.uses is not None and terms.uses < 1:
        raise BadCode(_("uses: at least 1, or none for any number"), field="uses", value=terms.uses)
    if terms.ends_at is not None and terms.ends_at <= terms.starts_at:
        raise BadCode(_("ends_at: must be after starts_at"), field="ends_at", value=terms.ends_at.isoformat())


def _code(row: WantedCode) -> Code:
    return Code(row.key, row.code, row.terms["title"], terms_of(row.terms), row.customer_id, row.is_active, row.version)
