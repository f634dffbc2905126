"""Each check on a page has an address, and leads to its row of the ledger."""

from __future__ import annotations

from counts import checks_of
from docutils import nodes
from overview import LEDGER, Overview, problem_sets
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


class ShowLines(Overview):
    """Put a line with an id and a link in the place of the output of a check."""

    default_priority = 5  # after the outputs have been chosen

    def run(self, **_) -> None:
        """The outputs stand in the order of the checks."""
        page = self.env.docname
        if page not in problem_sets(self.env):
            return
        checks = checks_of(self.app, page)
        outputs = [
            output
            for output in self.document.findall(nodes.raw)
            if output.astext().startswith('<p class="check"')
        ]
        if len(outputs) != len(checks):
            message = "%d checks were made and the page shows %d; hide no output"
            logger.warning(message, len(checks), len(outputs), location=page)
        for output, check in zip(outputs, checks, strict=False):
            output.replace_self(self.line(check))

    def line(self, check: dict) -> nodes.paragraph:
        """The line that the check printed, its id as a link to the ledger."""
        before, id, after = check["text"].partition(check["id"])
        link = self.link([nodes.Text(id)], LEDGER, f"ledger-{check['name']}")
        link["reftitle"] = check["claim"]
        line = nodes.paragraph("", before, link, nodes.Text(after), classes=["check"])
        line["ids"].append(f"check-{check['name']}")
        return line


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_post_transform(ShowLines)
