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

from docutils import nodes
from docutils.parsers.rst import directives
from overview import Overview, mark_overview, problem_sets, questions
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
LEDGER, LIST = "book/checks", "book/errata"
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
        """Put a section for each problem set in the place of the mark."""
        for node in self.document.findall(erratum):
            node += self.links(node, {"all errata": LIST})
        for mark in list(self.document.findall(errata_list)):
            mark.replace_self([self.listed(page) for page in problem_sets(self.env)])

    def listed(self, page: str) -> nodes.section:
        """All errata of a problem set."""
        section = self.section(page)
        for original in self.env.errata.get(page, []):
            section += (copy := _copy(original, self.env.docname))
            copy += self.links(original, {})
        return section

    def links(self, node: erratum, more: dict[str, str]) -> nodes.paragraph:
        """A line of links below an erratum."""
        question = questions(self.env).get(node["question"])
        text = f"Exercise {question.number}" if question else "no such question"
        line = nodes.paragraph(classes=["erratum-links"])
        line += self.link([nodes.Text(text)], node["docname"], node["question"])
        for text, page in {"checks": LEDGER, **more}.items():
            line += nodes.Text(" · ")
            line += self.link([nodes.Text(text)], page, node["ids"][0])
        return line


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
