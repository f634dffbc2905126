"""Execute the notebooks of the book, each problem by itself, side by side.

A problem runs after the opening cells of its page, and again when its code or anything
that this reads has changed: `helpers`, `claims`, the requirements, the records and the
data that it names, the scale. What was executed is kept. `--scale full` runs the full
studies, which write their records, or with `--only NAME` the problem of one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import MystMetadataParsingError, myst_nb_reader_plugin
from nbformat import NotebookNode

from helpers import data
from helpers.files import write_whole

from ..source.model import NUMBER, STUDY, Book, Page, SourceError
from ..workspace import BUILD, EXECUTED, ROOT, alone
from .kernel import Task, run

PROBLEMS = BUILD / "cache" / "problems"  # what is kept
PAGES = BUILD / "cache" / "pages"  # put together, for Sphinx
SECONDS = BUILD / "cache" / "seconds.json"  # that each problem took last, by its name
KEPT = 500  # problems; of more, those are dropped that were not used for longest
TIMEOUT = 600  # seconds for one cell; a full study may take as long as it takes
READ_BY_ALL = ("helpers/**/*.py", "helpers/*.sha256", "claims/*.py", "requirements.txt")
READS_A_RECORD = re.compile(r'\bresults\.(?:study|lookup|load)\(\s*"([\w-]+)"')
READS_NO_RECORD = re.compile(
    r"\bresults\.(?:Table|Runs|in_text|interval|mean_and_half_width)\b|^.*\bimport\b.*",
    re.MULTILINE,
)
READS_DATA = re.compile(r"\bdata\.load_|\bhelpers\.data\b|\bdata as\b")


def execute() -> Path | None:
    """Execute what is not kept; the folder of Sphinx's cache, or None if it failed."""
    before = _texts()
    pages = [(page, read(page)) for page in Book.now().notebooks]
    tasks = {page.name: problems(page, notebook) for page, notebook in pages}
    if not _execute([task for page in tasks.values() for task in page]):
        return None
    if _texts() != before:  # or Sphinx would execute what was saved meanwhile
        return execute()
    changed = not (PAGES / "whole").exists()
    for page, notebook in pages:
        put_together(page, notebook, tasks[page.name])
        changed |= export(notebook, page.name, EXECUTED)
    if changed:
        shutil.rmtree(PAGES, ignore_errors=True)
        cache = get_cache(PAGES)
        for page, notebook in pages:
            bundle = CacheBundleIn(notebook, str(page.path))
            cache.cache_notebook_bundle(bundle, check_validity=False)
        (PAGES / "whole").touch()
    return PAGES


def _execute(tasks: list[Task]) -> bool:
    seconds, executed = _seconds(), 0
    for _ in range(2):  # once more for what did without the data that came meanwhile
        state = data.state()
        for task in tasks:
            task.key = key(task, state)
            task.seconds = seconds.get(task.name, float("inf"))
        todo = [task for task in tasks if not _restore(task)]
        if not todo:
            break
        print(f"Executing {len(todo)} of {len(tasks)} problems ...", flush=True)
        todo.sort(key=lambda task: -task.seconds)
        failed = len(todo)
        for task in run(todo, os.cpu_count(), TIMEOUT, fork=True):
            _keep(task)  # at once, or a kill loses it
            seconds[task.name] = task.seconds
            write_whole(SECONDS, json.dumps(seconds, indent=1))
            executed, failed = executed + 1, failed - 1
        if failed:
            return False
    if not executed:
        print("All notebooks are up to date.", flush=True)
    _drop_the_oldest()
    return True


def read(page: Page) -> NotebookNode:
    """The notebook of a page as Sphinx reads it, not executed."""
    try:
        notebook = myst_nb_reader_plugin(str(page.path))
    except (MystMetadataParsingError, ValueError) as error:  # or it is no UTF-8
        raise SourceError(f"{page.path}:1: {error}") from None
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # not another one each time
    return notebook


def problems(page: Page, notebook: NotebookNode) -> list[Task]:
    """The problems of a page with code, each after the opening cells."""
    cells = dict(zip(notebook.metadata.source_map, notebook.cells, strict=True))
    parts = [(problem.title, problem.cells) for problem in page.problems]
    found = []
    for title, own in [part for part in parts if part[1]] or [("all", [])]:
        lines = [block.line for block in [*page.opening, *own]]
        part = nbformat.from_dict(notebook | {"cells": [cells[line] for line in lines]})
        part.metadata.source_map = lines
        number = NUMBER.match(title)
        name = number[1].rstrip(":") if number else title
        found.append(Task(f"{page.path.stem}, {name}", page.path, part))
    return found


def put_together(page: Page, notebook: NotebookNode, tasks: list[Task]) -> None:
    """Fill in what the cells of a page gave, numbered through the page."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    first, *others = [task.notebook for task in tasks]
    notebook.metadata.language_info = first.metadata.language_info
    executed = [*first.cells]
    for other in others:
        executed += other.cells[len(page.opening) :]
    for number, (cell, done) in enumerate(zip(code, executed, strict=True), 1):
        cell.execution_count, cell.outputs = number, done.outputs
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number


def export(executed: NotebookNode, page: str, folder: Path) -> bool:
    """Write an executed notebook to its place in a folder; whether it was not there."""
    target, text = folder / f"{page}.ipynb", nbformat.writes(executed)
    if target.exists() and target.read_text("utf-8") == text:
        return False
    write_whole(target, text)
    return True


def key(task: Task, state_of_data: str) -> str:
    """A hash of all on which the outputs of a task depend."""
    scale = os.environ.get("BOOK_SCALE", "quick")
    cells = [[cell.source, cell.metadata] for cell in task.notebook.cells]
    given = json.dumps([sys.version, scale, cells], sort_keys=True)
    state, code = hashlib.sha256(given.encode()), _code(task)
    for path in [*_files(*READ_BY_ALL), *_records(code)]:
        state.update(f"\n{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    if READS_DATA.search(code):
        state.update(state_of_data.encode())
    return state.hexdigest()[:32]


def _code(task: Task) -> str:
    return "\n".join(cell.source for cell in task.notebook.cells)


def _texts() -> list[bytes]:
    return [path.read_bytes() for path in _files("notebooks/*.md")]


def _files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def _records(code: str) -> list[Path]:
    """The records that code reads: those that it names, or all if that is unclear."""
    left = READS_A_RECORD.sub("", READS_NO_RECORD.sub("", code))
    if re.search(r"\bresults\b", left):
        return _files("results/studies/*.json")
    names = sorted({*READS_A_RECORD.findall(code)})
    return _files(*(f"results/*/{name}.json" for name in names))


def _restore(task: Task) -> bool:
    path = PROBLEMS / f"{task.key}.ipynb"
    try:
        task.notebook = nbformat.read(path, 4)
        os.utime(path)
    except (OSError, ValueError, AttributeError):  # absent, or half written
        return False
    return True


def _keep(task: Task) -> None:
    text = nbformat.writes(task.notebook)
    if "stand-in" not in text and not os.environ.get("BOOK_DATA"):  # data may have come
        task.key = key(task, data.state())
    write_whole(PROBLEMS / f"{task.key}.ipynb", text)


def _drop_the_oldest() -> None:
    found = sorted(PROBLEMS.iterdir(), key=lambda path: -path.stat().st_mtime)
    for path in [*found[KEPT:], *PROBLEMS.glob("*.tmp")]:  # left by a kill
        path.unlink(missing_ok=True)


def _seconds() -> dict[str, float]:
    try:
        return json.loads(SECONDS.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def main(arguments: list[str]) -> int:
    """Execute at the scale asked for."""
    book = Book(ROOT)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=("quick", "full"), default="quick")
    parser.add_argument("--only", metavar="STUDY", choices=sorted(book.studies))
    options = parser.parse_args(arguments)
    os.environ["BOOK_SCALE"] = options.scale
    with alone():
        if options.scale == "quick":
            return 0 if execute() else 1
        tasks = with_studies(book, options.only)
        # one after another: a study makes use of all cores itself
        return 0 if len([*run(tasks, workers=1, verbose=True)]) == len(tasks) else 1


def with_studies(book: Book, only: str | None) -> list[Task]:
    """The problems with studies, or that with one, which alone is not made quickly."""
    if only:
        os.environ["BOOK_ONLY"] = only
    asked = {only} if only else {*book.studies}
    tasks = [task for page in book.notebooks for task in problems(page, read(page))]
    return [task for task in tasks if asked & {*STUDY.findall(_code(task))}]
