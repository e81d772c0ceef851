"""Connections that requests take turns with: a new one for each cost more than all that most requests ask of it."""

from django.db import connections

#: Of one process; PostgreSQL has 100 for all, workers, followers and commands.
MOST = 20
#: How long a request waits for a connection, be it that all are in use or that the database is away.
WAIT_SECONDS = 3.0
IDLE_SECONDS = 300.0


def share_connections() -> None:
    """From now on this process keeps its connections open between requests, and never gives out one that died.

    For the web server's workers alone: each request has a thread of its own there, and with it a new connection, which
    is six milliseconds and a session that has yet to read what the tables look like. Nothing that a request sets in its
    session may outlive its transaction (`SET LOCAL`), for the next one gets the same session.
    """
    settings = connections.settings["default"]
    settings["CONN_HEALTH_CHECKS"] = True
    settings["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": MOST,
        "timeout": WAIT_SECONDS,
        "max_idle": IDLE_SECONDS,
        # Who asks next tries anew: no waiting that doubles while the database is long back.
        "reconnect_timeout": 1.0,
    }
