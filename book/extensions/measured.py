"""How the book was measured: `{growth}` and `{reproduced}` show tables of records."""

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


class Growth(Measured):
    """A row for each value: at each size, its exponent, its late over early cost."""

    name_of_record, command = "scale", "make bench-scale"

    def rows(self, record: dict) -> list[tuple[str, ...]]:
        """The head and the rows."""
        sizes = list(dict.fromkeys(run["config"]["sets"] for run in record["runs"]))
        rows = [
            ("Part", *(f"{n} sets" for n in sizes), "exponent", "late over early cost")
        ]
        for name in record["runs"][0]["values"]:
            values = [_short(_mean(record, name, n)) for n in sizes]
            rows.append((name, *values, *_fitted(record, name)))
        return rows


def _fitted(record: dict, name: str) -> tuple[str, str]:
    late = f"late over early cost of {name}"
    found = [(record[f"exponent of {name}"], record[f"half width of {name}"])]
    found.append((record[late], record[f"half width of {late}"]))
    return tuple(
        "–" if value is None else f"{value:.2f}\u00a0±\u00a0{half:.2f}"
        for value, half in found
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _mean(record: dict, name: str, sets: int) -> float:
    runs = (run for run in record["runs"] if run["config"]["sets"] == sets)
    found = [run["values"][name] for run in runs]
    return sum(found) / len(found)


class Reproduced(Measured):
    """A row for each setting, a column for each notebook."""

    name_of_record, command = "reproduced", "make reproduce"

    def rows(self, record: dict) -> list[tuple[str, ...]]:
        """The head and the rows."""
        found = {tuple(run["config"].values()): run["values"] for run in record["runs"]}
        notebooks, settings = (
            list(dict.fromkeys(part)) for part in zip(*found, strict=True)
        )
        head = ("Setting", *(name.replace("_", " ") for name in notebooks))
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
    app.add_directive("growth", Growth)
    app.add_directive("reproduced", Reproduced)
