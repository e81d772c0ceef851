"""Every text a person may read, gathered from templates and Python, and the Chinese catalogue kept in step with them.

`python tests/contracts/catalogue.py` adds what is new to the catalogue (with an empty translation for you to fill in),
drops what is gone and compiles the .mo beside it. It needs no gettext tools on the machine.
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "regulars"
PO = SOURCE / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
MO = PO.with_suffix(".mo")
HEADER = "# Chinese (simplified) for Regulars. Kept by tests/contracts/catalogue.py; write translations, nothing else."
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
    # A check of imported rows: what is wrong, which a report says in the reader's language.
    "where": (3,),
}
#: Of the same check: how it is mended.
MENDS = {"where": (4,)}


def python_files() -> Iterator[Path]:
    """The package's own Python, tests and migrations left out."""
    for file in sorted(SOURCE.rglob("*.py")):
        if not {"tests", "migrations"} & set(file.relative_to(SOURCE).parts):
            yield file


def templates() -> Iterator[Path]:
    """The package's own templates."""
    yield from sorted(SOURCE.rglob("templates/**/*.html"))


def wanted() -> Catalog:
    """What templates and Python ask gettext for."""
    found = Catalog(locale="zh_Hans_CN", header_comment=HEADER, fuzzy=False)
    for file in [*python_files(), *templates()]:
        text = file.read_text()
        if file.suffix == ".html":
            text = templatize(text, origin=str(file))
        for keywords in (KEYWORDS, MENDS) if file.suffix == ".py" else (KEYWORDS,):
            # Reading every word of a file that calls none of them is what takes the time.
            if not any(f"{word}(" in text for word in keywords):
                continue
            for _line, message, _comments, context in extract("python", io.BytesIO(text.encode()), keywords=keywords):
                found.add(message, locations=[(file.relative_to(ROOT).as_posix(), 0)], context=context)
    return found


def kept() -> Catalog:
    """The committed catalogue."""
    with PO.open("rb") as file:
        return read_po(file, locale="zh_Hans_CN")


def compiled() -> Catalog:
    """The committed .mo, which is what Django reads."""
    with MO.open("rb") as file:
        return read_mo(file)


def _context(context: str | bytes | None) -> str:
    return context.decode() if isinstance(context, bytes) else context or ""  # a .mo gives bytes


def texts(catalogue: Catalog) -> dict[tuple[str, str], tuple[str, ...]]:
    """(context, msgid) to its translations, one for each plural form."""
    return {
        (_context(message.context), message.id[0] if isinstance(message.id, tuple | list) else message.id): (
            tuple(message.string) if isinstance(message.string, tuple | list) else (message.string,)
        )
        for message in catalogue
        if message.id
    }


_NOT_TEXT = re.compile(
    r"{%\s*blocktrans(?:late)?\b.*?{%\s*endblocktrans(?:late)?\s*%}"
    r"|{%\s*comment\b.*?{%\s*endcomment\s*%}|<script\b.*?</script>|<style\b.*?</style>|<svg\b.*?</svg>"
    r"|<code\b.*?</code>|<i class=\"symbol\".*?</i>|<!--.*?-->|{%.*?%}|{{.*?}}|{#.*?#}|&\w+;",
    re.DOTALL,
)
_READ_ATTRIBUTE = re.compile(r"\b(?:alt|title|aria-label|placeholder|data-word)=(?:\"([^\"]*)\"|'([^']*)')")
_WORD = re.compile(r"[^\W\d_]{2,}")


def untranslated_text(template: str) -> list[str]:
    """Words in a template that a person would read and gettext never sees."""
    text = _NOT_TEXT.sub(" ", template)
    read = [a or b for a, b in _READ_ATTRIBUTE.findall(text)]
    read += re.sub(r"<[^>]*>", "\n", text).splitlines()
    return [line.strip() for line in read if _WORD.search(line)]


def main() -> None:
    old = texts(kept()) if PO.exists() else {}
    new = wanted()
    empty = 0
    for message in new:
        english = message.id[0] if isinstance(message.id, tuple | list) else message.id
        known = old.get((_context(message.context), english))
        if message.id and known and all(known):
            message.string = known if isinstance(message.id, tuple | list) else known[0]
        elif message.id:
            empty += 1
    PO.parent.mkdir(parents=True, exist_ok=True)
    with PO.open("wb") as file:
        write_po(file, new, width=0, sort_output=True, omit_header=False, ignore_obsolete=True, include_lineno=False)
    # The dates in the head would change with every run and say nothing that git does not.
    PO.write_text(
        re.sub(r'^"(?:POT-Creation-Date|PO-Revision-Date|Generated-By).*\n', "", PO.read_text(), flags=re.MULTILINE)
    )
    with MO.open("wb") as file:
        write_mo(file, kept())
    sys.stdout.write(f"{PO.relative_to(ROOT)}: {len(texts(new))} texts, {empty} without Chinese\n")


if __name__ == "__main__":
    settings.configure(USE_I18N=True)
    main()
