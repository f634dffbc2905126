"""How the book was measured: `{reproduced}` shows a table of a record."""

from __future__ import annotations

import json
from pathlib import Path

from docutils import nodes
from overview import cell, table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Measured(SphinxDirective):
    """A table of a record in results/."""

    def run(self) -> list[nodes.Node]:
        """One that does not exist yet is an error."""
        path = Path(self.env.srcdir) / f"results/{self.name_of_record}.json"
        if not path.exists():
            raise self.error(f"{path.name} is missing: run `{self.command}`")
        self.env.note_dependency(str(path))
        head, *rows = self.rows(json.loads(path.read_text("utf-8")))
        body = [nodes.row("", *map(cell, row)) for row in rows]
        return [table(head, body, self.name_of_record)]


class Reproduced(Measured):
    """A row for each setting, a column for each notebook."""

    name_of_record, command = "reproduced", "make reproduce"

    def rows(self, record: dict) -> list[tuple[str, ...]]:
        """The head and the rows."""
        found = {tuple(run["config"].values()): run["values"] for run in record["runs"]}
        notebooks, settings = (
            list(dict.fromkeys(part)) for part in zip(*found, strict=True)
        )
        head = ("", *(name.replace("_", " ") for name in notebooks))
        return [head] + [
            (setting, *(_outcome(found[name, setting]) for name in notebooks))
            for setting in settings
        ]


def _outcome(values: dict) -> str:
    if count := values["differences"]:
        return f"{count} differences"
    return "all {checks} checks equal".format(**values)


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_directive("reproduced", Reproduced)
