"""Studies: many independent runs, a few on the page, all of them recorded.

`BOOK_SCALE` says how: at `quick` (the default) a few short runs give live numbers for
the page; at `full` (`make results`) all runs are made, in parallel, and recorded, those
of the study in `BOOK_ONLY` if that is set; at `again` (`make again`) one run of each is
repeated and compared with its record.
"""

import inspect
import itertools
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

__all__ = ["Missing", "Runs", "Study", "Table", "in_text", "interval", "lookup"]
__all__ += ["load", "mean_and_half_width", "path_of", "study"]

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent / "results"
_RECORDS = _CHECKOUT if _CHECKOUT.is_dir() else _PACKAGE / "recorded"
FOLDER = _RECORDS / "studies"
MEASURED = _RECORDS / "measured"
LEVEL = 0.95
SCALES = ("quick", "full", "again")


class Missing(ValueError):
    """Nothing is recorded under that name; the message says what there is."""


@dataclass(frozen=True)
class Runs:
    """Finished runs: `{"config": {...}, "seed": int, "values": {...}, ...}` each."""

    records: list[dict]

    def __repr__(self) -> str:
        seeds = {run["seed"] for run in self.records}
        many = f"{len(self.records)} runs: {len(self.configs())} configurations"
        return f"<{many}, {len(seeds)} seeds>"

    def configs(self) -> list[dict]:
        """The configurations, each once, in the order of the grid."""
        return list({_label(r["config"]): r["config"] for r in self.records}.values())

    def values(self, value: str, **config) -> np.ndarray:
        """One row for each seed, shape (seeds, ...), of the runs that match `config`.

        `value` names an entry of what the function returned; `curve[3]` takes one
        element of a list. Raises `Missing` if no run matches, or none has the value.
        """
        name, _, index = value.rstrip("]").partition("[")
        wanted = config.items()
        found = [r["values"] for r in self.records if wanted <= r["config"].items()]
        if not found:
            raise Missing(f"no run with {config}; there are {self.configs()}")
        if lacking := [values for values in found if name not in values]:
            raise Missing(f"no value {name!r}; there are: {', '.join(lacking[0])}")
        rows = np.asarray([values[name] for values in found], dtype=float)
        try:
            return rows[:, int(index)] if index else rows
        except (ValueError, IndexError):
            shape = rows.shape[1:]
            raise Missing(f"no element {value!r}; {name!r} has shape {shape}") from None

    def mean(self, value: str, **config):
        """The mean over the seeds, shape (...) of one value."""
        return self.values(value, **config).mean(axis=0)

    def interval(self, value: str, **config) -> tuple:
        """The 95 % t-interval (low, high) of the mean over the seeds."""
        return interval(self.values(value, **config))


@dataclass(frozen=True)
class Table:
    """A small table with a note below; shows as HTML on a page and as plain text."""

    head: list[str]
    body: list[list[str]]
    note: str = ""

    def __repr__(self) -> str:
        rows = [self.head, *self.body]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)) for row in rows]
        return "\n".join([*lines, self.note])

    def _repr_html_(self) -> str:
        def row(cells, tag):
            return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)

        head = f"<thead><tr>{row(self.head, 'th')}</tr></thead>"
        body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in self.body)
        note = f"<caption>{escape(self.note)}</caption>" if self.note else ""
        return f'<table class="table">{note}{head}<tbody>{body}</tbody></table>'


class Study:
    """The recorded runs (`recorded`), and those made now (`quick`), or None each.

    `runs` are the recorded ones where there are any; `record` is the whole file.
    """

    def __init__(self, name, live: Runs | None, record: dict | None, data):
        self.name, self.quick, self.record, self.data = name, live, record, data
        self.recorded = Runs(record["runs"]) if record else None
        self.runs = self.recorded or live

    def __repr__(self) -> str:
        return f"Study {self.name}: {self.recorded} recorded, {self.quick} made now"

    def table(self, value: str, form: str = ".3g") -> Table:
        """Recorded mean ± half the 95 % interval for each configuration, beside now.

        `value` as in `Runs.values`, `form` as in `in_text`.
        """

        def cell(runs, config):
            if runs is None or config not in runs.configs():
                return "–"
            return in_text(runs.values(value, **config), form)

        configs = self.runs.configs()
        head = [*configs[0], "recorded", "this run"]
        both = self.recorded, self.quick
        body = [[*map(str, c.values()), *(cell(r, c) for r in both)] for c in configs]
        return Table(head, body, self.note)

    @property
    def note(self) -> str:
        """Where the recorded runs come from, and what ran now."""
        if not self.record:
            return "Nothing recorded yet: `make results` does the full study."
        r = self.record
        seeds = len({run["seed"] for run in r["runs"]})
        real = f" on {', '.join(r['data'])}" if r["data"] else ""
        recorded = f"mean ± half of the 95 % t-interval over {seeds} seeds{real}"
        note = f"Recorded: {recorded}; {r['date']}, {r['device']}."
        if self.quick is None:
            return note
        sources = ", ".join(f"{d.name} ({d.source})" for d in self.data)
        return f"{note} This run: a short one{' on ' if sources else ''}{sources}."


def mean_and_half_width(rows: np.ndarray) -> tuple:
    """Mean over the first axis and half the width of its 95 % t-interval.

    `rows`: shape (n, ...), both results: (...). The half width of one row is NaN.
    """
    from scipy.special import stdtrit

    rows = np.asarray(rows, dtype=float)
    n = len(rows)
    if n < 2:
        return rows.mean(axis=0), np.full(rows.shape[1:], np.nan)[()]
    error = rows.std(axis=0, ddof=1) / np.sqrt(n)
    return rows.mean(axis=0), stdtrit(n - 1, (1 + LEVEL) / 2) * error


def interval(rows: np.ndarray) -> tuple:
    """The 95 % t-interval (low, high) of the mean over the first axis."""
    mean, half = mean_and_half_width(rows)
    return mean - half, mean + half


def in_text(rows: np.ndarray, form: str = ".3g") -> str:
    """The mean ± half the width of its 95 % t-interval; of one row, the row.

    `rows`: shape (n,); `form`: a format such as `.3g` or `.1%`.

    >>> in_text([20, 21, 22], ".1f")
    '21.0 ± 2.5'
    """
    mean, half = mean_and_half_width(rows)
    plain = form.removeprefix("+")
    return f"{mean:{form}}" + ("" if np.isnan(half) else f" ± {half:{plain}}")


def study(
    name: str,
    function: Callable[..., dict],
    *,
    question: str,
    title: str,
    grid: dict[str, list] | list[dict],
    quick: dict,
    full: dict,
    data: tuple | list = (),
) -> Study:
    """Run `function(**config, seed=…, **budget)` over a grid, at the current scale.

    `grid`: lists to combine, or the configurations themselves. `quick` and `full`:
    the number of `seeds` and the budget, passed on as keyword arguments. `data`: the
    data sets that the function uses, for the provenance. The function returns a dict
    of numbers and lists of numbers; if it has a parameter `checkpoint`, it gets a path
    for `training.resumable` there, None in a quick run. `question` (its id) and `title`
    go into the record. Raises `RuntimeError` for a full run on a stand-in, `ValueError`
    for a `BOOK_SCALE` of another name and for a scale without `seeds`.
    """
    scale = os.environ.get("BOOK_SCALE", "quick")
    if scale not in SCALES:
        raise ValueError(f"BOOK_SCALE is {scale!r}; it must be one of {SCALES}")
    for word, settings in {"quick": quick, "full": full}.items():
        if "seeds" not in settings:
            raise ValueError(f"{name}: {word} must say how many `seeds`: {settings}")
    if scale != "quick" and os.environ.get("BOOK_ONLY", name) != name:
        if record := load(name):
            return Study(name, None, record, data)
        scale = "quick"
    budget = dict(quick if scale == "quick" else full)
    seeds, configs = range(budget.pop("seeds")), grid
    if isinstance(grid, dict):
        points = itertools.product(*grid.values())
        configs = [dict(zip(grid, point, strict=True)) for point in points]
    tasks = [(config, seed) for seed in seeds for config in configs]
    if scale == "quick":
        live = Runs([run(function, *task, budget) for task in tasks])
        return Study(name, live, load(name), data)
    if absent := ", ".join(d.name for d in data if d.source == "stand-in"):
        raise RuntimeError(f"{name}: a recorded run needs the real {absent}")
    from helpers import recording

    if scale == "again":
        recording.make_again(name, function, tasks, budget, data)
    else:
        about = {"title": title, "question": question}
        recording.make(name, function, tasks, budget, data, about)
    return Study(name, None, load(name), data)


def run(function, config: dict, seed: int, budget: dict, checkpoint=None) -> dict:
    """One run of a study, as `Runs` has it."""
    if "checkpoint" in inspect.signature(function).parameters:
        budget = budget | {"checkpoint": checkpoint}
    start = time.time()
    values = function(**config, seed=seed, **budget)
    seconds = round(time.time() - start, 2)
    return {"config": config, "seed": seed, "values": values, "seconds": seconds}


def path_of(name: str) -> Path:
    """The file of a record, of a study or of a measurement; it need not exist."""
    measured = MEASURED / f"{name}.json"
    return measured if measured.exists() else FOLDER / f"{name}.json"


def load(name: str) -> dict | None:
    """The whole record of a study or a measurement, or None."""
    path = path_of(name)
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def _label(config: dict) -> str:
    return ",".join(str(v) for v in config.values())


def lookup(name: str, path: str) -> float | str:
    """A number of a recorded result, for prose.

    `path` is a field of the whole (`date`, `device`, `seconds`, …) or
    `CONFIG.VALUE.STATISTIC`, where CONFIG joins the configuration's values by commas
    and STATISTIC is `mean`, `low`, `high`, `half` or `n`. Raises `Missing`.

    >>> round(float(lookup("initializers", "3,relu,he.accuracy.mean")), 1)
    0.5
    """
    record = load(name)
    if record is None:
        raise Missing(f"no recorded result {name!r}; `make results` makes it")
    if path in record:
        return record[path]
    if path.count(".") < 2:
        raise Missing(f"{name} has no field {path!r}")
    label, value, statistic = path.rsplit(".", 2)
    runs = Runs(record["runs"])
    configs = {_label(config): config for config in runs.configs()}
    if label not in configs:
        known = "; ".join(configs)
        raise Missing(f"{name} has no configuration {label!r}; there are: {known}")
    rows = runs.values(value, **configs[label])
    mean, half = mean_and_half_width(rows)
    found = {"mean": mean, "half": half, "low": mean - half, "high": mean + half}
    found["n"] = len(rows)
    if statistic not in found:
        raise Missing(f"{path!r}: the statistic must be one of {', '.join(found)}")
    return found[statistic]
