"""Studies: many independent runs, recorded with their provenance.

A study runs one function over all configurations and seeds. At the scale `quick`
(the default) it makes a few short runs, so that the page shows live numbers; at the
scale `full` (environment variable `BOOK_SCALE`, set by `make results`) it makes all
runs, in parallel through joblib, and writes `results/NAME.json`. The page shows the
recorded numbers beside the live ones. `BOOK_ONLY` (set by `make results ONLY=NAME`)
names the only study to be made in full. At the scale `again` (set by `make again`) one
recorded run of each study is repeated and compared with what was recorded.
"""

from __future__ import annotations

import hashlib
import inspect
import itertools
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent / "results"
FOLDER = _CHECKOUT if _CHECKOUT.is_dir() else _PACKAGE / "recorded"
LEVEL = 0.95
LONG = 300  # seconds; no longer run is repeated
ROUNDING = 1e-6  # relative difference between machines and versions, at least


@dataclass(frozen=True)
class Runs:
    """Finished runs: `{"config": {...}, "seed": int, "values": {...}, ...}` each."""

    records: list[dict]

    def configs(self) -> list[dict]:
        """The configurations, each once, in the order of the grid."""
        unique = {_label(r["config"]): r["config"] for r in self.records}
        return list(unique.values())

    def values(self, value: str, **config) -> np.ndarray:
        """One row for each seed, shape (seeds, ...), of the runs that match `config`.

        `value` names an entry of what the function returned; `curve[3]` takes one
        element of a list. Raises `KeyError` if no run matches.
        """
        name, _, index = value.rstrip("]").partition("[")
        found = [
            r["values"][name]
            for r in self.records
            if all(r["config"].get(k) == v for k, v in config.items())
        ]
        if not found:
            raise KeyError(f"no run with {config}; there are {self.configs()}")
        rows = np.asarray(found, dtype=float)
        return rows[:, int(index)] if index else rows

    def mean(self, value: str, **config):
        """The mean over the seeds, shape (...) of one value."""
        return self.values(value, **config).mean(axis=0)

    def interval(self, value: str, **config) -> tuple:
        """The 95 % t-interval (low, high) of the mean over the seeds."""
        return interval(self.values(value, **config))


def mean_and_half_width(rows: np.ndarray) -> tuple:
    """Mean over the first axis and half the width of its 95 % t-interval.

    `rows`: shape (n, ...), both results: (...). The half width of one row is NaN.
    """
    from scipy.stats import t

    rows = np.asarray(rows, dtype=float)
    n = len(rows)
    if n < 2:
        return rows.mean(axis=0), np.full(rows.shape[1:], np.nan)[()]
    error = rows.std(axis=0, ddof=1) / np.sqrt(n)
    return rows.mean(axis=0), t.ppf((1 + LEVEL) / 2, n - 1) * error


def interval(rows: np.ndarray) -> tuple:
    """The 95 % t-interval (low, high) of the mean over the first axis."""
    mean, half = mean_and_half_width(rows)
    return mean - half, mean + half


def in_text(rows: np.ndarray, form: str = ".3g") -> str:
    """The mean ± half the width of its 95 % t-interval; of one row, the row.

    `rows`: shape (n,); `form`: a format such as `.3g` or `.1%`.
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
    go into the record. A full run needs real data and raises `RuntimeError` on the
    stand-in; a `BOOK_SCALE` of another name is a `ValueError`.
    """
    scale = os.environ.get("BOOK_SCALE", "quick")
    if scale not in ("quick", "full", "again"):
        raise ValueError(
            f"BOOK_SCALE is {scale!r}; it must be 'quick', 'full' or 'again'"
        )
    if scale != "quick" and os.environ.get("BOOK_ONLY", name) != name:
        if record := _load(name):
            return Study(name, None, record, data)
        scale = "quick"
    budget = dict(quick if scale == "quick" else full)
    seeds = range(budget.pop("seeds"))
    tasks = [(c, s) for s in seeds for c in _configurations(grid)]
    if scale == "quick":
        live = Runs([_run(function, c, s, budget) for c, s in tasks])
        return Study(name, live, _load(name), data)
    for dataset in data:
        if dataset.source == "stand-in":
            raise RuntimeError(f"{name}: a recorded run needs the real {dataset.name}")
    if scale == "again":
        record = _load(name)
        again = repeat(record, function, tasks, budget, data)
        write_json(FOLDER / ".partial" / "again" / f"{name}.json", again)
        return Study(name, None, record, data)
    runs = _run_all(name, function, tasks, budget, data)
    record = {
        "name": name,
        "title": title,
        "question": question,
        "command": f"make results ONLY={name}",
        "budget": budget,
        **provenance(data),
        "seconds": round(sum(run["seconds"] for run in runs), 1),
        "runs": runs,
    }
    write_json(FOLDER / f"{name}.json", record)
    kept, killed = (FOLDER / ".partial" / name).iterdir(), FOLDER.glob(f"{name}.*.tmp")
    for file in (*kept, *killed):  # now that nothing can be lost
        file.unlink()
    return Study(name, None, record, data)


def _configurations(grid) -> list[dict]:
    if isinstance(grid, list):
        return grid
    return [
        dict(zip(grid, point, strict=True))
        for point in itertools.product(*grid.values())
    ]


def _run(function, config, seed, budget, checkpoint=None) -> dict:
    if "checkpoint" in inspect.signature(function).parameters:
        budget = budget | {"checkpoint": checkpoint}
    start = time.time()
    values = function(**config, seed=seed, **budget)
    seconds = round(time.time() - start, 2)
    return {"config": config, "seed": seed, "values": values, "seconds": seconds}


def _run_all(name, function, tasks, budget, data) -> list[dict]:
    """All runs; each is kept as soon as it is finished, so a killed study resumes."""
    from joblib import Parallel, delayed
    from tqdm import tqdm

    folder = FOLDER / ".partial" / name
    folder.mkdir(parents=True, exist_ok=True)
    common = [inspect.getsource(function), budget, [d.sha256 for d in data]]

    def path_of(config, seed):
        key = json.dumps([common, config, seed], sort_keys=True)
        return folder / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.json"

    def finish(config, seed):
        path = path_of(config, seed)
        checkpoint = path.with_suffix(".pt")
        write_json(path, _run(function, config, seed, budget, checkpoint))
        checkpoint.unlink(missing_ok=True)

    left = [task for task in tasks if not path_of(*task).exists()]
    runs = Parallel(n_jobs=os.cpu_count(), return_as="generator_unordered")(
        delayed(finish)(*task) for task in left
    )
    for _ in tqdm(runs, name, total=len(tasks), initial=len(tasks) - len(left)):
        pass
    return [json.loads(path_of(*task).read_text()) for task in tasks]


# ------------------------------------------------------------------ again


def repeat(record: dict | None, function, tasks, budget, data) -> dict:
    """Make one run of a record again, and say in words how it compares.

    It is the first, or the shortest if that took longer than `LONG` seconds.
    """
    if record is None:
        return {"outcome": "nothing is recorded"}
    old = record["runs"][0]
    if old["seconds"] > LONG:
        old = min(record["runs"], key=lambda run: run["seconds"])
    if old["seconds"] > LONG:
        return {"outcome": f"not repeated: each run takes over {LONG} s"}
    if _as_json(budget) != record["budget"]:
        return {"outcome": "off: the notebook has another budget"}
    used = {name: of["sha256"] for name, of in record["data"].items()}
    if used != {d.name: d.sha256 for d in data}:
        return {"outcome": "off: the data are others"}
    same = (
        [c, s] for c, s in tasks if _as_json([c, s]) == [old["config"], old["seed"]]
    )
    task = next(same, None)
    if task is None:
        return {"outcome": f"off: the notebook has no run {old['config']}"}
    new = _as_json(_run(function, *task, budget))
    others = [r["values"] for r in record["runs"] if r["config"] == old["config"]]
    outcome, error = compare(old["values"], new["values"], others)
    return {**new, "outcome": outcome, "error": error}


def compare(old: dict, new: dict, seeds: list[dict]) -> tuple[str, float]:
    """How the values of a repeated run compare, and the largest relative difference.

    They are *equal* up to `ROUNDING`, *within the spread* if no value has moved by more
    than the range of all `seeds`, both averaged over a list, or else *off*. Seconds are
    not compared.
    """
    worst, off = 0.0, [f"{key} is missing" for key in old.keys() ^ new.keys()]
    for key in (old.keys() & new.keys()) - {"seconds"}:
        rows = [old[key], new[key], *(values[key] for values in seeds)]
        if rows[0] == rows[1]:
            continue
        if len({np.shape(row) for row in rows}) > 1:
            rows = [np.size(row) for row in rows]  # lists of what was found
        rows = np.asarray(rows, dtype=float)
        moved = np.abs(rows[1] - rows[0]).mean()
        relative = moved / max(np.abs(rows[0]).mean(), np.finfo(float).tiny)
        worst = max(worst, relative)
        spread = np.ptp(rows[2:], axis=0).mean()
        if not (relative <= ROUNDING or moved <= spread):
            off.append(f"{key} moved by {moved:.2g}, the seeds by {spread:.2g}")
    if off:
        return f"off: {'; '.join(sorted(off))}", float(worst)
    return "equal" if worst <= ROUNDING else "within the spread", float(worst)


def _as_json(content):
    return json.loads(json.dumps(content))


def write_json(path: Path, content: dict) -> None:
    """Write to a temporary name and rename, so that no half-written file is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_text(_one_line_per_run(content))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _one_line_per_run(content: dict) -> str:
    head = {k: v for k, v in content.items() if k != "runs"}
    text = json.dumps(head, indent=1)
    if runs := [json.dumps(run) for run in content.get("runs", [])]:
        text = text[:-2] + ',\n "runs": [\n  ' + ",\n  ".join(runs) + "\n ]\n}"
    return text + "\n"


def provenance(data: tuple | list = ()) -> dict:
    """Date, machine, versions, data and commit, as a record has them."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "device": _device(),
        "versions": _versions(),
        "data": {d.name: {"source": d.source, "sha256": d.sha256} for d in data},
        "commit": _commit(),
    }


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    names = [
        line.partition(":")[2].strip()
        for line in _read("/proc/cpuinfo").splitlines()
        if line.startswith("model name")
    ]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("torch", "numpy", "scipy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    def git(*words):
        done = subprocess.run(
            ["git", "-C", FOLDER, *words], capture_output=True, text=True
        )
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", ".", ":!results")
    return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


# ------------------------------------------------------------------ reading


def _load(name: str) -> dict | None:
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def _label(config: dict) -> str:
    return ",".join(str(v) for v in config.values())


def lookup(name: str, path: str) -> float | str:
    """A number of a recorded result, for prose.

    `path` is a field of the whole (`date`, `device`, `seconds`, …) or
    `CONFIG.VALUE.STATISTIC`, where CONFIG joins the configuration's values by commas
    and STATISTIC is `mean`, `low`, `high`, `half` or `n`:
    `lookup("initializers", "relu,he.accuracy.mean")`. Raises `KeyError`.
    """
    record = _load(name)
    if record is None:
        raise KeyError(f"no recorded result {name!r}; `make results` makes it")
    if path in record:
        return record[path]
    try:
        label, value, statistic = path.rsplit(".", 2)
    except ValueError:
        raise KeyError(f"{name} has no field {path!r}") from None
    runs = Runs(record["runs"])
    config = {_label(c): c for c in runs.configs()}.get(label)
    if config is None:
        known = "; ".join(_label(c) for c in runs.configs())
        raise KeyError(f"{name} has no configuration {label!r}; there are: {known}")
    rows = runs.values(value, **config)
    mean, half = mean_and_half_width(rows)
    found = {
        "mean": mean,
        "half": half,
        "low": mean - half,
        "high": mean + half,
        "n": len(rows),
    }
    if statistic not in found:
        raise KeyError(f"{path!r}: the statistic must be one of {', '.join(found)}")
    return found[statistic]


class Study:
    """The recorded runs (`recorded`), and those made now (`quick`), or None each.

    `runs` are the recorded ones where there are any; `record` is the whole file.
    """

    def __init__(self, name, live: Runs | None, record: dict | None, data):
        self.name, self.quick, self.record, self.data = name, live, record, data
        self.recorded = Runs(record["runs"]) if record else None
        self.runs = self.recorded or live

    def table(self, value: str, form: str = ".3g") -> Table:
        """Recorded mean ± half the 95 % interval for each configuration, beside now.

        `value` as in `Runs.values`, `form` as in `in_text`.
        """
        head = list(self.runs.configs()[0]) + ["recorded", "this run"]
        body = []
        for config in self.runs.configs():
            cells = [self._cell(r, value, config, form) for r in self._columns()]
            body.append([str(v) for v in config.values()] + cells)
        return Table(head, body, self.note)

    def _columns(self):
        return self.recorded, self.quick

    @staticmethod
    def _cell(runs, value, config, form) -> str:
        if runs is None or config not in runs.configs():
            return "–"
        return in_text(runs.values(value, **config), form)

    @property
    def note(self) -> str:
        """Where the recorded runs come from, and what ran now."""
        if not self.record:
            return "Nothing recorded yet: `make results` does the full study."
        r = self.record
        seeds = len({run["seed"] for run in r["runs"]})
        real = f" on {', '.join(r['data'])}" if r["data"] else ""
        recorded = (
            f"Recorded: mean ± half of the 95 % t-interval over {seeds} seeds{real}; "
            f"{r['date']}, {r['device']}."
        )
        if self.quick is None:
            return recorded
        sources = ", ".join(f"{d.name} ({d.source})" for d in self.data)
        return f"{recorded} This run: a short one{' on ' if sources else ''}{sources}."


@dataclass(frozen=True)
class Table:
    """A small table with a note below; shows as HTML on a page and as plain text."""

    head: list[str]
    body: list[list[str]]
    note: str = ""

    def __repr__(self) -> str:
        rows = [self.head, *self.body]
        widths = [max(len(row[k]) for row in rows) for k in range(len(self.head))]
        lines = [
            "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in rows
        ]
        return "\n".join([*lines, self.note])

    def _repr_html_(self) -> str:
        from html import escape

        def row(cells, tag):
            return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)

        head = f"<thead><tr>{row(self.head, 'th')}</tr></thead>"
        body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in self.body)
        note = f"<caption>{escape(self.note)}</caption>" if self.note else ""
        return f'<table class="table">{note}{head}<tbody>{body}</tbody></table>'
