"""Measure how long the book takes to build, in a copy of this clone.

It is built cold (nothing is executed yet, so all problems are timed) and warm (nothing
has changed), then after a code cell and after a sentence of each problem has changed.
"""

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
from ..source.model import Book
from ..workspace import BUILD, ROOT, parse
from .rounds import keep


class Clone:
    """A copy of this clone, which is built in its own folder."""

    def __init__(self, folder: str):
        self.root = Path(folder) / "clone"
        unlike = shutil.ignore_patterns(".*", "_build", "build")
        shutil.copytree(ROOT, self.root, ignore=unlike)

    def run(self, verb: str) -> float:
        """Seconds that a tool of the copy takes; ends with what it said if it fails."""
        root, start = str(self.root), time.perf_counter()
        env = {**os.environ, "PYTHONPATH": root, "BOOK_BUILD": root}
        command = [sys.executable, "-m", "tools", verb]
        done = subprocess.run(command, cwd=root, env=env, capture_output=True)
        if done.returncode:
            sys.exit(f"{verb} failed:\n{(done.stdout + done.stderr).decode()[-3000:]}")
        return time.perf_counter() - start

    def insert(self, page: str, line: int, text: str) -> None:
        """Put a text before a line of a page."""
        path = self.root / f"{page}.md"
        lines = path.read_text("utf-8").split("\n")
        lines.insert(line - 1, text)
        path.write_text("\n".join(lines), "utf-8")


def measure() -> Iterator[tuple[dict, dict]]:
    """What was done and the seconds that it took."""
    problems = [p for page in Book().notebooks for p in page.problems if p.cells]
    with TemporaryDirectory() as folder:
        clone = Clone(folder)
        yield {"what": "cold"}, {"seconds": clone.run("book")}
        executed = clone.root / "_build" / SECONDS.relative_to(BUILD)
        for name, seconds in sorted(json.loads(executed.read_text("utf-8")).items()):
            yield {"what": f"execution of {name}"}, {"seconds": seconds}
        yield {"what": "warm"}, {"seconds": clone.run("book")}
        for problem in reversed(problems):  # so no change moves the lines of the next
            clone.insert(problem.page, problem.cells[-1].end, "# changed")
            yield {"what": "one code cell changed"}, {"seconds": clone.run("book")}
            clone.insert(problem.page, problem.line + 1, "\nOne sentence more.\n")
            yield {"what": "one sentence changed"}, {"seconds": clone.run("book")}


def main(arguments: list[str]) -> None:
    """Measure, print, record."""
    parse(__doc__, arguments, {})
    title = "How long the book takes to build"
    keep("build-speed", measure(), title=title, command="make bench-build")
