"""What is known of the questions of the book, once all pages have been read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from docutils import nodes
from docutils.utils.smartquotes import smartyPants
from sphinx.application import Sphinx
from sphinx.domains import Domain
from sphinx.search.en import SearchEnglish
from sphinx_exercise.nodes import exercise_enumerable_node, solution_node

from tools.source import model
from tools.workspace import EXECUTED

READ = re.compile(r'\b(?:study|lookup|load)\(\s*"([\w-]+)"')  # a record, in a cell
language = SearchEnglish({})


class erratum(nodes.admonition):
    """What is printed, judged."""


class place(nodes.General, nodes.Element):
    """Where something will be shown; `shows` says what."""


@dataclass
class Known:
    """What one page says.

    `titles` of its questions, which may have formulas; its `errata`; the words of
    `statements` and `solutions`, as stems; the records that it `uses`, each with the
    questions that do (None: before the first); whether it `sums_up` other pages.
    """

    titles: dict[str, list[nodes.Node]] = field(default_factory=dict)
    errata: list[erratum] = field(default_factory=list)
    statements: dict[str, set[str]] = field(default_factory=dict)
    solutions: dict[str, set[str]] = field(default_factory=dict)
    uses: dict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    sums_up: bool = False


class Questions(Domain):
    """What the sources say of each question, and what their pages show of it.

    The data: `pages`, what each page says; `contents`, a hash of what each was made
    from, and `order`, that of the questions, both of the build before.
    """

    name = "question"
    label = "Question"
    initial_data = {"pages": {}, "contents": {}, "order": []}

    # ------------------------------------------------------ when a page is read

    def clear_doc(self, docname: str) -> None:
        """Forget a page that is read anew or gone."""
        self.data["pages"].pop(docname, None)

    def merge_domaindata(self, docnames: list[str], otherdata: dict) -> None:
        """Take over the pages that another process has read."""
        for page in docnames:
            self.data["pages"][page] = otherdata["pages"][page]

    # ------------------------------------------------ when all pages have been read

    @cached_property  # for one build, and after the last page has been read
    def book(self) -> model.Book:
        """The sources, which say numbers, topics, difficulty and order."""
        return model.Book.now(Path(self.env.srcdir))

    @property
    def questions(self) -> dict[str, model.Question]:
        """All questions by their labels, in the order of the book."""
        return self.book.questions

    @property
    def problem_sets(self) -> list[str]:
        """The pages with questions, in the order of the book."""
        return [page.name for page in self.book.notebooks if page.questions]

    def of(self, page: str) -> Known:
        """What a page says."""
        return self.data["pages"].get(page) or Known()

    def title(self, label: str) -> list[nodes.Node]:
        """The title of a question, for a place of its own."""
        words = self.of(self.questions[label].page).titles.get(label, ())
        return [word.deepcopy() for word in words]

    def topic(self, label: str) -> str:
        """The topic of a question, with the quotation marks that pages have."""
        return smartyPants(self.questions[label].topic, "q")

    def users(self, record: str) -> list[str]:
        """The questions that use a record, in the order of the book."""
        found = [known.uses.get(record, ()) for known in self.data["pages"].values()]
        return [label for label in self.questions if any(label in f for f in found)]


def note(app: Sphinx, document: nodes.document) -> None:
    """Remember what a page says."""
    known, label = Known(), None
    for node in document.findall():
        if isinstance(node, exercise_enumerable_node):
            label, subtitles = node["label"], node[0][1:]
            known.titles[label] = [
                word.deepcopy() for part in subtitles for word in part.children
            ]
            known.statements[label] = stems(prose(node))
        elif isinstance(node, solution_node):
            known.solutions[node["target_label"]] = stems(prose(node))
        elif isinstance(node, erratum):
            known.errata.append(node.deepcopy())
        elif isinstance(node, nodes.reference) and "record" in node:
            known.uses[node["record"]].add(label)
        elif isinstance(node, nodes.literal_block):
            for name in READ.findall(node.astext()):
                known.uses[name].add(label)
        elif isinstance(node, place):
            known.sums_up = True
    if (executed := EXECUTED / f"{app.env.docname}.ipynb").exists():
        app.env.note_dependency(str(executed))
    app.env.get_domain("question").data["pages"][app.env.docname] = known


def prose(node: nodes.Node) -> Iterator[str]:
    """The text in a node, without formulas, code and its output."""
    if isinstance(node, nodes.Text):
        yield node.astext()
    elif not isinstance(node, (nodes.math, nodes.math_block, nodes.FixedTextElement)):
        if "cell" not in node.get("classes", ()):
            for child in node.children:
                yield from prose(child)


def stems(texts: Iterator[str]) -> set[str]:
    """The stems that book/assets/search.js finds for the words of a text."""
    words = (word for text in texts for word in language.split(text.lower()))
    return {
        language.stem(word)
        for word in words
        if len(word) > 1 and not word.isdigit() and word not in language.stopwords
    }
