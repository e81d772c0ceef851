"""The how-to page of the API lists the actions a key can be granted, all of them and no others."""

import re
from pathlib import Path

from django.urls import get_resolver

from regulars.runtime.staff import policy

PAGE = Path(__file__).resolve().parents[5] / "docs/how-to/use-the-api.md"


def test_every_action_of_the_api_stands_in_the_page():
    policies = [policy.of(view) for _, view in policy.routes(get_resolver().url_patterns)]
    asked = {action for one in policies if isinstance(one, policy.KeyPolicy) for action in one.actions.values()}
    rows = [line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert {action for row in rows for action in re.findall(r"`([a-z]+\.[a-z]+)`", row)} == asked
