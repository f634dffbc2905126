"""The page of altered claims, from book/mutants.json and book/mutants.yml."""

from __future__ import annotations

import json
from collections import Counter
from itertools import groupby
from pathlib import Path

import yaml
from docutils import nodes
from overview import (
    Overview,
    cell,
    mark_overview,
    problem_sets,
    questions,
    section_id,
    table,
)
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HEAD = (
    "What is checked",
    "Altered",
    "Refused",
    "Of these by an error",
    "Survived",
    "Refused, %",
)


class altered(nodes.General, nodes.Element):
    """The place of the tables."""


class Altered(SphinxDirective):
    """Show here what became of the altered claims."""

    def run(self) -> list[nodes.Node]:
        """Leave a mark, and depend on what is shown."""
        for name in ("mutants.json", "mutants.yml"):
            self.env.note_dependency(f"book/{name}")
        return mark_overview(self.env, altered())


class ShowAltered(Overview):
    """Put the tables in the place of their mark."""

    def run(self, **_) -> None:
        """Do nothing on a page without a mark."""
        for mark in list(self.document.findall(altered)):
            runs = attacks(self.app)
            pages = {section_id(page): page for page in problem_sets(self.env)}
            by_set = {page: [] for page in pages.values()}
            for run in runs:
                by_set[pages[section_id(run["notebook"])]].append(run)
            rows = [self.row(self.link_to(page), of) for page, of in by_set.items()]
            rows.append(self.row(nodes.Text("all"), runs))
            sections = [self.part(page, of) for page, of in by_set.items() if of]
            mark.replace_self([table(HEAD, rows, "altered"), *sections])

    def link_to(self, page: str) -> nodes.reference:
        """A link from the first table to the section about a problem set."""
        title = [node.deepcopy() for node in self.env.titles[page].children]
        return nodes.reference("", "", *title, refid=section_id(page))

    def row(self, name: nodes.Node, runs: list[dict]) -> nodes.row:
        """The numbers for some checks."""
        n = tally(runs)
        rate = f"{100 * n['refused'] / n['made']:.1f}" if n["made"] else "–"
        numbers = [n[key] for key in ("made", "refused", "error", "survived")]
        cells = [cell(f"{number:,}") for number in numbers]
        return nodes.row("", cell(name), *cells, cell(rate))

    def part(self, page: str, runs: list[dict]) -> nodes.section:
        """The questions of a problem set, then what survived and why."""
        errata = {
            erratum["ids"][0]: erratum["question"] for erratum in self.env.errata[page]
        }
        by_question: dict[str, list[dict]] = {}
        for run in runs:
            by_question.setdefault(errata.get(run["id"], run["id"]), []).append(run)
        asked, rows = questions(self.env), []
        for label in (label for label in asked if label in by_question):
            title = [nodes.Text(f"{asked[label].number} "), *asked[label].title]
            name = self.link(title, page, label)
            rows.append(self.row(name, by_question[label]))
        section = self.section(page)
        section += table(HEAD, rows, "altered")
        items = [
            self.survivor(page, id, why, [*ones])
            for (id, why), ones in groupby(survived(self.app, runs), _reason)
        ]
        if items:
            section += nodes.paragraph("", "What survived, and why it may:")
            section += nodes.bullet_list("", *items)
        return section

    def survivor(
        self, page: str, id: str, why: str, ones: list[dict]
    ) -> nodes.list_item:
        """Altered claims of a question that its checks let through, for one reason."""
        text = nodes.paragraph("", "", self.link([nodes.Text(id)], page, id))
        for one in ones:
            how = f" ({one['how']})" if one["how"] else ""
            text += [nodes.Text(", "), nodes.literal("", one["what"]), nodes.Text(how)]
        text += nodes.Text(f". {' '.join(why.split())}")
        return nodes.list_item("", text)


def _reason(survivor: dict) -> tuple[str, str]:
    return survivor["id"], survivor["why"]


def attacks(app: Sphinx) -> list[dict]:
    """What became of the altered claims of each check, as recorded."""
    path = Path(app.srcdir) / "book" / "mutants.json"
    runs = json.loads(path.read_text("utf-8"))["runs"] if path.exists() else []
    sets = {page.rpartition("/")[2] for page in problem_sets(app.env)}
    return [run for run in runs if run["notebook"] in sets]


def survived(app: Sphinx, runs: list[dict]) -> list[dict]:
    """The altered claims that no check refused, with the reasons."""
    path = Path(app.srcdir) / "book" / "mutants.yml"
    reasons = {
        (one["id"], what): one["why"]
        for one in yaml.safe_load(path.read_text("utf-8"))
        for what in one["what"]
    }
    return [
        {"id": run["id"], **one, "why": reasons.get((run["id"], one["what"]), "open")}
        for run in runs
        for one in run["survivors"]
    ]


def tally(runs: list[dict]) -> Counter:
    """How many altered claims were made, refused, refused by an error, survived."""
    n = sum((Counter(run["verdicts"]) for run in runs), Counter())
    n["refused"] += n["error"]
    n["made"] = n["refused"] + n["survived"]
    return n


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_directive("altered", Altered)
    app.add_post_transform(ShowAltered)
