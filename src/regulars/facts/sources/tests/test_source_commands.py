"""`regulars source`: made, given a key, listed, revoked, retired."""

import json
import re

import pytest
from click.testing import CliRunner

from regulars.facts.sources import write_keys
from regulars.facts.sources.commands import source

pytestmark = pytest.mark.django_db


def test_a_source_gets_a_key_and_loses_it_and_retires():
    run = CliRunner()
    made = run.invoke(source, ["make", "web-shop", "--zone", "Europe/London", "--order-feed", "--json"])
    assert json.loads(made.stdout)["is_order_feed"] is True
    token = run.invoke(source, ["key", "web-shop", "--kinds", "track", "--per-second", "50"]).stdout.strip()
    assert re.fullmatch(write_keys.PATTERN, token)

    (listed,) = json.loads(run.invoke(source, ["list", "--json"]).stdout)
    [key] = listed["keys"]
    assert (key["kinds"], key["per_second"], key["revoked_at"]) == (["track"], 50, None)
    assert token not in run.invoke(source, ["list"]).output
    assert key["prefix"] in run.invoke(source, ["list"]).output

    run.invoke(source, ["revoke", "web-shop", key["prefix"]])
    assert json.loads(run.invoke(source, ["list", "--json"]).stdout)[0]["keys"][0]["revoked_at"]
    run.invoke(source, ["retire", "web-shop"])
    assert json.loads(run.invoke(source, ["list", "--json"]).stdout)[0]["retired_at"]


def test_a_beginning_that_names_no_key_or_several_is_refused():
    run = CliRunner()
    run.invoke(source, ["make", "till", "--kind", "till", "--zone", "Asia/Shanghai"])
    for _ in range(2):
        run.invoke(source, ["key", "till", "--json"])
    refused = run.invoke(source, ["revoke", "till", "wk"])
    assert refused.exit_code == 2
    assert "2 keys" in refused.output
