"""What may stand in a log line, and what may not."""

import json
import logging
import sys

from django.test import RequestFactory
from django.urls import ResolverMatch

from regulars.kit.refusals import Refusal
from regulars.runtime.serving.logs import JsonLines
from regulars.runtime.trail.requests import request_id

EMAIL = "li.na@example.com"


def logged(
    name: str, words: str, *values: object, error: Exception | None = None, **extra: object
) -> dict[str, object]:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.getLogger(name).makeRecord(name, logging.ERROR, __file__, 1, words, values, info, extra=extra)
    found: dict[str, object] = json.loads(JsonLines().format(record))
    return found


def test_listed_fields_and_the_request_id_are_kept_and_others_dropped() -> None:
    token = request_id.set("r-1")
    try:
        line = logged("regulars.jobs", "done in %d s", 3, job=7, email=EMAIL)
    finally:
        request_id.reset(token)
    assert line["said"] == "done in 3 s"
    assert (line["request_id"], line["job"], line["level"]) == ("r-1", 7, "error")
    assert "email" not in line


def test_an_exceptions_message_stays_out_and_its_place_stays_in() -> None:
    try:
        raise ValueError(f"Key (email)=({EMAIL}) already exists")
    except ValueError:
        error = sys.exc_info()[1]
    assert isinstance(error, Exception)
    line = logged("regulars.imports", "failed", error=error)
    assert EMAIL not in json.dumps(line)
    assert line["error"] == "ValueError"
    assert "test_an_exceptions_message" in str(line["stack"])


def test_a_refusal_gives_its_code() -> None:
    assert logged("regulars.x", "no", error=Refusal(f"no mail to {EMAIL}"))["code"] == "refused"


def test_djangos_messages_lose_their_values() -> None:
    line = logged("django.db.backends", "%s: %s", "INSERT", EMAIL)
    assert line["said"] == "%s: %s"


def test_an_answer_that_failed_says_how_it_was_answered_and_by_which_route_never_for_which_address() -> None:
    request = RequestFactory().get(f"/welcome/{EMAIL}")
    told = ("Internal Server Error", f"/welcome/{EMAIL}")
    line = logged("django.request", "%s: %s", *told, status_code=500, request=request)
    assert (line["said"], line["status"]) == ("Internal Server Error", 500)
    request.resolver_match = ResolverMatch(lambda: None, (), {}, route="welcome/<who>")
    line = logged("django.request", "%s: %s", *told, status_code=500, request=request)
    assert line["route"] == "/welcome/<who>"
    assert EMAIL not in json.dumps(line)
    assert logged("django.request", "%s: %s", *told, status_code=999)["said"] == "%s: %s"
