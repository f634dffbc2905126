"""What makes Sphinx read or write a page again, besides a newer source."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment

OWN = ("book/*/*.*", "book/templates/*/*.*", "tools/source/*.py")


def note_own_files(app: Sphinx, config: Config) -> None:
    """All pages are made anew when a script, style, template or extension changes."""
    state = hashlib.sha256()
    for pattern in OWN:
        for path in sorted(Path(app.srcdir).glob(pattern)):
            state.update(path.name.encode() + path.read_bytes())
    config.own_files = state.hexdigest()


def find_changed(app: Sphinx, env: BuildEnvironment, added, changed, removed) -> set:
    """Pages that have another content, also where the clock has gone back."""
    known = env.get_domain("question").data["contents"]
    changed |= {page for page in known if known[page] != content(env, page)} - removed
    return set()


def find_summaries(app: Sphinx, env: BuildEnvironment, added, changed, removed) -> set:
    """Pages that sum up the book change with any other page."""
    pages = env.get_domain("question").data["pages"].items()
    some = added | changed | removed
    return {page for page, known in pages if known.sums_up} if some else set()


def note_contents(app: Sphinx, env: BuildEnvironment) -> None:
    """Remember what was read."""
    contents = {page: content(env, page) for page in env.found_docs}
    env.get_domain("question").data["contents"] = contents


def find_renumbered(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Pages to write again, since a neighbour has another number or place."""
    known = env.get_domain("question")
    order = [(label, q.page, q.number) for label, q in known.questions.items()]
    same = order == known.data["order"]
    known.data["order"] = order
    return [] if same else known.problem_sets


def content(env: BuildEnvironment, page: str) -> str:
    """A hash of the files that a page is made from."""
    found = (Path(env.srcdir, name) for name in sorted(env.dependencies[page]))
    paths = [Path(env.doc2path(page)), *found]
    contents = (path.read_bytes() for path in paths if path.exists())
    return hashlib.sha256(b"\n".join(contents)).hexdigest()
