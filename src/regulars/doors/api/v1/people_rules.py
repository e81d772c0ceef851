"""What the shop decides about people's data: what needs no yes, the age of consent, whose word counts more."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Router
from pydantic import Field, StringConstraints

from regulars.doors.api.v1 import exact
from regulars.doors.api.v1.keys import ApiKey, caller
from regulars.facts.customers import consent_rules, consent_settings, trust
from regulars.facts.customers.consent_rules import ConsentRules
from regulars.facts.customers.purposes import ANY
from regulars.runtime.database import clock

router = Router()

Country = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|\*)$")]
Age = Annotated[int, Field(ge=1, le=21)]
Pair = Annotated[str, StringConstraints(max_length=60)]
SourceName = Annotated[str, StringConstraints(max_length=64)]


class ConsentRulesIn(exact.Told):
    """What is left out stays as it is."""

    without_asking: Annotated[list[Pair], Field(max_length=60)] | None = Field(
        None, description="`purpose/channel` that need no yes before, like `service/*`; everybody may still say no."
    )
    age_of_consent: Annotated[dict[Country, Age], Field(max_length=260)] | None = Field(
        None, description="Country to the age from which somebody decides alone; `*`: everywhere else."
    )


class ConsentRulesOut(exact.Shown):
    """The rules of consent that count."""

    without_asking: list[str]
    age_of_consent: dict[str, int]


class ConsentChangeOut(exact.Shown):
    """Of how many more people a use would be allowed, and of how many fewer. `channel` null: it is no message."""

    purpose: str
    channel: str | None
    more: int
    fewer: int


class ConsentRulesPreviewOut(exact.Shown):
    """`people` there are; of `told` something is known that decides for them alone, and `looked_at` of these were
    looked at. Where those are fewer, the changes are estimates."""

    people: int
    told: int
    looked_at: int
    is_estimate: bool
    changes: list[ConsentChangeOut]


class SurerSourcesIn(exact.Told):
    """The sources that count more, whatever the time, the surest first; all others are equally sure."""

    sources: Annotated[list[SourceName], Field(max_length=50)]


class SurerSourcesOut(exact.Shown):
    """The sources that count more, the surest first."""

    sources: list[str]


class SurerSourcesPreviewOut(exact.Shown):
    """Of `told` several sources said something; of `people` among the `looked_at` something else would be shown, of
    each of `fields` of so many."""

    told: int
    looked_at: int
    people: int
    fields: dict[str, int]


@router.get(
    "/consent/rules",
    auth=ApiKey("preferences.read"),
    response=ConsentRulesOut,
    operation_id="get_consent_rules",
    tags=["consent"],
)
def get_consent_rules(request: HttpRequest) -> ConsentRulesOut:
    """What needs no yes, and from which age somebody decides alone."""
    return _rules_out(consent_rules.now())


@router.post(
    "/consent/rules/what-if",
    auth=ApiKey("preferences.read"),
    response=ConsentRulesPreviewOut,
    operation_id="try_consent_rules",
    tags=["consent"],
)
def try_consent_rules(request: HttpRequest, body: ConsentRulesIn) -> ConsentRulesPreviewOut:
    """Of how many more, and fewer, a use would be allowed by these rules. Writes nothing."""
    found = consent_rules.what_if(_rules(body), at=clock.now())
    return ConsentRulesPreviewOut(
        people=found.people,
        told=found.told,
        looked_at=found.looked_at,
        is_estimate=found.is_estimate,
        changes=[
            ConsentChangeOut(purpose=one.purpose, channel=one.channel, more=one.more, fewer=one.fewer)
            for one in found.changes
        ],
    )


@router.patch(
    "/consent/rules",
    auth=ApiKey("preferences.change"),
    response=ConsentRulesOut,
    operation_id="change_consent_rules",
    tags=["consent"],
)
def change_consent_rules(request: HttpRequest, body: ConsentRulesIn) -> ConsentRulesOut:
    """They count for the very next question. Ask `what-if` before."""
    consent_rules.change(rules=_rules(body), at=clock.now(), by=caller(request))
    return _rules_out(consent_rules.now())


@router.get(
    "/surer-sources",
    auth=ApiKey("preferences.read"),
    response=SurerSourcesOut,
    operation_id="get_surer_sources",
    tags=["profiles"],
)
def get_surer_sources(request: HttpRequest) -> SurerSourcesOut:
    """Whose word counts more where sources say different things of somebody."""
    return SurerSourcesOut(sources=list(trust.surer_sources()))


@router.post(
    "/surer-sources/what-if",
    auth=ApiKey("preferences.read"),
    response=SurerSourcesPreviewOut,
    operation_id="try_surer_sources",
    tags=["profiles"],
)
def try_surer_sources(request: HttpRequest, body: SurerSourcesIn) -> SurerSourcesPreviewOut:
    """Of how many something else would be shown. Writes nothing."""
    found = trust.what_if(body.sources)
    return SurerSourcesPreviewOut(
        told=found.told, looked_at=found.looked_at, people=found.people, fields=dict(found.fields)
    )


@router.put(
    "/surer-sources",
    auth=ApiKey("preferences.change"),
    response=SurerSourcesOut,
    operation_id="set_surer_sources",
    tags=["profiles"],
)
def set_surer_sources(request: HttpRequest, body: SurerSourcesIn) -> SurerSourcesOut:
    """Say whose word counts more. What is shown of people follows in the background."""
    trust.set_surer_sources(sources=body.sources, at=clock.now(), by=caller(request))
    return get_surer_sources(request)


def _rules(body: ConsentRulesIn) -> ConsentRules:
    now = consent_rules.now()
    return ConsentRules(
        now.without_asking if body.without_asking is None else tuple(body.without_asking),
        now.ages if body.age_of_consent is None else consent_settings.ages_of(body.age_of_consent),
    )


def _rules_out(rules: ConsentRules) -> ConsentRulesOut:
    ages = consent_settings.by_country(rules.ages)
    return ConsentRulesOut(
        without_asking=list(rules.without_asking),
        age_of_consent={country: ages[country] for country in sorted(ages, key=lambda one: (one == ANY, one))},
    )
