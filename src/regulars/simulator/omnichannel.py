"""A year of people who meet one company everywhere: cookies, a web shop, an app, tills, mini-programs, a marketplace.

Pure, and the same for the same plan. Each channel tells what such a channel tells: what somebody proved by signing in,
by a code that came back or by a platform's word, what they only told, and what clerks mistype. Whose record it is, is
known beside it and told nobody. Families share phones, mailboxes, cards and tablets; twins and sons named
after their father are among them; numbers that were given up get new owners.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple, TypeVar

from regulars.facts.customers.kinds import Evidence
from regulars.kit.refusals import Refusal
from regulars.simulator.chance import Chance
from regulars.simulator.names import AREAS, FAMILY, GIVEN, LAST, number_of_nobody

T = TypeVar("T")

#: Days before the year from which some are known already.
BEFORE, DAYS = 300, 365
#: For how many days an operator keeps a number that was given up from others.
KEPT_BACK = 90
_FAMILY, _SPELT = zip(*FAMILY, strict=True)
_FIRST_SIGN = tuple("小子雨浩思佳明文志欣俊海诗晨梦可嘉天若宇")
_SECOND_SIGN = tuple("兰涵桐然源怡轩静磊婷国华曦琪远妍杰雪博欣燕航强宁")
_GIVEN = (*GIVEN, "Clara", "Hugo", "Yara", "Emil")
#: What clerks type for guests who tell no number: the shop's own, and one that everybody knows.
SHOPS_OWN_PHONE, EVERYBODYS_PHONE = "+8675586000001", "13800000000"
_SYLLABLES = (
    *("xiao", "zi", "yu", "hao", "si", "jia", "ming", "wen", "zhi", "xin", "jun"),
    *("hai", "shi", "chen", "meng", "ke", "lan", "han", "tong", "ran", "yuan", "yi"),
)
#: How many in a hundred use a channel.
_USES = (
    *(("web", 55), ("outlet", 12), ("app", 45), ("mini-shop", 45), ("mini-club", 18), ("mini-outlet", 8)),
    *(("till", 60), ("tmall", 15)),
)
#: Kind, scope and value of identifiers that are nobody's.
_NOBODYS = (
    *(("phone", "", EVERYBODYS_PHONE), ("phone", "", "0000000000"), ("email", "", "test@test.com")),
    *(("card", "club", "000000"), ("card", "club", "null"), ("wechat_unionid", "op-1", "undefined")),
    *(("taobao_oaid", "tm-shop", "1a2b3c"), ("email", "", "noemail@post.example.com")),
)


@dataclass(frozen=True)
class Plan:
    """`people` who live from `start` on for a year; some are known from up to 300 days before.

    Forms stay `silence` times as often without a name or a birthday as they usually do. `twins` and `namesakes` are in
    how many of a hundred homes that could have some there are any: far more often than in life.
    """

    people: int
    seed: str = "regulars"
    silence: float = 1.0
    twins: float = 10.0
    namesakes: float = 10.0
    start: datetime = datetime(2025, 11, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=DAYS)


class Ref(NamedTuple):
    """A record as its source calls it."""

    namespace: str
    ref: str


@dataclass(frozen=True)
class Message:
    """What a web page, an app or a mini-program sends to the event door: of which source, and what."""

    at: datetime
    source: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    """A line of the customer file of a system that sends no events: a till, a marketplace. `phone` as it was typed."""

    at: datetime
    record: Ref
    name: str
    phone: str
    birthday: str


@dataclass(frozen=True)
class Purchase:
    """An order, by its record or by a guest."""

    at: datetime
    namespace: str
    ref: str
    record: Ref | None
    is_in_store: bool


@dataclass(frozen=True)
class Proof:
    """What the shop's programs tell the interface of identity: see `identity.Observation`."""

    at: datetime
    record: Ref
    kind: str
    scope: str
    value: str
    evidence: Evidence


@dataclass
class Year:
    """What happened, each in the order of time, and the truth: whose each record and each device is.

    `owners` of records are numbers of people. A device that several use has them all. `members` are those whom the
    company could know everywhere; guests of the tills are people too, each met once.
    """

    plan: Plan
    messages: list[Message] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)
    proofs: list[Proof] = field(default_factory=list)
    owners: dict[Ref, int] = field(default_factory=dict)
    devices: dict[Ref, frozenset[int]] = field(default_factory=dict)
    #: Of which event, by its message id, who did it.
    doers: dict[str, int] = field(default_factory=dict)
    #: Twins, and fathers with sons of their name: two numbers each.
    kin: set[frozenset[int]] = field(default_factory=set)
    #: What happened that makes it hard, counted.
    trouble: Counter[str] = field(default_factory=Counter)


class TooManyPeople(Refusal):
    """More than there are telephone numbers reserved for fiction."""

    code = "simulator.too_many_people"


@dataclass
class _Somebody:
    """`phones` and `emails` are theirs from a day on; `borrows` is whose phone they use, having none themselves."""

    number: int
    name: str
    latin: str
    birthday: str
    phones: list[tuple[int, str]]
    emails: list[tuple[int, str]]
    borrows: "_Somebody | None" = None
    devices: list[str] = field(default_factory=list)
    card: str = ""

    def phone(self, day: int) -> str:
        return (
            self.borrows.phone(day) if self.borrows else [number for since, number in self.phones if since <= day][-1]
        )

    def email(self, day: int) -> str:
        return [address for since, address in self.emails if since <= day][-1]


class _Dice:
    """Draws one at a time from a named stream."""

    def __init__(self, seed: str, name: str) -> None:
        self._stream = Chance(seed).stream(name)
        self._drawn: list[float] = []

    def _next(self) -> float:
        if not self._drawn:
            self._drawn = self._stream.uniform(4096).tolist()[::-1]
        return self._drawn.pop()

    def of(self, percent: float) -> bool:
        """True so often in a hundred times."""
        return self._next() * 100 < percent

    def below(self, limit: int) -> int:
        return int(self._next() * limit)

    def between(self, first: int, last: int) -> int:
        return first + self.below(last - first + 1)

    def one(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]


def make(plan: Plan) -> Year:
    """The year of a plan; the same plan makes the same year on every machine. Refuses more than 3,000 people."""
    if not 1 <= plan.people <= 3_000:
        raise TooManyPeople(f"people: {plan.people} is not between 1 and 3,000", field="people")
    making = _Making(plan)
    for home in making.homes():
        for one in home:
            making.lives(one, home)
    making.guests()
    making.strange_identifiers()
    year = making.year
    year.messages.sort(key=lambda one: (one.at, one.body["messageId"]))
    year.rows.sort(key=lambda one: (one.at, one.record))
    year.purchases.sort(key=lambda one: (one.at, one.ref))
    year.proofs.sort(key=lambda one: (one.at, one.record, one.kind, one.value))
    return year


class _Making:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.year = Year(plan)
        self._dice = _Dice(plan.seed, "omnichannel")
        #: Of its own, so that a year without them is the same year.
        self._kin = _Dice(plan.seed, "omnichannel kin")
        self._people = count()
        self._messages = count(1)
        self._refs: Counter[str] = Counter()
        self._lines = iter(number_of_nobody(area, line) for line in range(100) for area in range(len(AREAS)))
        #: Numbers that were given up: from which day on somebody else may get them.
        self._free: list[tuple[int, str]] = []
        self._everybodys: list[str] = []

    # Who they are.

    def homes(self) -> list[list[_Somebody]]:
        """Everybody, by whom they live with."""
        found: list[list[_Somebody]] = []
        left = self.plan.people
        while left:
            size = min(left, self._dice.one((1, 1, 1, 1, 1, 2, 2, 2, 3, 4)))
            found.append(self._home(size))
            left -= size
        self._renumber([one for home in found for one in home])
        self._everybodys = [number for home in found for one in home for _, number in one.phones]
        return found

    def _home(self, size: int) -> list[_Somebody]:
        dice, first = self._dice, self._somebody("")
        home = [first]
        while len(home) < size:
            # Children have the family's name, couples each their own; no two of a home have one name.
            another = self._somebody(first.name if len(home) > 1 or dice.of(30) else "")
            if another.name not in {one.name for one in home}:
                home.append(another)
        for one in home[1:]:
            if dice.of(14):
                one.borrows = first
                self.year.trouble["people who use another's phone"] += 1
            if dice.of(10):
                one.emails = first.emails
                self.year.trouble["people who share a mailbox"] += 1
        if len(home) > 2 and self._kin.of(self.plan.twins):
            self._twins(first, home[-2], home[-1])
        elif len(home) > 1 and not _is_chinese(first.name) and self._kin.of(self.plan.namesakes):
            self._namesakes(first, home[1])
        return home

    def _twins(self, parent: _Somebody, one: _Somebody, other: _Somebody) -> None:
        """Born on one day, of one family's name; half of them have the parent's phone alone, some one mailbox."""
        other.birthday = one.birthday
        if _is_chinese(one.name):
            other.name = one.name[0] + other.name[1:] if other.name[1:] != one.name[1:] else one.name[0] + "双双"
            other.latin = f"{other.latin.split(' ')[0]} {one.latin.split(' ')[-1]}"
        else:
            given = other.latin.split(" ")[0] if not _is_chinese(other.name) else self._kin.one(_GIVEN)
            if given == one.name.split(" ")[0]:
                given = "Bartolomea"
            other.name = other.latin = f"{given} {one.name.rsplit(' ', 1)[-1]}"
        if self._kin.of(50):
            one.borrows = other.borrows = parent
        if self._kin.of(30):
            other.emails = one.emails
        self.year.kin.add(frozenset((one.number, other.number)))
        self.year.trouble["twins"] += 1

    def _namesakes(self, father: _Somebody, son: _Somebody) -> None:
        """Named after the father; half of them use his phone, some his mailbox."""
        son.name, son.latin = father.name, father.latin
        born = int(father.birthday[:4]) + self._kin.between(18, 40)
        son.birthday = f"{min(born, 2012)}{son.birthday[4:]}".replace("-02-29", "-02-28")
        if self._kin.of(50):
            son.borrows = father
        if self._kin.of(20):
            son.emails = father.emails
        self.year.kin.add(frozenset((father.number, son.number)))
        self.year.trouble["sons named after their father"] += 1

    def _somebody(self, of_family: str) -> _Somebody:
        dice, number = self._dice, next(self._people)
        if dice.of(80) if not of_family else _is_chinese(of_family):
            family = _FAMILY.index(of_family[0]) if of_family else dice.below(len(_FAMILY))
            name = _FAMILY[family] + dice.one(_FIRST_SIGN) + dice.one(_SECOND_SIGN)
            latin = f"{dice.one(_SYLLABLES).title()}{dice.one(_SYLLABLES)} {_SPELT[family]}"
        else:
            family_name = of_family.rsplit(" ", 1)[-1] if of_family else dice.one(LAST)
            name = latin = f"{dice.one(_GIVEN)} {family_name}"
        born = datetime(1950, 1, 1, tzinfo=UTC) + timedelta(days=dice.below(58 * 365))
        mail = f"{latin.lower().replace(' ', '.')}.{number}@post.example.com"
        return _Somebody(
            number, name, latin, born.date().isoformat(), [(-10_000, next(self._lines))], [(-10_000, mail)]
        )

    def _renumber(self, everybody: Sequence[_Somebody]) -> None:
        """Some give their number up; it gets a new owner when the operator lets it go."""
        dice = self._dice
        for one in everybody:
            if one.borrows is None and dice.of(8):
                day = dice.between(-BEFORE, DAYS - 30)
                self._free.append((day + KEPT_BACK, one.phones[-1][1]))
                one.phones.append((day, next(self._lines)))
                self.year.trouble["numbers given up"] += 1
        takers = [one for one in everybody if one.borrows is None and len(one.phones) == 1]
        for since, number in sorted(self._free):
            if since < DAYS - 10 and dice.of(75) and takers:
                taker = takers.pop(dice.below(len(takers)))
                taker.phones.append((dice.between(since, min(since + 60, DAYS - 5)), number))
                self.year.trouble["numbers with a new owner"] += 1

    # What they do.

    def lives(self, one: _Somebody, home: Sequence[_Somebody]) -> None:
        """One person's year in every channel they use."""
        dice = self._dice
        one.devices = [f"d{one.number}-{n}" for n in range(dice.one((1, 1, 2, 2, 3)))]
        if len(home) > 1 and dice.of(25):
            one.devices.append(f"tablet-of-{home[0].number}")
        uses = {name: dice.of(percent) for name, percent in _USES}
        uses["till"] = uses["till"] or not any(uses.values())
        web = self._web(one, "web", "shop-id", home) if uses["web"] else None
        if uses["web"] and dice.of(5):
            self._web(one, "web", "shop-id", home)
            self.year.trouble["second accounts in the same shop"] += 1
        if uses["outlet"]:
            self._web(one, "outlet", "outlet-id", home)
        app = self._app(one, home, web) if uses["app"] else None
        union = f"oU{one.number:06d}u1"
        if uses["mini-shop"]:
            self._mini(one, "mini-shop", "op-1", union)
            if app is not None and dice.of(35):
                self._prove(self._some_day(), app, "wechat_unionid", "op-1", union, "platform")
        if uses["mini-club"]:
            self._mini(one, "mini-club", "op-1", union)
        if uses["mini-outlet"]:
            self._mini(one, "mini-outlet", "op-2", f"oU{one.number:06d}u2")
        if uses["till"]:
            self._till(one, app)
        if uses["tmall"]:
            self._tmall(one)

    def _web(self, one: _Somebody, shop: str, issuer: str, home: Sequence[_Somebody]) -> tuple[Ref, str]:
        """A web shop: looks around, signs up with an address, mostly proves it, sometimes a telephone at the till."""
        dice, joined = self._dice, self._joins()
        # Both shops count from the same number on.
        ref = self._record(shop, one, 10_001)
        email = one.email(joined)
        if dice.of(3):
            email = email.replace("post.", "pst.")
        for _ in range(dice.between(0, 4)):
            self._looks(one, shop, joined - dice.between(0, 20))
        traits = {"email": email, **self._about(one, name=98, birthday=40)}
        gives_phone = dice.of(70)
        if gives_phone:
            traits["phone"] = one.phone(joined)
        self._identifies(one, shop, ref, joined, traits)
        if dice.of(88) and email == one.email(joined):
            self._prove(joined, ref, "email", "", email, "contact")
        if gives_phone and dice.of(75):
            self._prove(joined, ref, "phone", "", one.phone(joined), "contact")
        self._prove(joined, ref, "login", issuer, ref.ref, "login")
        for _ in range(dice.between(0, 5)):
            day = dice.between(max(joined, 0), DAYS - 1)
            self._looks(one, shop, day)
            self._signed_in(one, shop, ref, day, home)
            if dice.of(60):
                self._buys(day, shop, ref, in_store=False)
        if dice.of(6):
            day = dice.between(max(joined, 0), DAYS - 1)
            one.emails = [*one.emails, (day, one.email(joined).replace("@post", f"{day}@new"))]
            self._identifies(one, shop, ref, day, {"email": one.email(day)})
            self._prove(day, ref, "email", "", one.email(day), "contact")
            self.year.trouble["addresses changed at the shop"] += 1
        return ref, ref.ref

    def _app(self, one: _Somebody, home: Sequence[_Somebody], web: tuple[Ref, str] | None) -> Ref:
        """The app: one signs in with the shop's account, or with a number again and again."""
        dice, joined = self._dice, max(self._joins(), -60)
        ref = self._record("app", one, 500_001)
        device = f"app-{one.number}"
        self.year.devices[Ref("app", device)] = frozenset([one.number])
        for _ in range(dice.between(0, 2)):
            self._send(one.number, joined, "app", {"type": "screen", "name": "Home", "anonymousId": device})
        traits = self._about(one, name=97, birthday=65)
        with_account = web is not None and dice.of(55)
        if not with_account:
            traits["phone"] = one.phone(joined)
        self._send(one.number, joined, "app", _identify(ref, traits, device))
        if with_account and web is not None:
            self._prove(joined, ref, "login", "shop-id", web[1], "login")
        day = joined
        while day < DAYS:
            if not with_account:
                self._prove(day, ref, "phone", "", one.phone(day), "login")
            self._send(
                one.number, day, "app", {"type": "screen", "name": "Card", "userId": ref.ref, "anonymousId": device}
            )
            day += dice.between(25, 110)
        one.card = f"88{one.number:06d}"
        partner = next((other for other in home if other is not one and other.card), None)
        if partner is not None and dice.of(8):
            self._prove(joined, ref, "card", "club", partner.card, "login")
            self.year.trouble["family cards in two apps"] += 1
        else:
            self._prove(joined, ref, "card", "club", one.card, "login")
        return ref

    def _mini(self, one: _Somebody, app: str, platform: str, union: str) -> None:
        """A mini-program: the platform says who it is; a number where it was granted, and then the form of a member."""
        dice, joined = self._dice, self._joins()
        ref = Ref(app, f"o{app[5]}{one.number:07d}x")
        self.year.owners[ref] = one.number
        self._send(one.number, joined, app, {"type": "page", "name": "Home", "anonymousId": f"{app}-{one.number}"})
        self.year.devices[Ref(app, f"{app}-{one.number}")] = frozenset([one.number])
        traits = self._about(one, name=95, birthday=85) if dice.of(70) else {"name": "微信用户"}
        self._send(one.number, joined, app, _identify(ref, traits, f"{app}-{one.number}"))
        self._prove(joined, ref, "wechat_openid", f"wx-{app}", ref.ref, "platform")
        self._prove(joined, ref, "wechat_unionid", platform, union, "platform")
        # WeChat has its own number of everybody who has one; a number is bound to one account alone.
        if "birthday" in traits and one.borrows is None:
            self._prove(joined, ref, "phone", "", one.phone(joined), "platform")
        if dice.of(40):
            self._buys(dice.between(max(joined, 0), DAYS - 1), app, ref, in_store=False)

    def _till(self, one: _Somebody, app: Ref | None) -> None:
        """A card at the till: a number told to the clerk, mostly proved by a code, sometimes mistyped."""
        dice, joined = self._dice, self._joins()
        ref = self._record("till", one, 900_001)
        phone, proves = one.phone(joined), dice.of(70)
        if dice.of(4):
            phone, proves = dice.one(self._everybodys), False
            self.year.trouble["numbers mistyped into another's"] += 1
        told = self._about(one, name=98, birthday=80, typos=2, spelt=0)
        self.year.rows.append(Row(self._at(joined), ref, told.get("name", ""), phone, told.get("birthday", "")))
        if proves:
            self._prove(joined, ref, "phone", "", phone, "contact")
            self.year.trouble["borrowed numbers proved at a till"] += one.borrows is not None
        if app is not None and dice.of(50):
            self._prove(dice.between(max(joined, 0), DAYS - 1), ref, "card", "club", one.card, "contact")
        for _ in range(dice.between(1, 4)):
            self._buys(dice.between(max(joined, 0), DAYS - 1), "till", ref, in_store=True)
        if dice.of(15):
            # The clerk hands over the shop's tablet: many sign in on it.
            store, day = dice.below(3), dice.between(0, DAYS - 1)
            device = Ref("till", f"shop-tablet-{store}")
            self.year.devices[device] = self.year.devices.get(device, frozenset()) | {one.number}
            self._send(one.number, day, "till", {"type": "page", "name": "Catalogue", "anonymousId": device.ref})
            self._send(one.number, day, "till", {"type": "page", "userId": ref.ref, "anonymousId": device.ref})

    def _tmall(self, one: _Somebody) -> None:
        """A marketplace: names and numbers behind stars; who joins the brand there is vouched for with a number."""
        dice, joined = self._dice, self._joins()
        ref = Ref("tmall", f"AAH{one.number:07d}Q")
        self.year.owners[ref] = one.number
        phone = one.phone(joined)
        told = {"name": f"{one.name[0]}**"}
        self._prove(joined, ref, "taobao_ouid", "tm-shop", ref.ref, "platform")
        if dice.of(25):
            # Who joins the brand fills in its form. A child's account there may be bound to the parent's number.
            told |= self._about(one, name=60, birthday=85)
            self._prove(joined, ref, "taobao_omid", "brand", f"AAM{one.number:07d}", "platform")
            self._prove(joined, ref, "phone", "", phone, "platform")
        # Its number stands behind stars, so the file's column for it is left out.
        self.year.rows.append(Row(self._at(joined), ref, told["name"], "", told.get("birthday", "")))
        for _ in range(dice.between(1, 3)):
            self._buys(dice.between(max(joined, 0), DAYS - 1), "tmall", ref, in_store=False)

    def guests(self) -> None:
        """Hundreds who leave no number: the clerk types the shop's own, or one that lets the till go on."""
        for n in range(self.plan.people // 6):
            number = next(self._people)
            ref = Ref("till", str(990_001 + n))
            self.year.owners[ref] = number
            day = self._some_day()
            phone = SHOPS_OWN_PHONE if self._dice.of(60) else EVERYBODYS_PHONE
            self.year.rows.append(Row(self._at(day), ref, "", phone, ""))
            self._buys(day, "till", ref, in_store=True)
            if phone == SHOPS_OWN_PHONE and self._dice.of(20):
                # The code goes to the shop's own telephone, and the clerk types it in.
                self._prove(day, ref, "phone", "", phone, "contact")
            self.year.trouble["guests with a number of the shop's"] += 1

    def strange_identifiers(self) -> None:
        """What programs send when they do not know, and ids that mean somebody else elsewhere."""
        dice, records = self._dice, sorted(self.year.owners)
        for _ in range(max(3, self.plan.people // 50)):
            day = self._some_day()
            for source in ("web", "app"):
                nobody = dice.one(("null", "0", "undefined", "anonymous", "-1"))
                self._send(
                    -1, day, source, {"type": "page", "userId": nobody, "anonymousId": f"lost-{dice.below(10**6)}"}
                )
            record = dice.one(records)
            kind, scope, value = dice.one(_NOBODYS)
            self._prove(day, record, kind, scope, value, "platform")
            self.year.trouble["identifiers that are nobody's"] += 1
        # An id of one app stands in another for somebody else.
        shop = [ref for ref in records if ref.namespace == "mini-shop"]
        outlet = [ref for ref in records if ref.namespace == "mini-outlet"]
        for ref in outlet[: max(1, len(outlet) // 20)]:
            if shop:
                other = dice.one(shop)
                self._prove(self._some_day(), ref, "wechat_openid", "wx-other", other.ref, "platform")
                self.year.trouble["ids used by another app"] += 1
        both = {ref.ref for ref in records if ref.namespace == "web"} & {
            ref.ref for ref in records if ref.namespace == "outlet"
        }
        self.year.trouble["customer numbers that two shops use"] += len(both)

    # How it is told.

    def _about(
        self, one: _Somebody, *, name: float, birthday: float, typos: float = 1, spelt: float = 2
    ) -> dict[str, str]:
        """What a form has of them, so often in a hundred; some write in letters, some mistype."""
        dice, told, silence = self._dice, dict[str, str](), self.plan.silence
        if dice.of(100 - silence * (100 - name)):
            told["name"] = one.latin if dice.of(spelt) else one.name
            if dice.of(typos):
                told["name"] = f"{one.name[:-1]}{dice.one(_SECOND_SIGN) if _is_chinese(one.name) else 'x'}"
            elif dice.of(2):
                told["name"] = one.name[1:] if _is_chinese(one.name) else one.name.split(" ")[0]
        if dice.of(100 - silence * (100 - birthday)):
            told["birthday"] = one.birthday
            if dice.of(typos / 3):
                told["birthday"] = f"{one.birthday[:5]}{dice.between(1, 12):02d}-{dice.between(1, 28):02d}"
        return told

    def _record(self, namespace: str, one: _Somebody, first: int) -> Ref:
        ref = Ref(namespace, str(first + self._refs[namespace]))
        self._refs[namespace] += 1
        self.year.owners[ref] = one.number
        return ref

    def _joins(self) -> int:
        return self._dice.between(-BEFORE, -1) if self._dice.of(15) else self._dice.between(0, DAYS - 1)

    def _some_day(self) -> int:
        return self._dice.between(0, DAYS - 1)

    def _at(self, day: int) -> datetime:
        return self.plan.start + timedelta(days=day, seconds=self._dice.between(0, 50_000))

    def _looks(self, one: _Somebody, shop: str, day: int) -> None:
        self._send(one.number, day, shop, {"type": "page", "name": "Coat", "anonymousId": self._browser(one, shop)})

    def _signed_in(self, one: _Somebody, shop: str, ref: Ref, day: int, home: Sequence[_Somebody]) -> None:
        device = self._browser(one, shop)
        if self._dice.of(1.5):
            # On a friend's telephone, for once.
            friend = self._dice.below(self.plan.people)
            device = f"d{friend}-0"
            known = self.year.devices.get(Ref(shop, device), frozenset())
            self.year.devices[Ref(shop, device)] = known | {friend}
            self.year.trouble["sign-ins on another's device"] += 1
        self._send(one.number, day, shop, {"type": "page", "name": "Home", "userId": ref.ref, "anonymousId": device})

    def _identifies(self, one: _Somebody, shop: str, ref: Ref, day: int, traits: Mapping[str, str]) -> None:
        self._send(one.number, day, shop, _identify(ref, traits, self._browser(one, shop)))

    def _browser(self, one: _Somebody, shop: str) -> str:
        device = self._dice.one(one.devices)
        known = self.year.devices.get(Ref(shop, device), frozenset())
        self.year.devices[Ref(shop, device)] = known | {one.number}
        return device

    def _send(self, doer: int, day: int, source: str, body: Mapping[str, Any]) -> None:
        message_id = f"m{next(self._messages):07d}"
        at = self._at(day)
        self.year.messages.append(Message(at, source, {**body, "messageId": message_id, "timestamp": at.isoformat()}))
        self.year.doers[message_id] = doer

    def _buys(self, day: int, namespace: str, ref: Ref, *, in_store: bool) -> None:
        number = f"{namespace}-{len(self.year.purchases) + 1}"
        self.year.purchases.append(Purchase(self._at(day), namespace, number, ref, in_store))

    def _prove(self, day: int, record: Ref, kind: str, scope: str, value: str, evidence: Evidence) -> None:
        self.year.proofs.append(Proof(self._at(day), record, kind, scope, value, evidence))


def _identify(ref: Ref, traits: Mapping[str, str], device: str) -> dict[str, Any]:
    return {"type": "identify", "userId": ref.ref, "anonymousId": device, "traits": dict(traits)}


def _is_chinese(name: str) -> bool:
    return name[0] in _FAMILY
