"""Measure how the book grows with the number of its problem sets.

Books of generated problem sets are executed and built in a temporary folder. A set has
ten questions; each has a statement, two hints, a solution with formulas, three checks,
a figure, and an erratum. Its words are those of the notebooks, as frequent as there,
and some of its own, as each new subject brings them. Measured are, for each size,

- the execution of all notebooks, one after another and on all cores, and when all of
  them have been executed before;
- the build of the site from nothing, after a change of one sentence, and after none,
  of notebooks that have been executed; and the memory of the largest process;
- the size of what lists the whole book: ledger, errata, questions, the two indices of
  the search; of the largest problem set, and of the whole site;
- in a browser, the time of the search for a word until its questions are listed, and of
  the filter in the list of all questions.

The exponent is that of a power law. A part with a fixed cost has one below 1 at first,
so the cost of one more set in a large book is given as well, over that in a small one:
1 is linear. It has an interval over the rounds, which take the sizes up and down in
turn, so that a machine that becomes slower does not pass for growth. All is printed,
written to results/scale.json and drawn.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from browser import MISSING, chromium
from build import SITE
from folder import ROOT
from scipy import stats
from tqdm import tqdm

from helpers import plotting, results

sys.path.insert(0, str(ROOT / "tests"))
from small_book import ENTRIES, NOTEBOOK, Book  # noqa: E402

SIZES = (4, 8, 16, 40)
WORDS, OWN_WORDS = 250, 100  # of a solution, of a set
PICTURE = ROOT / "book" / "growth.svg"
ONE_BY_ONE = """
import sys
sys.path.insert(0, "tools")
from execute import notebooks, read
from runner import run
todo = {path: read(path) for path in notebooks()}
sys.exit(len([*run(todo, 1)]) != len(todo))
"""
IMPORTS = """
```{code-cell} ipython3
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from helpers import check, plotting

plotting.use_style()
x, y = sp.symbols("x y")
```
"""
QUESTION = r"""
```{{exercise}} {title}
:label: {id}

*Difficulty 2, 20 minutes.* {statement}
```

```{{hint}} Hint 1
:class: dropdown
{hint_1}
```

```{{hint}} Hint 2
:class: dropdown
{hint_2}
```

```{{solution-start}} {id}
:class: dropdown
```

{first}

$$
\E\bigl[\norm{{X_{n} w - y}}^2\bigr]
  = \sum_{{i=1}}^{{{n}}} \bigl(x_i^\top w - y_i\bigr)^2 + {n} \sigma^2 \norm{{w}}^2 .
$$ (eq-{id})

By {{eq}}`eq-{id}` and {{ref}}`{other}`, {second}

```{{code-cell}} ipython3
check.identity("{id}", (x + {n} * y)**2, x**2 + {m} * x * y + {n}**2 * y**2,
               claim="the square of a sum, {n}")
```

{third}

```{{code-cell}} ipython3
rng = np.random.default_rng({n})
check.value("{id}", np.arange({n}).sum(), {n} * ({n} - 1) / 2, claim="a sum, {n}")
```

```{{code-cell}} ipython3
samples = rng.random((50, {n}))
check.bound("{id}", samples.mean(axis=1)**2, (samples**2).mean(axis=1),
            claim="the mean of squares, {n}")
```

$$
\frac{{\partial}}{{\partial w_{n}}} \norm{{X w - y}}^2 = 2 X_{n}^\top (X w - y)
$$

```{{code-cell}} ipython3
---
mystnb:
  figure:
    name: fig-{id}
    caption: {title}.
  image:
    alt: Forty random numbers as a line.
---
fig, ax = plt.subplots(figsize=(4, 2.5))
ax.plot(rng.random(40).cumsum())
plt.show()
```

```{{erratum}} {id}-e
:question: {id}
:verdict: misprint
{title}, a sign

**Printed.** $x_{n}^2$. **Right.** $-x_{n}^2$. {hint_1}
```

```{{solution-end}}
```
"""


class Author:
    """Writes generated problem sets: the same for the same number."""

    def __init__(self, questions: int = 10):
        self.questions = questions
        sources = [path.read_text("utf-8") for path in ROOT.glob("notebooks/*.md")]
        prose = re.sub(
            r"(?s)```\{code-cell\}.*?\n```|\$\$.*?\$\$|\$.*?\$|`.*?`",
            "",
            "".join(sources),
        )
        self.words = re.findall(r"\b[a-z]{2,}\b", prose)

    def write(self, number: int) -> str:
        """The source of a problem set."""
        rng = random.Random(number)
        own = [
            "".join(rng.choices("abcdefghilmnoprstuvw", k=8)) for _ in range(OWN_WORDS)
        ]
        head = NOTEBOOK[: NOTEBOOK.index("# A small")]
        parts = [f"{head}# Problem set {number}\n\nOne sentence.\n{IMPORTS}"]
        for n in range(1, self.questions + 1):
            if n % 5 == 1:
                parts.append(f"\n## Problem {n // 5 + 1}: {self._text(rng, own, 3)}\n")
            parts.append(
                QUESTION.format(
                    id=f"s{number}-{n}",
                    other=f"s{rng.randint(1, number)}-{rng.randint(1, self.questions)}",
                    n=n + 1,
                    m=2 * n + 2,
                    title=self._text(rng, own, 5).capitalize(),
                    statement=self._text(rng, own, 40, 3),
                    hint_1=self._text(rng, own, 15, 1),
                    hint_2=self._text(rng, own, 15, 1),
                    first=self._text(rng, own, WORDS // 3, 5),
                    second=self._text(rng, own, WORDS // 3, 5),
                    third=self._text(rng, own, WORDS // 3, 5),
                )
            )
        return "".join(parts)

    def _text(self, rng: random.Random, own: list[str], words: int, formulas=0) -> str:
        """Words, a full stop after each tenth, and short formulas between them."""
        chosen = [
            rng.choice(own if rng.random() < 0.05 else self.words) for _ in range(words)
        ]
        for place in rng.sample(range(words), formulas):
            chosen[place] += rf" $\tilde X_{{{place}}}^\top w + b$"
        if formulas:
            for place in range(9, words, 10):
                chosen[place] += "."
        return " ".join(chosen)


def measured(book: Book, *program: str) -> tuple[float, float]:
    """Seconds of a program of the book, and megabytes of its largest process."""
    with (book.root / "log").open("w") as log:
        start = time.perf_counter()
        process = book.start(*program, stdout=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = status
    if status:
        sys.exit(f"{program} failed:\n{book.read('log')[-3000:]}")
    return seconds, usage.ru_maxrss / 1000


def write_sets(book: Book, author: Author, sets: int) -> None:
    """Put so many problem sets into a book, instead of its small one."""
    names = [f"set_{k}" for k in range(1, sets + 1)]
    lines = "".join(rf"\1/{name}\n" for name in names)
    book.write("_toc.yml", re.sub(ENTRIES, lines, book.read("_toc.yml")))
    for number, name in enumerate(names, 1):
        book.write(f"notebooks/{name}.md", author.write(number))
        book.write(f"notebooks/{name}.ipynb", '{"cells": []}')
    record = book.read("results/trial.json").replace("sm-1", "s1-1")
    book.write("results/trial.json", record)


def measure(author: Author, sets: int, browser) -> dict[str, float]:
    """All that is measured of a book with so many problem sets."""
    with tempfile.TemporaryDirectory() as folder:
        book = Book(Path(folder))
        write_sets(book, author, sets)
        values = {}
        values["execution, one by one"], _ = measured(book, "-c", ONE_BY_ONE)
        values["execution, all cores"], _ = measured(book, "tools/execute.py")
        values["execution again"], _ = measured(book, "tools/execute.py")
        one, all_cores = values["execution, one by one"], values["execution, all cores"]
        values["speed-up"] = one / all_cores
        build = measured(book, "tools/build.py")
        values["build from nothing"], values["memory of the build"] = build
        values["build again"], _ = measured(book, "tools/build.py")
        with book.edited("notebooks/set_1.md", "One sentence.", "Another one."):
            values["build after a sentence"], _ = measured(book, "tools/build.py")
        site = book.root / SITE.relative_to(ROOT)
        return values | sizes(site) | search(site, browser)


def sizes(site: Path) -> dict[str, float]:
    """Kilobytes of parts of a site."""
    parts = {
        "ledger": "book/checks.html",
        "errata": "book/errata.html",
        "list of questions": "book/questions.html",
        "index of questions": "_static/questions.js",
        "index of pages": "searchindex.js",
    }
    found = {name: (site / path).stat().st_size for name, path in parts.items()}
    files = [path for path in site.rglob("*") if path.is_file()]
    pages = [path.stat().st_size for path in site.glob("notebooks/*.html")]
    found["largest problem set"] = max(pages)
    found["whole site"] = sum(path.stat().st_size for path in files)
    return {name: size / 1000 for name, size in found.items()}


FILTER = """() => {
  const field = document.querySelector(".filter input");
  const start = performance.now();
  field.value = "gradient";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  document.body.getBoundingClientRect();
  return performance.now() - start;
}"""
SEARCH = """() => {
  const start = performance.now();
  showQuestions("gradient descent");
  document.body.getBoundingClientRect();
  return performance.now() - start;
}"""


def search(site: Path, browser) -> dict[str, float]:
    """Milliseconds in the browser, the median of some attempts."""
    page, times = browser.new_page(), {}
    for name, address, script in (
        ("search", "search.html", SEARCH),
        ("filter", "book/questions.html", FILTER),
    ):
        attempts = []
        for _ in range(5):
            page.goto((site / address).as_uri(), wait_until="load")
            attempts.append(page.evaluate(script))
        times[name] = statistics.median(attempts)
    page.close()
    return times


def growth(runs: results.Runs) -> dict[str, float | None]:
    """The exponent of each value and its late over early cost, with 95 % intervals.

    Late is the cost of one more set between the two largest sizes, early that between
    the smallest and the last but one. The ratio is None if early is not surely above 0.
    """
    sets = [config["sets"] for config in runs.configs()]
    found = {}
    for name in runs.records[0]["values"]:
        rows = {n: runs.values(name, sets=n) for n in sets}
        grown = [row.mean() for row in rows.values()]
        fit = stats.linregress(np.log(sets), np.log(grown))
        free = max(len(sets) - 2, 1)
        half = stats.t.ppf((1 + results.LEVEL) / 2, free) * fit.stderr
        found[f"exponent of {name}"] = float(fit.slope)
        found[f"half width of {name}"] = float(half)
        ratio, half = late_over_early(rows)
        found[f"late over early cost of {name}"] = ratio
        found[f"half width of late over early cost of {name}"] = half
    return found


def late_over_early(rows: dict[int, np.ndarray]) -> tuple[float | None, float | None]:
    """The ratio, from the rounds at each number of sets, with half of its interval.

    It is that of the difference late - early, in units of the mean early cost.
    """
    first, *_, middle, last = sorted(rows)
    early = (rows[middle] - rows[first]) / (middle - first)
    late = (rows[last] - rows[middle]) / (last - middle)
    if not results.interval(early)[0] > 0:
        return None, None
    more, half = results.mean_and_half_width(late - early)
    return float(1 + more / early.mean()), float(half / early.mean())


TIMES = (
    "execution, one by one",
    "execution, all cores",
    "build from nothing",
    "build after a sentence",
    "build again",
)
KILOBYTES = (
    "whole site",
    "errata",
    "ledger",
    "largest problem set",
    "list of questions",
    "index of questions",
    "index of pages",
)


def draw(record: dict, picture: Path) -> None:
    """Draw times and sizes over the number of problem sets, beside a linear growth."""
    import matplotlib.pyplot as plt

    runs = results.Runs(record["runs"])
    sets = np.array([config["sets"] for config in runs.configs()])
    with plt.rc_context(plotting.STYLE | {"svg.fonttype": "none"}):
        fig, axes = plt.subplots(1, 2, figsize=(8, 4.4))
        for ax, names, unit in zip(
            axes, (TIMES, KILOBYTES), ("seconds", "kB"), strict=True
        ):
            rows = {name: [runs.mean(name, sets=n) for n in sets] for name in names}
            for marker, name in zip("osD^vPX", rows, strict=False):
                ax.plot(sets, rows[name], marker=marker, label=name)
            middle = np.exp(np.mean([np.log(row) for row in rows.values()]))
            line = middle * sets / np.exp(np.log(sets).mean())
            ax.plot(sets, line, "--", color="grey", label="linear growth")
            ax.set(xscale="log", yscale="log", xlabel="problem sets", ylabel=unit)
            ax.set_xticks(sets, map(str, sets))
            ax.minorticks_off()
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), fontsize=9)
        fig.savefig(picture, metadata={"Date": None})
        plt.close(fig)


def show(record: dict) -> None:
    """A line for each value: at each size, its exponent, its late over early cost."""
    runs = results.Runs(record["runs"])
    sets = [config["sets"] for config in runs.configs()]
    print(f"{'problem sets':24}" + "".join(f"{n:10}" for n in sets))
    for name in runs.records[0]["values"]:
        values = "".join(f"{runs.mean(name, sets=n):10.4g}" for n in sets)
        exponent, half = record[f"exponent of {name}"], record[f"half width of {name}"]
        print(f"{name:24}{values}   n^({exponent:.2f} ± {half:.2f})", end="")
        late = record[f"late over early cost of {name}"]
        half = record[f"half width of late over early cost of {name}"]
        print("" if late is None else f", {late:.2f} ± {half:.2f}")


def main() -> None:
    """Measure, print, record, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, nargs="+", default=SIZES, help="≥ 3")
    parser.add_argument("--questions", type=int, default=10, help="of each set")
    parser.add_argument("--rounds", type=int, default=5, help="of all sizes")
    options = parser.parse_args()
    if len({*options.sets}) < 3:
        parser.error("growth is seen in books of at least three sizes")
    start, records, author = time.perf_counter(), [], Author(options.questions)
    with chromium() as browser:
        if not browser:
            sys.exit(MISSING)
        ways = itertools.cycle((sorted(options.sets), sorted(options.sets)[::-1]))
        turns = [(r, n) for r in range(options.rounds) for n in next(ways)]
        for turn, sets in tqdm(turns):
            values = measure(author, sets, browser)
            config = {"sets": sets}
            records.append({"config": config, "seed": turn, "values": values})
    record = {
        "name": "scale",
        "title": "The book with up to forty problem sets",
        "question": "",
        "command": "make bench-scale",
        "budget": vars(options),
        **results.provenance(),
        "seconds": round(time.perf_counter() - start, 1),
        **growth(results.Runs(records)),
        "runs": records,
    }
    show(record)
    results.write_json(results.FOLDER / "scale.json", record)
    draw(record, PICTURE)


if __name__ == "__main__":
    main()
