"""What came in, as an operator reads it: what an import brought, and why one ended, in the reader's language."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from regulars.facts.sources import import_runs
from regulars.facts.sources.import_runs import Run
from regulars.oversight.reporting import formats

#: A refusal's code, with its reason where the code alone does not say it, as a sentence with its mend.
WHY: dict[tuple[str, str], Any] = {
    ("imports.too_many_problems", ""): gettext_lazy(
        "%(file)s: more than %(most)s problems, such as line %(line)s, %(field)s. The mapping is probably wrong."
    ),
    ("imports.unreadable_file", "no_rows"): gettext_lazy(
        "%(file)s: there is a header and no row under it. Export it again."
    ),
    ("imports.unreadable_file", ""): gettext_lazy(
        "%(file)s could not be read to its end. Export it again, or save it as CSV in UTF-8."
    ),
    ("company.bad_code", ""): gettext_lazy("%(file)s: the %(field)s has a code that cannot be one. Mend the file."),
    ("customers.unusable_ref", ""): gettext_lazy(
        "%(file)s: a customer’s reference is empty, too long, or has characters nobody can see. Mend the file."
    ),
    ("money.unknown_currency", ""): gettext_lazy("%(file)s: the currency is unknown. Name it in the mapping."),
}


@dataclass(frozen=True)
class CameIn:
    """A run, with what it brought in one line and why it ended in another (empty for one that did not fail)."""

    run: Run
    brought: str
    why: str


def recent(limit: int) -> list[CameIn]:
    """The latest imports. Two queries."""
    return [CameIn(run, brought(run), why(run)) for run in import_runs.recent(limit)]


def brought(run: Run) -> str:
    """What became of its rows; of a file that came in before, that it brought nothing."""
    if run.state == "done" and run.came and not run.came.get("new", 0) and not run.came.get("changed", 0):
        return ngettext("nothing new; %(rows)s row read", "nothing new; %(rows)s rows read", run.rows_read) % {
            "rows": formats.number(run.rows_read)
        }
    return ngettext("%(rows)s row taken", "%(rows)s rows taken", run.rows_good) % {
        "rows": formats.number(run.rows_good)
    }


def why(run: Run) -> str:
    """Why it failed. Words nobody has prepared are told by their code, in English what the refusal said itself."""
    if not run.problem and not run.problem_code:
        return ""
    facts = {"file": run.file_name, "line": "?", "field": "?", "most": "?", **run.problem_facts}
    for key in ((run.problem_code, str(facts.get("reason", ""))), (run.problem_code, "")):
        if key in WHY:
            return str(WHY[key] % facts)
    if run.problem_code and get_language() != "en":
        return _("%(file)s was refused (%(code)s). The command that brought it in says more.") % {
            "file": run.file_name,
            "code": run.problem_code,
        }
    return run.problem if run.problem_code else _("It broke off: %(problem)s") % {"problem": run.problem}
