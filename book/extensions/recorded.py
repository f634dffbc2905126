"""Recorded results: a number in prose, and the list of all with their provenance.

    {recorded}`initializers:relu,he.accuracy.mean:.1%`

is the number that `helpers.results.lookup` finds, in Python's format.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

RESULTS = "book/results"
ROWS = ("question", "command", "date", "device", "commit")


class Recorded(SphinxRole):
    """A recorded number, which links to where it comes from."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """An unknown result or a wrong format is an error."""
        from helpers import results

        try:
            name, path, form = self.text.split(":", 2)
            number = format(results.lookup(name, path), form)
        except (KeyError, ValueError) as error:
            message = f"recorded `{self.text}`: {error.args[0]}"
            return [], [self.inliner.reporter.error(message, line=self.lineno)]
        self.env.note_dependency(str(results.FOLDER / f"{name}.json"))
        page = self.env.app.builder.get_relative_uri(self.env.docname, RESULTS)
        uri = f"{page}#result-{name}"
        link = nodes.reference("", number, internal=True, refuri=uri)
        link["classes"].append("recorded")
        return [link], []


class ResultsList(SphinxDirective):
    """List all recorded results here."""

    def run(self) -> list[nodes.Node]:
        """One section for each file in results/."""
        folder = Path(self.env.srcdir) / "results"
        paths = sorted(folder.glob("*.json"))
        if not paths:
            return [nodes.paragraph("", "Nothing is recorded yet.")]
        return [self.section(path) for path in paths]

    def section(self, path: Path) -> nodes.section:
        """Where the numbers of one file come from."""
        self.env.note_dependency(str(path))
        record = json.loads(path.read_text("utf-8"))
        seeds = sorted({run["seed"] for run in record["runs"]})
        rows = {
            **{row: str(record[row]) for row in ROWS},
            "runs": f"{len(record['runs'])}, seeds {', '.join(map(str, seeds))}",
            "computing": f"{record['seconds']:,.0f} s, all runs together",
            "versions": _pairs(record["versions"]),
            "data": _pairs(
                {
                    name: f"{data['source']}, sha256 {data['sha256']}"
                    for name, data in record["data"].items()
                }
            ),
        }
        fields = [
            nodes.field(
                "",
                nodes.field_name("", name.capitalize()),
                nodes.field_body("", nodes.paragraph("", text)),
            )
            for name, text in rows.items()
            if text
        ]
        file = addnodes.download_reference(
            "", "", nodes.literal("", path.name), reftarget=f"/results/{path.name}"
        )
        section = nodes.section(ids=[f"result-{record['name']}"])
        section += nodes.title("", record["title"])
        section += nodes.field_list("", *fields)
        section += nodes.paragraph("", "", nodes.Text("All values: "), file)
        return section


def _pairs(pairs: dict[str, str]) -> str:
    return "; ".join(f"{name} {text}" for name, text in pairs.items())


def setup(app: Sphinx) -> None:
    """Connect the above."""
    sys.path.insert(0, str(app.srcdir))  # the helpers of this checkout
    app.add_role("recorded", Recorded())
    app.add_directive("results-list", ResultsList)
