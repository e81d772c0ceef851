"""Values as the API takes them and gives them: money and quantities are decimal text, instants carry their offset."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from django.utils.translation import gettext as _
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from regulars.kit import money
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal

#: Digits before the point of an amount, whatever its currency. With 500 lines the sums stay within 64 bits.
WHOLE_DIGITS = 12
LARGEST_AMOUNT = Decimal(10**WHOLE_DIGITS)
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE
)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class TooManyDecimals(Refusal):
    """Finer than the currency."""

    code = "number.too_fine"


class BadSpan(Refusal):
    """It ends before it begins."""

    code = "request.bad_span"


class TooLargeAmount(Refusal):
    """More than any order."""

    code = "number.too_large"


class Told(BaseModel):
    """What a program sends: every name known, nothing guessed from another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Shown(BaseModel):
    """What a program gets: the fields named here and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _decimal(whole: int, places: int, example: str = "12.50") -> Callable[[Any], Decimal]:
    plain = re.compile(rf"[0-9]{{1,{whole}}}(\.[0-9]{{1,{places}}})?", re.ASCII)

    def read(value: Any) -> Decimal:
        if isinstance(value, int | float):
            raise PydanticCustomError(
                "not_exact",
                _('a JSON number may have lost digits on its way; send text such as "%(example)s"')
                % {"example": example},
            )
        if not isinstance(value, str) or not plain.fullmatch(value):
            raise PydanticCustomError(
                "not_a_number",
                _(
                    'send plain decimal text such as "%(example)s", up to %(whole)s digits before the point and'
                    " %(places)s after it"
                )
                % {"example": example, "whole": whole, "places": places},
            )
        return Decimal(value)

    return read


def _decimal_schema(whole: int, places: int, example: str = "12.50") -> dict[str, Any]:
    return {"type": "string", "pattern": rf"^[0-9]{{1,{whole}}}(\.[0-9]{{1,{places}}})?$", "examples": [example]}


def _instant(value: Any) -> datetime:
    """RFC 3339, from 1990 on."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            found = datetime.fromisoformat(value.upper())
        except ValueError:
            found = None
        if found is not None and 1990 <= found.year < 2200 and found >= EARLIEST:
            return found.astimezone(UTC)
    raise PydanticCustomError(
        "not_an_instant",
        _('send a date, a time and an offset such as "2026-03-02T10:00:00+08:00", from 1990 on'),
    )


def _day(value: Any) -> date:
    """ISO 8601, from 1990 on."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            found = date.fromisoformat(value)
        except ValueError:
            found = None
        if found is not None and 1990 <= found.year < 2200:
            return found
    raise PydanticCustomError("not_a_day", _('send a day such as "2026-03-02", from 1990 on'))


def _visible(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError("not_visible", _("has characters nobody can see; leave them out"))
    return text


def minor(amount: Decimal, currency: str, field: str) -> int:
    """Minor units of an amount that has no more decimals than its currency."""
    places = money.exponent(currency)
    if amount != amount.quantize(Decimal(1).scaleb(-places)):
        raise TooManyDecimals(
            _("%(field)s: %(amount)s has more decimals than %(currency)s, which has %(places)s; round it first")
            % {"field": field, "amount": amount, "currency": currency, "places": places},
            field=field,
            value=str(amount),
        )
    return Money.of(amount, currency).minor


def shown(minor_units: int, currency: str) -> str:
    """An amount as decimal text with exactly its currency's decimals."""
    return str(Money(minor_units, currency).decimal)


Amount = Annotated[
    Decimal, BeforeValidator(_decimal(WHOLE_DIGITS, 4)), WithJsonSchema(_decimal_schema(WHOLE_DIGITS, 4))
]
UnitPrice = Annotated[
    Decimal, BeforeValidator(_decimal(WHOLE_DIGITS, 6)), WithJsonSchema(_decimal_schema(WHOLE_DIGITS, 6))
]
Quantity = Annotated[Decimal, BeforeValidator(_decimal(9, 3)), WithJsonSchema(_decimal_schema(9, 3))]
Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
#: Of any kind of points; how many decimals one has is asked when it is read.
Points = Annotated[Decimal, BeforeValidator(_decimal(15, 6, "120")), WithJsonSchema(_decimal_schema(15, 6, "120"))]
Rate = Annotated[Decimal, BeforeValidator(_decimal(12, 12)), WithJsonSchema(_decimal_schema(12, 12))]
#: JavaScript holds larger whole numbers wrongly.
Version = Annotated[int, Field(ge=0, le=2**53 - 1)]
Number = Annotated[int, Field(ge=1, le=100_000)]
_Visible = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_visible)]
Code = Annotated[_Visible, StringConstraints(max_length=64)]
Ref = Annotated[_Visible, StringConstraints(max_length=200)]
Title = Annotated[_Visible, StringConstraints(max_length=300)]
Currency = Annotated[str, StringConstraints(max_length=20)]
Country = Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]
#: Goes into the trail, which takes codes and no sentences about people.
Why = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,59}$")]


def check_span(since: datetime, until: datetime) -> None:
    """Refuse a time that ends before it begins: nothing in it would look like nothing there. Raises `BadSpan`."""
    if until <= since:
        raise BadSpan(_("until: it has to be after since; send a later moment"), field="until", value=until.isoformat())


@contextmanager
def told_as(field: str) -> Iterator[None]:
    """What is refused in here is refused by the name the request has for it."""
    try:
        yield
    except Refusal as refusal:
        own = str(refusal.facts.get("field", ""))
        refusal.message = f"{field}: {refusal.message.removeprefix(f'{own}: ')}"
        refusal.facts["field"] = field
        raise
