"""Pictures of levels: kept and served by ourselves, for the member's card loads nothing from anywhere else. A
programme's file calls them by name; under what address they are changes with what they show."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from django.utils.translation import gettext as _

from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty._tiers.picture_rows import LARGEST, Picture
from regulars.runtime.trail import trail

__all__ = ("LARGEST", "BadPicture", "PictureView", "UnknownPicture", "at_digest", "digests", "every", "keep")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
#: What a file begins with tells what it is; its name does not. No SVG: it may hold scripts.
_STARTS = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"))


class BadPicture(Refusal):
    """No name for a picture, none that can be shown, or too large a one."""

    code = "pictures.bad"


class UnknownPicture(Refusal):
    """There is no such picture."""

    code = "pictures.unknown"


@dataclass(frozen=True)
class PictureView:
    """A picture, without what it shows."""

    name: str
    kind: str
    digest: str
    bytes: int
    at: datetime
    by: str


def keep(*, name: str, body: bytes, at: datetime, by: Actor) -> PictureView:
    """Keep a PNG, JPEG or WebP under a name; another one there goes. The same again changes nothing. Raises
    `BadPicture`."""
    if _NAME.fullmatch(name) is None:
        raise BadPicture(_("name: use small letters, digits and underscores"), field="name", value=name[:40])
    if not 0 < len(body) <= LARGEST:
        raise BadPicture(
            _("picture: it has %(bytes)s bytes; give one of at most %(most)s") % {"bytes": len(body), "most": LARGEST},
            field="picture",
            value=len(body),
        )
    kind = _kind(body)
    digest = blake2b(body, digest_size=16).hexdigest()
    if not Picture.objects.filter(name=name, digest=digest).exists():
        told = {"kind": kind, "digest": digest, "body": body, "at": at, "by": str(by)}
        row, _made = Picture.objects.update_or_create(name=name, defaults=told)
        after = {"name": name, "bytes": len(body)}
        trail.record(by=by, verb="loyalty.pictures.keep", subject=f"picture:{row.id}", at=at, after=after)
    return next(one for one in every() if one.name == name)


def every() -> list[PictureView]:
    """All pictures by name. One query, that reads none of them."""
    rows = Picture.objects.order_by("name").extra(select={"bytes": "length(body)"})
    return [PictureView(*one) for one in rows.values_list("name", "kind", "digest", "bytes", "at", "by")]


def digests(names: Collection[str]) -> dict[str, str]:
    """Name to digest, of those that are there. One query, none for no names."""
    wanted = {name for name in names if name}
    return dict(Picture.objects.filter(name__in=wanted).values_list("name", "digest")) if wanted else {}


def at_digest(digest: str) -> tuple[str, bytes]:
    """Kind and content of the picture at an address. One query. Raises `UnknownPicture`."""
    row = Picture.objects.filter(digest=digest[:32]).values_list("kind", "body").first()
    if row is None:
        raise UnknownPicture(_("picture: there is no such picture"), field="picture", value=digest[:32])
    return row[0], bytes(row[1])


def _kind(body: bytes) -> str:
    for start, kind in _STARTS:
        if body.startswith(start):
            return kind
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "webp"
    raise BadPicture(_("picture: give a PNG, JPEG or WebP file"), field="picture", value=body[:4].hex())
