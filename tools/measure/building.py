"""Measure how long the book takes to build, in a copy of this clone.

The copy is built cold (nothing is executed yet), which also says how long each problem
takes, and warm (nothing has changed); then after one sentence and after one code cell
of each problem has been changed, or of some that are spread over the book. All is
printed and written to results/measured/build-speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from ..run.execute import SECONDS
from ..source.model import Book, Problem
from ..workspace import BUILD, ROOT
from .rounds import keep


class Clone:
    """A copy of this clone, which is built in its own folder."""

    def __init__(self, folder: str):
        self.root = Path(folder) / "clone"
        unlike = shutil.ignore_patterns(".*", "_build", "build")
        shutil.copytree(ROOT, self.root, ignore=unlike)

    def run(self, verb: str, **variables: str) -> float:
        """Seconds that a tool of the copy takes; ends with what it said if it fails."""
        own = {"PYTHONPATH": str(self.root), "BOOK_BUILD": str(self.root), **variables}
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "tools", verb],
            cwd=self.root,
            env={**os.environ, **own},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode:
            sys.exit(f"{verb} failed:\n{done.stdout[-3000:]}")
        return time.perf_counter() - start

    def insert(self, page: str, line: int, text: str) -> None:
        """Put a text before a line of a page."""
        path = self.root / f"{page}.md"
        lines = path.read_text("utf-8").split("\n")
        lines.insert(line - 1, text)
        path.write_text("\n".join(lines), "utf-8")


def change(clone: Clone, what: str, problem: Problem) -> None:
    """Change one sentence or one code cell of a problem of the copy."""
    page = Book(clone.root).pages[problem.page]
    now = next(p for p in page.problems if p.title == problem.title)
    if what == "sentence":
        clone.insert(page.name, now.line + 1, "\nOne sentence more.\n")
    else:
        clone.insert(page.name, now.cells[-1].end, "# changed")


def measure(count: int | None) -> Iterator[tuple[dict, dict]]:
    """What was done and the seconds that it took; `count` problems are changed."""
    problems = [p for page in Book().notebooks for p in page.problems if p.cells]
    changed = problems[:: max(1, len(problems) // (count or len(problems)))]
    with TemporaryDirectory() as folder:
        clone = Clone(folder)
        yield {"what": "cold"}, {"seconds": clone.run("book")}
        executed = clone.root / "_build" / SECONDS.relative_to(BUILD)
        for name, seconds in sorted(json.loads(executed.read_text("utf-8")).items()):
            yield {"what": f"execution of {name}"}, {"seconds": seconds}
        yield {"what": "warm"}, {"seconds": clone.run("book")}
        for problem in changed:
            for what in ("sentence", "code cell"):
                change(clone, what, problem)
                yield {"what": f"one {what} changed"}, {"seconds": clone.run("book")}


def main(arguments: list[str]) -> int:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, help="to change, instead of all")
    count = parser.parse_args(arguments).problems
    keep(
        "build-speed",
        measure(count),
        title="How long the book takes to build",
        command="make bench-build",
    )
    return 0
