"""Alter what the checks of each problem state and measure; they have to say no.

What is altered, and how, stands in the package `claims`. What was found is written to
results/measured/altered.json, which the book shows; a problem is tried again when its
code or the package has changed. The exit status is 1 if a problem fails, or something
altered survived that book/altered.yml does not explain.
"""

import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import yaml
from tqdm import tqdm

import claims
from claims.attack import attack
from claims.slices import Code
from helpers.recording import MEASURED, provenance, record

from ..source.model import Book, Page, Problem
from ..workspace import ROOT, parse

RECORD = MEASURED / "altered.json"
SIDES = {"stated": "verdicts", "measured": "measured"}  # where a run has its verdicts
PACKAGE = sorted(Path(claims.__file__).parent.glob("*.py"))


class Task:
    """A problem to be tried: name, page, code with lines; what decides, as a hash."""

    def __init__(self, page: Page, problem: Problem):
        self.page = page.path
        self.name = problem.label or f"{page.path.stem}: {problem.title}"
        self.cells = [(b.body_line, b.body) for b in page.opening + problem.cells]
        code = json.dumps([text for _, text in self.cells]).encode()
        everything = b"".join([code, *(path.read_bytes() for path in PACKAGE)])
        self.state = hashlib.sha256(everything).hexdigest()[:16]

    def run(self, share: float) -> tuple[list[dict], float]:
        """What became of each check with altered sides, and the seconds it took."""
        os.chdir(self.page.parent)
        start, total = time.perf_counter(), len([*Code(self.cells).checks()])
        found = tqdm(attack(self.cells, share), self.name, total, file=sys.__stderr__)
        head = {"notebook": self.page.stem, "problem": self.name}
        return [head | run for run in found], time.perf_counter() - start


def tasks() -> list[Task]:
    """The problems with code, in the order of the book."""
    pages = Book().notebooks
    return [Task(page, one) for page in pages for one in page.problems if one.cells]


def recorded() -> dict:
    """What was found before."""
    none = {"problems": {}, "runs": []}
    return json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else none


def keep(task: Task, runs: list[dict], seconds: float, order: list[str]) -> None:
    """Put the runs of a problem into the record, sorted by problem."""
    old, now = recorded(), provenance()
    made = {"date": now["date"], "commit": now["commit"], "state": task.state}
    problems = old["problems"] | {task.name: made | {"seconds": round(seconds, 1)}}
    runs = runs + [run for run in old["runs"] if run["problem"] != task.name]
    record(
        "altered",
        [run for name in order for run in runs if run["problem"] == name],
        title="Claims that were altered, and what the checks said",
        command="make mutants",
        seconds=round(sum(one.get("seconds", 0) for one in problems.values()), 1),
        folder=RECORD.parent,
        problems={name: problems[name] for name in order if name in problems},
    )


def reasons() -> list[dict]:
    """Why something altered may survive: for some ids, a side, and what was altered."""
    found = yaml.safe_load((ROOT / "book/altered.yml").read_text("utf-8")) or []
    for one in found:
        one["id"] = [one["id"]] if isinstance(one["id"], str) else one["id"]
        one.setdefault("side", "stated")
    return found


def explained() -> dict[tuple[str, str, str], str]:
    """Why something altered may survive, by id, side, and what was altered."""
    return {
        (id, one["side"], what): one["why"]
        for one in reasons()
        for id in one["id"]
        for what in one["what"]
    }


def key(run: dict, survivor: dict) -> tuple[str, str, str]:
    """By what a survivor is explained."""
    return run["id"], survivor.get("side", "stated"), survivor["what"]


def total(runs: Iterable[dict], side: str = "stated") -> Counter:
    """How often each verdict was given about a side."""
    return sum((Counter(run.get(SIDES[side])) for run in runs), Counter())


def show(runs: list[dict]) -> bool:
    """Print the numbers and what is not explained; whether all is explained."""
    for name in dict.fromkeys(run["problem"] for run in runs):
        for side in SIDES:
            counted = total((run for run in runs if run["problem"] == name), side)
            words = ", ".join(f"{n} {verdict}" for verdict, n in counted.most_common())
            print(f"{name}, {side}: {words or 'nothing altered'}")
    # of the programs that measure, a few may survive; which ones, the record says
    known = explained().keys() | {
        key(run, one)
        for run in recorded()["runs"]
        for one in run["survivors"]
        if one.get("side") == "measured"
    }
    found = [(run, one) for run in runs for one in run["survivors"]]
    left = [(run, one) for run, one in found if key(run, one) not in known]
    for run, one in left:
        place = f"notebooks/{run['notebook']}.md:{one['line']}"
        side, what = key(run, one)[1:]
        print(f"{place}: {run['id']}, {side}: {what} survives: {one['how']}")
    return not left


def main(arguments: list[str]) -> int:
    """Alter both sides, record what was found, say what survived without a reason."""
    part = {"type": float, "default": 1.0, "help": "of the alterations"}
    share = parse(__doc__, arguments, {"--share": part}).share
    known, whole = tasks(), share == 1
    order = [task.name for task in known]
    done = recorded()["problems"] if whole else {}
    left = [t for t in known if done.get(t.name, {}).get("state") != t.state]
    left.sort(key=lambda task: -len(str(task.cells)))  # the longest first
    start, found, good = time.perf_counter(), [], True
    # each in a process of its own: its cells may change what a process imports
    spawn = get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), spawn, max_tasks_per_child=1) as pool:
        jobs = {pool.submit(task.run, share): task for task in left}
        for job in as_completed(jobs):
            task = jobs[job]
            try:
                runs, seconds = job.result()
            except RuntimeError as error:
                print(f"notebooks/{task.page.name}:{error}")
                good = False
                continue
            found += runs
            if whole:
                keep(task, runs, seconds, order)
    print(f"Tried {len(left)} problems in {time.perf_counter() - start:.0f} s.")
    good &= show(recorded()["runs"] if whole else found)
    return int(not good)
