"""What a connection of the kind `folder` is told: the folder that is watched, and the mappings of its files. Pure.

The folder itself is the door's matter (`doors/imports/watching`), which looks into it.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from django.utils.translation import gettext_lazy as _

from regulars.facts.sources.connections import BadConnection

KIND = "folder"
#: The folders in it, each for one kind of file.
FILES = ("orders", "customers", "products", "prices", "stock")
#: When a file counts: as soon as it stood still from one look to the next; or only with an empty file NAME.done beside.
READY = ("still", "marker")


def check(settings: Mapping[str, str]) -> Mapping[str, Any]:
    """The settings in one form; refused where they cannot be. A kind's setting is its mapping, by name or file."""
    known = ("folder", "ready", *FILES)
    if unknown := sorted(settings.keys() - set(known)):
        raise BadConnection(
            _("%(unknown)s: is no setting of a folder; use %(known)s")
            % {"unknown": unknown[0], "known": ", ".join(known)},
            field=unknown[0],
        )
    folder = settings.get("folder", "").strip()
    path = PurePosixPath(folder)
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2 or len(folder) > 1000:
        raise BadConnection(
            _("folder: write the whole path, such as /srv/regulars/in"), field="folder", value=folder[:60]
        )
    if settings.get("ready", "still") not in READY:
        raise BadConnection(
            _("ready: use one of %(ready)s") % {"ready": ", ".join(READY)}, field="ready", value=settings["ready"][:20]
        )
    for kind in FILES:
        named = settings.get(kind, "").strip()
        if named.endswith((".yaml", ".yml")) and not PurePosixPath(named).is_absolute():
            raise BadConnection(
                _("%(kind)s: write the mapping's whole path, or the name of one that comes along") % {"kind": kind},
                field=kind,
            )
    found = {name: value.strip() for name, value in settings.items() if value.strip()}
    return {**found, "folder": str(path)}
