"""Two import contracts of our own, registered in `.importlinter` beside the ones import-linter ships."""

import re
from collections.abc import Iterator
from pathlib import Path

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

#: Ways from a model to another one, or to one by its name.
_WALK = re.compile(r"\b(?:related_model|remote_field|get_models?\()")
_PRIVATE = {"models", "migrations", "tests"}


class ClosedRooms(Contract):
    """Outside a room nobody imports its models, migrations, tests or `_names`, nor walks to its tables through a model.

    A foreign key knows the other room's model, and `related_model`, `remote_field` or Django's registry hand it out: a
    public module of that room says instead what may be read. Migrations and tests are free.
    `floors` are packages whose children are rooms; `rooms` are rooms that stand alone on their floor.
    """

    floors = fields.ListField(subfield=fields.StringField())
    rooms = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        peeps = sorted(self._peeps(graph))
        walks = sorted(self._walks(graph))
        return ContractCheck(kept=not peeps and not walks, metadata={"peeps": peeps, "walks": walks})

    def _walks(self, graph: ImportGraph) -> Iterator[tuple[str, str]]:
        for module in graph.modules:
            if self._room_of(module) is None or {"migrations", "tests"} & set(module.split(".")):
                continue
            file = Path("src", *module.split("."))
            file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
            for line in file.read_text(encoding="utf-8").splitlines():
                if found := _WALK.search(line):
                    yield module, found[0]

    def _peeps(self, graph: ImportGraph) -> Iterator[tuple[str, str]]:
        for private in graph.modules:
            room = self._room_of(private)
            if room is None or not _is_private(private.removeprefix(f"{room}.")):
                continue
            for importer in graph.find_modules_that_directly_import(private):
                if self._room_of(importer) != room:
                    yield importer, private

    def _room_of(self, module: str) -> str | None:
        for room in self.rooms:
            if module == room or module.startswith(f"{room}."):
                return room
        for floor in self.floors:
            if module.startswith(f"{floor}."):
                return f"{floor}.{module.removeprefix(f'{floor}.').split('.')[0]}"
        return None

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, private in check.metadata["peeps"]:
            output.print_error(f"{importer} looks into {private}, which is private to its room.", bold=False)
        for walker, way in check.metadata["walks"]:
            output.print_error(f"{walker} takes tables through {way}.", bold=False)


class Reserved(Contract):
    """The libraries in `modules` are imported directly only in the packages `allowed_in`. Tests are free.

    A dotted name such as http.client means that part of its library alone.
    """

    modules = fields.ListField(subfield=fields.StringField())
    allowed_in = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        strays = sorted({stray for library in self.modules for stray in self._strays(graph, library)})
        return ContractCheck(kept=not strays, metadata={"strays": strays})

    def _strays(self, graph: ImportGraph, library: str) -> Iterator[tuple[str, str]]:
        root, _, part = library.partition(".")
        if root not in graph.modules:
            return
        # The graph knows a library outside the house as one module, so its parts are told apart by the line itself.
        names_part = re.compile(rf"\b{re.escape(library)}\b|\bfrom {root} import .*\b{part}\b") if part else None
        for importer in graph.find_modules_that_directly_import(root):
            if "tests" in importer.split(".") or any(f"{importer}.".startswith(f"{p}.") for p in self.allowed_in):
                continue
            lines = graph.get_import_details(importer=importer, imported=root)
            if names_part is None or any(names_part.search(line["line_contents"]) for line in lines):
                yield importer, library

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, library in check.metadata["strays"]:
            where = ", ".join(self.allowed_in)
            output.print_error(f"{importer} imports {library}, which belongs to {where} alone.", bold=False)


def _is_private(inside: str) -> bool:
    return any(part in _PRIVATE or part.startswith("_") for part in inside.split("."))
