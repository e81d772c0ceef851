"""The texts somebody agrees to. A version never changes: what was shown can be shown again, as its digest proves."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from regulars.facts.customers.models import ConsentText as Row
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

LONGEST = 20_000
MOST_VERSIONS = 1_000_000
_CODE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", re.ASCII)


@dataclass(frozen=True)
class Text:
    """One version in one language. `digest` is the SHA-256 of its words in UTF-8, in hexadecimal digits."""

    id: int
    code: str
    version: int
    language: str
    words: str
    digest: str
    published_at: datetime


class BadText(Refusal):
    """Not a text that can be kept."""

    code = "consent.bad_text"


class TextTaken(Refusal):
    """The version stands with other words."""

    code = "consent.text_taken"


class UnknownText(Refusal):
    """No such text."""

    code = "consent.unknown_text"


def publish(*, code: str, version: int, words: Mapping[str, str], at: datetime, by: Actor) -> list[Text]:
    """Put a version on record, `words` by language. The same again changes nothing; other words need a new version."""
    if not _CODE.fullmatch(code):
        raise BadText(
            _("code: %(code)r is none; use up to 64 small letters, digits, dots and dashes") % {"code": code[:40]},
            field="code",
            value=code[:40],
        )
    if not 1 <= version <= MOST_VERSIONS:
        raise BadText(
            _("version: %(version)s is none; count from 1") % {"version": version}, field="version", value=version
        )
    if not words:
        raise BadText(_("words: there are none; give them by language"), field="words", value="")
    told = {language.lower(): text.strip() for language, text in words.items()}
    for language, text in told.items():
        if not _LANGUAGE.fullmatch(language) or len(language) > 10:
            raise BadText(
                _("words: %(language)r is no language tag; write it like zh-hans or en") % {"language": language[:20]},
                field="words",
                value=language[:20],
            )
        if not text or len(text) > LONGEST or "\x00" in text:
            raise BadText(
                _("words: those in %(language)s are empty, too long or unreadable; give up to %(longest)s characters")
                % {"language": language, "longest": LONGEST},
                field="words",
                value=language,
            )
    with transaction.atomic():
        made = Row.objects.bulk_create(
            [
                Row(
                    code=code,
                    version=version,
                    language=language,
                    words=text,
                    digest=_digest(text),
                    published_at=at,
                    by_kind=by.kind,
                    by_id=by.id,
                )
                for language, text in sorted(told.items())
                if not Row.objects.filter(code=code, version=version, language=language).exists()
            ],
            ignore_conflicts=True,
        )
        found = {row.language: row for row in Row.objects.filter(code=code, version=version)}
        for language, text in told.items():
            if found[language].words != text:
                raise TextTaken(
                    _(
                        "version: %(version)s of %(code)s in %(language)s has other words; what was shown never"
                        " changes, so publish version %(next)s"
                    )
                    % {"version": version, "code": code, "language": language, "next": version + 1},
                    field="version",
                    value=version,
                )
        if made:
            trail.record(
                by=by,
                verb="consent_texts.publish",
                subject=f"consent_text:{code}",
                at=at,
                after={"version": version, "languages": sorted(row.language for row in made)},
            )
    return [_text(found[language]) for language in sorted(told)]


def find(*, code: str, version: int, language: str) -> Text:
    """One text. One indexed row; refused when there is none."""
    row = Row.objects.filter(code=code, version=version, language=language.lower()).first()
    if row is None:
        raise UnknownText(
            _("text: there is no version %(version)s of %(code)r in %(language)r; publish it first")
            % {"version": version, "code": code[:40], "language": language[:10]},
            field="text",
            value=code[:40],
        )
    return _text(row)


def of_many(texts: Iterable[int]) -> dict[int, Text]:
    """Texts by number. One query, none for no numbers."""
    wanted = set(texts)
    return {row.id: _text(row) for row in Row.objects.filter(id__in=wanted)} if wanted else {}


def every() -> list[Text]:
    """All texts by code, the newest version first. One query."""
    return [_text(row) for row in Row.objects.order_by("code", "-version", "language")]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _text(row: Row) -> Text:
    return Text(row.id, row.code, row.version, row.language, row.words, bytes(row.digest).hex(), row.published_at)
