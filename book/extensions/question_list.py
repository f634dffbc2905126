"""The list of all questions, and the way from each to the ones before and after it."""

from __future__ import annotations

from itertools import pairwise

from counts import checks_of
from docutils import nodes
from overview import (
    ERRATA,
    LEDGER,
    Overview,
    Question,
    cell,
    mark_overview,
    problem_sets,
    questions,
    table,
)
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx_exercise.nodes import exercise_enumerable_node

HEAD = (
    "Question",
    "My mark",
    "Difficulty",
    "Minutes",
    "Checks",
    "Errata",
    "Problem set",
    "Topic",
)


class question_list(nodes.General, nodes.Element):
    """The place of the list."""


class QuestionList(SphinxDirective):
    """List all questions here."""

    def run(self) -> list[nodes.Node]:
        """Leave a mark below the places of the filter and of the reader's marks."""
        places = '<div class="filter"></div><div class="my-marks"></div>'
        place = nodes.raw("", places, format="html")
        return [place, *mark_overview(self.env, question_list())]


class ShowQuestions(Overview):
    """Put the list in the place of its mark."""

    def run(self, **_) -> None:
        """Do nothing on a page without a mark."""
        for mark in list(self.document.findall(question_list)):
            self.env.get_domain("math").data["has_equations"][self.env.docname] = True
            asked = questions(self.env)
            pages = {question.page for question in asked.values()}
            checks = {page: checks_of(self.app, page) for page in pages}
            rows = [self.row(*item, checks[item[1].page]) for item in asked.items()]
            mark.replace_self(table(HEAD, rows, "questions"))

    def row(self, label: str, question: Question, checks: list[dict]) -> nodes.row:
        """A question with the numbers of its checks and of its errata."""
        found = [e for e in self.env.errata[question.page] if e["question"] == label]
        ids = {label, *(erratum["ids"][0] for erratum in found)}
        checked = str(sum(check["id"] in ids for check in checks))
        errata = [e["ids"][0] for e in found if e["verdict"] != "right"]
        title = [nodes.Text(f"{question.number} "), *question.title]
        cells = [
            self.link(title, question.page, label),
            nodes.inline(classes=["own-mark"]),
            str(question.difficulty),
            str(question.minutes),
            self.link([nodes.Text(checked)], LEDGER, label),
            "",
            self.env.titles[question.page].astext(),
            question.topic,
        ]
        if errata:
            cells[5] = self.link([nodes.Text(str(len(errata)))], ERRATA, errata[0])
        return nodes.row("", *map(cell, cells))


class ShowNeighbours(Overview):
    """At the end of each question, links to its neighbours and the reader's mark."""

    def run(self, **_) -> None:
        """They may stand on other pages."""
        asked = questions(self.env)
        after = dict(pairwise(asked))
        before = {label: other for other, label in after.items()}
        for exercise in self.document.findall(exercise_enumerable_node):
            label, marks = exercise["label"], nodes.inline(classes=["marks"])
            previous = self.way("Previous", before.get(label), asked)
            following = self.way("Next", after.get(label), asked)
            exercise += nodes.paragraph(
                "", "", *previous, marks, *following, classes=["neighbours"]
            )

    def way(self, word: str, label: str | None, asked: dict) -> list[nodes.Node]:
        """A link to a neighbour, if there is one."""
        if label is None:
            return []
        text = nodes.Text(f"{word} question {asked[label].number}")
        link = self.link([text], asked[label].page, label)
        return [nodes.Text(" "), link, nodes.Text(" ")]


class PlaceForButtons(Overview):
    """Below the title of a problem set, the place of the buttons of the script."""

    def run(self, **_) -> None:
        """Keep it at build time, so that nothing moves when the buttons come."""
        if self.env.docname in problem_sets(self.env):
            place = nodes.raw("", '<div class="fold-all"></div>', format="html")
            title = self.document.next_node(nodes.title)
            title.parent.insert(title.parent.index(title) + 1, place)


def renumbered(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """The pages to write again, since a neighbour has another number or place."""
    order = [(label, q.page, q.number) for label, q in questions(env).items()]
    same = order == getattr(env, "order_of_questions", None)
    env.order_of_questions = order
    return [] if same else problem_sets(env)


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_directive("question-list", QuestionList)
    app.add_post_transform(ShowQuestions)
    app.add_post_transform(ShowNeighbours)
    app.add_post_transform(PlaceForButtons)
    app.connect("env-get-updated", renumbered, priority=900)  # the numbers are set
