"""Errata: each stands next to its answer, and all are listed on one page.

    ```{erratum} gr-e3
    :question: gr-2-1
    :verdict: wrong
    A short title as a sentence

    **Printed.** ... **Right.** ... **Shown by.** ...
    ```

`{errata-list}` shows them all, grouped by problem set.
"""

from __future__ import annotations

from collections import Counter

from counts import checks_of
from docutils import nodes
from docutils.parsers.rst import directives
from overview import (
    ERRATA,
    Overview,
    Question,
    cell,
    mark_overview,
    problem_sets,
    questions,
    section_id,
    table,
)
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

VERDICTS = {
    "wrong": "wrong",
    "misprint": "misprint",
    "incomplete": "incomplete",
    "right": "looks wrong and is right",
}
logger = logging.getLogger(__name__)


class erratum(nodes.Admonition, nodes.Element):
    """What is printed, judged."""


class errata_list(nodes.General, nodes.Element):
    """The place where all errata are listed."""


class Erratum(SphinxDirective):
    """Say that what is printed is wrong, or right although it looks wrong."""

    required_arguments = 1
    has_content = True
    option_spec = {
        "question": directives.unchanged_required,
        "verdict": lambda text: directives.choice(text, tuple(VERDICTS)),
    }

    def run(self) -> list[nodes.Node]:
        """Raise an error if the question, the verdict or the title is missing."""
        id, title = self.arguments[0], list(self.content[:2])
        if missing := self.option_spec.keys() - self.options.keys():
            raise self.error(f"erratum {id} lacks {', '.join(sorted(missing))}")
        if not title or "".join(title[1:]).strip():
            raise self.error(f"erratum {id}: first a line with its title, then a blank")
        verdict = self.options["verdict"]
        node = erratum(ids=[id], docname=self.env.docname, **self.options)
        node["classes"] += ["erratum", f"erratum-{verdict}"]
        self.set_source_info(node)
        words, messages = self.state.inline_text(title[0], self.lineno)
        kind = nodes.inline("", f"Erratum {id}, {VERDICTS[verdict]}: ")
        node += nodes.title("", "", kind, *words)
        self.state.nested_parse(self.content[2:], self.content_offset + 2, node)
        labels = self.env.get_domain("std").labels
        labels[id] = self.env.docname, id, f"Erratum {id}"
        return [node, *messages]


class ErrataList(SphinxDirective):
    """List all errata of the book here."""

    def run(self) -> list[nodes.Node]:
        """Leave a mark."""
        return mark_overview(self.env, errata_list())


class ShowErrata(Overview):
    """Fill in the list; link each erratum to its question, its checks and the list."""

    def run(self, **_) -> None:
        """Put all errata, and how many there are, in the place of the mark."""
        for node in self.document.findall(erratum):
            everything = self.link([nodes.Text("all errata")], ERRATA, node["ids"][0])
            node += (line := self.links(node))
            line += [nodes.Text(" · "), everything]
        for mark in list(self.document.findall(errata_list)):
            pages = problem_sets(self.env)
            mark.replace_self([self.summary(pages), *map(self.listed, pages)])

    def summary(self, pages: list[str]) -> nodes.table:
        """How many errata of each verdict; the numbers lead to them."""
        head = ("Problem set", *map(str.capitalize, VERDICTS.values()))
        everywhere = (e for found in self.env.errata.values() for e in found)
        sums = Counter(e["verdict"] for e in everywhere)
        last = ("The whole book", *(str(sums[verdict]) for verdict in VERDICTS))
        rows = [*map(self.counts, pages), nodes.row("", *map(cell, last))]
        return table(head, rows, "verdicts")

    def counts(self, page: str) -> nodes.row:
        """A row of the summary."""
        found = Counter(e["verdict"] for e in self.env.errata.get(page, []))
        title = nodes.Text(self.env.titles[page].astext())
        cells = [self.link([title], ERRATA, section_id(page))]
        for verdict in VERDICTS:
            number, id = nodes.Text(str(found[verdict])), _id(page, verdict)
            cells.append(self.link([number], ERRATA, id) if found[verdict] else number)
        return nodes.row("", *map(cell, cells))

    def listed(self, page: str) -> nodes.section:
        """All errata of a problem set, by verdict."""
        section = self.section(page)
        for verdict, name in VERDICTS.items():
            title = nodes.title("", name.capitalize())
            part = nodes.section("", title, ids=[_id(page, verdict)])
            for original in self.env.errata.get(page, []):
                if original["verdict"] == verdict:
                    part += (copy := _copy(original, self.env.docname))
                    copy += self.links(original)
            section += part if len(part) > 1 else []
        return section

    def links(self, node: erratum) -> nodes.paragraph:
        """A line of links to the question and to the very checks."""
        line = nodes.paragraph(classes=["erratum-links"])
        question = questions(self.env).get(node["question"])
        if not question:
            return line  # `verify` names it
        text = nodes.Text(f"Exercise {question.number}")
        line += self.link([text], question.page, node["question"])
        checks = checks_of(self.app, question.page)
        own = [check for check in checks if check["id"] == node["ids"][0]]
        for check in own:
            line += nodes.Text(" · check: ")
            line += self.ran(question, check, check["claim"])
        asked = [check for check in checks if check["id"] == node["question"]]
        for n, check in enumerate([] if own else asked, 1):
            line += nodes.Text(" · checks of the exercise: " if n == 1 else ", ")
            line += self.ran(question, check, str(n))
        return line

    def ran(self, question: Question, check: dict, text: str) -> nodes.reference:
        """A link to the line on the page where a check ran."""
        words = [nodes.Text(text)]
        link = self.link(words, question.page, f"check-{check['name']}")
        link["reftitle"] = check["claim"]
        return link


def _id(page: str, verdict: str) -> str:
    return f"{section_id(page)}-{verdict}"


def _copy(node: erratum, docname: str) -> erratum:
    """A copy for another page: no label or number of an equation twice."""
    copy = node.deepcopy()
    for part in copy.findall(nodes.Element):
        if part is not copy:
            part["ids"], part["names"] = [], []
        if isinstance(part, nodes.math_block):
            part["label"] = part["number"] = None
        if isinstance(part, addnodes.pending_xref):
            part["refdoc"] = docname
    return copy


def collect(app: Sphinx, document: nodes.document) -> None:
    """Remember the errata of a page that was read."""
    found = [node.deepcopy() for node in document.findall(erratum)]
    app.env.errata = {**getattr(app.env, "errata", {}), app.env.docname: found}


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget the errata of a page that is gone."""
    getattr(env, "errata", {}).pop(docname, None)


def verify(app: Sphinx, env: BuildEnvironment) -> None:
    """Each erratum is about a question of the book."""
    for node in (node for found in env.errata.values() for node in found):
        if node["question"] not in questions(env):
            logger.warning("no such question: %s", node["question"], location=node)


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_node(
        erratum,
        html=(
            lambda writer, node: writer.visit_admonition(node),
            lambda writer, node: writer.depart_admonition(node),
        ),
    )
    app.add_directive("erratum", Erratum)
    app.add_directive("errata-list", ErrataList)
    app.add_post_transform(ShowErrata)
    app.connect("doctree-read", collect)
    app.connect("env-purge-doc", forget)
    app.connect("env-check-consistency", verify)
