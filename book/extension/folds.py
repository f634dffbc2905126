"""What stays closed until a reader opens it: `<details>`, which need no script."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from .questions import Questions, erratum

KINDS = "Printed mistakes", "looks wrong and is right"


class fold(nodes.General, nodes.Element):
    """What opens by click, by key and for a search; its first child is a summary."""


class summary(nodes.General, nodes.TextElement):
    """The line of a fold that is always shown."""


class deeper(nodes.Element):
    """Where a fold for those who want more begins, with its title, or ends."""


class DeeperStart(SphinxDirective):
    """```{deeper-start} What it shows```: up to the `deeper-end`, all is folded."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Mark the place."""
        words, messages = self.state.inline_text(self.arguments[0], self.lineno)
        return [deeper("", *words), *messages]


class DeeperEnd(SphinxDirective):
    """```{deeper-end}```: the end of such a fold."""

    def run(self) -> list[nodes.Node]:
        """Mark the place."""
        return [deeper()]


def setup(app: Sphinx) -> None:
    """Register all this."""
    for node, tag in ((fold, "details"), (summary, "summary")):
        app.add_node(node, html=_tags(tag))
    # after references have got their words
    app.connect("doctree-resolved", fold_all, priority=600)


def _tags(tag: str) -> tuple:
    def visit(writer: HTML5Translator, node: nodes.Element) -> None:
        writer.body.append(writer.starttag(node, tag, ""))

    def depart(writer: HTML5Translator, node: nodes.Element) -> None:
        writer.body.append(f"</{tag}>\n")

    return visit, depart


def fold_all(app: Sphinx, document: nodes.document, page: str) -> None:
    """Fold hints, answers, solutions, depth, code that one need not see, and errata."""
    for parent in {node.parent for node in document.findall(deeper)}:
        _fold_depth(parent)
    for box in list(document.findall(nodes.Element)):
        if "dropdown" in box["classes"]:
            title = summary("", "", *box[0].children)
            made = fold("", title, *box[1:], classes=box["classes"], ids=box["ids"])
            box.replace_self(made)
    known: Questions = app.env.get_domain("question")
    if page in known.problem_sets:
        cells = [n for n in document.findall(nodes.container) if "cell" in n["classes"]]
        for cell, block in zip(cells, known.book.pages[page].cells, strict=True):
            if block.is_aside:
                title = summary("", "Show the code")
                cell.insert(0, fold("", title, cell.pop(0), classes=["code"]))
        for parent in {node.parent for node in document.findall(erratum)}:
            _fold_errata(parent)
    else:  # on the list of all, what is no fault is folded
        for box in list(document.findall(erratum)):
            if box["verdict"] == "incomplete":
                title = summary("", "", *box[0], classes=["admonition-title"])
                more = {"classes": [*box["classes"], "admonition"], "ids": box["ids"]}
                box.replace_self(fold("", title, *box[1:], **more))


def _fold_depth(parent: nodes.Element) -> None:
    """Put what stands between two marks into a fold."""
    children, into = [], None
    for node in parent:
        if not isinstance(node, deeper):
            (children if into is None else into).append(node)
        elif into is None:
            title = summary("", "", *node.children)
            into = fold("", title, classes=["deeper"])
            children.append(into)
        else:
            into = None
    parent.children = []
    parent.extend(children)


def _fold_errata(parent: nodes.Element) -> None:
    """Put errata that follow each other into one fold, which tells their number."""
    children = []
    for are_errata, group in groupby(parent, lambda n: isinstance(n, erratum)):
        found = list(group)
        if are_errata:
            kinds = Counter(KINDS[node["verdict"] == "right"] for node in found)
            words = [f"{kind}: {kinds[kind]}" for kind in KINDS if kinds[kind]]
            title = " · ".join(words)
            title = summary("", title[0].upper() + title[1:])
            found = [fold("", title, *found, classes=["errata"])]
        children += found
    parent.children = []
    parent.extend(children)
