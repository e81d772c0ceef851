"""Whoever can reach the machine's shell can let people in."""

import json

import pytest
from click.testing import CliRunner
from django.urls import include, path

from regulars.runtime.staff import commands, operators
from regulars.runtime.staff.policy import open_to_everyone
from regulars.runtime.staff.tests.builders import MONDAY, an_operator


@open_to_everyone(because="a stand-in for the console's page")
def welcome(request, token):
    raise AssertionError(token)


console = ([path("console/welcome/<str:token>", welcome, name="welcome")], "console")
urlpatterns = [path("", include(console))]

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def run(*words):
    return CliRunner().invoke(commands.operators_group, words)


def test_the_first_link_and_then_none():
    printed = run("link").output.strip()
    assert printed.startswith("http://127.0.0.1:8000/console/welcome/")
    assert operators.link_purpose(printed.rsplit("/", 1)[1], at=MONDAY) == "first_operator"
    an_operator("lin", "owner")
    answer = run("link")
    assert answer.exit_code == 2
    assert "Somebody works here already" in answer.output


def test_a_way_back_in():
    an_operator("lin", "owner")
    printed = run("link", "LIN@shop.example").output.strip()
    assert operators.link_purpose(printed.rsplit("/", 1)[1], at=MONDAY) == "new_password"


def test_the_list():
    an_operator("lin", "owner")
    assert run("list").output == "lin@shop.example  owner  active\n"
    [row] = json.loads(run("list", "--json").output)
    assert (row["email"], row["role"], row["active"]) == ("lin@shop.example", "owner", True)
