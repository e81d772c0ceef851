"""What the doctor looks at: that balances, lots and holds are the sums of what was posted, and nothing was missed; and
that rewards have the stock that is left of them, and missions and gifts gave what they say.

The database itself refuses lots that do not add up, amounts below zero, keys told twice, and changes of what is
written; postings cannot but sum to zero. What is left is looked for here, of all accounts at once or of some.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from django.db import connection

from regulars.facts.customers.relation import CUSTOMERS
from regulars.levers.loyalty._ledger.books import BY_POSTINGS, DEBT, HELD, OWED, SPENT
from regulars.runtime.checkups import Checkup, Finding

_PLACES = ("pending", "available", "held")
_LOT_PLACES = (*_PLACES, "spent", "lapsed", "settled", "taken_back", "short")
_OF_ACCOUNTS = "(%(accounts)s::bigint[] IS NULL OR account.id = ANY(%(accounts)s))"

#: What is wrong of rewards -> of how many, in SQL. `stock_left` is a cache; of what was taken the latest are looked at.
REWARDS = {
    "stocks do not agree with what was taken of them": """
SELECT count(*) FROM loyalty_reward AS reward
 WHERE reward.stock IS NOT NULL AND reward.stock - reward.stock_left <> (
       SELECT count(*) FROM loyalty_redemption AS taken
        WHERE taken.reward_id = reward.id AND taken.from_stock AND taken.state <> 'cancelled')
""",
    "codes belong to what was never handed over and is taken back, or to another reward": """
SELECT count(*) FROM (SELECT * FROM loyalty_reward_code WHERE redemption_id IS NOT NULL
                       ORDER BY redemption_id DESC LIMIT 2000) AS code
  JOIN loyalty_redemption AS taken ON taken.id = code.redemption_id
 WHERE taken.reward_id <> code.reward_id OR (taken.state = 'cancelled' AND taken.issued_at IS NULL)
""",
    "rewards were taken without points, or taken back with their points still spent": """
SELECT count(*) FROM (SELECT * FROM loyalty_redemption ORDER BY id DESC LIMIT 2000) AS taken
 WHERE (taken.state <> 'cancelled' AND taken.parts > 0 AND taken.entry IS NULL AND taken.pay_until IS NULL)
    OR (taken.state = 'cancelled' AND taken.entry IS NOT NULL AND NOT EXISTS (
        SELECT FROM loyalty_entry AS back WHERE back.reverses_id = taken.entry))
""",
}
#: Memberships whose books are not what was paid, or of which more went back than was told; of those that changed last.
MEMBERSHIPS = """
SELECT count(*) FILTER (WHERE told.paid <> books.whole OR books.gone > told.gone OR books.period <> member.paid_minor
                           OR books.ahead <> member.ahead_minor OR books.credit <> member.credit_minor), count(*)
  FROM (SELECT * FROM loyalty_membership ORDER BY changed_xid DESC LIMIT 2000) AS member
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(minor) FILTER (WHERE state = 'paid'), 0) AS paid,
              coalesce(sum(minor) FILTER (WHERE state = 'refunded'), 0) AS gone
         FROM loyalty_membership_payment WHERE membership_id = member.id) AS told
 CROSS JOIN LATERAL (
       SELECT coalesce(sum((part ->> 2)::bigint), 0) AS whole, SUMS FROM jsonb_array_elements(member.books) AS part
       ) AS books
""".replace(
    "SUMS",
    ", ".join(
        f"coalesce(sum((part ->> 2)::bigint) FILTER (WHERE part ->> 1 = '{place}'), 0) AS {place}"
        for place in ("gone", "period", "ahead", "credit")
    ),
)
#: The same of what missions gave: of the latest that were decided.
MISSIONS = {
    "missions are done without the points they give, or undone with them": """
SELECT count(*) FROM (SELECT * FROM loyalty_mission_run ORDER BY id DESC LIMIT 2000) AS run
 WHERE (run.is_done AND run.points > 0 AND run.entry IS NULL) OR (NOT run.is_done AND run.entry IS NOT NULL)
    OR (run.entry IS NOT NULL AND NOT EXISTS (SELECT FROM loyalty_entry AS entry WHERE entry.id = run.entry))
""",
    "missions name a reward that was never given, or owe one beside it": """
SELECT count(*) FROM (SELECT * FROM loyalty_mission_run WHERE redemption IS NOT NULL ORDER BY id DESC LIMIT 2000) AS run
  LEFT JOIN loyalty_redemption AS given ON given.id = run.redemption
 WHERE given.id IS NULL OR NOT given.is_gift OR (run.owes <> '' AND given.state <> 'cancelled')
""",
    "rewards were given for more than one mission": """
SELECT count(*) FROM (SELECT redemption FROM loyalty_mission_run WHERE redemption IS NOT NULL
                       GROUP BY redemption HAVING count(*) > 1) AS twice
""",
}
#: And of benefits.
BENEFITS = {
    "gifts were used more often than they were given": """
SELECT count(*) FROM (SELECT * FROM loyalty_benefit_gift ORDER BY id DESC LIMIT 2000) AS gift
  JOIN CUSTOMERS AS holder ON holder.id = gift.record_id
 CROSS JOIN LATERAL (SELECT coalesce(holder.person_id, holder.id) AS head) AS person
 WHERE gift.most < (SELECT count(*) FROM loyalty_benefit_use AS used
                     WHERE used.record_id = ANY(ARRAY(SELECT id FROM CUSTOMERS WHERE person_id = head) || head)
                       AND used.source = 'gift:' || gift.id AND used.given_back_at IS NULL)
""".replace("CUSTOMERS", CUSTOMERS),
}
_LATEST = """
SELECT DISTINCT account_id FROM (SELECT account_id FROM loyalty_entry ORDER BY id DESC LIMIT 2000) AS latest
"""

#: Name of an invariant -> the accounts that break it, in SQL.
INVARIANTS = {
    # Balances are the sums of the account's postings.
    "balances": """
SELECT account.id FROM loyalty_account AS account
  LEFT JOIN LATERAL (
    SELECT SUMS, OWED AS debt FROM loyalty_entry AS entry
      JOIN loyalty_posting AS posting ON posting.entry_id = entry.id WHERE entry.account_id = account.id
  ) AS posted ON true
 WHERE (account.pending, account.available, account.held, account.debt)
       IS DISTINCT FROM (posted.pending, posted.available, posted.held, posted.debt) AND MINE
""".replace("SUMS", ", ".join(f"{BY_POSTINGS[place]} AS {place}" for place in _PLACES)).replace("OWED", OWED),
    # Balances are the sums of the account's lots.
    "lots": """
SELECT account.id FROM loyalty_account AS account
  LEFT JOIN LATERAL (
    SELECT coalesce(sum(lot.pending), 0) AS pending, coalesce(sum(lot.available), 0) AS available,
           coalesce(sum(lot.held), 0) AS held, coalesce(sum(lot.owed), 0) AS debt
      FROM loyalty_lot AS lot WHERE lot.account_id = account.id
  ) AS mine ON true
 WHERE (account.pending, account.available, account.held, account.debt)
       IS DISTINCT FROM (mine.pending, mine.available, mine.held, mine.debt) AND MINE
""",
    # Each lot is where its postings brought it.
    "postings": """
SELECT DISTINCT account.id FROM loyalty_lot AS lot JOIN loyalty_account AS account ON account.id = lot.account_id
 CROSS JOIN LATERAL (
    SELECT SUMS FROM loyalty_posting AS posting WHERE posting.lot_id = lot.id
  ) AS posted
 CROSS JOIN LATERAL (
    SELECT OWED AS owed FROM (
      SELECT * FROM loyalty_posting AS posting WHERE posting.lot_id = lot.id AND posting.for_lot_id IS NULL
       UNION ALL SELECT * FROM loyalty_posting AS posting WHERE posting.for_lot_id = lot.id) AS posting
  ) AS owing
 WHERE (lot.pending, lot.available, lot.held, lot.spent, lot.lapsed, lot.settled, lot.taken_back - lot.original,
        lot.short, lot.owed)
       IS DISTINCT FROM (posted.pending, posted.available, posted.held, posted.spent, posted.lapsed, posted.settled,
                         posted.taken_back, posted.short, owing.owed) AND MINE
""".replace("SUMS", ", ".join(f"{BY_POSTINGS[place]} AS {place}" for place in _LOT_PLACES)).replace("OWED", OWED),
    # What is held of a lot is what holds keep of it, and holds are the sums of their parts.
    "holds": """
SELECT DISTINCT account.id FROM loyalty_account AS account JOIN loyalty_lot AS lot ON lot.account_id = account.id
  LEFT JOIN LATERAL (
    SELECT coalesce(sum(part.amount - part.captured - part.released), 0) AS kept,
           coalesce(bool_or(hold.state <> 'open' AND part.amount > part.captured + part.released), false) AS is_left,
           coalesce(bool_or(hold.amount <> parts.amount OR hold.captured <> parts.captured
                            OR hold.released <> parts.released), false) AS is_uneven
      FROM loyalty_hold_lot AS part JOIN loyalty_hold AS hold ON hold.id = part.hold_id
     CROSS JOIN LATERAL (
        SELECT sum(other.amount) AS amount, sum(other.captured) AS captured, sum(other.released) AS released
          FROM loyalty_hold_lot AS other WHERE other.hold_id = hold.id) AS parts
     WHERE part.lot_id = lot.id
  ) AS holds ON true
 WHERE (lot.held <> holds.kept OR holds.is_left OR holds.is_uneven) AND MINE
""",
    # Entries are numbered without a gap, and each says what the account stood at: the last one, what it stands at.
    "entries": """
SELECT account.id FROM loyalty_account AS account
  LEFT JOIN LATERAL (
    SELECT count(*) AS entries, coalesce(max(entry.sequence), 0) AS last FROM loyalty_entry AS entry
     WHERE entry.account_id = account.id
  ) AS written ON true
  LEFT JOIN loyalty_entry AS latest ON latest.account_id = account.id AND latest.sequence = account.sequence
 WHERE (written.entries <> account.sequence OR written.last <> account.sequence
        OR (latest.id IS NOT NULL AND (latest.pending_after, latest.available_after, latest.held_after,
            latest.debt_after) <> (account.pending, account.available, account.held, account.debt))) AND MINE
""",
    # A record owes nothing while it has points that could pay. Those that lapsed and are not booked yet cannot.
    "debts": """
SELECT DISTINCT account.id FROM loyalty_lot AS debtor JOIN loyalty_account AS account ON account.id = debtor.account_id
  JOIN loyalty_lot AS payer ON payer.account_id = debtor.account_id AND payer.record_id = debtor.record_id
 WHERE debtor.owed > 0 AND payer.available > 0 AND (payer.expires_at IS NULL OR payer.expires_at > now()) AND MINE
""",
    # A lot is on the account of the person its record belongs to.
    "persons": """
SELECT DISTINCT account.id FROM loyalty_lot AS lot JOIN loyalty_account AS account ON account.id = lot.account_id
  JOIN CUSTOMERS AS record ON record.id = lot.record_id
 WHERE account.customer_id <> coalesce(record.person_id, record.id) AND MINE
""",
    # What was reversed of an entry never comes to more than it was, and no reversal was reversed.
    "reversals": """
SELECT DISTINCT account.id FROM loyalty_entry AS entry JOIN loyalty_account AS account ON account.id = entry.account_id
  JOIN loyalty_entry AS original ON original.id = entry.reverses_id
 WHERE (original.kind NOT IN ('award', 'adjust', 'redeem', 'capture') OR (
         SELECT sum(posting.amount) FROM loyalty_posting AS posting WHERE posting.entry_id = original.id) < (
         SELECT sum(posting.amount) FROM loyalty_posting AS posting
           JOIN loyalty_entry AS other ON other.id = posting.entry_id WHERE other.reverses_id = original.id)) AND MINE
""",
    # Nothing is spent or kept of a lot when its last day is over: the one it had when that was written. Days that it
    # had before another was given are counted where they end last on earth; of old entries that say none, for ever.
    "ends": """
WITH said AS MATERIALIZED (
  SELECT (entry.arguments ->> 'lot')::bigint AS lot_id, entry.id, (entry.arguments ->> 'was')::date AS was
    FROM loyalty_entry AS entry JOIN loyalty_account AS account ON account.id = entry.account_id
   WHERE entry.kind = 'extend' AND MINE
   UNION ALL
  SELECT posting.lot_id, entry.id, (entry.arguments ->> 'was')::date
    FROM loyalty_entry AS entry JOIN loyalty_account AS account ON account.id = entry.account_id
    JOIN loyalty_posting AS posting ON posting.entry_id = entry.id
   WHERE entry.kind = 'reinstate' AND MINE
), told AS (
  SELECT lot_id, lag(id, 1, 0) OVER (PARTITION BY lot_id ORDER BY id) AS since, id AS before,
         (was + 1)::timestamp AT TIME ZONE 'Etc/GMT+12' AS until
    FROM said
   UNION ALL
  SELECT lot.id, coalesce(latest.id, 0), NULL, lot.expires_at
    FROM loyalty_lot AS lot JOIN loyalty_account AS account ON account.id = lot.account_id
    LEFT JOIN (SELECT lot_id, max(id) AS id FROM said GROUP BY 1) AS latest ON latest.lot_id = lot.id
   WHERE lot.expires_at IS NOT NULL AND MINE
)
SELECT DISTINCT lot.account_id FROM told
  JOIN loyalty_posting AS posting ON posting.lot_id = told.lot_id AND posting.from_book = 'available'
       AND posting.to_book IN TAKEN
  JOIN loyalty_entry AS entry ON entry.id = posting.entry_id AND entry.id > told.since
       AND (entry.id < told.before OR told.before IS NULL) AND entry.effective_at >= told.until
  JOIN loyalty_lot AS lot ON lot.id = told.lot_id
""".replace("TAKEN", str((*SPENT, HELD, DEBT))),
    # Lots of one rule for one order or event come to no more than was decided: none is there twice. What an heir has,
    # or had, is theirs.
    "decisions": """
SELECT DISTINCT several.account_id FROM (
    SELECT lot.account_id, lot.earning_id, lot.rule, sum(lot.original - lot.taken_back - lot.short) AS stands
      FROM loyalty_lot AS lot JOIN loyalty_account AS account ON account.id = lot.account_id
     WHERE lot.earning_id IS NOT NULL AND lot.earned_by_id IS NULL AND MINE
     GROUP BY 1, 2, 3 HAVING count(*) > 1) AS several
  JOIN loyalty_earning AS earning ON earning.id = several.earning_id
 WHERE several.stands > (
       SELECT coalesce(sum(part.value::bigint), 0)
         FROM jsonb_each_text(earning.lines -> split_part(several.rule, '.', 2)) AS part)
   AND NOT EXISTS (
       SELECT FROM loyalty_lot AS lot JOIN loyalty_posting AS posting ON posting.lot_id = lot.id
        WHERE lot.earning_id = several.earning_id AND 'transit' IN (posting.from_book, posting.to_book))
""",
}


@dataclass(frozen=True)
class Broken:
    """An account, and the invariant that it breaks."""

    account: int
    invariant: str


def broken(accounts: Collection[int] | None = None) -> Iterator[Broken]:
    """What does not agree, of these accounts or of all: set-based, one query an invariant."""
    told = {"accounts": None if accounts is None else list(accounts)}
    with connection.cursor() as cursor:
        for name, sql in INVARIANTS.items():
            cursor.execute(sql.replace("MINE", _OF_ACCOUNTS).replace("CUSTOMERS", CUSTOMERS), told)
            for (account,) in cursor.fetchall():
                yield Broken(account, name)


def _books() -> Iterator[Finding]:
    """Accounts that changed last, and how many are frozen; `regulars doctor ledger` looks at all."""
    with connection.cursor() as cursor:
        cursor.execute(_LATEST)
        latest = [account for (account,) in cursor.fetchall()]
        cursor.execute("SELECT count(*), count(frozen_at) FILTER (WHERE frozen_for = '') FROM loyalty_account")
        [(count, frozen)] = cursor.fetchall()
    wrong = {one.account for one in broken(latest)} if latest else set()
    mend = "`regulars doctor ledger` looks at all accounts and freezes those whose books do not agree."
    if wrong:
        words = f"of the {len(latest)} accounts that changed last, the books of {len(wrong)} do not agree"
        yield Finding("Points", "wrong", words, mend)
    elif frozen:
        words = f"{frozen} of {count} accounts are frozen, for their books did not agree"
        mend = (
            "`regulars doctor ledger` names them, and which of them agree again; those"
            " `regulars doctor ledger --thaw NUMBER` lets go on."
        )
        yield Finding("Points", "warning", words, mend)
    else:
        yield Finding("Points", "fine", f"{count} accounts; the books of the {len(latest)} that changed last agree")


def _rewards() -> Iterator[Finding]:
    """Stocks of rewards, pools of codes, and the points of what was taken."""
    mend = "Count the stock on the reward's page; look at the trail of what was taken last."
    yield from _counted("Rewards", "loyalty_reward", REWARDS, "rewards; stocks, codes and points agree", mend)


def _missions() -> Iterator[Finding]:
    """What missions gave."""
    mend = "Look at the member's points and what they took; tell us: no act of yours can have made it so."
    yield from _counted("Missions", "loyalty_mission_run", MISSIONS, "runs; what they gave agrees", mend)


def _benefits() -> Iterator[Finding]:
    """What was given by hand."""
    mend = "Look at the uses on the member's page; tell us: no act of yours can have made it so."
    yield from _counted(
        "Benefits", "loyalty_benefit_gift", BENEFITS, "gifts; none was used more often than given", mend
    )


def _counted(what: str, table: str, checks: Mapping[str, str], fine: str, mend: str) -> Iterator[Finding]:
    wrong = []
    with connection.cursor() as cursor:
        for words, sql in checks.items():
            cursor.execute(sql)
            [(many,)] = cursor.fetchall()
            if many:
                wrong.append(f"{many} {words}")
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - of a constant
        [(count,)] = cursor.fetchall()
    if wrong:
        yield Finding(what, "wrong", "; ".join(wrong), mend)
    elif count:
        yield Finding(what, "fine", f"{count} {fine}")


def _memberships() -> Iterator[Finding]:
    """The money of paid memberships: what was told of is in their books."""
    with connection.cursor() as cursor:
        cursor.execute(MEMBERSHIPS)
        [(wrong, count)] = cursor.fetchall()
    if wrong:
        words = f"of the {count} memberships that changed last, the books of {wrong} do not agree with their payments"
        yield Finding("Memberships", "wrong", words, "Compare what happened to each with its payments.")
    elif count:
        yield Finding("Memberships", "fine", f"the books of the {count} memberships that changed last agree")


CHECKUPS: tuple[Checkup, ...] = (_books, _rewards, _missions, _benefits, _memberships)
