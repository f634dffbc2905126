"""What the pages of the book show and how they are delivered: one Sphinx extension.

All that Sphinx calls is registered here, and where the order matters it is said here.
"""

from __future__ import annotations

from importlib import import_module

from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from tools.source.directives import DIRECTIVES

from . import (
    checks,
    directives,
    errata,
    folds,
    fonts,
    freshness,
    lists,
    mathml,
    records,
    theme,
    views,
)
from .questions import Questions, note

views.VIEWS |= {
    "altered": checks.altered,
    "count": checks.counted,
    "errata-list": errata.errata_list,
    "ledger": checks.ledger,
    "question": records.made_for,
    "question-list": lists.question_list,
    "users": records.users,
}


class Finish(SphinxPostTransform):
    """What a page shows once all pages have been read.

    Before myst-nb chooses among the outputs of a cell (priority 4), since a check is
    looked for there, and before sphinx-exercise (5) and Sphinx (10) resolve references,
    which copies of errata have as well.
    """

    default_priority = 3

    def run(self, **_) -> None:
        """Take the steps in an order that the first two and the last depend on."""
        for step in (
            errata.link_to_list,  # not in the copies that the next step makes
            views.fill_places,
            checks.show_lines,
            records.show_records,
            lists.show_neighbours,
            lists.make_place_for_buttons,
            views.name_questions,  # in what the others have added, too
        ):
            step(self.env, self.document)


def setup(app: Sphinx) -> dict:
    """Register all parts."""
    app.add_domain(Questions)
    for kind in DIRECTIVES.values():
        if kind.site:
            module, _, name = kind.site.rpartition(".")
            directive = getattr(import_module(f".{module}", __name__), name)
            app.add_directive(kind.name, directive, override=True)
    for name in ("altered", "errata-list", "ledger", "question-list"):
        app.add_directive(name, views.Later)
    for name in records.MEASURED:
        app.add_directive(name, records.Measured)
    app.add_directive("citation", directives.Citation)
    app.add_directive("results-list", records.ResultsList)
    app.add_role("count", checks.Count())
    app.add_role("recorded", records.Recorded())
    app.add_post_transform(Finish)

    # after Sphinx's own collectors, which have found the images and dependencies
    app.connect("doctree-read", note, priority=600)
    app.connect("doctree-read", directives.demand_alt_texts)
    app.connect("build-finished", lists.write_search_index)

    app.add_config_value("own_files", "", "env")
    app.connect("config-inited", freshness.note_own_files)
    app.connect("env-get-outdated", freshness.find_changed)
    app.connect("env-updated", freshness.note_read)

    # False: the pages as the theme makes them, to compare with
    app.add_config_value("own_theme", True, "env")
    if app.config.own_theme:
        folds.setup(app)
        fonts.setup(app)
        mathml.setup(app)
        theme.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
