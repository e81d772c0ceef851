"""Samples of what a shop writes, and what a translator may know of its connection."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from regulars.doors.connectors.protocol import About

SAMPLES = Path(__file__).parent.parent / "samples"


def sample(name: str, **other: Any) -> dict[str, Any]:
    """One of the samples, with some of it otherwise."""
    return {**json.loads((SAMPLES / f"{name}.json").read_text()), **other}


def about(**settings: str) -> About:
    told = {"address": "https://teas.example", "currency": "EUR"} | settings
    return About(1, "teas", "teas", ZoneInfo("Europe/Berlin"), "DE", told)
