"""What the pages that sum up the book share: its questions, links, sections."""

from __future__ import annotations

from dataclasses import dataclass

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform


@dataclass(frozen=True)
class Question:
    """An exercise: its page, its number ("1.3") and its title."""

    page: str
    number: str
    title: list[nodes.Node]


def questions(env: BuildEnvironment) -> dict[str, Question]:
    """All exercises of the book by label, in its order."""
    found = []
    for label, entry in getattr(env, "sphinx_exercise_registry", {}).items():
        numbers = env.toc_fignumbers.get(entry["docname"], {}).get("exercise", {})
        if label in numbers:
            subtitle = entry["node"][0][1:]
            title = [word.deepcopy() for part in subtitle for word in part.children]
            number = ".".join(map(str, numbers[label]))
            question = Question(entry["docname"], number, title)
            found.append((numbers[label], label, question))
    return {label: question for _, label, question in sorted(found, key=lambda f: f[0])}


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
        id = page.rpartition("/")[2].replace("_", "-")
        return nodes.section("", nodes.title("", "", *title), ids=[id])


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.connect("env-get-outdated", outdated)
