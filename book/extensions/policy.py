"""Pages that a strict Content-Security-Policy allows: their scripts are files.

What is left are three pieces of the theme, the same on all pages, which the policy in
the README names by their hashes: the colours are set before the page is drawn, and two
buttons have handlers.
"""

from __future__ import annotations

import json
from pathlib import Path

from sphinx.application import Sphinx

SETTINGS = "mathjax-settings.js"


def write_settings(app: Sphinx) -> None:
    """Write what MathJax is told, which Sphinx would write into each page."""
    file = Path(app.outdir) / "_static" / SETTINGS
    file.parent.mkdir(parents=True, exist_ok=True)
    settings = json.dumps(app.config.mathjax3_config)
    file.write_text(f"window.MathJax = {settings};\n", "utf-8")


def load_files_only(app: Sphinx, page, template, context, document) -> None:
    """Take the inline scripts out: MathJax's, and the theme's, which nothing reads."""
    scripts = context.get("script_files", [])
    bodies = {script: script.attributes.get("body") for script in scripts}
    if any(body and body.startswith("window.MathJax") for body in bodies.values()):
        app.builder.add_js_file(SETTINGS)
    scripts[:] = [script for script in scripts if not bodies.get(script)]


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.connect("builder-inited", write_settings)
    app.connect("html-page-context", load_files_only, priority=900)
