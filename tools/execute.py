"""Execute the notebooks of the book, in parallel, each once.

A notebook is executed again when its code cells or anything it reads has changed:
`helpers`, the requirements, the recorded results, the data, the scale. Each such
state has a cache of its own in `_build/cache`, from which the site is built. What
was executed lies in `_build/executed` too, with its outputs.

`--scale full` runs the full studies, which write `results/*.json`; nothing is cached.
With `--only NAME` it runs this study alone, in its notebook.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
from folder import BUILD, ROOT, alone
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import myst_nb_reader_plugin
from nbformat import NotebookNode
from runner import run
from sphinx_external_toc.parsing import parse_toc_yaml

from helpers import data

READ = ("helpers/**/*.py", "requirements.txt", "results/*.json")
STUDY = re.compile(r'\bresults\.study\(\s*"([\w-]+)"')
RECORDS = ("again", "colab", "reproduced", "scale", "site-speed")
UNREAD = {f"{name}.json" for name in RECORDS}  # by any notebook
TIMEOUT = 600  # seconds for one cell; a full study may take as long as it takes


def execute() -> Path | None:
    """Execute what is not cached; the folder of the cache, or None if a cell failed."""
    code = state_of_code()
    folder = cache_folder(code)
    found = {path: read(path) for path in notebooks()}
    todo = {path: nb for path, nb in found.items() if not _is_in(folder, nb)}
    succeeded = {}
    for path in run(todo, os.cpu_count(), TIMEOUT):
        succeeded[path] = todo[path]
        _keep(cache_folder(code), {path: todo[path]})  # at once, or a kill loses it
    if len(succeeded) < len(todo):
        return None
    if cache_folder(code) != folder:  # a first run has downloaded the data
        _keep(cache_folder(code), succeeded)
        return execute()
    if not todo:
        print("All notebooks are up to date.", flush=True)
    for path in found:
        _, executed = get_cache(folder).merge_match_into_notebook(read(path))
        export(executed, path, BUILD / "executed")
    return folder


def notebooks() -> list[Path]:
    """The sources of the notebooks in the table of contents."""
    pages = [ROOT / f"{page}.md" for page in parse_toc_yaml(ROOT / "_toc.yml")]
    return [p for p in pages if p.exists() and "\njupytext:" in p.read_text("utf-8")]


def studies() -> dict[str, Path]:
    """The notebook of each study."""
    texts = {path: path.read_text("utf-8") for path in notebooks()}
    return {name: path for path in texts for name in STUDY.findall(texts[path])}


def read(path: Path) -> NotebookNode:
    """The notebook of a source, not executed."""
    return myst_nb_reader_plugin(str(path))


def state_of_code() -> str:
    """A hash of all that a notebook reads but the data."""
    scale = os.environ.get("BOOK_SCALE", "quick")
    state = hashlib.sha256(f"{sys.version} {scale}".encode())
    paths = (path for pattern in READ for path in ROOT.glob(pattern))
    for path in sorted(path for path in paths if path.name not in UNREAD):
        state.update(f"\n{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return state.hexdigest()


def cache_folder(code: str) -> Path:
    """The folder of the cache for a state of the code and that of the data now."""
    state = hashlib.sha256(code.encode())
    source = "BOOK_DATA" if os.environ.get("BOOK_DATA") else "cache"
    for path in sorted(data.folder_of(source).rglob("*")):
        if path.is_file():
            info = path.stat()
            state.update(f"{path} {info.st_size} {info.st_mtime_ns}\n".encode())
    return BUILD / "cache" / state.hexdigest()[:16]


def _is_in(folder: Path, notebook: NotebookNode) -> bool:
    cache = get_cache(folder)
    _, key = cache.create_hashed_notebook(notebook)
    try:
        cache.get_cache_bundle(cache.match_cache_notebook(notebook).pk)
    except (KeyError, ValueError):  # absent, or half there since it was interrupted
        shutil.rmtree(folder / "executed" / key, ignore_errors=True)
        return False
    return True


def _keep(folder: Path, executed: dict[Path, NotebookNode]) -> None:
    cache = get_cache(folder)
    for path, notebook in executed.items():
        bundle = CacheBundleIn(notebook, str(path))
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def export(executed: NotebookNode, path: Path, folder: Path) -> Path:
    """Write an executed notebook whole to its place in a folder."""
    target = folder / path.relative_to(ROOT).with_suffix(".ipynb")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(".tmp")
    nbformat.write(executed, temporary)
    os.replace(temporary, target)
    return target


def main() -> int:
    """Execute at the scale asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=("quick", "full"), default="quick")
    parser.add_argument("--only", metavar="NAME", help="the study to run in full")
    options, known = parser.parse_args(), studies()
    if options.only and options.only not in known:
        names = ", ".join(sorted(known))
        print(f"No notebook has a study {options.only!r}; there are: {names}")
        return 2
    os.environ["BOOK_SCALE"] = options.scale
    with alone():
        if options.scale == "quick":
            return 0 if execute() else 1
        paths = notebooks()
        if options.only:
            os.environ["BOOK_ONLY"], paths = options.only, [known[options.only]]
        # one after another: a study makes use of all cores itself
        todo = {path: read(path) for path in paths}
        return 0 if len([*run(todo, workers=1, verbose=True)]) == len(todo) else 1


if __name__ == "__main__":
    sys.exit(main())
