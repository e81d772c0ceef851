"""Who did something, from how the trail names them to how people do."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from regulars.facts.sources import api_keys, import_runs
from regulars.kit.actors import SHELL
from regulars.runtime.staff import operators


def told(names: Iterable[str]) -> dict[str, str]:
    """`operator:7` as the person's name, `import:1` as the import of its file, and so on.

    One query for people, one for programs, one for each import.
    """
    wanted = set(names)
    through = {name: name.partition("/")[2] for name in wanted if name.startswith("member:") and "/" in name}
    wanted |= set(through.values())
    people = {f"operator:{one.id}": one.name for one in operators.everybody()} if _has(wanted, "operator") else {}
    keys = {f"api:{one.id}": one.name for one in api_keys.every()} if _has(wanted, "api") else {}
    found = {name: people.get(name) or _other(name, keys) for name in wanted}
    for name, link in through.items():
        found[name] = _("The member, by a link of %(name)s") % {"name": found[link]}
    return found


def _has(names: set[str], kind: str) -> bool:
    return any(name.startswith(f"{kind}:") for name in names)


def _other(name: str, keys: dict[str, str]) -> str:
    kind, _colon, number = name.partition(":")
    if kind == "import":
        run = import_runs.of(int(number)) if number.isdigit() else None
        return _("Import of %(file)s") % {"file": run.file_name} if run else _("Import")
    if kind == "api":
        return _("Program “%(name)s”") % {"name": keys[name]} if name in keys else _("A program")
    if kind == "connector":
        return _("Connection “%(name)s”") % {"name": number}
    if kind == "operator":
        return _("Somebody who no longer works here")
    if kind == "member":
        return _("The member")
    return _("The command line") if name == str(SHELL) else _("Regulars itself")
