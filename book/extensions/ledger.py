"""The ledger: each question with its checks."""

from __future__ import annotations

from collections import Counter

from counts import checks_of, counts
from docutils import nodes
from overview import (
    Overview,
    Question,
    cell,
    mark_overview,
    problem_sets,
    questions,
    table,
)
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

HEAD = ("Question", "Claim", "How it was checked", "Altered claims refused")
NO_CHECK = ("no check", "", "")
logger = logging.getLogger(__name__)


class ledger(nodes.General, nodes.Element):
    """The place of the ledger."""


class Ledger(SphinxDirective):
    """Show the ledger here."""

    def run(self) -> list[nodes.Node]:
        """Leave a mark."""
        return mark_overview(self.env, ledger())


class ShowLedger(Overview):
    """Put the ledger in the place of its mark."""

    def run(self, **_) -> None:
        """Do nothing on a page without a mark."""
        for mark in list(self.document.findall(ledger)):
            self.checks = {
                page: checks_of(self.app, page) for page in problem_sets(self.env)
            }
            tables = [self.table(page) for page in self.checks]
            mark.replace_self([self.summary(), *tables])

    def summary(self) -> nodes.bullet_list:
        """The numbers in words."""
        n = counts(self.app)
        kinds = (c["kind"] for found in self.checks.values() for c in found)
        verdicts = (e["verdict"] for found in self.env.errata.values() for e in found)
        wrong = _each(verdict for verdict in verdicts if verdict != "right")
        lines = [
            f"Questions: {n['questions']}, of which {n['checked']} are checked",
            f"Checks: {n['checks']}{_each(kinds)}",
            f"Altered claims: {n['altered']:,}, each of them refused",
            f"Errata: {n['errata']}{wrong}",
            f"Places that look wrong and are right: {n['looks-wrong']}",
        ]
        items = [nodes.list_item("", nodes.paragraph("", line)) for line in lines]
        return nodes.bullet_list("", *items)

    def table(self, page: str) -> nodes.section:
        """The questions of a problem set, with their checks and their errata."""
        rows, known = [], set()
        for label, question in questions(self.env).items():
            if question.page == page:
                errata = [e for e in self.env.errata[page] if e["question"] == label]
                ids = [erratum["ids"][0] for erratum in errata]
                known |= {label, *ids}
                rows += self.rows(label, question, ids)
        for check in self.checks[page]:
            if check["id"] not in known:
                message = "%s is no question and no erratum of this page"
                logger.warning(message, check["id"], location=check["place"])
        section = self.section(page)
        section += table(HEAD, rows, "ledger")
        return section

    def rows(
        self, label: str, question: Question, errata: list[str]
    ) -> list[nodes.row]:
        """A row for each check; the first cell, with the question, spans them all."""
        title = [nodes.Text(f"Exercise {question.number}: "), *question.title]
        first = nodes.entry("", ids=[label])
        first += nodes.paragraph("", "", self.link(title, question.page, label))
        for id in errata:
            link = self.link([nodes.Text(f"Erratum {id}")], question.page, id)
            first += nodes.paragraph("", "", link, ids=[id])
        checks = [c for c in self.checks[question.page] if c["id"] in (label, *errata)]
        cells = [(_claim(c, label), _how(c), str(c["mutants"])) for c in checks]
        rows = [nodes.row("", *map(cell, texts)) for texts in cells or [NO_CHECK]]
        first["morerows"] = len(rows) - 1
        rows[0].insert(0, first)
        return rows


def _claim(check: dict, label: str) -> str:
    return (
        check["claim"] if check["id"] == label else f"{check['id']}: {check['claim']}"
    )


def _how(check: dict) -> str:
    return f"{check['kind']}: {check['method']}; {check['strength']}"


def _each(names) -> str:
    counted = Counter(names).most_common()
    return f" ({', '.join(f'{n} {name}' for name, n in counted)})" if counted else ""


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_directive("ledger", Ledger)
    app.add_post_transform(ShowLedger)
