"""What makes Sphinx read or write a page again, besides a newer source."""

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
    """Pages of another content, also where the clock has gone back.

    Pages that sum up the book change with any other page.
    """
    data = env.get_domain("question").data
    contents = data["contents"].items()
    other = {page for page, known in contents if known != content(env, page)}
    if added or changed or removed or other:
        other |= {page for page, known in data["pages"].items() if known.sums_up}
    return other


def note_read(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Remember what was read; pages to write, if a neighbour has another number."""
    known = env.get_domain("question")
    order = [(label, q.page, q.number) for label, q in known.questions.items()]
    same = order == known.data["order"]
    contents = {page: content(env, page) for page in env.found_docs}
    known.data |= {"contents": contents, "order": order}
    return [] if same else known.problem_sets


def content(env: BuildEnvironment, page: str) -> str:
    """A hash of the files that a page is made from."""
    names = env.doc2path(page), *sorted(env.dependencies[page])
    paths = (Path(env.srcdir, name) for name in names)
    contents = (path.read_bytes() for path in paths if path.exists())
    return hashlib.sha256(b"\n".join(contents)).hexdigest()
