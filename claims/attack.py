"""Alter the claims of the notebooks and demand that their checks say no.

    python tools/mutants.py [--only NOTEBOOK] [--share 0.1]

A check compares what is measured with what is stated. Here the side that is *stated* is
altered, in one place at a time (tools/alter.py), and the check is run again with the
same measured values. What is stated is an argument of the check, with all statements
that lead to this argument alone (tools/claims.py). Of a bound, which has no such side,
the relation of each pair of entries is reversed, and both arguments are altered where
that makes the claim stronger.

Each altered claim runs in a process of its own, which is a copy of the notebook's at
that check. The verdicts:

=========  ========================================================================
refused    the check raised `CheckFailed`
error      the altered claim could not be evaluated or compared
survived   the check passed
same       the altered claim states the same as the original: equal numbers, or sympy
           proves it; it does not count
weaker     the altered bound follows from the original one; it does not count
unclear    the claim as it is fails too when it is executed once more: a fault of the
           tool or of the cell, which has to be mended
=========  ========================================================================

What was found is written to book/mutants.json, which the book shows. A notebook whose
cells have not changed since is not run again. The exit status is 1 if an altered claim
survived that book/mutants.yml does not explain.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import itertools
import json
import os
import random
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import sympy
import torch
import yaml
from alter import alterations
from claims import Code, Statement, names
from execute import notebooks
from folder import ROOT
from myst_nb.core.read import myst_nb_reader_plugin
from tqdm import tqdm

from helpers import check, results

RECORD = ROOT / "book" / "mutants.json"
EXPLAINED = ROOT / "book" / "mutants.yml"
ENTRIES = 12  # of an array are altered one by one
LIMIT = 60  # seconds for one altered claim
RANDOM = ("rand", "default_rng", "Generator", "manual_seed", "normal", "permutation")


@dataclass(frozen=True)
class Mutant:
    """An altered claim: what is executed again, and the arguments that state it."""

    kind: str
    what: str
    line: int
    run: list[tuple[int, ast.stmt]]
    arguments: list[ast.expr]


class Check:
    """A check of a notebook, with the ways to alter its claim."""

    def __init__(self, code: Code, top: int, call: ast.Call):
        self.code, self.top, self.call = code, top, call
        self.kind = call.func.attr
        self.id = ast.literal_eval(call.args[0])
        self.line = code.lines[top]
        self.places = (1, 2) if self.kind == "bound" else (2,)
        self.wide: set[int] = set()
        if self.kind == "identity" and ast.unparse(call.args[2]) == "0":
            self.places = (1,)

    @cached_property
    def stated(self) -> list[ast.expr]:
        """The arguments that state the claim."""
        unpacked = any(isinstance(a, ast.Starred) for a in self.call.args)
        return [] if unpacked else [self.call.args[k] for k in self.places]

    @cached_property
    def slice(self) -> set[Statement]:
        """The statements that lead to what is stated."""
        return self.code.slice(names(self.stated)[1], self.top)

    @cached_property
    def alone(self) -> list[Statement]:
        """Those of them that say something, and that lead to nothing measured."""
        if self.kind == "bound":
            found = [
                self.code.origins(argument.id, self.top)
                for argument in self.stated
                if isinstance(argument, ast.Name)
            ]
            return [o[0] for o in found if len(o) == 1 and _says(o[0])]
        rest = [a for k, a in enumerate(self.call.args) if k not in self.places]
        rest += [keyword.value for keyword in self.call.keywords]
        measured = self.code.slice(names(rest)[1], self.top)
        found = list(filter(_says, self.slice - measured))
        return sorted(found, key=lambda s: s.top)

    def mutants(self) -> Iterator[Mutant]:
        """All alterations of the claim."""
        for k, argument in enumerate(self.stated):
            for kind, what, new in alterations(argument):
                arguments = [*self.stated[:k], new, *self.stated[k + 1 :]]
                yield Mutant(kind, what, self.line, [], arguments)
        for statement in self.alone:
            top, line = self.code.tops[statement.top], self.code.lines[statement.top]
            line += statement.node.lineno - top.lineno
            for kind, what, new in alterations(statement.node):
                run = self.again(statement.top, _with(top, statement.node, new))
                yield Mutant(kind, what, line, run, self.stated)

    def again(self, top: int, changed: ast.stmt) -> list[tuple[int, ast.stmt]]:
        """What has to be executed once more after a change, in order."""
        tops = {top}
        while True:
            touched = [s for s in self.slice if s.top in tops]
            fresh = {name for s in touched for name in s.defines}
            more = {s.top for s in self.slice if s.uses & fresh and s.top > top}
            # what a statement adds to is made anew
            changing = {n for s in touched if not s.kills for n in s.defines}
            more |= {s.top for s in self.slice if s.defines & changing}
            if more <= tops:
                break
            tops |= more
        if top in self.wide:  # an object is changed by way of another: whole cells
            cells = {self.code.ends[k] for k in (*tops, self.top)}
            tops = {k for k in range(self.top) if self.code.ends[k] in cells}
        return [(k, changed if k == top else self.code.tops[k]) for k in sorted(tops)]

    def control(self, top: int) -> Mutant:
        """The claim as it is, with all executed again that a change would."""
        run = self.again(top, self.code.tops[top])
        return Mutant("", "", self.code.lines[top], run, self.stated)

    def defined(self, top: int) -> set[str]:
        """What a statement defines of that which leads to the claim."""
        found = {name for s in self.slice if s.top == top for name in s.defines}
        if self.wide:
            found |= names([self.code.tops[top]])[0]
        return found


def _says(statement: Statement) -> bool:
    """Whether a statement says something: no import, no head of a loop, no chance."""
    if statement.is_head or isinstance(statement.node, ast.Import | ast.ImportFrom):
        return False
    text = ast.unparse(statement.node)
    return not any(word in text for word in RANDOM)


def _with(root: ast.stmt, old: ast.AST, new: ast.AST) -> ast.stmt:
    """A copy of a statement in which one inside is another."""
    if root is old:
        return new
    place = next(k for k, node in enumerate(ast.walk(root)) if node is old)
    copied = copy.deepcopy(root)
    twin = next(itertools.islice(ast.walk(copied), place, None))
    for node in ast.walk(copied):
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and any(item is twin for item in value):
                value[value.index(twin)] = new
    return copied


# --------------------------------------------------------------------- verdicts


class Trial:
    """A check with its measured values, to be tried with altered claims."""

    def __init__(self, one: Check, arguments: tuple, options: dict):
        self.one, self.arguments, self.options = one, arguments, options
        self.stated = [arguments[k] for k in one.places]
        self.strength = self.check(self.stated).strength

    def check(self, stated: list) -> check.Result:
        """The check of this claim."""
        arguments = list(self.arguments)
        for place, argument in zip(self.one.places, stated, strict=True):
            arguments[place] = argument
        return getattr(check, self.one.kind)(*arguments, **self.options)

    def verdict(self, altered: list) -> tuple[str, str]:
        """What the check says of an altered claim."""
        if all(map(_same, altered, self.stated)):
            return "same", ""
        if self.one.kind == "bound" and self.follows(altered):
            return "weaker", ""
        try:
            result = self.check(altered)
        except check.CheckFailed as error:
            return "refused", str(error)
        except Exception as error:
            return "error", f"{type(error).__name__}: {error}"
        if result.method == "proved by sympy":
            return "same", ""
        return "survived", self.moved(altered)

    def follows(self, altered: list) -> bool:
        """Whether an altered bound follows from the one that is stated."""
        try:
            (low, high), (lower, upper) = map(_arrays, (self.stated, altered))
            return bool(np.all(lower <= low) and np.all(upper >= high))
        except (TypeError, ValueError):
            return False

    def moved(self, altered: list) -> str:
        """By how much an alteration moves what is stated."""
        try:
            old, new = map(_arrays, (self.stated, altered))
            size = max(np.abs(a).max() for a in old)
            change = max(np.abs(a - b).max() for a, b in zip(old, new, strict=True))
            return f"moves what is stated by {change / size:.1g} of its size"
        except (TypeError, ValueError):
            return ""

    def direct(self) -> Iterator[tuple[str, list]]:
        """Alterations of the stated numbers, or of the relation of a bound."""
        if self.one.kind == "gradient":
            formula = self.stated[0]
            yield "sign: the formula", [_after(formula, lambda g: -g)]
            yield "constant: the formula", [_after(formula, lambda g: 1.05 * g)]
            return
        if self.one.kind == "identity":
            (claim,) = map(sympy.sympify, self.stated)
            if claim != 0:
                yield "sign: the claim", [-claim]
                yield "constant: the claim", [check.COEFFICIENT * claim]
            return
        if self.one.kind == "bound":
            for low, high in _reversed(*np.broadcast_arrays(*_arrays(self.stated))):
                yield "relation: one pair reversed", [low, high]
            return
        value = check._numbers("", self.stated[0])
        exact = np.issubdtype(value.dtype, np.integer)
        for place in itertools.islice(np.ndindex(value.shape), ENTRIES):
            entry = value[place]
            larger = entry + max(1, abs(entry) // 20) if exact else 1.05 * entry or 1
            for what, other in (("sign", -entry), ("constant", larger)):
                altered = value.copy()
                altered[place] = other
                yield f"{what}: the entry {[*place]}", [altered]
        if value.ndim and len(value) > 1:
            yield "index: all entries one place further", [np.roll(value, 1, axis=0)]
        if value.ndim == 2 and value.shape[0] == value.shape[1]:
            yield "transpose: the stated matrix", [value.T]


def _after(formula: Callable, change: Callable) -> Callable:
    """A formula for gradients, all changed in one way."""

    def changed(*inputs):
        found = formula(*inputs)
        return tuple(map(change, found)) if isinstance(found, tuple) else change(found)

    return changed


def _reversed(low: np.ndarray, high: np.ndarray) -> Iterator[tuple]:
    """Both sides of a bound, with one pair of entries exchanged."""
    for place in itertools.islice(np.ndindex(low.shape[:1]), ENTRIES):
        lower, upper = low.copy(), high.copy()
        lower[place], upper[place] = high[place], low[place]
        yield lower, upper


def _arrays(values: list) -> list[np.ndarray]:
    return [check._numbers("", value).astype(float) for value in values]


def _same(one, other) -> bool:
    """Whether these say the same, but for rounding."""
    try:
        a, b = _arrays([one, other])
        return a.shape == b.shape and np.allclose(a, b, rtol=1e-13, atol=0)
    except (TypeError, ValueError):
        pass
    try:
        return bool(sympy.sympify(one) == sympy.sympify(other))
    except (sympy.SympifyError, TypeError, ValueError):
        return False


# ---------------------------------------------------------------------- running


class Session:
    """A notebook that is executed here, statement by statement."""

    def __init__(self, code: Code, share: float):
        self.code = code
        self.space: dict = {"__name__": "__main__"}
        found = [Check(code, top, call) for top, call in code.checks()]
        self.checks = {one.top: one for one in found}
        ends = {code.ends[s.top] for one in found for s in one.slice}
        self.kept = {k for k, end in enumerate(code.ends) if end in ends}
        self.before: dict[int, dict] = {}
        self.share = share

    def run(self, report: Callable[[], object]) -> list[dict]:
        """Execute all; what became of the altered claims of each check."""
        found = []
        for k, top in enumerate(self.code.tops):
            if k in self.kept:
                self.before[k] = dict(self.space), _chance(self.space)
            if k in self.checks:
                found.append(self.attack(self.checks[k]))
                report()
            else:
                _execute(top, self.space)
        return found

    def attack(self, one: Check) -> dict:
        """Run a check as it is, and then with each altered claim."""
        arguments = self.value(ast.Tuple(one.call.args, ast.Load()))
        options = {k.arg: self.value(k.value) for k in one.call.keywords}
        trial = Trial(one, arguments, options)
        verdicts, survivors = Counter(), []
        for line, what, verdict, how in self.verdicts(trial):
            verdicts[verdict] += 1
            if verdict in ("survived", "unclear"):
                survivors.append({"line": line, "what": what, "how": how})
        return {"id": one.id, "verdicts": verdicts, "survivors": survivors}

    def verdicts(self, trial: Trial) -> Iterator[tuple[int, str, str, str]]:
        """The line and the name of each altered claim, the verdict and its reason."""
        one = trial.one
        for top in sorted({s.top for s in one.alone}):
            verdict, _ = _in_a_copy(lambda k=top: self.judge(trial, one.control(k)))
            if verdict in ("same", "survived"):
                continue
            one.wide.add(top)
            verdict, how = _in_a_copy(lambda k=top: self.judge(trial, one.control(k)))
            if verdict not in ("same", "survived"):
                yield self.code.lines[top], "nothing altered", "unclear", how
        numbers: Counter = Counter()
        for mutant in self.chosen(one, trial):
            what = f"{mutant.kind}: {mutant.what}"
            numbers[what] += 1
            what += f" ({numbers[what]})" if numbers[what] > 1 else ""
            verdict, how = _in_a_copy(lambda m=mutant: self.judge(trial, m))
            yield mutant.line, what, verdict, how
        for what, altered in trial.direct():
            yield one.line, what, *trial.verdict(altered)

    def chosen(self, one: Check, trial: Trial) -> Iterator[Mutant]:
        """The mutants to try: all, or a share of them."""
        dice = random.Random(f"{one.id} {one.top}")
        has_room = one.kind == "bound" and trial.strength != "attained"
        for mutant in one.mutants():
            if has_room and mutant.kind in ("constant", "coefficient"):
                continue  # 5 % more or less is not what such a bound claims
            if dice.random() < self.share:
                yield mutant

    def value(self, expression: ast.expr):
        """What an expression is worth now."""
        whole = ast.fix_missing_locations(ast.Expression(expression))
        code = compile(whole, "<claim>", "eval")
        return eval(code, self.space)

    def judge(self, trial: Trial, mutant: Mutant) -> tuple[str, str]:
        """The verdict about an altered claim; this changes the notebook's state."""
        now, fresh = dict(self.space), {}
        try:
            for k, top in mutant.run:
                values, chance = self.before[k]
                self.put(values | fresh)
                for restore, state in chance:
                    restore(state)
                _execute(top, self.space)
                defined = trial.one.defined(k) & self.space.keys()
                fresh |= {name: self.space[name] for name in defined}
            self.put(now | fresh)
            altered = [self.value(argument) for argument in mutant.arguments]
        except Exception as error:
            return "error", f"{type(error).__name__}: {error}"
        return trial.verdict(altered)

    def put(self, values: dict) -> None:
        """Give all names these values; functions see them too."""
        self.space.clear()
        self.space.update(values)


def _chance(space: dict) -> list[tuple[Callable, object]]:
    """The states of all sources of random numbers, and how to restore them."""
    found = [
        (torch.set_rng_state, torch.get_rng_state()),
        (np.random.set_state, np.random.get_state()),
    ]
    for value in space.values():
        if isinstance(value, np.random.Generator):
            bits = value.bit_generator
            found.append((partial(setattr, bits, "state"), bits.state))
        elif isinstance(value, torch.Generator):
            found.append((value.set_state, value.get_state()))
    return found


def _execute(statement: ast.stmt, space: dict) -> None:
    module = ast.Module([ast.fix_missing_locations(statement)], [])
    exec(compile(module, "<notebook>", "exec"), space)


def _in_a_copy(judge: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    """The verdict from a copy of this process, which ends with it."""
    read, write = os.pipe()
    if not (child := os.fork()):
        os.close(read)
        signal.alarm(LIMIT)
        with os.fdopen(write, "w") as pipe:
            json.dump(judge(), pipe)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return tuple(json.loads(text)) if text else ("error", f"no verdict in {LIMIT} s")


def attack(path: Path, share: float) -> list[dict]:
    """The altered claims of each check of a notebook, or a share of them."""
    os.chdir(path.parent)
    session = Session(Code(cells(path)), share)
    bar = tqdm(total=len(session.checks), desc=path.stem, file=sys.__stderr__)
    with (
        open(os.devnull, "w") as nowhere,
        redirect_stdout(nowhere),
        redirect_stderr(nowhere),
        warnings.catch_warnings(action="ignore"),
    ):
        return session.run(bar.update)


def cells(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the source of each code cell of a notebook."""
    notebook = myst_nb_reader_plugin(str(path))
    lines = notebook.metadata["source_map"]
    for line, cell in zip(lines, notebook.cells, strict=True):
        if cell.cell_type == "code":
            yield line, cell.source


# ------------------------------------------------------------------- the record


def state_of(path: Path) -> str:
    """A hash of all that decides about the verdicts for a notebook."""
    tools = [ROOT / "tools" / f"{name}.py" for name in ("alter", "claims", "mutants")]
    state = hashlib.sha256("\n".join(source for _, source in cells(path)).encode())
    for file in (*tools, Path(check.__file__)):
        state.update(file.read_bytes())
    return state.hexdigest()[:16]


def recorded() -> dict:
    """What was found before."""
    return json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {"runs": []}


def explained() -> dict[tuple[str, str], str]:
    """Why an altered claim may survive, by id and by what was altered."""
    found = yaml.safe_load(EXPLAINED.read_text("utf-8")) or []
    return {(one["id"], what): one["why"] for one in found for what in one["what"]}


def try_all(paths: list[Path], share: float) -> Iterator[tuple[str, list[dict]]]:
    """The name of each notebook with its runs; notebooks go side by side."""
    # each in a process of its own: its cells may change what a process imports
    spawn = get_context("spawn")
    longest_first = sorted(paths, key=lambda p: p.stat().st_size, reverse=True)
    with ProcessPoolExecutor(os.cpu_count(), spawn, max_tasks_per_child=1) as pool:
        jobs = {pool.submit(attack, p, share): p.stem for p in longest_first}
        for job in as_completed(jobs):
            runs = [{"notebook": jobs[job], **one} for one in job.result()]
            yield jobs[job], runs


def show(runs: list[dict]) -> bool:
    """Print the numbers and what is not explained; whether all is explained."""
    for name in dict.fromkeys(run["notebook"] for run in runs):
        counted = total(run for run in runs if run["notebook"] == name)
        words = ", ".join(f"{n} {verdict}" for verdict, n in counted.most_common())
        print(f"{name}: {words}")
    known, good = explained(), True
    for run in runs:
        for one in run["survivors"]:
            if (run["id"], one["what"]) not in known:
                place = f"notebooks/{run['notebook']}.md:{one['line']}"
                print(f"{place}: {run['id']}: {one['what']} survives: {one['how']}")
                good = False
    return good


def total(runs: Iterable[dict]) -> Counter:
    """How often each verdict was given."""
    return sum((Counter(run["verdicts"]) for run in runs), Counter())


def keep(name: str, runs: list[dict], state: str, order: list[str]) -> None:
    """Put the runs of a notebook into the record."""
    old = recorded()
    others = [run for run in old["runs"] if run["notebook"] != name]
    record = {
        **results.provenance(),
        "cells": old.get("cells", {}) | {name: state},
        "runs": sorted(others + runs, key=lambda run: order.index(run["notebook"])),
    }
    results.write_json(RECORD, record)


def main() -> int:
    """Alter claims, record what was found, say what survived without a reason."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NOTEBOOK", help="such as general_review")
    parser.add_argument("--share", type=float, default=1.0, help="of the alterations")
    options = parser.parse_args()
    start, whole = time.perf_counter(), options.share == 1
    states = {path.stem: state_of(path) for path in notebooks()}
    done = recorded().get("cells", {}) if whole else {}
    wanted = [p for p in notebooks() if options.only in (None, p.stem)]
    paths = [p for p in wanted if done.get(p.stem) != states[p.stem]]
    found = []
    for name, runs in try_all(paths, options.share):
        found += runs
        if whole:
            keep(name, runs, states[name], [*states])
    print(f"Tried {len(paths)} notebooks in {time.perf_counter() - start:.0f} s.")
    names = [path.stem for path in wanted]
    if whole:
        found = [run for run in recorded()["runs"] if run["notebook"] in names]
    return 0 if show(found) else 1


if __name__ == "__main__":
    sys.exit(main())
