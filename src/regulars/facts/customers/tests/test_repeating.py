"""Every verb that takes a key: again it gives the first answer whatever happened since; other content is refused."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps

from regulars.facts import customers as room
from regulars.facts.customers import (
    consent,
    households,
    identity,
    keys,
    persons,
    preferences,
    profiles,
    reviews,
    tags,
)
from regulars.facts.customers.households import Role
from regulars.facts.customers.identity import Observation, Reason
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.tests.builders import MAREK, MONDAY, a_customer, a_key

DAY = timedelta(1)
OF_TWO = {"why": Reason.ASKED, "at": MONDAY, "by": MAREK}


@dataclass(frozen=True)
class Case:
    """A verb with what it tells; `since` is what the world does after, and `others` what is no repeat of it."""

    verb: Callable[..., Any]
    told: Callable[[SimpleNamespace], Mapping[str, Any]]
    since: Callable[[SimpleNamespace], Any]
    others: tuple[Callable[[SimpleNamespace], Mapping[str, Any]], ...]
    before: Callable[[SimpleNamespace], Any] = lambda they: None


def two(they):
    return {"one": they.li, "other": they.app, **OF_TWO}


def joined(they):
    identity.join(**two(they), key=a_key())


def joined_later(they):
    identity.join(**{**two(they), "at": MONDAY + DAY}, key=a_key())


def kept_apart(they):
    identity.keep_apart(**two(they), key=a_key())


def undone(they):
    reviews.undo_between(**two(they), key=a_key())


def tagged(they):
    tags.tag(customer=they.li, tag="vip", key=a_key(), at=MONDAY, by=MAREK)


def untagged(they):
    tags.untag(customer=they.li, tag="vip", key=a_key(), at=MONDAY + DAY, by=MAREK)


def at_home(they):
    they.home = households.form(members={they.li: Role.HEAD}, key=a_key(), at=MONDAY, by=MAREK).public_id


def nowhere(they):
    households.leave(customer=they.li, key=a_key(), at=MONDAY + DAY, by=MAREK)


def proved(they):
    told = Observation(they.li, "card", "club", "77001", "platform", "till", MONDAY, a_key())
    identity.observe(observation=told, by=MAREK)
    they.link = identity.links_of([they.li])[-1].id


def taken_back(they):
    identity.revoke(link=they.link, why=Reason.MISTAKE, key=a_key(), at=MONDAY, by=MAREK)


def proves(they, **others):
    told = Observation(they.li, "phone", "", "+8613812345678", "contact", "till", MONDAY, they.key, is_dated=True)
    return {"observation": replace(told, **others), "by": MAREK}


def answers(they, **others):
    told = {"customer": they.li, "purpose": "marketing", "channel": "email", "place": "web_form", "proof": "form 7"}
    return {**told, "is_dated": True, "at": MONDAY, "by": MAREK, **others}


def answered_otherwise(they):
    for verb in (consent.give, consent.withdraw):
        verb(**answers(they, at=MONDAY + DAY), key=a_key())


def wishes(they, **others):
    return {"customer": they.li, "wishes": {"most_per_week": 2}, "place": "app", "at": MONDAY, "by": MAREK, **others}


def tells(they, **others):
    told = {"customer": they.li, "profile": Profile(note="tall"), "at": MONDAY, "by": MAREK, "is_dated": True}
    return {**told, **others}


def noted(they):
    profiles.describe(**tells(they, profile=Profile(note="small"), at=MONDAY + DAY), key=a_key())


def of_li(they, **others):
    return {"customer": they.li, "at": MONDAY, "by": MAREK, **others}


def asked(they):
    """A question about the two: one phone that both only told."""
    for who in (they.li, they.app):
        profiles.describe(customer=who, profile=Profile(phone="13812345678"), key=a_key(), at=MONDAY, by=MAREK)
    they.question = reviews.of_records([they.li])[0]


def on_the_question(they):
    return {"review": they.question, **OF_TWO}


CASES = {
    "join": Case(identity.join, two, undone, (lambda they: {**two(they), "other": they.bo},)),
    "join of joined": Case(identity.join, two, undone, (lambda they: {**two(they), "one": they.bo},), joined),
    "join for another reason": Case(
        identity.join, two, undone, (lambda they: {**two(they), "why": Reason.DOCUMENT},), joined
    ),
    "keep apart": Case(identity.keep_apart, two, undone, (lambda they: {**two(they), "other": they.bo},)),
    "keep apart again": Case(
        identity.keep_apart, two, undone, (lambda they: {**two(they), "one": they.bo},), kept_apart
    ),
    "undecide": Case(identity.undecide, two, joined_later, (lambda they: {**two(they), "other": they.bo},), joined),
    "undecide nothing": Case(identity.undecide, two, joined_later, (lambda they: {**two(they), "other": they.bo},)),
    "undo": Case(reviews.undo_between, two, joined_later, (lambda they: {**two(they), "other": they.bo},), joined),
    "answer join": Case(
        reviews.join, on_the_question, undone, (lambda they: {**on_the_question(they), "why": Reason.DOCUMENT},), asked
    ),
    "answer apart": Case(
        reviews.keep_apart,
        on_the_question,
        undone,
        (lambda they: {**on_the_question(they), "why": Reason.FAMILY},),
        asked,
    ),
    "answer undone": Case(
        reviews.undo,
        on_the_question,
        joined_later,
        (lambda they: {**on_the_question(they), "why": Reason.MISTAKE},),
        lambda they: (asked(they), joined(they)),
    ),
    "revoke": Case(
        identity.revoke,
        lambda they: {"link": they.link, **OF_TWO},
        lambda they: None,
        (lambda they: {"link": they.link, **OF_TWO, "why": Reason.MISTAKE},),
        proved,
    ),
    "revoke the revoked": Case(
        identity.revoke,
        lambda they: {"link": they.link, **OF_TWO},
        lambda they: None,
        (lambda they: {"link": they.link, **OF_TWO, "why": Reason.MISTAKE},),
        lambda they: (proved(they), taken_back(they)),
    ),
    "observe": Case(
        identity.observe,
        proves,
        proved,
        tuple(
            partial(proves, **other)
            for other in (
                {"at": MONDAY - DAY},
                {"is_dated": False},
                {"source": "shop"},
                {"evidence": "told"},
                {"value": "+8613900000000"},
            )
        ),
    ),
    "give": Case(
        consent.give,
        answers,
        answered_otherwise,
        tuple(
            partial(answers, **other)
            for other in (
                {"at": MONDAY - DAY},
                {"is_dated": False},
                {"place": "app"},
                {"proof": "form 8"},
                {"channel": "sms"},
                {"source": "shop"},
                {"is_by_guardian": True},
            )
        ),
    ),
    "withdraw": Case(
        consent.withdraw,
        answers,
        answered_otherwise,
        tuple(partial(answers, **other) for other in ({"at": MONDAY - DAY}, {"place": "app"}, {"purpose": "*"})),
    ),
    "wish": Case(
        preferences.change,
        wishes,
        lambda they: preferences.change(**wishes(they, wishes={"most_per_week": 5}), key=a_key()),
        (partial(wishes, wishes={"most_per_week": 3}), partial(wishes, place="web_form")),
    ),
    "tag": Case(tags.tag, partial(of_li, tag="vip"), untagged, (partial(of_li, tag="press"),)),
    "tag the tagged": Case(tags.tag, partial(of_li, tag="vip"), untagged, (partial(of_li, tag="press"),), tagged),
    "untag": Case(tags.untag, partial(of_li, tag="vip"), tagged, (partial(of_li, tag="press"),), tagged),
    "untag nothing": Case(tags.untag, partial(of_li, tag="vip"), tagged, (partial(of_li, tag="press"),)),
    "describe": Case(
        profiles.describe,
        tells,
        noted,
        tuple(
            partial(tells, **other)
            for other in ({"profile": Profile(note="short")}, {"at": MONDAY - DAY}, {"source": "crm"})
        ),
    ),
    "describe many": Case(
        profiles.describe_many,
        lambda they: {"profiles": {they.li: Profile(note="tall")}, "at": MONDAY, "by": MAREK},
        noted,
        (lambda they: {"profiles": {they.li: Profile(note="wide")}, "at": MONDAY, "by": MAREK},),
    ),
    "form": Case(
        households.form,
        lambda they: {"members": {they.li: Role.HEAD, they.bo: Role.CHILD}, "at": MONDAY, "by": MAREK},
        nowhere,
        (lambda they: {"members": {they.li: Role.HEAD}, "at": MONDAY, "by": MAREK},),
    ),
    "come to live": Case(
        households.add,
        lambda they: of_li(they, household=they.home, role=Role.HEAD),
        nowhere,
        (lambda they: of_li(they, household=they.home, role=Role.OTHER),),
        at_home,
    ),
    "leave": Case(households.leave, of_li, at_home, (lambda they: {**of_li(they), "customer": they.bo},), at_home),
    "leave nothing": Case(households.leave, of_li, at_home, (lambda they: {**of_li(they), "customer": they.bo},)),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", CASES)
def test_a_repeat_gives_the_first_answer_and_another_act_is_refused(name):
    case = CASES[name]
    they = SimpleNamespace(li=a_customer("li"), app=a_customer("app"), bo=a_customer("bo"), key="once")
    for tag in ("vip", "press"):
        tags.define(code=tag, at=MONDAY, by=MAREK)
    case.before(they)
    told = case.told(they) if case.verb is identity.observe else {**case.told(they), "key": "once"}
    first = case.verb(**told)
    case.since(they)
    before = everything()
    again = case.verb(**told)
    # Of many the answer is how much of it was new.
    assert again == first or case.verb is profiles.describe_many
    assert everything() == before
    for other in case.others:
        with pytest.raises(keys.KeyTaken):
            case.verb(**(other(they) if case.verb is identity.observe else {**other(they), "key": "once"}))
    assert everything() == before


@pytest.mark.django_db
def test_two_who_are_parted_again_stay_two_when_the_join_is_told_once_more():
    they = SimpleNamespace(li=a_customer("li"), app=a_customer("app"))
    joined(they)
    identity.join(**two(they), key="late")
    undone(they)
    identity.join(**two(they), key="late")
    assert persons.of(they.app) != persons.of(they.li)


def test_every_verb_with_a_key_is_in_the_table():
    public = [importlib.import_module(f"{room.__name__}.{one.name}") for one in pkgutil.iter_modules(room.__path__)]
    verbs = {
        verb
        for module in public
        if not module.__name__.rpartition(".")[2].startswith("_")
        for verb in vars(module).values()
        if inspect.isfunction(verb)
        and verb.__module__ == module.__name__
        and not verb.__name__.startswith("_")
        and "key" in inspect.signature(verb).parameters
        and "by" in inspect.signature(verb).parameters
    }
    assert verbs | {identity.observe} == {case.verb for case in CASES.values()}


def everything():
    """All rows of the room, as they are."""
    return {
        model.__name__: sorted(map(repr, model.objects.values_list()))
        for model in apps.get_app_config("customers").get_models()
    }
