"""Links between our own pages lead somewhere, down to the heading."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)


def pages(root: Path) -> list[Path]:
    return sorted(
        [*root.glob("*.md"), *(p for part in ("docs", "src", "tests", "bench") for p in (root / part).rglob("*.md"))]
    )


def anchors(page: Path) -> set[str]:
    """The names a code host gives to headings: lower case, spaces to dashes, punctuation dropped."""
    headings = re.findall(r"^#{1,6}\s+(.+?)\s*#*$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    found: dict[str, int] = {}
    names = set()
    for heading in headings:
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        names.add(f"{slug}-{found[slug]}" if slug in found else slug)
        found[slug] = found.get(slug, 0) + 1
    return names


def broken(root: Path) -> Iterator[str]:
    for page in pages(root):
        text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text()))
        for link in _LINK.findall(text):
            if re.match(r"[a-z][a-z0-9+.-]*:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            here = page.relative_to(root).as_posix()
            if not target.exists():
                yield f"{here}: {link} leads nowhere"
            elif not target.is_relative_to(root.resolve()):
                yield f"{here}: {link} leads out of the project"
            elif anchor and target.suffix == ".md" and anchor not in anchors(target):
                yield f"{here}: {link} names a heading that is not there"


def test_every_link_leads_somewhere():
    assert list(broken(ROOT)) == []


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("[map](map.md)", "docs/page.md: map.md leads nowhere"),
        ("![map](../map.svg)", "docs/page.md: ../map.svg leads nowhere"),
        ("[words](words.md#lot)", "docs/page.md: words.md#lot names a heading that is not there"),
        ("[out](../../..)", "docs/page.md: ../../.. leads out of the project"),
    ],
)
def test_a_broken_link_is_seen(tmp_path: Path, link: str, fault: str):
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "words.md").write_text("# Words\n\n## One meaning, each\n")
    (docs / "page.md").write_text("[ok](words.md#one-meaning-each) [far](https://example.com) `[code](no.md)`\n")
    assert list(broken(tmp_path)) == []
    (docs / "page.md").write_text(link)
    assert list(broken(tmp_path)) == [fault]
