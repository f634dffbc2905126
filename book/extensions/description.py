"""What a page says of itself to those who list it: a description and its title."""

from __future__ import annotations

import re
from html import escape

from docutils import nodes
from sphinx.application import Sphinx

SENTENCE = re.compile(r".*?[.?!](?=\s|$)", re.DOTALL)


def describe(app: Sphinx, page, template, context, document) -> None:
    """The first sentence of a page describes it."""
    paragraph = document and document.next_node(nodes.paragraph)
    found = paragraph and SENTENCE.match(paragraph.astext())
    if not found or "\\" in found[0]:  # formulas cannot be set there
        return
    sentence = " ".join(found[0].split())
    properties = {
        'name="description"': sentence,
        'property="og:title"': app.env.titles[page].astext(),
        'property="og:description"': sentence,
        'property="og:site_name"': app.config.html_title,
        'property="og:type"': "article",
    }
    context["metatags"] += "".join(
        f'<meta {name} content="{escape(content)}" />\n'
        for name, content in properties.items()
    )


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.connect("html-page-context", describe)
