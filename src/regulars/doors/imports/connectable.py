"""The watched folder, as screens and the API know it (`facts/sources/connectable`).

Who signs in may not name any folder of the machine: only such as lie in one place, `in` in the home or what
`REGULARS_FOLDERS` names. `regulars connection add`, for whoever reaches the shell, may name others.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings as house
from django.utils.translation import gettext_lazy as _

from regulars.doors.imports import watching
from regulars.facts.sources import folders
from regulars.facts.sources.connectable import Connectable, Field, NotReached
from regulars.facts.sources.connections import BadConnection, Connection

#: Where folders lie that may be watched by those who sign in.
SETTING = "REGULARS_FOLDERS"


def place() -> Path:
    """The folder whose folders may be watched."""
    return Path(os.environ.get(SETTING) or house.REGULARS_HOME / "in")


def check(settings: Mapping[str, str]) -> Mapping[str, Any]:
    """As `folders.check`, and within `place`; a mapping is named, never a file of the machine."""
    found = folders.check(settings)
    if not PurePosixPath(found["folder"]).is_relative_to(place()):
        raise BadConnection(
            f"folder: write one within {place()}; others are for `regulars connection add` on the machine itself",
            field="folder",
        )
    if files := [kind for kind in folders.FILES if "/" in str(found.get(kind, ""))]:
        raise BadConnection(f"{files[0]}: write the name of a mapping that comes along", field=files[0])
    return found


def trial(settings: Mapping[str, Any], credentials: Mapping[str, str], zone: str) -> Mapping[str, str]:
    """Whether the folder is there and may be written to; raises `NotReached`."""
    if words := watching.why_no_folder(Path(settings["folder"])):
        raise NotReached(words, field="folder")
    return {}


def _nothing(connection: Connection, at: datetime) -> Sequence[str]:
    return ()


def _tells_by_itself(connection: Connection, url: str) -> Sequence[str]:
    raise NotReached("A folder sends no messages: files that are left in it are taken by themselves.")


CONNECTABLE: tuple[Connectable, ...] = (
    Connectable(
        kind=folders.KIND,
        label=_("Watched folder"),
        settings=(
            Field("folder", _("The folder on the server, such as /srv/regulars/in")),
            Field("ready", _("When a file counts: still, or marker"), is_required=False),
            Field("orders", _("The mapping of files of orders"), is_required=False),
            Field("customers", _("The mapping of files of customers"), is_required=False),
            Field("products", _("The mapping of files of products"), is_required=False),
            Field("prices", _("The mapping of files of prices"), is_required=False),
            Field("stock", _("The mapping of files of stock"), is_required=False),
        ),
        credentials=(),
        streams={},
        can_be_asked=False,
        is_told=False,
        check=check,
        trial=trial,
        backfill=_nothing,
        poll=_nothing,
        subscribe=_tells_by_itself,
    ),
)
