"""What is shown once all pages have been read: the parts that all of it shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from docutils import nodes
from sphinx import addnodes
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

from .questions import Questions, place

LEDGER, ERRATA, RESULTS = "book/checks", "book/errata", "book/results"
DEPENDS = "results/measured/altered.json", "book/altered.yml"


class View:
    """A page that is written, and its links to places of the book."""

    def __init__(self, env: BuildEnvironment):
        self.env = env
        self.known: Questions = env.get_domain("question")

    def link(self, text: str, page: str, anchor: str, **more) -> nodes.reference:
        """A link to a place of the book."""
        uri = self.env.app.builder.get_relative_uri(self.env.docname, page)
        more |= {"internal": True, "refuri": f"{uri}#{anchor}"}
        return nodes.reference("", text, **more)

    def to_question(
        self, label: str, before: str = "Exercise ", between: str = ""
    ) -> nodes.reference:
        """A link to a question: its number and, if something stands between, title."""
        question = self.known.questions[label]
        text = f"{before}{question.number}{between}"
        link = self.link(text, question.page, label)
        link += self.known.title(label) if between else []
        return link

    def title(self, page: str) -> list[nodes.Node]:
        """The title of a problem set."""
        return self.env.titles[page].deepcopy().children

    def section(self, page: str, *content: nodes.Node) -> nodes.section:
        """A section about a problem set."""
        title = nodes.title("", "", *self.title(page))
        return nodes.section("", title, *content, ids=[section_id(page)])


VIEWS: dict[str, Callable[[View, place], nodes.Node | list[nodes.Node]]] = {}


class Later(SphinxDirective):
    """The place of a view that is named like the directive."""

    def run(self) -> list[nodes.Node]:
        """Leave it."""
        for name in DEPENDS:
            self.env.note_dependency(name)
        mark = place("", shows=self.name)
        self.set_source_info(mark)
        return [mark]


def fill_places(env: BuildEnvironment, document: nodes.document) -> None:
    """Show in each place what it is for."""
    for mark in list(document.findall(place)):
        mark.replace_self(VIEWS[mark["shows"]](View(env), mark))


def name_questions(env: BuildEnvironment, document: nodes.document) -> None:
    """Let references to questions say their numbers.

    Sphinx would read the whole page of the question anew for each of them.
    """
    builder, link = env.app.builder, env.get_domain("std").build_reference_node
    questions = env.get_domain("question").questions
    for node in list(document.findall(addnodes.pending_xref)):
        question = questions.get(node.get("reftarget"))
        if question and node["reftype"] == "ref" and not node.get("refexplicit"):
            target, name = (question.page, question.id), f"Exercise {question.number}"
            node.replace_self(link(env.docname, builder, *target, name, "numref"))


def table(
    name: str, head: Iterable, rows: Iterable[nodes.row | Iterable]
) -> nodes.table:
    """A table of a class; a row that is none yet is given by its cells."""
    head = row(*head)
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    group += nodes.thead("", head)
    rows = (made if isinstance(made, nodes.row) else row(*made) for made in rows)
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=[name])


def row(*cells: str | nodes.Node) -> nodes.row:
    """A row of a table."""
    return nodes.row("", *(nodes.entry("", paragraph(cell)) for cell in cells))


def paragraph(*parts: str | nodes.Node, **attributes) -> nodes.paragraph:
    """A paragraph of texts and nodes."""
    found = (nodes.Text(part) if isinstance(part, str) else part for part in parts)
    return nodes.paragraph("", "", *found, **attributes)


def section_id(page: str) -> str:
    """The id of a section about a problem set, on a page that sums up the book."""
    return page.rpartition("/")[2].replace("_", "-")
