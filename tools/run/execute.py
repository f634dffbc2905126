"""Execute the notebooks of the book, each problem by itself, side by side.

A problem runs after the opening cells of its page, and again when its code or anything
that this reads has changed: `helpers`, `claims`, the requirements, the records and the
data that it names, the scale. What was executed is kept. `--scale full` runs the full
studies, which write their records, or with `--only NAME` the problem of one.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path

import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbformat import NotebookNode, v4

from helpers import data
from helpers.files import write_whole

from ..source.model import NUMBER, STUDY, Block, Book, Page, reading
from ..workspace import BUILD, EXECUTED, ROOT, alone, parse
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
    book = Book.now()
    tasks = [(page, problems(page)) for page in book.notebooks]
    if not _execute([task for _, own in tasks for task in own]):
        return None
    if Book.now() is not book:  # or Sphinx would execute what was saved meanwhile
        return execute()
    pages = [(page, put_together(page, own)) for page, own in tasks]
    changed = [export(notebook, page.name, EXECUTED) for page, notebook in pages]
    if any(changed) or not (PAGES / "whole").exists():
        shutil.rmtree(PAGES, ignore_errors=True)
        cache = get_cache(PAGES)
        for page, notebook in pages:
            bundle = CacheBundleIn(notebook, str(page.path))
            cache.cache_notebook_bundle(bundle, check_validity=False)
        (PAGES / "whole").touch()
    return PAGES


def _execute(tasks: list[Task]) -> bool:
    seconds = json.loads(SECONDS.read_text("utf-8")) if SECONDS.exists() else {}
    for _ in range(2):  # once more for what did without the data that came meanwhile
        state = data.state()
        for task in tasks:
            task.key = key(task, state)
            task.seconds = seconds.get(task.name, float("inf"))
        todo = [task for task in tasks if not _restore(task)]
        if not todo:
            print("All notebooks are up to date.", flush=True)
            break
        print(f"Executing {len(todo)} of {len(tasks)} problems ...", flush=True)
        todo.sort(key=lambda task: -task.seconds)
        failed = len(todo)
        for task in run(todo, TIMEOUT, fork=True):
            _keep(task)  # at once, or a kill loses it
            seconds[task.name] = task.seconds
            write_whole(SECONDS, json.dumps(seconds, indent=1))
            failed -= 1
        if failed:
            return False
    _drop_the_oldest()
    return True


def problems(page: Page) -> list[Task]:
    """The problems of a page with code, each after the opening cells."""
    parts = [(p.title, p.cells) for p in page.problems if p.cells] or [("all", [])]
    found = []
    for title, own in parts:
        number = NUMBER.match(title)
        name = number[1].rstrip(":") if number else title
        code = read(page, page.opening + own)
        found.append(Task(f"{page.path.stem}, {name}", page.path, code))
    return found


def read(page: Page, blocks: list[Block]) -> NotebookNode:
    """Cells of a page, not executed, with all by which Sphinx knows its notebook."""
    cells, header = [], {}
    with reading(str(page.path)):
        text = page.path.read_text("utf-8")
        if text.startswith("---\n"):
            header = next(yaml.safe_load_all(text)) or {}
    for block in blocks:
        source = block.body.removeprefix("\n").removesuffix("\n")
        cells.append(v4.new_code_cell(source, metadata=block.written))
    header["source_map"] = [block.line for block in blocks]
    return v4.new_notebook(cells=cells, metadata=header)


def put_together(page: Page, tasks: list[Task]) -> NotebookNode:
    """The executed cells of a page, numbered through the page."""
    whole, *others = [task.notebook for task in tasks]
    for other in others:
        whole.cells += other.cells[len(page.opening) :]
    whole.metadata.source_map = [cell.line for cell in page.cells]
    for number, cell in enumerate(whole.cells, 1):
        cell.id, cell.execution_count = f"cell-{number}", number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    return whole


def export(executed: NotebookNode, page: str, folder: Path) -> bool:
    """Write an executed notebook to its place in a folder; whether it was not there."""
    target, text = folder / f"{page}.ipynb", v4.writes(executed)
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
        kept = v4.reads(path.read_text("utf-8"))
        os.utime(path)
    except (OSError, ValueError, AttributeError):  # absent, or half written
        return False
    kept.metadata.update(task.notebook.metadata)
    task.notebook = kept
    return True


def _keep(task: Task) -> None:
    text = v4.writes(task.notebook)
    if "stand-in" not in text and not os.environ.get("BOOK_DATA"):  # data may have come
        task.key = key(task, data.state())
    write_whole(PROBLEMS / f"{task.key}.ipynb", text)


def _drop_the_oldest() -> None:
    found = sorted(PROBLEMS.iterdir(), key=lambda path: -path.stat().st_mtime)
    for path in [*found[KEPT:], *PROBLEMS.glob("*.tmp")]:  # left by a kill
        path.unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    """Execute at the scale asked for."""
    book = Book(ROOT)
    scale = {"choices": ("quick", "full"), "default": "quick"}
    only = {"metavar": "STUDY", "choices": book.studies}
    options = parse(__doc__, arguments, {"--scale": scale, "--only": only})
    os.environ["BOOK_SCALE"] = options.scale
    with alone():
        if options.scale == "quick":
            return 0 if execute() else 1
        tasks = with_studies(book, options.only)
        # one after another: a study makes use of all cores itself
        return 0 if len([*run(tasks, singly=True)]) == len(tasks) else 1


def with_studies(book: Book, only: str | None) -> list[Task]:
    """The problems with studies, or that with one, which alone is not made quickly."""
    if only:
        os.environ["BOOK_ONLY"] = only
    asked = {only} if only else {*book.studies}
    tasks = [task for page in book.notebooks for task in problems(page)]
    return [task for task in tasks if asked & {*STUDY.findall(_code(task))}]
