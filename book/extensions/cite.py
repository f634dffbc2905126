"""How to cite the book: `{citation}` shows what CITATION.cff says."""

from __future__ import annotations

from pathlib import Path

import yaml
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

BIBTEX = """\
@misc{{deep-learning-solutions,
  author  = {{{{{author}}}}},
  title   = {{{{{title}}}}},
  year    = {{{year}}},
  version = {{{version}}},
  url     = {{{url}}},
}}"""


class Citation(SphinxDirective):
    """The citation in words and as BibTeX."""

    def run(self) -> list[nodes.Node]:
        """The address is that of the repository in _config.yml."""
        path = Path(self.env.srcdir) / "CITATION.cff"
        self.env.note_dependency(str(path))
        source = yaml.safe_load(path.read_text("utf-8"))
        url = self.config.html_theme_options["repository_url"]
        cited = {
            "author": " and ".join(author["name"] for author in source["authors"]),
            "title": source["title"],
            "year": source["date-released"].year,
            "version": source["version"],
            "url": url,
        }
        words = nodes.paragraph("", f"{cited['author']} ({cited['year']}). ")
        words += nodes.emphasis("", cited["title"])
        words += nodes.Text(f", version {cited['version']}. ")
        words += nodes.reference("", "", nodes.inline("", url), refuri=url)
        bibtex = BIBTEX.format(**cited)
        return [words, nodes.literal_block(bibtex, bibtex, language="bibtex")]


def setup(app) -> None:
    """Connect the above."""
    app.add_directive("citation", Citation)
