"""Which request we are in, so that log lines and trail lines of one request can be found together."""

from contextvars import ContextVar

#: Empty outside a request. The web server's middleware sets it; threads started by Django's async bridge inherit it.
request_id: ContextVar[str] = ContextVar("regulars_request_id", default="")
