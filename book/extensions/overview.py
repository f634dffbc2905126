"""What the pages that sum up the book share: its questions, links, sections, tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx_exercise.nodes import exercise_enumerable_node

LEDGER, ERRATA, RESULTS = "book/checks", "book/errata", "book/results"
EFFORT = re.compile(r"Difficulty ([1-3]), ([1-9]\d*) minutes\b")
SECTION_NUMBER = re.compile(r"^(Problem \d+:|[\d.]+) ")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """An exercise: its page, number ("1.3"), title, topic, difficulty (1 to 3), ..."""

    page: str
    number: str
    words: list[nodes.Node]
    topic: str
    difficulty: int
    minutes: int

    @property
    def title(self) -> list[nodes.Node]:
        """A copy, for a place of its own."""
        return [word.deepcopy() for word in self.words]


@cache  # each erratum asks; so the time would grow as the square of the book
def questions(env: BuildEnvironment) -> dict[str, Question]:
    """All exercises of the book by label, in its order, once all pages are read."""
    found = []
    for label, entry in getattr(env, "sphinx_exercise_registry", {}).items():
        numbers = env.toc_fignumbers.get(entry["docname"], {}).get("exercise", {})
        if label in numbers:
            subtitle = entry["node"][0][1:]
            title = [word for part in subtitle for word in part.children]
            number = ".".join(map(str, numbers[label]))
            effort = effort_of(entry["node"]) or (0, 0)
            topic = env.topics[label]
            question = Question(entry["docname"], number, title, topic, *effort)
            found.append((numbers[label], label, question))
    return {label: question for _, label, question in sorted(found, key=lambda f: f[0])}


def count_anew(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """All pages have been read."""
    questions.cache_clear()
    return []


def note_topics(app: Sphinx, document: nodes.document) -> None:
    """The topic of an exercise is the title of its section, less its number."""
    found = {
        exercise["label"]: SECTION_NUMBER.sub("", section_of(exercise))
        for exercise in document.findall(exercise_enumerable_node)
    }
    app.env.topics = {**getattr(app.env, "topics", {}), **found}


def section_of(node: nodes.Node) -> str:
    """The title of the section in which a node stands."""
    while not isinstance(node, nodes.section):
        node = node.parent
    return node[0].astext()


def effort_of(exercise: nodes.Element) -> tuple[int, int] | None:
    """Difficulty and minutes, which stand at the beginning of an exercise."""
    found = EFFORT.match(exercise[1].astext())
    return found and (int(found[1]), int(found[2]))


def problem_sets(env: BuildEnvironment) -> list[str]:
    """The pages with questions, in the order of the book."""
    return list(dict.fromkeys(q.page for q in questions(env).values()))


def mark_overview(env: BuildEnvironment, mark: nodes.Node) -> list[nodes.Node]:
    """A mark to be replaced when all pages are read; its page is read each time."""
    env.overviews = {*getattr(env, "overviews", ()), env.docname}
    return [mark]


def outdated(app: Sphinx, env: BuildEnvironment, added, changed, removed) -> set[str]:
    """Pages that sum up the book change with any other page."""
    return getattr(env, "overviews", set()) if added | changed | removed else set()


def table(head: tuple[str, ...], rows: list[nodes.row], name: str) -> nodes.table:
    """A table with a head and a class."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))
    group += nodes.thead("", nodes.row("", *map(cell, head)))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=[name])


def cell(content: str | nodes.Node) -> nodes.entry:
    """A cell of a table."""
    text = nodes.Text(content) if isinstance(content, str) else content
    return nodes.entry("", nodes.paragraph("", "", text))


def section_id(page: str) -> str:
    """The id of a section about a problem set, on a page that sums up the book."""
    return page.rpartition("/")[2].replace("_", "-")


def verify(app: Sphinx, env: BuildEnvironment) -> None:
    """Each exercise says how difficult it is and how long it takes."""
    for label in questions(env):
        exercise = env.sphinx_exercise_registry[label]["node"]
        if not effort_of(exercise):
            message = "%s does not begin with `*Difficulty 2, 30 minutes.*` or the like"
            logger.warning(message, label, location=exercise.next_node(nodes.paragraph))


class Overview(SphinxPostTransform):
    """Replaces marks when all pages have been read."""

    default_priority = 3  # before references, in copied nodes too, are resolved

    def link(self, text: list[nodes.Node], page: str, anchor: str) -> nodes.reference:
        """A link to a place of the book."""
        uri = self.app.builder.get_relative_uri(self.env.docname, page)
        return nodes.reference("", "", *text, internal=True, refuri=f"{uri}#{anchor}")

    def section(self, page: str) -> nodes.section:
        """A section about a problem set, empty but for its title."""
        self.env.get_domain("math").data["has_equations"][self.env.docname] = True
        title = self.env.titles[page].deepcopy().children
        return nodes.section("", nodes.title("", "", *title), ids=[section_id(page)])


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.connect("doctree-read", note_topics)
    app.connect("env-get-outdated", outdated)
    app.connect("env-get-updated", count_anew)
    app.connect("env-check-consistency", verify)
