"""Small directives: hints, interactive figures, the citation; images have words."""

from __future__ import annotations

from pathlib import Path

import yaml
from docutils import nodes
from docutils.parsers.rst import directives as options
from docutils.parsers.rst.directives.admonitions import Admonition
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from .views import paragraph

BIBTEX = """\
@misc{{deep-learning-solutions,
  author  = {{{{{author}}}}},
  title   = {{{{{title}}}}},
  year    = {{{year}}},
  version = {{{version}}},
  url     = {{{url}}},
}}"""
logger = logging.getLogger(__name__)


class Hint(Admonition):
    """```{hint} Hint 1```: an admonition of the class `hint`, its title required."""

    def run(self) -> list[nodes.Node]:
        """Add the class to those given."""
        self.options["class"] = ["hint", *self.options.get("class", [])]
        return super().run()


class Answer(SphinxDirective):
    """```{answer} gr-1-1a```: what one would write into the sheet, in short."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """A box that the site folds."""
        ids, classes = [f"{self.arguments[0]}-answer"], ["answer", "dropdown"]
        node = nodes.admonition(ids=ids, classes=classes)
        self.set_source_info(node)
        node += nodes.title("", "Answer")
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


class Interactive(SphinxDirective):
    """A figure that follows a reader's settings; without scripts, its static picture.

    book/assets/figures.js draws its argument NAME, and book/figures/NAME.svg is the
    static picture. The text is the caption, which says what to try.
    """

    required_arguments = 1
    has_content = True
    option_spec = dict.fromkeys(("alt", "name"), options.unchanged_required)

    def run(self) -> list[nodes.Node]:
        """An unknown name is an error, and so is a missing option or caption."""
        name = self.arguments[0]
        known = self.env.get_domain("question").book.interactive_figures
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


class Citation(SphinxDirective):
    """How to cite the book, in words and as BibTeX: what CITATION.cff says."""

    def run(self) -> list[nodes.Node]:
        """The address is that of the repository in _config.yml."""
        path = Path(self.env.srcdir) / "CITATION.cff"
        self.env.note_dependency(str(path))
        source = yaml.safe_load(path.read_text("utf-8"))
        url = self.config.html_theme_options["repository_url"]
        author = " and ".join(author["name"] for author in source["authors"])
        year = source["date-released"].year
        words = paragraph(
            f"{author} ({year}). ",
            nodes.emphasis("", source["title"]),
            f", version {source['version']}. ",
            nodes.reference("", "", nodes.inline("", url), refuri=url),
        )
        cited = source | {"author": author, "year": year, "url": url}
        bibtex = BIBTEX.format_map(cited)
        return [words, nodes.literal_block(bibtex, bibtex, language="bibtex")]


def demand_alt_texts(app: Sphinx, document: nodes.document) -> None:
    """Name the line of each image that says nothing to who cannot see it."""
    for image in document.findall(nodes.image):
        if not image.get("alt", "").strip():
            message = "an image has no alt text; in a code cell: `mystnb: image: alt:`"
            logger.warning(message, location=_source_of(app, image))


def _source_of(app: Sphinx, node: nodes.Node) -> nodes.Node | tuple[str, int]:
    """The place of a node in the source; of an output, the beginning of its cell."""
    origin = node
    while origin.parent and not origin.line:
        origin = origin.parent
    while node := node.parent:
        if "cell_index" in node.attributes:
            lines = app.env.metadata[app.env.docname]["source_map"]
            return app.env.docname, lines[node["cell_index"]]
    return origin
