"""What stays closed until a reader opens it: `<details>`, which need no script."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from .questions import Questions, erratum

KINDS = "Printed mistakes", "looks wrong and is right"


class fold(nodes.General, nodes.Element):
    """What opens by click, by key and for a search; its first child is a summary."""


class summary(nodes.General, nodes.TextElement):
    """The line of a fold that is always shown."""


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
    """Fold hints and solutions and, beside a question, the errata of each place."""
    for box in list(document.findall(nodes.Element)):
        if "dropdown" in box["classes"]:
            title = summary("", "", *box[0].children)
            made = fold("", title, *box[1:], classes=box["classes"], ids=box["ids"])
            box.replace_self(made)
    known: Questions = app.env.get_domain("question")
    if page in known.problem_sets:
        for parent in {node.parent for node in document.findall(erratum)}:
            _fold_errata(parent)


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
