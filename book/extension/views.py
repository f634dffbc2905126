"""What is shown once all pages have been read: the parts that all of it shares."""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from .questions import Questions, place

LEDGER, ERRATA, RESULTS = "book/checks", "book/errata", "book/results"


class View:
    """Something that is shown in its place, or added to a page."""

    depends: tuple[str, ...] = ()  # on files, relative to the root

    def __init__(self, env: BuildEnvironment, place: place | None = None):
        self.env, self.place = env, place
        self.known: Questions = env.get_domain("question")

    def content(self) -> list[nodes.Node]:
        """What is put in the place."""
        raise NotImplementedError

    def link(
        self, text: str | list[nodes.Node], page: str, anchor: str
    ) -> nodes.reference:
        """A link to a place of the book."""
        uri = self.env.app.builder.get_relative_uri(self.env.docname, page)
        words = [nodes.Text(text)] if isinstance(text, str) else text
        return nodes.reference("", "", *words, internal=True, refuri=f"{uri}#{anchor}")

    def to_question(
        self, label: str, before: str = "Exercise ", between: str | None = None
    ) -> nodes.reference:
        """A link to a question: its number and, if something stands between, title."""
        question = self.known.questions[label]
        text = [nodes.Text(f"{before}{question.number}{between or ''}")]
        text += self.known.title(label) if between else []
        return self.link(text, question.page, label)

    def section(self, page: str) -> nodes.section:
        """A section about a problem set, empty but for its title."""
        title = self.env.titles[page].deepcopy().children
        return nodes.section("", nodes.title("", "", *title), ids=[section_id(page)])


VIEWS: dict[str, type[View]] = {}  # what a place shows


class Later(SphinxDirective):
    """A view that is named like the directive."""

    def run(self) -> list[nodes.Node]:
        """Leave its place, with a formula, so that Sphinx loads what sets formulas."""
        for name in VIEWS[self.name].depends:
            self.env.note_dependency(name)
        mark = place("", nodes.math(), shows=self.name)
        self.set_source_info(mark)
        return [mark]


def fill_places(env: BuildEnvironment, document: nodes.document) -> None:
    """Show in each place what it is for."""
    for mark in list(document.findall(place)):
        mark.replace_self(VIEWS[mark["shows"]](env, mark).content())


def name_questions(env: BuildEnvironment, document: nodes.document) -> None:
    """Let references to questions say their numbers.

    Sphinx would read the whole page of the question anew for each of them.
    """
    builder, std = env.app.builder, env.get_domain("std")
    questions = env.get_domain("question").questions
    for node in list(document.findall(addnodes.pending_xref)):
        question = questions.get(node.get("reftarget"))
        if question and node["reftype"] == "ref" and not node.get("refexplicit"):
            name = f"Exercise {question.number}"
            target = question.page, question.id
            node.replace_self(
                std.build_reference_node(env.docname, builder, *target, name, "numref")
            )


def table(head: tuple[str, ...], rows: list[nodes.row], name: str) -> nodes.table:
    """A table with a head and a class."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    group += nodes.thead("", row(*head))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=[name])


def row(*cells: str | nodes.Node) -> nodes.row:
    """A row of a table."""
    return nodes.row("", *map(cell, cells))


def cell(content: str | nodes.Node) -> nodes.entry:
    """A cell of a table."""
    text = nodes.Text(content) if isinstance(content, str) else content
    return nodes.entry("", nodes.paragraph("", "", text))


def section_id(page: str) -> str:
    """The id of a section about a problem set, on a page that sums up the book."""
    return page.rpartition("/")[2].replace("_", "-")
