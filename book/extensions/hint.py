"""Hints with a title of their own, which docutils' `hint` has no place for."""

from __future__ import annotations

from docutils.parsers.rst.directives.admonitions import Admonition
from sphinx.application import Sphinx


class Hint(Admonition):
    """```{hint} Hint 1```: an admonition of the class `hint`, its title required."""

    def run(self) -> list:
        """Add the class to those given."""
        self.options["class"] = ["hint", *self.options.get("class", [])]
        return super().run()


def setup(app: Sphinx) -> dict:
    """Put it in the place of docutils' directive."""
    app.add_directive("hint", Hint, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
