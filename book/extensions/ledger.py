"""The ledger: each question with its checks."""

from __future__ import annotations

from collections import Counter

from altered import attacks, tally
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

HEAD = ("Claim", "How it was checked", "Altered claims refused")
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
        kinds = (_kind(c) for found in self.checks.values() for c in found)
        verdicts = (e["verdict"] for found in self.env.errata.values() for e in found)
        wrong = _each(verdict for verdict in verdicts if verdict != "right")
        lines = [
            f"Questions: {n['questions']}, of which {n['checked']} are checked",
            f"Checks: {n['checks']}{_each(kinds)}",
            f"Altered claims: {n['altered']:,}, each of them refused",
            *self.attacked(),
            f"Errata: {n['errata']}{wrong}",
            f"Places that look wrong and are right: {n['looks-wrong']}",
        ]
        items = [nodes.list_item("", nodes.paragraph("", line)) for line in lines]
        return nodes.bullet_list("", *items)

    def attacked(self) -> list[str]:
        """What became of the claims that were altered in the notebooks' code."""
        n = tally(attacks(self.app))
        if not n["made"]:
            return []
        rate = f"{n['refused']:,} ({n['refused'] / n['made']:.1%}) were refused"
        return [f"Alterations in the code of what is stated: {n['made']:,}; {rate}"]

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
        """A row with the question and its errata, and one for each check."""
        title = [nodes.Text(f"Exercise {question.number}: "), *question.title]
        first = cell(self.link(title, question.page, label))
        first["ids"].append(label)
        for id in errata:
            link = self.link([nodes.Text(f"Erratum {id}")], question.page, id)
            first[0] += [nodes.Text(" · "), link]
        checks = [c for c in self.checks[question.page] if c["id"] in (label, *errata)]
        rows = [self.row(question.page, check, label) for check in checks]
        first["morecols"] = (none := cell("no check"))["morecols"] = len(HEAD) - 1
        rows = rows or [nodes.row("", none)]
        return [nodes.row("", first, classes=["question"]), *rows]

    def row(self, page: str, check: dict, label: str) -> nodes.row:
        """A check; its claim leads to the line on the page where it ran."""
        claim = self.link([nodes.Text(check["claim"])], page, f"check-{check['name']}")
        first = cell(claim)
        if check["id"] != label:
            first[0].insert(0, nodes.Text(f"Erratum {check['id']}: "))
        how = f"{_kind(check)}: {check['method']}; {check['strength']}"
        row = nodes.row("", first, cell(how), cell(str(check["mutants"])))
        row["ids"].append(f"ledger-{check['name']}")
        return row


def _kind(check: dict) -> str:
    if check["kind"] != "identity":
        return check["kind"]
    return "proof" if check["method"].startswith("proved") else "identity, no proof"


def _each(names) -> str:
    counted = Counter(names).most_common()
    return f" ({', '.join(f'{n} {name}' for name, n in counted)})" if counted else ""


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_directive("ledger", Ledger)
    app.add_post_transform(ShowLedger)
