"""Rights that shops honour too: discount codes, and what a shop says of a customer."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router
from pydantic import Field, StringConstraints

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.doors.api.v1.sources import Number
from regulars.facts.customers import customers
from regulars.facts.sources import connections
from regulars.kit import paging
from regulars.oversight.outbound import rights, writing
from regulars.oversight.outbound.rights import Code, Takes, Terms
from regulars.oversight.outbound.writing import Right, State
from regulars.runtime.database import clock

router = Router(tags=["rights"])

Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]


class TermsIn(exact.Told):
    """What a code is good for: `percent` off the goods, or `amount` of `currency`, or free shipping."""

    takes: Takes
    percent: exact.Quantity | None = None
    amount: exact.Amount | None = None
    currency: Currency | None = None
    least: exact.Amount | None = Field(None, description="From goods of so much on, in `currency`.")
    starts_at: exact.Instant
    ends_at: exact.Instant | None = None
    uses: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(1, description="In all; null for any number.")
    once_each: bool = True

    def value(self) -> Terms:
        """As the room has it."""
        return Terms(
            takes=self.takes,
            percent=self.percent,
            amount_minor=self._minor("amount"),
            currency=self.currency or "",
            least_minor=self._minor("least"),
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            uses=self.uses,
            once_each=self.once_each,
        )

    def _minor(self, name: str) -> int | None:
        amount: Decimal | None = getattr(self, name)
        if amount is None:
            return None
        if self.currency is None:
            raise rights.BadCode("currency: an amount needs one; send a code such as GBP", field="currency")
        return exact.minor(amount, self.currency, name)


class CodeIn(exact.Told):
    """A discount code that every shop shall honour, for one customer alone where `customer` is told."""

    code: exact.Code
    title: Annotated[str, Field(min_length=1, max_length=rights.LONGEST_TITLE)]
    terms: TermsIn
    customer: exact.Code | None = None


class TermsOut(exact.Shown):
    """What a code is good for."""

    takes: str
    percent: str | None
    amount: str | None
    currency: str
    least: str | None
    starts_at: datetime
    ends_at: datetime | None
    uses: int | None
    once_each: bool


class CodeOut(exact.Shown):
    """One wanted code. Taken back, it is not active; shops are told so."""

    key: str
    code: str
    title: str
    terms: TermsOut
    customer: str | None
    is_active: bool
    version: int


class AttributesIn(exact.Told):
    """What every shop that knows the customer shall say of them, by name. Names not given stay; "" takes one away."""

    attributes: Annotated[dict[str, str], Field(max_length=rights.MOST_ATTRIBUTES)]


class CustomerRightsOut(exact.Shown):
    """What is wanted to be said of a customer, and the codes that are theirs alone."""

    attributes: dict[str, str]
    codes: list[CodeOut]


class WritingIn(exact.Told):
    """What is written to the connection's shop. Both false: nothing any more; what the shop was told stays there."""

    codes: bool
    attributes: bool


class WritingOut(exact.Shown):
    """How a shop is written to. `problem` is a short code where it cannot be as a whole, empty when it can."""

    codes: bool
    attributes: bool
    problem: str
    problem_why: str
    failing_since: datetime | None
    rest_until: datetime | None
    counts: dict[str, int] = Field(
        description="How many rights stand how: waiting, written, refused, unsupported, dropped."
    )


class RightOut(exact.Shown):
    """One code, or one of the shop's customers (`what` is the shop's name for them), and how it stands there."""

    id: int
    what: str
    state: str
    attempts: int
    due_at: datetime
    error: str
    error_why: str
    written_at: datetime | None
    checked_at: datetime | None
    drifts: int = Field(description="How often the shop was found to say otherwise than it was told.")


class RightsOut(exact.Shown):
    """A page of rights, newest first, and the cursor of the next page."""

    items: list[RightOut]
    next: str | None


@router.put("/rights/codes/{key}", auth=ApiKey("rights.write"), response=CodeOut, operation_id="want_code")
def want_code(request: HttpRequest, key: exact.Code, body: CodeIn) -> CodeOut:
    """Every shop shall honour the code. The key is yours and makes a repeat harmless; other terms change the code."""
    whose = None if body.customer is None else customers.by_public_id(body.customer).id
    wanted = rights.want_code(
        key=key,
        code=body.code,
        title=body.title,
        terms=body.terms.value(),
        customer=whose,
        at=clock.now(),
        by=caller(request),
    )
    return _code_out(wanted)


@router.get("/rights/codes/{key}", auth=ApiKey("rights.read"), response=CodeOut, operation_id="get_code")
def get_code(request: HttpRequest, key: exact.Code) -> CodeOut:
    """One code by its key."""
    return _code_out(rights.code(key))


@router.post(
    "/rights/codes/{key}/take-back", auth=ApiKey("rights.write"), response=CodeOut, operation_id="take_code_back"
)
def take_code_back(request: HttpRequest, key: exact.Code) -> CodeOut:
    """No shop shall honour it any more. Again changes nothing."""
    return _code_out(rights.take_back(key=key, at=clock.now(), by=caller(request)))


@router.get(
    "/customers/{customer}/rights",
    auth=ApiKey("rights.read"),
    response=CustomerRightsOut,
    operation_id="get_customer_rights",
)
def get_customer_rights(request: HttpRequest, customer: str) -> CustomerRightsOut:
    """What shops shall say of a customer, and their codes."""
    whose = customers.by_public_id(customer).id
    return CustomerRightsOut(
        attributes=dict(rights.attributes(whose)), codes=[_code_out(one) for one in rights.codes_of(whose)]
    )


@router.put(
    "/customers/{customer}/rights",
    auth=ApiKey("rights.write"),
    response=CustomerRightsOut,
    operation_id="want_customer_attributes",
)
def want_customer_attributes(request: HttpRequest, customer: str, body: AttributesIn) -> CustomerRightsOut:
    """Every shop that knows the person shall say this of them, whichever of their records is named. Again changes
    nothing."""
    whose = customers.by_public_id(customer).id
    rights.want_attributes(customer=whose, told=body.attributes, at=clock.now(), by=caller(request))
    return get_customer_rights(request, customer)


@router.get(
    "/connections/{connection}/writing",
    auth=ApiKey("sources.read"),
    response=WritingOut,
    operation_id="get_connection_writing",
)
def get_writing(request: HttpRequest, connection: str) -> WritingOut:
    """How the connection's shop is written to."""
    return _writing_out(connections.by_public_id(connection).id)


@router.put(
    "/connections/{connection}/writing",
    auth=ApiKey("sources.manage"),
    response=WritingOut,
    operation_id="allow_connection_writing",
)
def allow_writing(request: HttpRequest, connection: str, body: WritingIn) -> WritingOut:
    """Allow what is written to the connection's shop, from now on and of what is wanted already."""
    number = connections.by_public_id(connection).id
    writing.allow(connection=number, codes=body.codes, attributes=body.attributes, at=clock.now(), by=caller(request))
    return _writing_out(number)


@router.get(
    "/connections/{connection}/rights",
    auth=ApiKey("sources.read"),
    response=RightsOut,
    operation_id="list_connection_rights",
)
def list_rights(
    request: HttpRequest, connection: str, state: State | None = None, limit: int = 50, cursor: str = ""
) -> RightsOut:
    """What is to be written, or was, in one shop, newest first."""
    size = paging.check_size(limit)
    (before,) = paging.decode(cursor, "rights", int) if cursor else (None,)
    rows = writing.of_connection(
        connections.by_public_id(connection).id,
        state=state,
        before=before if isinstance(before, int) else None,
        limit=size + 1,
    )
    page = paging.cut(rows, size, of="rights", key=lambda one: (one.id,))
    return RightsOut(items=[_right_out(one) for one in page.items], next=page.next)


@router.post(
    "/connections/{connection}/rights/{right}/again",
    auth=ApiKey("sources.manage"),
    response=RightOut,
    operation_id="write_connection_right_again",
)
def write_again(request: HttpRequest, connection: str, right: Number) -> RightOut:
    """Write one right in that shop at once, with all its tries, however it ended."""
    found = connections.by_public_id(connection)
    if not any(one.id == right for one in writing.of_connection(found.id, before=min(right, 2**63 - 2) + 1, limit=1)):
        raise writing.UnknownRight(f"right: there is no {right} in this shop; look at the list", field="right")
    return _right_out(writing.again(right=right, at=clock.now(), by=caller(request)))


def _code_out(one: Code) -> CodeOut:
    terms = one.terms
    return CodeOut(
        key=one.key,
        code=one.code,
        title=one.title,
        terms=TermsOut(
            takes=terms.takes,
            percent=None if terms.percent is None else f"{terms.percent:f}",
            amount=None if terms.amount_minor is None else exact.shown(terms.amount_minor, terms.currency),
            currency=terms.currency,
            least=None if terms.least_minor is None else exact.shown(terms.least_minor, terms.currency),
            starts_at=terms.starts_at,
            ends_at=terms.ends_at,
            uses=terms.uses,
            once_each=terms.once_each,
        ),
        customer=None if one.customer is None else customers.get(one.customer).public_id,
        is_active=one.is_active,
        version=one.version,
    )


def _writing_out(connection: int) -> WritingOut:
    told = writing.of(connection)
    counts: Mapping[State, int] = writing.counts(connection)
    if told is None:
        nothing: dict[str, Any] = {"codes": False, "attributes": False, "problem": "", "problem_why": ""}
        return WritingOut(**nothing, failing_since=None, rest_until=None, counts={})
    return WritingOut(
        codes=told.codes,
        attributes=told.attributes,
        problem=told.problem,
        problem_why=told.problem_why,
        failing_since=told.failing_since,
        rest_until=told.rest_until,
        counts={str(state): count for state, count in counts.items()},
    )


def _right_out(one: Right) -> RightOut:
    return RightOut(
        id=one.id,
        what=one.what,
        state=one.state,
        attempts=one.attempts,
        due_at=one.due_at,
        error=one.error,
        error_why=one.error_why,
        written_at=one.written_at,
        checked_at=one.checked_at,
        drifts=one.drifts,
    )
