"""Making records: all runs of a study, kept as they finish, and what made them.

A record names the commit of exactly the code that ran, "with changes" if any code has
differed from it since this module was imported. A finished run of an interrupted study
is used again only if its code, settings, data, packages and device are the same.
"""

import hashlib
import inspect
import json
import os
import platform
import re
import subprocess
import sys
from contextlib import suppress
from datetime import datetime, timezone
from importlib.metadata import distributions, version
from pathlib import Path

import numpy as np
from IPython import get_ipython
from joblib import Parallel, delayed
from tqdm import tqdm

from helpers import results
from helpers.files import write_whole
from helpers.results import MEASURED

__all__ = ["MEASURED", "compare", "make", "make_again", "provenance", "record"]

ROOT = Path(__file__).resolve().parent.parent
SHARED = ("helpers", "claims")
LONG = 300  # seconds; no longer run is repeated
ROUNDING = 1e-6  # relative difference between machines and versions, at least


class Repository:
    """A folder, and which commit of it runs, from when this is made."""

    def __init__(self, root: Path):
        self.root, self.changed, self.lacking = root, False, ""
        below = self._git("rev-parse", "--show-prefix")
        self.start = self._git("rev-parse", "--short", "HEAD")
        if below is None and (root / ".git").exists():
            self.lacking = "a repository that git cannot read"
        elif below != "":  # None: git finds none; a path: it finds one further up
            self.lacking = "no repository"
        elif self.start is None:
            self.lacking = "nothing committed yet"
        self.commit()

    def commit(self) -> str:
        """The first commit, and whether code differed since; or why there is none."""
        if self.lacking:
            return self.lacking
        code = "--", ".", ":(exclude)results"
        changed = self._git("status", "--porcelain", "--untracked-files=normal", *code)
        moved = self._git("diff", "--name-only", self.start, "HEAD", *code)
        self.changed |= changed != "" or moved != "" or not self._has(cells())
        return self.start + " with changes" * self.changed

    def _has(self, cells: list[str]) -> bool:
        texts = [path.read_text("utf-8") for path in self.root.glob("notebooks/*.md")]
        for path in self.root.glob("notebooks/*.ipynb"):
            parts = json.loads(path.read_text("utf-8"))["cells"]
            texts += ["".join(part["source"]) for part in parts]
        return all(any(cell.strip() in text for text in texts) for cell in cells)

    def _git(self, *words: str) -> str | None:
        known = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        command = ["git", "--no-optional-locks", "-C", self.root, *words]
        options = {"env": known, "text": True, "stderr": subprocess.DEVNULL}
        with suppress(OSError, subprocess.CalledProcessError):
            return subprocess.check_output(command, **options).strip()


def cells() -> list[str]:
    """What was executed in this session of IPython; the last cell once, if repeated."""
    shell = get_ipython()
    found = list(shell.history_manager.input_hist_raw[1:]) if shell else []
    while len(found) > 1 and found[-1] == found[-2]:
        found.pop()
    return found


def _shared_code() -> str:
    paths = (path for name in SHARED for path in ROOT.glob(f"{name}/**/*.py"))
    return _hash({p.relative_to(ROOT).as_posix(): p.read_text("utf-8") for p in paths})


def _hash(content) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


_REPOSITORY = Repository(ROOT)
_LOADED = _shared_code()


def provenance(data: tuple | list = ()) -> dict:
    """Date, machine, versions, data and commit, as a record has them."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "device": _device(),
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("torch", "numpy", "scipy")},
        "data": {d.name: {"source": d.source, "sha256": d.sha256} for d in data},
        "commit": _REPOSITORY.commit(),
    }


def record(name, runs, *, title, command, seconds, data=(), folder=MEASURED, **more):
    """Write `NAME.json` with its provenance, whole or not at all; the record.

    `runs` are as in `results.Runs`, `data` the data sets that were used. `more` are
    further fields: `question`, `budget` and `loads` stand before the provenance, others
    behind it. What provenance found may be among them, and is replaced.
    """
    content = {"name": name, "title": title, "question": "", "command": command}
    content |= {word: more[word] for word in ("budget", "loads") if word in more}
    content |= {**provenance(data), "seconds": seconds, **more}
    text = json.dumps(content, indent=1)
    if lines := ",\n  ".join(map(json.dumps, runs)):
        text = f'{text[:-2]},\n "runs": [\n  {lines}\n ]\n}}'
    write_whole(folder / f"{name}.json", text + "\n")
    return content | {"runs": runs}


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    told = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.+)", told.read_text() if told.exists() else "")
    return f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores"


def make(name, function, tasks, budget, data, about) -> None:
    """Make all runs of a study, those that are left, and record them.

    `tasks`: a configuration and a seed each; `about`: `title` and `question`; the rest
    is as in `results.study`. A killed study resumes: each finished run is kept.
    """
    same = [_code_of(function), budget, sorted(d.sha256 for d in data), _surroundings()]
    folder = _partial(name)
    paths = {folder / f"{_hash([same, *task])[:20]}.json": task for task in tasks}
    kept = set(folder.glob("*.json"))
    if others := len(kept - set(paths)):
        print(
            f"{name}: {others} finished runs are of another version (code, settings, "
            "data or packages); they are not used and made anew.",
            file=sys.stderr,
        )
    left = {path: task for path, task in paths.items() if path not in kept}
    finish, made = delayed(_finish), {}
    work = Parallel(n_jobs=os.cpu_count(), return_as="generator_unordered")(
        finish(path, _LOADED, function, *task, budget) for path, task in left.items()
    )
    bar = tqdm(work, name, total=len(paths), initial=len(paths) - len(left))
    for path, run, is_kept in bar:
        made[path] = run
        _REPOSITORY.changed |= not is_kept
    runs = [made.get(path) or json.loads(path.read_text()) for path in paths]
    about |= {"budget": budget, "command": f"make results ONLY={name}"}
    about |= {"seconds": round(sum(run["seconds"] for run in runs), 1)}
    record(name, runs, data=data, folder=results.FOLDER, **about)
    killed = results.FOLDER.glob(f"{name}.json.*.tmp")
    for file in (*folder.iterdir(), *killed):  # now that nothing can be lost
        file.unlink()


def _partial(name: str) -> Path:
    folder = results.FOLDER / ".partial" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _finish(path: Path, code: str, function, *task) -> tuple[Path, dict, bool]:
    """One run, and whether it is kept: not where the shared code is another."""
    checkpoint = path.with_suffix(".pt") if code == _LOADED else None
    run = json.dumps(results.run(function, *task, checkpoint))
    if is_kept := code == _LOADED == _shared_code():
        write_whole(path, run)
        path.with_suffix(".pt").unlink(missing_ok=True)
    return path, json.loads(run), is_kept


def _code_of(function) -> list:
    """The code that a run may call; where that cannot be read, nothing equals it."""
    try:
        module = Path(inspect.getsourcefile(function)).read_text("utf-8")
    except (OSError, TypeError):
        module = ""
    return [_LOADED, module, cells()] if module or cells() else [os.urandom(20).hex()]


def _surroundings() -> list:
    packages = sorted([d.metadata["Name"], d.version] for d in distributions())
    return [_device(), platform.python_version(), packages]


def make_again(name, function, tasks, budget, data) -> None:
    """Repeat the first run of a record, or the shortest, and keep how it compares."""
    found = _repeat(results.load(name), function, tasks, budget, data)
    write_whole(_partial("again") / f"{name}.json", json.dumps(found))


def _repeat(record: dict | None, function, tasks, budget, data) -> dict:
    if record is None:
        return {"outcome": "nothing is recorded"}
    old = record["runs"][0]
    if old["seconds"] > LONG:
        old = min(record["runs"], key=lambda run: run["seconds"])
    if old["seconds"] > LONG:
        return {"outcome": f"not repeated: each run takes over {LONG} s"}
    if _hash(budget) != _hash(record["budget"]):
        return {"outcome": "off: the notebook has another budget"}
    used = {name: of["sha256"] for name, of in record["data"].items()}
    if used != {d.name: d.sha256 for d in data}:
        return {"outcome": "off: the data are others"}
    task = {_hash(t): t for t in tasks}.get(_hash([old["config"], old["seed"]]))
    if task is None:
        return {"outcome": f"off: the notebook has no run {old['config']}"}
    new = json.loads(json.dumps(results.run(function, *task, budget)))
    others = [r["values"] for r in record["runs"] if r["config"] == old["config"]]
    outcome, error = compare(old["values"], new["values"], others)
    return {**new, "outcome": outcome, "error": error}


def compare(old: dict, new: dict, seeds: list[dict]) -> tuple[str, float]:
    """How the values of a repeated run compare, and the largest relative difference.

    They are *equal* up to `ROUNDING`, *within the spread* if no value has moved by more
    than the range of all `seeds`, both averaged over a list, or else *off*.
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
