"""Rewards: what points buy. The catalogue, its prices and limits, and its pools of codes."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from regulars.kit import ids, money
from regulars.kit.actors import Actor
from regulars.kit.money import Money
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import tiers
from regulars.levers.loyalty._ledger import account_rows, acts
from regulars.levers.loyalty._ledger.acts import Told
from regulars.levers.loyalty._ledger.books import MOST
from regulars.levers.loyalty._rewards.rows import HANDED, KINDS, PER, REWARD_STATES, Redemption, Reward
from regulars.runtime.database import arrays
from regulars.runtime.secrets import lookup, vault
from regulars.runtime.trail import trail

__all__ = (
    "ANY",
    "HANDED",
    "KINDS",
    "PER",
    "BadReward",
    "ChangedMeanwhile",
    "Codes",
    "Counted",
    "RewardView",
    "Terms",
    "UnknownReward",
    "add_codes",
    "by_public_id",
    "every",
    "get",
    "put",
    "running_low",
    "set_state",
    "set_stock",
    "stock_up",
)

PREFIX = "rwd"
#: As `seen`: whatever became of it since.
ANY = datetime.min.replace(tzinfo=UTC)
TABLE = "loyalty_reward_code"
LONGEST_TEXT, LONGEST_CODE, MOST_CODES = 2_000, 200, 100_000
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_ADD = """
INSERT INTO loyalty_reward_code (id, reward_id, digest, sealed, added_at)
SELECT told.id, %s, told.digest, told.sealed, %s
  FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[]) AS told(id, digest, sealed)
"""
_LEFT = """
SELECT reward.id, count(code.id)
  FROM loyalty_reward AS reward
  LEFT JOIN loyalty_reward_code AS code ON code.reward_id = reward.id AND code.redemption_id IS NULL
 WHERE reward.id = ANY(%s) AND reward.handed = 'code' GROUP BY 1
"""


class UnknownReward(Refusal):
    """There is no such reward."""

    code = "rewards.unknown"


class BadReward(Refusal):
    """Terms that cannot be."""

    code = "rewards.bad_terms"


class ChangedMeanwhile(Refusal):
    """Somebody else changed it since it was read."""

    code = "rewards.changed_meanwhile"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a reward is and costs. `price` in the smallest parts of the points; `cash` is paid on top of them.

    `handed`: "sent" to whoever takes it, as a "code" of the pool, or "done" on the spot. `stock` None: no end of it.
    `most` of them for a person in each `per`. `level_prices` and `from_level` name levels as "programme.tiers.level".
    Within `cancel_days` whoever took it may give it back, never a code. `owed` is what a partner gets for each that was
    given out.
    """

    kind: str
    handed: str
    titles: Mapping[str, str]
    price: int
    currency: str = "points"
    about: Mapping[str, str] = field(default_factory=dict)
    level_prices: Mapping[str, int] = field(default_factory=dict)
    from_level: str = ""
    cash: Money | None = None
    stock: int | None = None
    low_at: int = 0
    most: int | None = None
    per: str = "ever"
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    cancel_days: int = 0
    partner: str = ""
    owed: Money | None = None


@dataclass(frozen=True)
class RewardView:
    """A reward as it stands, its prices with `scale` decimals, its days by the clock of `zone`, else the shop's.

    `left` is how many can be taken yet, of its stock and its codes; None: no end.
    """

    id: int
    public_id: str
    code: str
    state: str
    terms: Terms
    scale: int
    zone: str
    left: int | None
    codes_left: int | None
    changed_at: datetime

    @property
    def is_low(self) -> bool:
        """Whether no more are left than the number at which somebody wants to know."""
        return self.state == "open" and self.left is not None and self.left <= self.terms.low_at

    def is_open(self, at: datetime) -> bool:
        """Whether it can be taken at that moment, as far as time goes."""
        terms = self.terms
        begun = terms.opens_at is None or terms.opens_at <= at
        return self.state == "open" and begun and (terms.closes_at is None or at < terms.closes_at)


@dataclass(frozen=True)
class Counted:
    """How many codes came to a pool, and how many were in it already or twice in what was told."""

    new: int
    same: int


#: Codes as somebody told them.
Codes = Sequence[str]


def put(
    *,
    code: str,
    terms: Terms,
    at: datetime,
    by: Actor,
    keeps_stock: bool = False,
    seen: datetime | None = ANY,
) -> RewardView:
    """Make a reward, as a draft, or change one: what was taken before keeps its terms. The same again changes nothing.

    Of one that is there `keeps_stock` leaves its stock as it stands then, whatever `terms` say. `seen`: the
    `changed_at` that was read before, None of a new one; raises `ChangedMeanwhile` of one that changed since.
    Less stock than was taken already is refused with `BadReward`, as is every term that cannot be.
    """
    if not _CODE.fullmatch(code):
        raise _bad("code", code[:40], _("use small letters, digits and underscores, a letter first"))
    with transaction.atomic(), connection.cursor() as cursor:
        # Two who make it at once: the second finds it made.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('loyalty.reward'), hashtext(%s))", [code])
        row = Reward.objects.select_for_update(of=("self",)).select_related("currency").filter(code=code).first()
        if seen is None and row is not None:
            raise _bad("code", code, _("another reward has this code; take another one"))
        if seen != ANY and seen != (row and row.changed_at):
            raise ChangedMeanwhile(
                _("reward: somebody changed it since you opened it; open it again"), field="reward", value=code
            )
        if row is not None and keeps_stock:
            terms = replace(terms, stock=row.stock)
        _check(terms, None if row is None else _terms(row))
        kind = account_rows.currency(terms.currency)
        columns = _columns(terms) | {"currency_id": kind.id}
        if row is None:
            row = Reward(code=code, changed_at=at, stock_left=terms.stock, **columns)
            row.save(force_insert=True)
            before: dict[str, object] = {}
        else:
            if _terms(row) == terms:
                return _views([row])[0]
            if row.currency_id != kind.id:
                raise _bad("currency", terms.currency, _("a reward keeps its kind of points; make another one"))
            before = _told(row)
            taken = _taken(row)
            if terms.stock is not None and terms.stock < taken:
                raise _bad("stock", terms.stock, _("%(taken)s are taken already") % {"taken": taken})
            for name, value in columns.items():
                setattr(row, name, value)
            row.stock_left = None if terms.stock is None else terms.stock - taken
            row.changed_at = at
            row.save()
        trail.record(
            by=by, verb="loyalty.rewards.put", subject=f"reward:{row.id}", at=at, before=before, after=_told(row)
        )
    return get(code)


def set_state(*, code: str, state: str, at: datetime, by: Actor) -> RewardView:
    """Open it to members, or close it: what was taken stays. Raises `UnknownReward`, `BadReward`."""
    if state not in REWARD_STATES or state == "draft":
        raise _bad("state", state[:20], _("use open or closed"))
    with transaction.atomic():
        row = Reward.objects.select_for_update().filter(code=code).first()
        if row is None:
            raise _unknown(code)
        if row.state != state:
            trail.record(
                by=by,
                verb="loyalty.rewards.set_state",
                subject=f"reward:{row.id}",
                at=at,
                before={"state": row.state},
                after={"state": state},
            )
            Reward.objects.filter(id=row.id).update(state=state, changed_at=at)
    return get(code)


def stock_up(*, code: str, more: int, key: str, at: datetime, by: Actor) -> RewardView:
    """So many more came in, or with fewer than none went away otherwise. Under the same key again nothing changes.

    Raises `BadReward` of more than are left, and `KeyUsedOtherwise`.
    """
    with transaction.atomic():
        if not acts.is_new(Told("stock_up", key, at, by, {"reward": code, "more": more})):
            return get(code)
        row = Reward.objects.select_for_update().filter(code=code).first()
        if row is None:
            raise _unknown(code)
        if row.stock is None or row.stock_left is None:
            raise _bad("more", more, _("there is no end of this reward; give it a stock first"))
        if not 0 <= row.stock_left + more <= MOST:
            raise _bad(
                "more",
                more,
                _("%(left)s are left; of them can be 0 to %(most)s") % {"left": row.stock_left, "most": MOST},
            )
        Reward.objects.filter(id=row.id).update(stock=row.stock + more, stock_left=row.stock_left + more, changed_at=at)
        trail.record(
            by=by,
            verb="loyalty.rewards.stock_up",
            subject=f"reward:{row.id}",
            at=at,
            before={"left": row.stock_left},
            after={"left": row.stock_left + more},
        )
    return get(code)


def set_stock(*, code: str, left: int | None, at: datetime, by: Actor) -> RewardView:
    """So many are left from now on, beside those that were taken; None: there is no end of it. The same again changes
    nothing. Raises `BadReward`, `UnknownReward`."""
    with transaction.atomic():
        row = Reward.objects.select_for_update().filter(code=code).first()
        if row is None:
            raise _unknown(code)
        if left is not None and (row.handed == "code" or not 0 <= left <= MOST):
            raise _bad(
                "stock",
                left,
                _("codes are counted by themselves; leave the stock out")
                if row.handed == "code"
                else _("give a whole number from %(least)s") % {"least": 0},
            )
        if row.stock_left != left:
            stock = None if left is None else left + _taken(row)
            Reward.objects.filter(id=row.id).update(stock=stock, stock_left=left, changed_at=at)
            trail.record(
                by=by,
                verb="loyalty.rewards.set_stock",
                subject=f"reward:{row.id}",
                at=at,
                before={"left": row.stock_left},
                after={"left": left},
            )
    return get(code)


def add_codes(*, code: str, codes: Codes, at: datetime, by: Actor) -> Counted:
    """Add codes to its pool, sealed; one that is there already stays as it is. Raises `BadReward`, which names the line
    and never the code."""
    reward = get(code)
    if reward.terms.handed != "code":
        raise _bad("handed", reward.terms.handed, _("this reward is not handed over as a code"))
    if len(codes) > MOST_CODES:
        raise _bad("codes", len(codes), _("give at most %(most)s at a time") % {"most": MOST_CODES})
    told: dict[bytes, str] = {}
    for number, line in enumerate(codes, 1):
        text = line.strip()
        if not text or len(text) > LONGEST_CODE or not text.isprintable():
            raise _bad(
                "codes",
                number,
                _("the code in line %(line)s is empty, too long or cannot be printed") % {"line": number},
            )
        told[lookup.digest("reward code", text)] = text
    with transaction.atomic(), connection.cursor() as cursor:
        # Two who add the same codes at once: the second sees what the first has written.
        cursor.execute("SELECT id FROM loyalty_reward WHERE id = %s FOR UPDATE", [reward.id])
        cursor.execute(
            "SELECT digest FROM loyalty_reward_code WHERE reward_id = %s AND digest = ANY(%s::bytea[])",
            [reward.id, list(told)],
        )
        for (known,) in cursor.fetchall():
            del told[bytes(known)]
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('loyalty_reward_code', 'id')) FROM generate_series(1, %s)",
            [len(told)],
        )
        numbers = [int(row[0]) for row in cursor.fetchall()]
        sealed = vault.seal_many(
            [
                vault.Plain(vault.HOUSE, TABLE, "sealed", number, text)
                for number, text in zip(numbers, told.values(), strict=True)
            ]
        )
        cursor.execute(_ADD, [reward.id, at, arrays.of_numbers(numbers), list(told), sealed])
        if told:
            trail.record(
                by=by,
                verb="loyalty.rewards.add_codes",
                subject=f"reward:{reward.id}",
                at=at,
                after={"codes": len(told)},
            )
    return Counted(len(told), len(codes) - len(told))


def get(code: str) -> RewardView:
    """The reward of that code. Two queries. Raises `UnknownReward`."""
    row = Reward.objects.select_related("currency").filter(code=code).first()
    if row is None:
        raise _unknown(code)
    return _views([row])[0]


def by_public_id(text: str) -> RewardView:
    """The reward `rwd_…`. Two queries. Raises `UnknownReward`."""
    row = Reward.objects.select_related("currency").filter(public_id=ids.parse(text, PREFIX)).first()
    if row is None:
        raise _unknown(text)
    return _views([row])[0]


def every(*, open_at: datetime | None = None) -> list[RewardView]:
    """All rewards, the cheapest first; of a moment those that can be taken then. Two queries."""
    rows = Reward.objects.select_related("currency").order_by("price", "code")
    found = _views(list(rows if open_at is None else rows.filter(state="open")))
    return found if open_at is None else [one for one in found if one.is_open(open_at)]


def running_low() -> list[RewardView]:
    """Open rewards of which no more are left than the number at which somebody wants to know. Two queries at most."""
    rows = list(Reward.objects.select_related("currency").filter(state="open", low_at__gt=0).order_by("code"))
    return [one for one in _views(rows) if one.is_low] if rows else []


def _views(rows: Sequence[Reward]) -> list[RewardView]:
    with connection.cursor() as cursor:
        cursor.execute(_LEFT, [[row.id for row in rows]])
        codes = {number: int(left) for number, left in cursor.fetchall()}
    found = []
    for row in rows:
        ends = [one for one in (row.stock_left, codes.get(row.id)) if one is not None]
        found.append(
            RewardView(
                id=row.id,
                public_id=ids.public(PREFIX, row.public_id),
                code=row.code,
                state=row.state,
                terms=_terms(row),
                scale=row.currency.scale,
                zone=row.currency.zone,
                left=min(ends, default=None),
                codes_left=codes.get(row.id),
                changed_at=row.changed_at,
            )
        )
    return found


def _terms(row: Reward) -> Terms:
    return Terms(
        kind=row.kind,
        handed=row.handed,
        titles=row.titles,
        about=row.about,
        price=row.price,
        currency=row.currency.code,
        level_prices=row.level_prices,
        from_level=row.from_level,
        cash=Money(row.cash_minor, row.cash_currency) if row.cash_minor else None,
        stock=row.stock,
        low_at=row.low_at,
        most=row.most,
        per=row.per,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        cancel_days=row.cancel_days,
        partner=row.partner,
        owed=Money(row.partner_minor, row.partner_currency) if row.partner_minor else None,
    )


def _columns(terms: Terms) -> dict[str, Any]:
    told = asdict(terms)
    for gone in ("currency", "cash", "owed"):
        del told[gone]
    return told | {
        "cash_minor": terms.cash.minor if terms.cash else 0,
        "cash_currency": terms.cash.currency if terms.cash else "",
        "partner_minor": terms.owed.minor if terms.owed else 0,
        "partner_currency": terms.owed.currency if terms.owed else "",
    }


def _told(row: Reward) -> dict[str, object]:
    """All terms of it for the trail, amounts in the smallest parts; of texts a digest."""
    told = _columns(_terms(row)) | {"currency": row.currency.code}
    texts = json.dumps([told.pop("titles"), told.pop("about")], sort_keys=True).encode()
    prices = [f"{level}={price}" for level, price in sorted(told.pop("level_prices").items())]
    moments = {name: told[name] and told[name].isoformat() for name in ("opens_at", "closes_at")}
    return told | moments | {"level_prices": prices, "texts": blake2b(texts, digest_size=8).hexdigest()}


def _taken(row: Reward) -> int:
    """How many of its stock were taken and not taken back. Whoever holds the row holds up all who could take one."""
    return Redemption.objects.filter(reward_id=row.id, from_stock=True).exclude(state="cancelled").count()


def _check(terms: Terms, before: Terms | None) -> None:
    for name, value, known in (("kind", terms.kind, KINDS), ("handed", terms.handed, HANDED), ("per", terms.per, PER)):
        if value not in known:
            raise _bad(name, value[:20], _("use one of %(names)s") % {"names": ", ".join(known)})
    if not all(terms.titles.get(language, "").strip() for language in ("en", "zh")):
        raise _bad("titles", "", _("say its name in English and in Chinese"))
    for name, texts in (("titles", terms.titles), ("about", terms.about)):
        if set(texts) - {"en", "zh"} or any(len(text) > LONGEST_TEXT for text in texts.values()):
            raise _bad(name, "", _("up to %(most)s characters each, in English and Chinese") % {"most": LONGEST_TEXT})
        if not all(line.isprintable() for text in texts.values() for line in text.splitlines()):
            raise _bad(name, "", _("has characters nobody can see; leave them out"))
    for name, number, least in (
        ("price", terms.price, 0),
        ("stock", terms.stock, 0),
        ("low_at", terms.low_at, 0),
        ("most", terms.most, 1),
        ("cancel_days", terms.cancel_days, 0),
        *(("level_prices", price, 0) for price in terms.level_prices.values()),
    ):
        if number is not None and (type(number) is not int or not least <= number <= MOST):
            raise _bad(name, repr(number)[:40], _("give a whole number from %(least)s") % {"least": least})
    for name, amount in (("cash", terms.cash), ("owed", terms.owed)):
        if amount is not None and amount.minor < 0:
            raise _bad(name, amount.minor, _("give an amount, or none"))
        if amount is not None:
            money.exponent(amount.currency)
    if terms.opens_at and terms.closes_at and terms.closes_at <= terms.opens_at:
        raise _bad("closes_at", terms.closes_at.isoformat(), _("it has to close after it opens"))
    if not terms.partner and (terms.kind == "partner" or terms.owed is not None):
        raise _bad("partner", "", _("name the partner, as a short code"))
    if terms.handed == "code" and terms.stock is not None:
        raise _bad("stock", terms.stock, _("codes are counted by themselves; leave the stock out"))
    if terms.handed == "code" and terms.cancel_days:
        raise _bad("cancel_days", terms.cancel_days, _("a code that was read cannot be given back; leave the days out"))
    if not min([terms.price, *terms.level_prices.values()]) and terms.cash is None and terms.most is None:
        raise _bad("most", "", _("what costs nothing needs a limit for each person"))
    # What it says already may stay: a level that is in force no more is reached by nobody.
    levels = set() if before is None else {*before.level_prices, before.from_level}
    levels |= {f"{view.key}.{level.id}" for view in tiers.sets() for level in view.tiers.levels}
    asked = [("level_prices", place) for place in terms.level_prices]
    for name, place in (*asked, *([("from_level", terms.from_level)] if terms.from_level else ())):
        if place not in levels:
            raise _bad(name, place, _("no programme that is active has this level"))


def _bad(name: str, value: object, why: str) -> BadReward:
    return BadReward(f"{name}: {why}", field=name, value=value if isinstance(value, int) else str(value)[:130])


def _unknown(code: str) -> UnknownReward:
    return UnknownReward(_("reward: there is no %(code)r") % {"code": code[:40]}, field="reward", value=code[:40])
