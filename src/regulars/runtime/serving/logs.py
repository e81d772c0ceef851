"""Log lines as JSON objects, with nothing in them that could be somebody's: fields come from a list, values of an
exception's message stay out."""

import json
import logging
import traceback
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from regulars.kit.refusals import Refusal
from regulars.runtime.trail.requests import request_id

#: What a call may hand over in `extra=`. Ids, counts, codes and durations; whoever adds a name here answers for it.
FIELDS = (
    "method",
    "route",
    "status",
    "ms",
    "seconds",
    "count",
    "pid",
    "attempt",
    "job",
    "task",
    "kind",
    "subscriber",
    "notice",
    "run",
    "code",
)
#: Libraries that put addresses and parameters into their messages: only the words before the values are kept.
WORDS_ONLY = ("django", "asyncio", "axes")


#: What the words of Django's own line of an answer are, by its status: without their values they say nothing.
_ANSWERS = {int(status): status.phrase for status in HTTPStatus}


def _message(record: logging.LogRecord) -> str:
    if record.name == "django.request" and (said := _ANSWERS.get(record.__dict__.get("status_code", 0))):
        return said
    if record.name.split(".")[0] in WORDS_ONLY:
        return str(record.msg)
    return record.getMessage()


def _answered(record: logging.LogRecord) -> dict[str, Any]:
    """Of which request it is, by the pattern of its address and never by the address."""
    told = {"status": record.__dict__.get("status_code")}
    if match := getattr(record.__dict__.get("request"), "resolver_match", None):
        told["route"] = f"/{match.route}"
    return {name: value for name, value in told.items() if value is not None}


def _stack(problem: BaseException) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(problem.__traceback__)]


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "said": _message(record),
        }
        if chosen := request_id.get():
            line["request_id"] = chosen
        line |= {name: record.__dict__[name] for name in FIELDS if name in record.__dict__}
        if record.name == "django.request":
            line |= _answered(record)
        if record.exc_info and (problem := record.exc_info[1]):
            # Not its message: a violated constraint quotes the row, a parser quotes the text.
            line["error"] = type(problem).__name__
            if isinstance(problem, Refusal):
                line["code"] = problem.code
            line["stack"] = _stack(problem)
        return json.dumps(line, ensure_ascii=False, default=str)


def logging_settings(*, as_json: bool) -> dict[str, Any]:
    """For Django's LOGGING: JSON lines where the supervisor reads them, short plain ones in a terminal."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "regulars.runtime.serving.logs.JsonLines"},
            "plain": {"format": "%(levelname)s %(name)s: %(message)s"},
        },
        "handlers": {"err": {"class": "logging.StreamHandler", "formatter": "json" if as_json else "plain"}},
        "root": {"handlers": ["err"], "level": "INFO" if as_json else "WARNING"},
        # Emptied, or Django's own handlers would write every line a second time and mail errors to nobody.
        "loggers": {name: {"handlers": [], "propagate": True} for name in ("django", "django.server")}
        # `Observed` writes one line for each request.
        | {"django.request": {"level": "ERROR"}}
        # Its warnings quote who tried to come in, and from where.
        | {"axes": {"level": "ERROR"}},
    }
