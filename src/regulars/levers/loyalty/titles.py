"""What something of the shop's is called, in the reader's language."""

from typing import Any

from django.utils.translation import get_language

__all__ = ("titled",)


def titled(code: str, titles: Any) -> str:
    """Its title, in English where there is none in the reader's language; its code where nobody has said any."""
    language = "zh" if (get_language() or "").startswith("zh") else "en"
    told = {str(name).lower(): str(words) for name, words in dict(titles or {}).items()}
    mine = next((words for name, words in told.items() if name.startswith(language)), "")
    return mine or told.get("en", "") or code
