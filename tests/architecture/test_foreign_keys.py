"""Foreign keys point down only, by floor and by the layers within one: the model registry is walked."""

from collections.abc import Iterable
from configparser import ConfigParser
from functools import cache
from pathlib import Path

from django.apps import apps
from django.apps.registry import Apps
from django.db import models
from django.test.utils import isolate_apps

ROOT = Path(__file__).resolve().parents[2]


@cache
def heights() -> dict[str, int]:
    """Room or floor -> how high it stands among its neighbours, read from the import contracts themselves."""
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    found = {}
    for section in contracts.sections():
        if contracts[section].get("type") != "layers":
            continue
        layers = contracts[section]["layers"].split("\n")[1:]
        for height, layer in enumerate(reversed(layers)):
            for name in layer.split("|"):
                found[f"{contracts[section]['containers'].strip()}.{name.strip()}"] = height
    return found


def may_point(source: str, target: str) -> bool:
    """Whether a row of room `source` may refer to one of room `target`; both like regulars.facts.commerce."""
    if source == target:
        return True
    order = heights()
    source_floor, target_floor = (".".join(room.split(".")[:2]) for room in (source, target))
    if source_floor != target_floor:
        return order[source_floor] > order[target_floor]
    # Doors have no order among themselves: they are strangers.
    return order.get(source, 0) > order.get(target, 0)


def offences(registry: Apps) -> list[str]:
    found = []
    for model in registry.get_models(include_auto_created=True):
        source = apps.get_app_config(model._meta.app_label).name
        if not source.startswith("regulars."):
            continue
        for field in relations(model):
            target = apps.get_app_config(field.related_model._meta.app_label).name
            if not target.startswith("regulars."):
                continue
            if not may_point(source, target):
                found.append(f"{model._meta.label}.{field.name} points up to {field.related_model._meta.label}")
            if source != target and not field.remote_field.hidden:
                found.append(
                    f"{model._meta.label}.{field.name} grows an attribute on {field.related_model._meta.label}"
                )
    return found


def relations(model: type[models.Model]) -> Iterable[models.ForeignKey]:
    return [
        field
        for field in model._meta.get_fields()
        if field.is_relation and not field.auto_created and field.related_model
    ]


def test_foreign_keys_point_down():
    assert offences(apps) == []


def test_heights_are_the_contracts():
    assert may_point("regulars.insight.measures", "regulars.facts.customers")
    assert may_point("regulars.facts.commerce", "regulars.facts.customers")
    assert not may_point("regulars.facts.customers", "regulars.facts.commerce")
    assert not may_point("regulars.facts.customers", "regulars.insight.measures")
    assert not may_point("regulars.doors.console", "regulars.doors.imports")
    assert not may_point("regulars.levers.checkout", "regulars.levers.community")


@isolate_apps("regulars.facts.company", "regulars.insight.measures")
def test_a_key_that_points_up_is_seen():
    class Score(models.Model):
        class Meta:
            app_label = "measures"

    class Shop(models.Model):
        score = models.ForeignKey(Score, on_delete=models.PROTECT, related_name="+")

        class Meta:
            app_label = "company"

    assert offences(Shop._meta.apps) == ["company.Shop.score points up to measures.Score"]


@isolate_apps("regulars.facts.company", "regulars.insight.measures")
def test_a_key_that_decorates_its_target_is_seen():
    class Shop(models.Model):
        class Meta:
            app_label = "company"

    class Score(models.Model):
        shop = models.ForeignKey(Shop, on_delete=models.PROTECT)

        class Meta:
            app_label = "measures"

    assert offences(Shop._meta.apps) == ["measures.Score.shop grows an attribute on company.Shop"]


@isolate_apps("regulars.facts.company", "regulars.insight.measures")
def test_a_key_that_points_down_is_right():
    class Shop(models.Model):
        class Meta:
            app_label = "company"

    class Score(models.Model):
        shop = models.ForeignKey(Shop, on_delete=models.PROTECT, related_name="+")
        earlier = models.ForeignKey("self", null=True, on_delete=models.PROTECT)

        class Meta:
            app_label = "measures"

    assert offences(Shop._meta.apps) == []
