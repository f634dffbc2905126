"""Measure how the book grows with the number of its problem sets.

Books of generated problem sets are executed and built in a temporary folder. A set has
ten questions; each has a statement, two hints, a solution with formulas, three checks,
a figure, and an erratum. Its words are those of the notebooks, as frequent as there,
and some of its own, as each new subject brings them. Measured are, for each size, the
seconds of the execution on all cores, of the build from nothing, after a change of one
sentence and after none, and the kilobytes of what lists the whole book.

The exponent is that of a power law through all sizes: 1 is linear, and a fixed cost
makes it smaller. The rounds take the sizes up and down in turn, so that a machine that
becomes slower does not pass for growth. All is printed and written to
results/measured/scale.json.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase
from tempfile import TemporaryDirectory

import numpy as np
from scipy import stats

from helpers import results

from ..source.model import Book
from .building import Clone
from .rounds import keep

SIZES = (4, 8, 16, 40)
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
NAMES = ["".join(pair) for pair in itertools.product(ascii_lowercase, repeat=2)]
OPENING = """\
---
kernelspec: {{display_name: Python 3, language: python, name: python3}}
jupytext:
  text_representation: {{extension: .md, format_name: myst}}
---
# Problem set {}

One sentence.

```{{code-cell}} ipython3
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from claims import check

x, y = sp.symbols("x y")
```
"""
CELLS = (
    """\
check.identity("{id}", (x + {n} * y)**2, x**2 + 2 * {n} * x * y + {n}**2 * y**2,
               claim="the square of a sum, {n}")""",
    'check.value("{id}", np.arange({n}).sum(), {n} * ({n} - 1) / 2, claim="sum {n}")',
    """\
rng = np.random.default_rng({n})
samples = rng.random((50, {n}))
check.bound("{id}", samples.mean(axis=1)**2, (samples**2).mean(axis=1),
            claim="the mean of squares, {n}")""",
    """\
---
mystnb:
  figure: {{name: fig-{id}, caption: Forty random numbers.}}
  image: {{alt: Forty random numbers as a line.}}
---
fig, ax = plt.subplots(figsize=(4, 2.5))
ax.plot(rng.random(40).cumsum())
plt.show()""",
)


def vocabulary() -> list[str]:
    """The words of the notebooks, each as often as it is there."""
    blocks = [b for page in Book().notebooks for b in page.blocks if b.kind == "text"]
    prose = "".join(token.content for block in blocks for token in block.tokens)
    return re.findall(r"\b[a-z]{2,}\b", re.sub(r"(?s)\$.*?\$|`.*?`", "", prose))


def fence(kind: str, argument: str, body: str) -> str:
    """A directive."""
    return f"\n```{{{kind}}} {argument}\n{body}\n```\n"


def problem_set(number: int, questions: int, words: list[str]) -> str:
    """The source of a problem set: the same for the same number."""
    rng = random.Random(number)
    own = ["".join(rng.choices(ascii_lowercase, k=8)) for _ in range(100)]
    pool = rng.choices(words, k=19 * len(own)) + own

    def text(count: int, formulas: int = 0) -> str:
        chosen = rng.choices(pool, k=count)
        for place in rng.sample(range(count), formulas):
            chosen[place] += rf" $\tilde X_{{{place}}}^\top w + b$."
        return " ".join(chosen)

    parts = [OPENING.format(number)]
    for n in range(1, questions + 1):
        if n % 5 == 1:
            parts.append(f"\n## Problem {n // 5 + 1}: {text(3)}\n")
        id, title = f"{NAMES[number]}-1-{n}", text(5).capitalize()
        other = f"{NAMES[rng.randint(1, number)]}-1-{rng.randint(1, questions)}"
        effort, folded = "*Difficulty 2, 20 minutes.*", ":class: dropdown\n"
        about = f":question: {id}\n:verdict: misprint\n{title}"
        formula = rf"\norm{{X_{n} w}}^2 + {n} \sigma^2 \norm{{w}}^2"
        parts += [
            fence("exercise", title, f":label: {id}\n\n{effort} {text(40, 3)}"),
            fence("hint", "Hint 1", folded + text(15, 1)),
            fence("hint", "Hint 2", folded + text(15, 1)),
            fence("solution-start", id, folded),
            f"\n{text(125, 8)}\n\n$$\n{formula}\n$$ (eq-{id})\n\n",
            f"By {{eq}}`eq-{id}` and {{ref}}`{other}`, {text(125, 8)}\n",
            *(fence("code-cell", "ipython3", c.format(id=id, n=n + 1)) for c in CELLS),
            fence("erratum", f"{id}-e", f"{about}\n\n**Printed.** {text(15, 1)}"),
            fence("solution-end", "", ""),
        ]
    return "".join(parts)


def write_book(root: Path, sets: list[str]) -> None:
    """Make of a copy of the clone a book of nothing but these problem sets."""
    shutil.rmtree(root / "notebooks")
    (root / "notebooks").mkdir()
    names = [f"notebooks/set_{number}" for number in range(1, len(sets) + 1)]
    for name, source in zip(names, sets, strict=True):
        (root / f"{name}.md").write_text(source, "utf-8")
        (root / f"{name}.ipynb").write_text('{"cells": []}')
    (root / "_toc.yml").write_text(TOC.format(", ".join(f"file: {n}" for n in names)))
    (root / "book/index.md").write_text("# A generated book\n\nOne sentence.\n")
    for page, directive in LISTS.items():
        text = f"# All {page}\n\n```{{{directive}}}\n```\n"
        (root / f"book/{page}.md").write_text(text)


def measure_book(sets: list[str]) -> dict[str, float]:
    """Seconds and kilobytes of a book of these problem sets."""
    with TemporaryDirectory() as folder:
        clone = Clone(folder)
        write_book(clone.root, sets)
        verbs = {
            "execution, all cores": "execute",
            "build from nothing": "book",
            "build again": "book",
            "build after a sentence": "book",
        }
        values = {}
        for name, verb in verbs.items():
            if name == "build after a sentence":
                clone.insert("notebooks/set_1", 8, "Another sentence.")
            values[name] = clone.run(verb, BOOK_DATA="", BOOK_OFFLINE="1")
        site = clone.root / "_build/html"
        sizes = {name: (site / part).stat().st_size for name, part in PARTS.items()}
        files = (path for path in site.rglob("*") if path.is_file())
        sizes["whole site"] = sum(path.stat().st_size for path in files)
        return values | {name: size / 1000 for name, size in sizes.items()}


def measure(sizes: list[int], questions: int, rounds: int) -> Iterator[tuple]:
    """The number of sets with what was measured, the sizes up and down in turn."""
    words = vocabulary()
    sets = [problem_set(n, questions, words) for n in range(1, max(sizes) + 1)]
    for turn in range(rounds):
        for size in sorted(sizes, reverse=bool(turn % 2)):
            yield {"sets": size}, measure_book(sets[:size])


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


def main(arguments: list[str]) -> int:
    """Measure, print, record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, nargs="+", default=SIZES, help="≥ 3")
    parser.add_argument("--questions", type=int, default=10, help="of each set")
    parser.add_argument("--rounds", type=int, default=3, help="of all sizes")
    options = parser.parse_args(arguments)
    if len({*options.sets}) < 3:
        parser.error("growth is seen in books of at least three sizes")
    keep(
        "scale",
        measure(options.sets, options.questions, options.rounds),
        exponents,
        title=f"The book with up to {max(options.sets)} problem sets",
        command="make bench-growth",
        budget=vars(options),
    )
    return 0
