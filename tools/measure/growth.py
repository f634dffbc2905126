"""Measure how the book grows with the number of its problem sets.

Books whose sets are all one real problem, with labels of their own, are executed and
built. The exponent is that of a power law through all sizes: 1 is linear, and a fixed
cost makes it smaller. The rounds take the sizes up and down in turn, so that a machine
that becomes slower does not pass for growth.
"""

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy import stats

from helpers import results

from ..workspace import ROOT, parse
from .building import Clone
from .rounds import keep

SIZES, ROUNDS = (4, 8, 16, 40), 3
PAGE, PROBLEM = "general_review", 3  # refers to nothing else, and is executed soon
TOC = """\
format: jb-book
root: book/index
parts:
  - {{caption: Problem sets, numbered: 1, chapters: [{}]}}
  - caption: Lists
    chapters: [file: book/questions, file: book/checks, file: book/errata]
"""
LISTS = {"questions": "question-list", "checks": "ledger", "errata": "errata-list"}
PARTS = {
    "ledger": "book/checks.html",
    "errata": "book/errata.html",
    "list of questions": "book/questions.html",
    "index of questions": "_static/questions.js",
    "index of pages": "searchindex.js",
}


def problem_set(number: int) -> str:
    """The source of a set: the opening of the real page and one problem."""
    text = (ROOT / f"notebooks/{PAGE}.md").read_text("utf-8")
    parts = re.split(r"(?m)^(?=\(gr-\d\)=$)", text)
    letters = "".join(chr(97 + digit) for digit in divmod(number, 26))
    text = parts[0].replace("(general-review)=\n", "") + parts[PROBLEM]
    text = text.replace("gr-2-1", "gr-3-1")  # a question of another problem
    text = text.replace("# General review", f"# Set {number}")
    return text.replace("gr-", f"{letters}-")


def write_book(root: Path, size: int) -> None:
    """Make of a copy of the clone a book of nothing but so many sets."""
    shutil.rmtree(root / "notebooks")
    (root / "notebooks").mkdir()
    names = [f"notebooks/set_{number}" for number in range(1, size + 1)]
    for number, name in enumerate(names, start=1):
        (root / f"{name}.md").write_text(problem_set(number), "utf-8")
        (root / f"{name}.ipynb").write_text('{"cells": []}')
    (root / "_toc.yml").write_text(TOC.format(", ".join(f"file: {n}" for n in names)))
    (root / "book/index.md").write_text("# Copies\n\nOne sentence.\n")
    for page, directive in LISTS.items():
        text = f"# All {page}\n\n```{{{directive}}}\n```\n"
        (root / f"book/{page}.md").write_text(text)


def measure(size: int) -> dict[str, float]:
    """Seconds and kilobytes of a book of so many sets."""
    with TemporaryDirectory() as folder:
        clone = Clone(folder)
        write_book(clone.root, size)
        values = {"execution, all cores": clone.run("execute")}
        values["build from nothing"] = clone.run("book")
        values["build again"] = clone.run("book")
        below = problem_set(1).splitlines().index("# Set 1") + 2
        clone.insert("notebooks/set_1", below, "\nAnother sentence.\n")
        values["build after a sentence"] = clone.run("book")
        site = clone.root / "_build/html"
        sizes = {name: (site / part).stat().st_size for name, part in PARTS.items()}
        files = (path for path in site.rglob("*") if path.is_file())
        sizes["whole site"] = sum(path.stat().st_size for path in files)
        return values | {name: size / 1000 for name, size in sizes.items()}


def exponents(runs: results.Runs) -> dict[str, float]:
    """The exponent of each value, with half of its 95 % interval."""
    sizes, found = sorted(config["sets"] for config in runs.configs()), {}
    for name in runs.records[0]["values"]:
        grown = [runs.mean(name, sets=size) for size in sizes]
        fit = stats.linregress(np.log(sizes), np.log(grown))
        half = stats.t.ppf((1 + results.LEVEL) / 2, len(sizes) - 2) * fit.stderr
        found[f"exponent of {name}"] = float(fit.slope)
        found[f"half width of {name}"] = float(half)
        print(f"{name:24} n^({fit.slope:.2f} ± {half:.2f})")
    return found


def main(arguments: list[str]) -> None:
    """Measure, print, record."""
    parse(__doc__, arguments, {})
    order = (sorted(SIZES, reverse=bool(turn % 2)) for turn in range(ROUNDS))
    found = (({"sets": size}, measure(size)) for sizes in order for size in sizes)
    title = f"The book with up to {max(SIZES)} problem sets"
    about = {"budget": {"sets": SIZES, "rounds": ROUNDS}, "command": "make bench-scale"}
    keep("scale", found, exponents, title=title, **about)
