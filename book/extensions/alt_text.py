"""An image without a text alternative is an error."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def verify(app: Sphinx, document: nodes.document) -> None:
    """Name the line of each image that says nothing to who cannot see it."""
    for image in document.findall(nodes.image):
        if not image.get("alt", "").strip():
            message = "an image has no alt text; in a code cell: `mystnb: image: alt:`"
            logger.warning(message, location=place(app, image))


def place(app: Sphinx, node: nodes.Node) -> nodes.Node | tuple[str, int]:
    """The place of a node in the source; of an output, the beginning of its cell."""
    origin = node
    while origin.parent and not origin.line:
        origin = origin.parent
    while node := node.parent:
        if "cell_index" in node.attributes:
            lines = app.env.metadata[app.env.docname]["source_map"]
            return app.env.docname, lines[node["cell_index"]]
    return origin


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.connect("doctree-read", verify)
