"""What the site serves itself, so that no page asks a third party for anything.

Also where the buttons of a page lead: to the committed notebook beside its source.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

FOLDS = '<div class="fold-all">'  # below the title of a problem set
LINKS = """\
<p class="notebook"><a href="{colab}">Open in Colab</a> ·
<a href="{file}" download>Download the notebook</a></p>
"""
MATHJAX = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts/woff-v2")


def notice_own_files(app: Sphinx, config: Config) -> None:
    """Make Sphinx write all pages anew when a script, style or extension changes."""
    state = hashlib.sha256()
    for path in sorted(Path(app.srcdir).glob("book/*/*.*")):
        state.update(path.name.encode() + path.read_bytes())
    config.own_files = state.hexdigest()


def notice_texts(app: Sphinx, env: BuildEnvironment, added, changed, removed) -> set:
    """Make Sphinx read what has another content, also where the clock has gone back."""
    known = getattr(env, "contents", {})
    changed |= {page for page in known if known[page] != content(env, page)} - removed
    return set()


def note_texts(app: Sphinx, env: BuildEnvironment) -> None:
    """Remember what was read."""
    env.contents = {page: content(env, page) for page in env.found_docs}


def content(env: BuildEnvironment, page: str) -> str:
    """A hash of the files that a page is made from."""
    found = (Path(env.srcdir, name) for name in sorted(env.dependencies[page]))
    paths = [Path(env.doc2path(page)), *found]
    contents = (path.read_bytes() for path in paths if path.exists())
    return hashlib.sha256(b"\n".join(contents)).hexdigest()


def copy_mathjax(app: Sphinx) -> None:
    """Copy the part of MathJax that the pages use: 2 of 24 MB."""
    package = Path(find_spec("sphinx-mathjax-offline").origin).parent
    for name in MATHJAX:
        source = package / "static" / "mathjax" / name
        target = Path(app.outdir) / "_static" / "mathjax" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)


def lead_to_notebook(app: Sphinx, page, template, context, document) -> None:
    """Let the Colab button open the notebook, which Colab can read; say so in words."""
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("text") == "Colab":
                button["url"] = re.sub(r"\.(md|ipynb)$", ".ipynb", button["url"])
                file = context["pathto"](f"_sources/{page}.ipynb", 1)
                links = LINKS.format(colab=button["url"], file=file)
                context["body"] = context["body"].replace(FOLDS, links + FOLDS, 1)


def finish(app: Sphinx, error: Exception | None) -> None:
    """Offer the committed notebooks for download; drop what nobody needs."""
    source, site = Path(app.srcdir), Path(app.outdir)
    for page in app.env.found_docs:
        offered = site / "_sources" / f"{page}.ipynb"
        if offered.exists() and (source / f"{page}.ipynb").exists():
            shutil.copy(source / f"{page}.ipynb", offered)
    # 1.5 MB that draw the icons again, which the fonts have drawn already
    for script in site.glob("_static/scripts/fontawesome.js"):
        script.write_text("")


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.add_config_value("own_files", "", "env")
    app.connect("config-inited", notice_own_files)
    app.connect("builder-inited", copy_mathjax)
    app.connect("env-get-outdated", notice_texts, priority=100)  # overview.py adds some
    app.connect("env-updated", note_texts)
    app.connect("html-page-context", lead_to_notebook, priority=900)
    app.connect("build-finished", finish)
