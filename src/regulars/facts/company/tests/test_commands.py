import json

import pytest
from click.testing import CliRunner

from regulars.facts.company import commands, company
from regulars.kit.refusals import Refusal

pytestmark = pytest.mark.django_db


def test_marek_names_the_shop_and_mends_one_thing_later() -> None:
    run = CliRunner().invoke
    assert "Nobody has said so yet" in run(commands.shop, ["show"]).output

    run(commands.shop, ["settle", "--name", "Teas", "--currency", "EUR", "--country", "DE"], catch_exceptions=False)
    assert company.shop().guessed == ("zone", "language")
    assert "nobody has said so: zone, language" in run(commands.shop, ["show"]).output
    run(commands.shop, ["settle", "--zone", "Europe/Berlin", "--language", "en"], catch_exceptions=False)

    assert company.shop() == company.Shop("Teas", "EUR", "Europe/Berlin", "en", "DE")
    assert company.shop().is_settled
    assert json.loads(run(commands.shop, ["show", "--json"]).output)["zone"] == "Europe/Berlin"


def test_a_house_without_a_name_is_not_settled_by_the_way() -> None:
    with pytest.raises(Refusal):
        CliRunner().invoke(commands.shop, ["settle", "--currency", "EUR"], catch_exceptions=False)
    assert not company.shop().is_settled
