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

from docutils import nodes
from docutils.parsers.rst import directives as options
from sphinx import addnodes
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from tools.source.directives import VERDICTS

from .checks import checks_of
from .directives import Declared
from .questions import erratum
from .views import ERRATA, View, row, section_id, table

logger = logging.getLogger(__name__)


class Erratum(Declared):
    """Say that what is printed is wrong, or right although it looks wrong."""

    option_spec = {
        "question": options.unchanged_required,
        "verdict": lambda text: options.choice(text, tuple(VERDICTS)),
    }

    def run(self) -> list[nodes.Node]:
        """Raise an error if the question, the verdict or the title is missing."""
        self.demand_options()
        id, title = self.arguments[0], list(self.content[:2])
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


def link_to_list(env: BuildEnvironment, document: nodes.document) -> None:
    """Below each erratum, links to its question, its checks and the list of all."""
    view = ErrataList(env)
    for node in document.findall(erratum):
        if node["question"] not in view.known.questions:
            logger.warning("no such question: %s", node["question"], location=node)
        everything = view.link("all errata", ERRATA, node["ids"][0])
        node += (line := view.links(node))
        line += [nodes.Text(" · "), everything]


class ErrataList(View):
    """All errata of the book."""

    def content(self) -> list[nodes.Node]:
        """How many there are, then all, by problem set."""
        return [self.summary(), *map(self.listed, self.known.problem_sets)]

    def summary(self) -> nodes.table:
        """How many errata of each verdict; the numbers lead to them."""
        head = ("Problem set", *map(str.capitalize, VERDICTS.values()))
        sums = Counter(erratum["verdict"] for erratum in self.known.errata())
        last = row("The whole book", *(str(sums[verdict]) for verdict in VERDICTS))
        rows = [*map(self.counts, self.known.problem_sets), last]
        return table(head, rows, "verdicts")

    def counts(self, page: str) -> nodes.row:
        """A row of the summary."""
        found = Counter(erratum["verdict"] for erratum in self.known.errata(page))
        title = self.env.titles[page].astext()
        cells = [self.link(title, ERRATA, section_id(page))]
        for verdict in VERDICTS:
            number, id = str(found[verdict]), _id(page, verdict)
            cells.append(self.link(number, ERRATA, id) if found[verdict] else number)
        return row(*cells)

    def listed(self, page: str) -> nodes.section:
        """All errata of a problem set, by verdict."""
        section = self.section(page)
        for verdict, name in VERDICTS.items():
            title = nodes.title("", name.capitalize())
            part = nodes.section("", title, ids=[_id(page, verdict)])
            for original in self.known.errata(page):
                if original["verdict"] == verdict:
                    part += (copy := _copy(original, self.env.docname))
                    copy += self.links(original)
            section += part if len(part) > 1 else []
        return section

    def links(self, node: erratum) -> nodes.paragraph:
        """A line of links to the question and to the very checks."""
        line = nodes.paragraph(classes=["erratum-links"])
        question = self.known.questions.get(node["question"])
        if not question:
            return line
        line += self.to_question(question.id)
        checks = checks_of(self.env, question.page)
        own = [check for check in checks if check["id"] == node["ids"][0]]
        for check in own:
            line += nodes.Text(" · check: ")
            line += self.ran(question.page, check, check["claim"])
        asked = [check for check in checks if check["id"] == node["question"]]
        for n, check in enumerate([] if own else asked, 1):
            line += nodes.Text(" · checks of the exercise: " if n == 1 else ", ")
            line += self.ran(question.page, check, str(n))
        return line

    def ran(self, page: str, check: dict, text: str) -> nodes.reference:
        """A link to the line on the page where a check ran."""
        link = self.link(text, page, f"check-{check['name']}")
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
