"""The PDF of the book among the downloads of each page, once `make pdf` has made it."""

from __future__ import annotations

import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

PDF = "deep-learning-solutions.pdf"


def made(app: Sphinx) -> Path:
    """Where `make pdf` writes it."""
    return Path(app.outdir).parent / PDF


def notice(app: Sphinx, config: Config) -> None:
    """Make Sphinx write all pages anew when it appears or is gone."""
    config.has_pdf = made(app).exists()


def offer(app: Sphinx, page: str, template, context, document) -> None:
    """Add it to the menu of downloads."""
    for group in context.get("header_buttons", []) if app.config.has_pdf else []:
        if group["label"] == "download-buttons":
            group["buttons"].append(
                {
                    "type": "link",
                    "url": context["pathto"](PDF, 1),
                    "text": "Whole book (.pdf)",
                    "tooltip": "Download the whole book",
                    "icon": "fas fa-book",
                    "label": "download-book-button",
                }
            )


def copy(app: Sphinx, error: Exception | None) -> None:
    """Put it beside the pages, or take away what none of them offers."""
    if app.config.has_pdf:
        shutil.copy(made(app), app.outdir)
    else:
        (Path(app.outdir) / PDF).unlink(missing_ok=True)


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_config_value("has_pdf", False, "html")
    app.connect("config-inited", notice)
    app.connect("html-page-context", offer, priority=900)
    app.connect("build-finished", copy)
