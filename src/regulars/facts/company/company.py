"""The shop: its name, money, clock, language and country."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.company import defaults, models
from regulars.facts.company._codes import check_name
from regulars.kit import civil, languages, money
from regulars.kit.actors import Actor
from regulars.kit.countries import check_country
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail


@dataclass(frozen=True)
class Shop:
    """Whose house this is. `guessed` names the fields nobody has chosen; `is_settled` is False while there are any."""

    name: str
    currency: str
    zone: str
    language: str
    country: str
    guessed: tuple[str, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Whether somebody has chosen all of it."""
        return not self.guessed


class UnknownLanguage(Refusal):
    """A language Regulars does not speak."""

    code = "company.unknown_language"


FIELDS = ("name", "currency", "zone", "language", "country")
_NOT_YET = Shop("", defaults.CURRENCY, defaults.ZONE, defaults.LANGUAGE, defaults.COUNTRY, FIELDS)


def shop() -> Shop:
    """The shop as last settled, or the defaults of a house nobody has named yet. One indexed row."""
    row = models.Shop.objects.filter(id=1).first()
    return _shop(row) if row else _NOT_YET


def settle(
    *,
    name: str,
    currency: str,
    zone: str,
    language: str,
    country: str,
    at: datetime,
    by: Actor,
    guessed: Collection[str] = (),
) -> Shop:
    """Say whose house this is; `guessed` names what nobody has chosen. The same again changes nothing.

    Days and sums already recorded keep the zone and the currency they were recorded with.
    """
    money.exponent(currency)
    civil.zone(zone)
    if language not in languages.CODES:
        raise UnknownLanguage(
            _("language: %(language)r is not spoken here; use one of %(codes)s")
            % {"language": language[:20], "codes": ", ".join(languages.CODES)},
            field="language",
            value=language[:20],
        )
    left_open = tuple(field for field in FIELDS if field in guessed)
    after = Shop(check_name("name", name), currency, zone, language, check_country(country), left_open)
    with transaction.atomic():
        models.Shop.objects.bulk_create(
            [models.Shop(id=1, name="", currency="CNY", zone="UTC", language="en", country="CN")], ignore_conflicts=True
        )
        row = models.Shop.objects.select_for_update().get(id=1)
        before = _shop(row)
        if before == after:
            return after
        models.Shop.objects.filter(id=1).update(
            name=after.name,
            currency=currency,
            zone=zone,
            language=language,
            country=after.country,
            guessed=list(after.guessed),
        )
        trail.record(
            by=by,
            verb="company.settle",
            subject="company:shop",
            at=at,
            before=_told(before) if before.name else None,
            after=_told(after),
        )
    return after


def _shop(row: models.Shop) -> Shop:
    return Shop(row.name, row.currency, row.zone, row.language, row.country, tuple(row.guessed))


def _told(shop: Shop) -> dict[str, object]:
    return {
        "currency": shop.currency,
        "zone": shop.zone,
        "language": shop.language,
        "country": shop.country,
        "guessed": ",".join(shop.guessed),
    }
