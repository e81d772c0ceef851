"""What becomes of everything that goes wrong within the API."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from regulars.doors.api.v1.problems import NotFound, NotGranted, answer
from regulars.facts.commerce import (
    attributes,
    catalogue,
    categories,
    corrections,
    doubles,
    goods_returns,
    holds,
    orders,
    prices,
    shipments,
    stock,
    variants,
)
from regulars.facts.company import stores
from regulars.facts.customers import (
    blocking,
    consent_texts,
    customers,
    households,
    identity,
    keys,
    reviews,
    tags,
    topics,
    traits,
)
from regulars.facts.events import events, following, past_orders
from regulars.facts.events import orders as told_orders
from regulars.facts.sources import (
    alarms,
    connectable,
    connections,
    inbox,
    plan,
    privacy_requests,
    quarantine,
    sources,
    write_keys,
)
from regulars.insight.audiences import audiences
from regulars.insight.warehouse.session import NothingPublished
from regulars.kit import ids
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import (
    benefits,
    memberships,
    missions,
    order_spends,
    points,
    programmes,
    redemptions,
    regrants,
    rewards,
    tiers,
)
from regulars.oversight.outbound import deliveries, endpoints, exports, rights, writing
from regulars.runtime.serving.middleware import RETRY_AFTER_SECONDS, is_away, met_another

_MOST_ERRORS = 20
#: Where a request says that it was ended so that another could go on.
MET_ANOTHER = "regulars.met_another"
log = logging.getLogger("regulars.api")

_STATUS: Mapping[type[Refusal], int] = {
    # What is not there, and an id that cannot be one, look alike to a guesser.
    NotFound: 404,
    ids.BadId: 404,
    orders.UnknownOrder: 404,
    doubles.UnknownDouble: 404,
    doubles.DecidedOtherwise: 409,
    doubles.NotBothCount: 409,
    doubles.NotOnePerson: 409,
    customers.UnknownCustomer: 404,
    reviews.UnknownReview: 404,
    identity.UnknownLink: 404,
    blocking.NotBlocked: 404,
    identity.KeptApart: 409,
    reviews.NothingDecided: 409,
    reviews.NotAboutTwo: 409,
    topics.UnknownTopic: 404,
    sources.UnknownSource: 404,
    connections.UnknownConnection: 404,
    connections.ConnectionRetired: 409,
    connections.ConnectionNameTaken: 409,
    inbox.UnknownDelivery: 404,
    inbox.NothingToReplay: 409,
    inbox.NotInTheWay: 409,
    connectable.NotReached: 409,
    write_keys.UnknownWriteKey: 404,
    quarantine.NotInQuarantine: 404,
    events.UnknownEvent: 404,
    told_orders.NotAnOrderEvent: 404,
    told_orders.OnRecord: 409,
    past_orders.NotTheFeed: 409,
    past_orders.TakesLong: 503,
    following.NotParked: 404,
    alarms.UnknownAlarm: 404,
    plan.UnknownInPlan: 404,
    traits.UnknownTrait: 404,
    tags.UnknownTag: 404,
    households.UnknownHousehold: 404,
    endpoints.UnknownEndpoint: 404,
    deliveries.UnknownDelivery: 404,
    endpoints.EndpointNameTaken: 409,
    endpoints.EndpointRetired: 409,
    endpoints.TooManyEndpoints: 409,
    deliveries.NotWaiting: 409,
    rights.UnknownCode: 404,
    writing.CannotBeWritten: 409,
    rights.CodeTaken: 409,
    exports.UnknownExport: 404,
    exports.NoSuchFile: 404,
    exports.ExportNameTaken: 409,
    exports.ExportRetired: 409,
    exports.TooManyExports: 409,
    NotGranted: 403,
    keys.KeyTaken: 409,
    households.InAnother: 409,
    consent_texts.TextTaken: 409,
    orders.StaleReport: 409,
    goods_returns.UnknownReturn: 404,
    goods_returns.StaleReturn: 409,
    goods_returns.ConflictingReturn: 409,
    shipments.UnknownShipment: 404,
    orders.ConflictingReport: 409,
    goods_returns.KeyUsedElsewhere: 409,
    goods_returns.OverRefund: 409,
    catalogue.UnknownProduct: 404,
    attributes.KindIsSettled: 409,
    corrections.ToldSince: 409,
    catalogue.StaleProduct: 409,
    catalogue.ConflictingProduct: 409,
    categories.UnknownCategory: 404,
    privacy_requests.UnknownRequest: 404,
    writing.UnknownRight: 404,
    variants.UnknownVariant: 404,
    variants.AnothersVariant: 409,
    holds.UnknownHold: 404,
    programmes.UnknownProgramme: 404,
    programmes.NotApproved: 409,
    programmes.NeedsAnother: 409,
    regrants.UnknownRegrant: 404,
    regrants.UnderWay: 409,
    regrants.NothingToGive: 409,
    regrants.LaterFirst: 409,
    regrants.TakesFromMembers: 409,
    regrants.Unlike: 409,
    missions.UnknownMission: 404,
    missions.NothingToJoin: 409,
    missions.NotForThem: 409,
    tiers.UnknownTiers: 404,
    tiers.AlreadyFrozen: 409,
    tiers.NotFrozen: 409,
    benefits.UnknownBenefit: 404,
    benefits.UnknownUse: 404,
    benefits.UnknownGift: 404,
    benefits.NotEntitled: 409,
    benefits.UsedUp: 409,
    memberships.UnknownPlan: 404,
    memberships.UnknownMembership: 404,
    memberships.AlreadyMember: 409,
    memberships.NotPossible: 409,
    memberships.BadPayment: 409,
    holds.NotEnough: 409,
    holds.KeyReused: 409,
    holds.HoldIsOver: 409,
    prices.NoPrice: 404,
    prices.StalePrice: 409,
    prices.ConflictingPrice: 409,
    stock.StaleStock: 409,
    stock.ConflictingStock: 409,
    stores.UnknownStore: 404,
    goods_returns.NothingLeft: 409,
    sources.SourceNameTaken: 409,
    sources.SourceRetired: 409,
    quarantine.AlreadySettled: 409,
    plan.NothingExpected: 409,
    plan.TooMany: 409,
    audiences.UnknownAudience: 404,
    audiences.NameTaken: 409,
    audiences.InUse: 409,
    audiences.KeyTaken: 409,
    points.UnknownEntry: 404,
    order_spends.UnknownOrderSpend: 404,
    order_spends.NothingWrong: 409,
    points.UnknownHold: 404,
    points.HoldIsOver: 409,
    points.NotEnoughPoints: 409,
    points.NothingToReverse: 409,
    points.AccountFrozen: 409,
    points.KeyUsedOtherwise: 409,
    rewards.UnknownReward: 404,
    rewards.ChangedMeanwhile: 409,
    redemptions.UnknownRedemption: 404,
    redemptions.NotOpen: 409,
    redemptions.NotForThem: 409,
    redemptions.LimitReached: 409,
    redemptions.SoldOut: 409,
    redemptions.AlreadySo: 409,
    redemptions.TooLate: 409,
    NothingPublished: 409,
}
#: A key that told something else. Each room has its own word for it, and sees the key as we keep it.
_OF_KEYS = (
    audiences.KeyTaken,
    goods_returns.KeyUsedElsewhere,
    holds.KeyReused,
    keys.KeyTaken,
    points.KeyUsedOtherwise,
)


def answer_with_problems(api: NinjaAPI) -> None:
    """Whatever goes wrong within `api` leaves as a problem."""
    api.add_exception_handler(Refusal, _refused)
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(AuthenticationError, _no_key)
    api.add_exception_handler(HttpError, _unreadable)
    api.add_exception_handler(Exception, _broken)


def _refused(request: HttpRequest, refusal: Refusal | type[Refusal]) -> HttpResponse:
    assert isinstance(refusal, Refusal)
    if isinstance(refusal, _OF_KEYS):
        why = _("Idempotency-Key: it told something else before; give each act its own key")
        return answer(409, refusal.code, why, field="Idempotency-Key")
    status = next((_STATUS[kind] for kind in type(refusal).__mro__ if kind in _STATUS), 422)
    more = {name: str(refusal.facts[name]) for name in ("node", "mend") if refusal.facts.get(name)}
    return answer(status, refusal.code, refusal.message, field=str(refusal.facts.get("field", "")), more=more)


def _no_key(request: HttpRequest, problem: AuthenticationError | type[AuthenticationError]) -> HttpResponse:
    refused = answer(
        401, "key.missing_or_wrong", _("Authorization: no key that works; send `Authorization: Bearer rk_…`")
    )
    refused["WWW-Authenticate"] = 'Bearer realm="regulars"'
    return refused


def _invalid(request: HttpRequest, problem: ValidationError | type[ValidationError]) -> HttpResponse:
    assert isinstance(problem, ValidationError)
    errors = [_error(told) for told in problem.errors[:_MOST_ERRORS]]
    first = errors[0]
    return answer(422, "request.invalid", f"{first['field']}: {first['problem']}", field=first["field"], errors=errors)


_WORDS = {
    "missing": gettext_noop("is missing; send it"),
    "extra_forbidden": gettext_noop("is not known here; leave it out"),
    "string_type": gettext_noop("is not text; write it in quotes"),
    "string_unicode": gettext_noop("has half a character in it; send whole UTF-8"),
    "int_type": gettext_noop("is not a whole number; write it without quotes and point"),
    "int_parsing": gettext_noop("is not a whole number"),
    "int_from_float": gettext_noop("is not a whole number"),
    "int_parsing_size": gettext_noop("is too large; send a smaller number"),
    "float_type": gettext_noop("is not a number; write it without quotes"),
    "float_parsing": gettext_noop("is not a number"),
    "finite_number": gettext_noop("is not a number"),
    "bool_type": gettext_noop("is neither true nor false; write one of them, without quotes"),
    "bool_parsing": gettext_noop("is neither true nor false; write one of them"),
    "date_type": gettext_noop("is no day; write it like 2026-03-02"),
    "date_parsing": gettext_noop("is no day; write it like 2026-03-02"),
    "date_from_datetime_parsing": gettext_noop("is no day; write it like 2026-03-02"),
    "date_from_datetime_inexact": gettext_noop("is no day; write it like 2026-03-02"),
    "time_type": gettext_noop("is no time of the day; write it like 09:30"),
    "time_parsing": gettext_noop("is no time of the day; write it like 09:30"),
    "model_type": gettext_noop("is not a JSON object; send {…}"),
    "model_attributes_type": gettext_noop("is not a JSON object; send {…}"),
    "dict_type": gettext_noop("is not a JSON object; send {…}"),
    "list_type": gettext_noop("is not a list; send […]"),
    "union_tag_not_found": gettext_noop("does not say of which kind it is; see the description of the API"),
    "union_tag_invalid": gettext_noop("is of a kind that is not known here; see the description of the API"),
}


_NONE_OF_THEM = gettext_noop("is none of them; choose from {expected}")
#: The same with the limit that was set.
_WORDS_WITH = {
    "literal_error": _NONE_OF_THEM,
    "enum": _NONE_OF_THEM,
    "string_too_long": gettext_noop("has more than {max_length} characters; shorten it"),
    "string_too_short": gettext_noop("has fewer than {min_length} characters"),
    "too_long": gettext_noop("has more than {max_length} parts; send fewer"),
    "too_short": gettext_noop("has fewer than {min_length} parts; send more"),
    "greater_than": gettext_noop("is too small; send more than {gt}"),
    "greater_than_equal": gettext_noop("is too small; send {ge} or more"),
    "less_than": gettext_noop("is too large; send less than {lt}"),
    "less_than_equal": gettext_noop("is too large; send {le} or less"),
}
#: How it is written, by how its pattern begins.
_FORMS = {
    "^[0-2][0-9]:[0-5][0-9]-": gettext_noop("write hours like 22:00-08:00"),
    "^[A-Za-z]{2,3}(-": gettext_noop("write it like zh-Hans or en"),
    "^[A-Z]{2}$": gettext_noop("use two capital letters such as CN or GB"),
    "^[A-Z]{3}$": gettext_noop("use three capital letters such as CNY or GBP"),
    "^[!-~]{1,120}$": gettext_noop("send 1 to 120 visible characters of ASCII, without blanks"),
    "^[A-Za-z0-9._:/-]{1,80}": gettext_noop("send 1 to 80 letters, digits and any of . _ : / -, without blanks"),
    "^[a-z0-9][a-z0-9._-]": gettext_noop("use small letters and digits, with points, dashes and underscores between"),
    "^[a-z][a-z0-9_]": gettext_noop("use small letters, digits and underscores, a letter first"),
    "": gettext_noop("see the description of the API"),
}
_CHOICES = re.compile(r"\^\(([a-z0-9_*|\\-]+)\)\$", re.ASCII)
#: What the reader of the body calls the branches of what may be one of several types.
_BRANCHES = ("constrained-", "function-", "list[", "tagged-union[")


def _problem(told: Mapping[str, Any]) -> str:
    limits = told.get("ctx", {})
    if told["type"] == "string_pattern_mismatch":
        pattern = limits.get("pattern", "")
        if choices := _CHOICES.fullmatch(pattern):
            return _(_NONE_OF_THEM).format(expected=choices[1].replace("|", ", ").replace(chr(92), ""))
        mend = next(words for beginning, words in _FORMS.items() if pattern.startswith(beginning))
        return _("is not written as it should be; %(mend)s") % {"mend": _(mend)}
    if words := _WORDS_WITH.get(told["type"]):
        if "expected" in limits:
            # 'one', 'two' or 'three', in English whatever the reader speaks.
            limits = limits | {"expected": limits["expected"].replace(" or ", ", ").replace("'", "")}
        return _(words).format(**limits)
    # What we refuse ourselves (`exact`) was said in the reader's language when it was refused.
    words = _WORDS.get(told["type"])
    return _(words) if words else str(told["msg"])


def _error(told: Mapping[str, Any]) -> dict[str, str]:
    """Where it is, without ninja's names for the places, and what to do. The value stays out: it may be personal."""
    source, *path = told["loc"]
    if source == "body" and path and path[0] == "body":
        path = path[1:]
    if len(path) > 1 and str(path[-1]).startswith(_BRANCHES):
        path = path[:-1]
    field = ".".join(str(part)[:60] for part in path).encode("utf-8", "replace").decode()
    return {"field": field or str(source), "problem": _problem(told)}


def _unreadable(request: HttpRequest, problem: HttpError | type[HttpError]) -> HttpResponse:
    return answer(
        400, "request.bad_json", _("body: is not one JSON object in UTF-8 with each name once; mend it"), field="body"
    )


def _broken(request: HttpRequest, problem: Exception | type[Exception]) -> HttpResponse:
    assert isinstance(problem, Exception)
    if is_away(problem):
        away = answer(503, "server.database_away", _("the database is away for a moment; ask again"))
        away["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return away
    if met_another(problem):
        request.META[MET_ANOTHER] = True
        busy = answer(503, "server.busy", _("others were changing the same at this moment; ask again"))
        busy["Retry-After"] = "1"
        return busy
    log.error("a request broke", exc_info=problem)
    return answer(500, "server.broken", _("something broke on our side; tell us the request_id"))
