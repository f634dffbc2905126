"""A copy of the book with one small notebook, for tests that build."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
from browsing import ROOT
from sources import code, solved

PAGE, NAME = "notebooks/small.md", "small, Problem 1"
UNUSED = shutil.ignore_patterns("__pycache__")
NO_LINT = '"""Nothing."""\n\n\ndef main(arguments):\n    return 0\n'
IMPORTS = "from claims import check\nfrom IPython.display import SVG"
SQUARE = f"""\
$$
x^2 = x \\cdot x
$$ (eq-sm-1)

{code('check.value("sm-1", 3 * 3, 9, claim="3² is 9")')}
```{{erratum}} sm-e1
:question: sm-1
:verdict: misprint
There is an $x$ too many

**Printed.** $x^3$. **Right.** {{eq}}`eq-sm-1`, as {{ref}}`sm-1` asks.

$$
x^3 \\ne x^2
$$ (eq-sm-1-e)
```

```{{deeper-start}} The sign of $x$ is lost
```

Both {{ref}}`sm-1` and its sign.

```{{deeper-end}}
```"""
COMPUTER = "2, 10 minutes and the computer.* Why?"
NOTEBOOK = f"""\
---
jupytext: {{text_representation: {{extension: .md, format_name: myst}}}}
kernelspec: {{display_name: Python 3, language: python, name: python3}}
---

# A small problem set

One sentence.

{code(IMPORTS)}
## Problem 1: Squares
{solved(SQUARE, "sm-1", "The square of $x$", "1, 5 minutes.* Find it.")}\
{solved("Because.", "sm-2", "A matter of taste", COMPUTER)}"""
LONG = ("helpers", "notation")  # pages that take long, and are like others
ENTRIES = r"( +- file: notebooks)/\w+\n(?:\1/\w+\n)*"  # of all problem sets
INDEX = """
# A small book

{count}`questions` questions, {count}`checks` checks that refused {count}`altered`
altered claims, and {count}`errata` errata.
"""
RESULTS = """
# Recorded results

```{results-list}
```
"""
RECORD = {"name": "trial", "title": "A trial", "question": "sm-1"}
RECORD |= {"command": "make results ONLY=trial", "date": "2026-01-02"}
RECORD |= {"device": "one core", "seconds": 3.0, "versions": {"python": "3.11"}}
RECORD |= {"data": {"digits": {"source": "cache", "sha256": "abc"}}}
RECORD |= {"commit": "0123456", "runs": []}
for seed in range(3):
    run = {"config": {"n": 1}, "seed": seed, "values": {"loss": 0.2 + seed / 10}}
    RECORD["runs"].append(run | {"seconds": 1})


class Book:
    """A copy of the book with one small notebook."""

    def __init__(self, root: Path):
        self.root = root
        for name in ("book", "claims", "helpers", "tools"):
            shutil.copytree(ROOT / name, root / name, ignore=UNUSED)
        for name in ("_config.yml", "pyproject.toml", "requirements.txt"):
            shutil.copy(ROOT / name, root)
        toc = (ROOT / "_toc.yml").read_text()
        for name in LONG:
            toc = re.sub(f" +- file: book/{name}\n", "", toc)
            (root / f"book/{name}.md").unlink()
        self.write("_toc.yml", re.sub(ENTRIES, r"\1/small\n", toc))
        self.write("book/index.md", INDEX)
        self.write("book/results.md", RESULTS)
        self.write(PAGE, NOTEBOOK)
        self.write("notebooks/small.ipynb", json.dumps({"cells": []}))
        self.write("results/studies/trial.json", json.dumps(RECORD))
        self.write("tools/source/lint.py", NO_LINT)  # it has tests of its own

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def read(self, name: str) -> str:
        return (self.root / name).read_text("utf-8")

    def html(self, page: str) -> str:
        return self.read(f"_build/html/{page}.html")

    def environment(self) -> dict[str, str]:
        own = {"PYTHONPATH": str(self.root), "BOOK_CACHE": str(self.root / "data")}
        return {**os.environ, "BOOK_DATA": "", "BOOK_BUILD": "", **own}

    def start(self, *program: str) -> subprocess.Popen:
        command = [sys.executable, *(program or ("-m", "tools", "book"))]
        where = {"cwd": self.root, "env": self.environment()}
        said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, **where, **said)

    def build(self, *program: str, expect: int = 0) -> str:
        process = self.start(*program)
        output, _ = process.communicate()
        assert process.returncode == expect, output
        return output

    @contextmanager
    def edited(self, name: str, old: str, new: str):
        before = self.read(name)
        assert old in before
        self.write(name, before.replace(old, new))
        try:
            yield
        finally:
            self.write(name, before)

    def wait_for(self, process: subprocess.Popen, name: str) -> None:
        """Wait until a process has made this file."""
        while not (self.root / name).exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)

    def processes(self) -> int:
        """How many run in the folder of the book."""
        folders = [p.info["cwd"] or "" for p in psutil.process_iter(["cwd"])]
        return sum(folder.startswith(str(self.root)) for folder in folders)

    def wait_for_its_end(self) -> None:
        """Wait until none does; a kernel looks for its parent now and then."""
        ends = time.monotonic() + 60
        while self.processes():
            assert time.monotonic() < ends
            time.sleep(0.1)

    def line(self, name: str, text: str) -> int:
        return self.read(name).splitlines().index(text) + 1
