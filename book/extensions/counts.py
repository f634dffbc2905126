"""Numbers in prose that are counted when the book is built.

{count}`checks` is the number of all checks, {count}`general_review:checks` that of one
problem set.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path

import nbformat
from docutils import nodes
from overview import Overview, mark_overview, problem_sets, questions
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

logger = logging.getLogger(__name__)


class count(nodes.Inline, nodes.Element):
    """The place of a number."""


class Count(SphinxRole):
    """A number of `counts`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Leave a mark."""
        mark = count(name=self.text)
        self.set_source_info(mark)
        return mark_overview(self.env, mark), []


class ShowCounts(Overview):
    """Put the numbers in the place of their marks."""

    def run(self, **_) -> None:
        """An unknown name is an error."""
        marks = list(self.document.findall(count))
        counted = all_counts(self.app) if marks else {}
        for mark in marks:
            if mark["name"] not in counted:
                message = f"{mark['name']!r} is not counted; {', '.join(counted)} are"
                logger.warning(message, location=mark)
            mark.replace_self(nodes.Text(f"{counted.get(mark['name'], 0):,}"))


def checks_of(app: Sphinx, page: str) -> list[dict]:
    """What `helpers.check` left in an executed notebook, and where in its source.

    The third check of gr-1-1a has the name `gr-1-1a-3`, whatever other ids do.
    """
    path = Path(app.outdir).parent / "executed" / f"{page}.ipynb"
    return _read(path, path.stat().st_mtime_ns, app.env.doc2path(page))


@cache
def _read(path: Path, written: int, source: str) -> list[dict]:
    notebook = nbformat.read(path, as_version=4)
    lines, found, numbers = notebook.metadata["source_map"], [], Counter()
    for cell, line in zip(notebook.cells, lines, strict=True):
        for output in cell.get("outputs", []):
            if check := output.get("metadata", {}).get("check"):
                numbers[check["id"]] += 1
                name = f"{check['id']}-{numbers[check['id']]}"
                text, place = output.data["text/plain"], f"{source}:{line}"
                found.append({**check, "name": name, "text": text, "place": place})
    return found


def counts(app: Sphinx, pages: list[str] | None = None) -> dict[str, int]:
    """What the book holds, or some of its problem sets."""
    pages = pages or problem_sets(app.env)
    checks = [check for page in pages for check in checks_of(app, page)]
    kinds = Counter(check["kind"] for check in checks)
    asked = {label: q for label, q in questions(app.env).items() if q.page in pages}
    verdicts = [e["verdict"] for page in pages for e in app.env.errata[page]]
    return {
        "questions": len(asked),
        "hours": round(sum(question.minutes for question in asked.values()) / 60),
        "checked": len(asked.keys() & {check["id"] for check in checks}),
        "checks": len(checks),
        "proved": sum(check["method"] == "proved by sympy" for check in checks),
        "gradients": kinds["gradient"],
        "values": kinds["value"],
        "expectations": kinds["expectation"],
        "bounds": kinds["bound"],
        "altered": sum(check["mutants"] for check in checks),
        "errata": len(verdicts) - verdicts.count("right"),
        "looks-wrong": verdicts.count("right"),
    }


def all_counts(app: Sphinx) -> dict[str, int]:
    """The counts of the book, of its recorded results, and of each problem set."""
    files = Path(app.srcdir).glob("results/*.json")
    found = [json.loads(file.read_text("utf-8")) for file in files]
    records = [r for r in found if r["command"].startswith("make results")]
    return {
        **counts(app),
        "studies": len(records),
        "runs": sum(len(record["runs"]) for record in records),
        **{
            f"{page.rpartition('/')[2]}:{name}": number
            for page in problem_sets(app.env)
            for name, number in counts(app, [page]).items()
        },
    }


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_role("count", Count())
    app.add_post_transform(ShowCounts)
