"""Figures that follow a reader's settings; without scripts, their static pictures.

    ```{interactive} learning-rate
    :name: fig-th-5c-try
    :alt: What the static picture shows.

    The caption, which says what to try.
    ```

book/assets/figures.js draws NAME, and book/figures/NAME.svg is the static picture.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Interactive(SphinxDirective):
    """The static picture, room for the settings, and the caption."""

    required_arguments = 1
    has_content = True
    option_spec = {
        "name": directives.unchanged_required,
        "alt": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        """An unknown name is an error, and so is a missing option or caption."""
        name = self.arguments[0]
        folder = Path(self.env.srcdir) / "book/figures"
        known = sorted(path.stem for path in folder.glob("*.svg"))
        if name not in known:
            known = ", ".join(known)
            raise self.error(f"no interactive figure {name!r}; there are: {known}")
        if missing := self.option_spec.keys() - self.options.keys():
            raise self.error(f"interactive {name} lacks {', '.join(sorted(missing))}")
        caption = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, caption)
        if [type(child) for child in caption] != [nodes.paragraph]:
            raise self.error(f"interactive {name}: the caption is not one paragraph")
        figure = nodes.figure(classes=["interactive", name])
        image = nodes.image(uri=f"/book/figures/{name}.svg", alt=self.options["alt"])
        figure += [image, nodes.container(classes=["settings"])]
        figure += nodes.caption("", "", *caption[0].children)
        for node in figure.findall():
            self.set_source_info(node)
        self.add_name(figure)
        return [figure]


def add_script(app: Sphinx, page: str, template, context, document) -> None:
    """Only pages with such a figure load the script."""
    figures = document.findall(nodes.figure) if document else ()
    if any("interactive" in figure["classes"] for figure in figures):
        app.add_js_file("figures.js", loading_method="defer")
        app.add_css_file("figures.css")


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_directive("interactive", Interactive)
    app.connect("html-page-context", add_script)
