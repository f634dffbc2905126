"""Alter the claims of a program and demand that its checks say no.

Of what a check compares, the side that is *stated* is altered, in one place at a time
(`alterations`), and the check is run again with the same measured values. What is
stated is an argument of the check, with all statements that lead to it alone
(`slices`). Of a bound, which has no such side, the relation of each pair of entries is
reversed, and both arguments are altered where that makes the claim stronger.

Each altered claim runs in a process of its own, which is a copy of the program's at
that check (so this needs Linux or macOS). The verdicts:

=========  ========================================================================
refused    the check raised `CheckFailed`
error      the altered claim could not be evaluated or compared
survived   the check passed
same       it states the same: equal numbers, or sympy proves it; it does not count
weaker     the altered bound follows from the original one; it does not count
unclear    the claim as it is fails too when it is executed once more: a fault of the
           tool or of the program, which has to be mended
=========  ========================================================================
"""

from __future__ import annotations

import ast
import itertools
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cached_property, partial
from typing import Any

import numpy as np
import sympy

from . import check
from .alterations import alterations, replaced
from .slices import Code, Statement, names

__all__ = ["attack"]
ENTRIES = 12  # of an array are altered one by one
LIMIT = 60  # seconds for one altered claim
GOOD = ("same", "survived")  # verdicts about a claim that is not altered
RANDOM = ("rand", "default_rng", "Generator", "manual_seed", "normal", "permutation")


def attack(cells: Iterable[tuple[int, str]], share: float = 1.0) -> Iterator[dict]:
    """Run a program, and each of its checks with all altered claims, or a share.

    `cells`: the program in pieces, each with the number of its first line. A dict for
    each check, as soon as it is done: its `id`, how often each verdict was given
    (`verdicts`), and the `line`, `what` was altered and `how` for each of the
    `survivors`. What the program prints is lost; an error in it becomes a
    `RuntimeError` that begins with the line.
    """
    session = Session(Code(cells), share)
    with open(os.devnull, "w") as nowhere:
        for number, line in enumerate(session.code.lines):
            try:
                with redirect_stdout(nowhere), redirect_stderr(nowhere):
                    found = session.step(number)
            except Exception as error:
                kind = type(error).__name__
                raise RuntimeError(f"{line}: {kind}: {error}") from error
            if found:
                yield found


class Check:
    """A check of a program, with the ways to alter its claim."""

    def __init__(self, code: Code, top: int, call: ast.Call):
        self.code, self.top, self.call = code, top, call
        self.kind, self.line = call.func.attr, code.lines[top]
        self.id = ast.literal_eval(call.args[0])
        self.wide: set[int] = set()
        self.places = (1, 2) if self.kind == "bound" else (2,)
        if self.kind == "identity" and ast.unparse(call.args[2]) == "0":
            self.places = (1,)
        unpacked = any(isinstance(a, ast.Starred) for a in call.args)
        self.stated = [] if unpacked else [call.args[k] for k in self.places]
        self.slice = code.slice(names(self.stated)[1], top)

    @cached_property
    def alone(self) -> list[Statement]:
        """The statements that state something and lead to nothing measured."""
        if self.kind == "bound":
            named = [a.id for a in self.stated if isinstance(a, ast.Name)]
            origins = [self.code.origins(name, self.top) for name in named]
            return [o[0] for o in origins if len(o) == 1 and _states(o[0])]
        rest = [a for k, a in enumerate(self.call.args) if k not in self.places]
        rest += [keyword.value for keyword in self.call.keywords]
        own = self.slice - self.code.slice(names(rest)[1], self.top)
        return [s for s in self.code.statements if s in own and _states(s)]

    def mutants(self, has_room: bool) -> Iterator[tuple]:
        """Of each altered claim: line, name, what is executed again, what is stated."""
        numbers: Counter = Counter()
        for kind, what, line, again, stated in self._altered():
            if has_room and kind in ("constant", "coefficient"):
                continue  # 5 % more or less is not what such a bound claims
            name = f"{kind}: {what}"
            numbers[name] += 1
            name += f" ({numbers[name]})" if numbers[name] > 1 else ""
            yield line, name, again, stated

    def _altered(self) -> Iterator[tuple]:
        for k, argument in enumerate(self.stated):
            for kind, what, new in alterations(argument):
                stated = [*self.stated[:k], new, *self.stated[k + 1 :]]
                yield kind, what, self.line, [], stated
        for statement in self.alone:
            top, line = self.code.tops[statement.top], self.code.lines[statement.top]
            line += statement.node.lineno - top.lineno
            for kind, what, new in alterations(statement.node):
                again = self.again(statement.top, replaced(top, statement.node, new))
                yield kind, what, line, again, self.stated

    def again(
        self, top: int, changed: ast.stmt | None = None
    ) -> list[tuple[int, ast.stmt]]:
        """What has to be executed once more after a change, in order."""
        tops, more = set(), {top}
        while not more <= tops:
            tops |= more
            touched = [s for s in self.slice if s.top in tops]
            fresh = {name for s in touched for name in s.defines}
            more = {s.top for s in self.slice if s.uses & fresh and s.top > top}
            # what a statement adds to is made anew
            changing = {n for s in touched if not s.kills for n in s.defines}
            more |= {s.top for s in self.slice if s.defines & changing}
        if top in self.wide:  # an object is changed by way of another: whole cells
            cells = {self.code.ends[k] for k in (*tops, self.top)}
            tops = {k for k in range(self.top) if self.code.ends[k] in cells}
        changed = changed or self.code.tops[top]
        return [(k, changed if k == top else self.code.tops[k]) for k in sorted(tops)]

    def defined(self, top: int) -> set[str]:
        """What a statement defines of that which leads to the claim."""
        found = {name for s in self.slice if s.top == top for name in s.defines}
        return found | (names([self.code.tops[top]])[0] if self.wide else set())


def _states(statement: Statement) -> bool:
    """Whether a statement states something: no import, head of a loop, or chance."""
    if statement.is_head or isinstance(statement.node, ast.Import | ast.ImportFrom):
        return False
    text = ast.unparse(statement.node)
    return not any(word in text for word in RANDOM)


class Trial:
    """A check with its measured values, to be tried with altered claims."""

    def __init__(self, of: Check, value: Callable[[ast.expr], Any]):
        self.of = of
        self.arguments = value(ast.List(of.call.args, ast.Load()))
        self.options = {k.arg: value(k.value) for k in of.call.keywords}
        self.stated = [self.arguments[k] for k in of.places]
        result = self.outcome(self.stated)
        self.has_room = of.kind == "bound" and result.strength != "attained"

    def outcome(self, stated: list) -> check.Result:
        changed = dict(zip(self.of.places, stated, strict=True))
        arguments = [changed.get(k, a) for k, a in enumerate(self.arguments)]
        return getattr(check, self.of.kind)(*arguments, **self.options)

    def verdict(self, altered: list) -> tuple[str, str]:
        """The verdict about an altered claim, and its reason."""
        if all(map(_same, altered, self.stated)):
            return "same", ""
        with suppress(TypeError, ValueError):
            if self.of.kind == "bound":
                (low, high), (lower, upper) = map(_arrays, (self.stated, altered))
                if np.all(lower <= low) and np.all(upper >= high):
                    return "weaker", ""
        try:
            result = self.outcome(altered)
        except check.CheckFailed as error:
            return "refused", str(error)
        except Exception as error:
            return "error", f"{type(error).__name__}: {error}"
        if result.method == "proved by sympy":
            return "same", ""
        with suppress(TypeError, ValueError):
            old, new = map(_arrays, (self.stated, altered))
            size = max(np.abs(a).max() for a in old)
            change = max(np.abs(a - b).max() for a, b in zip(old, new, strict=True))
            moved = f"moves what is stated by {change / size:.1g} of its size"
            return "survived", moved
        return "survived", ""

    def direct(self) -> Iterator[tuple[str, list]]:
        """Alterations of the stated numbers, or of the relation of a bound."""
        claim = self.stated[0]
        if self.of.kind == "gradient":
            yield "sign: the formula", [_after(claim, lambda g: -g)]
            yield "constant: the formula", [_after(claim, lambda g: 1.05 * g)]
        elif self.of.kind == "identity":
            if (claim := sympy.sympify(claim)) != 0:
                yield "sign: the claim", [-claim]
                yield "constant: the claim", [check.COEFFICIENT * claim]
        elif self.of.kind == "bound":
            sides = np.broadcast_arrays(*_arrays(self.stated))
            for place in itertools.islice(np.ndindex(sides[0].shape[:1]), ENTRIES):
                low, high = (side.copy() for side in sides)
                low[place], high[place] = sides[1][place], sides[0][place]
                yield "relation: one pair reversed", [low, high]
        else:
            yield from _altered_entries(check.as_numbers(self.of.id, claim))


def _altered_entries(value: np.ndarray) -> Iterator[tuple[str, list]]:
    value = value.astype(float) if value.dtype == bool else value
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


def _arrays(values: list) -> list[np.ndarray]:
    return [check.as_numbers("", value).astype(float) for value in values]


def _same(one, other) -> bool:
    """Whether these say the same, but for rounding."""
    with suppress(TypeError, ValueError):
        a, b = _arrays([one, other])
        return a.shape == b.shape and np.allclose(a, b, rtol=1e-13, atol=0)
    with suppress(sympy.SympifyError, TypeError, ValueError):
        return bool(sympy.sympify(one) == sympy.sympify(other))
    return False


class Session:
    """A program that is executed here, statement by statement."""

    def __init__(self, code: Code, share: float):
        self.code, self.share = code, share
        self.space: dict = {"__name__": "__main__"}
        self.checks = {top: Check(code, top, call) for top, call in code.checks()}
        ends = {code.ends[s.top] for of in self.checks.values() for s in of.slice}
        self.kept = {k for k, end in enumerate(code.ends) if end in ends}
        self.before: dict[int, tuple] = {}

    def step(self, k: int) -> dict | None:
        """Execute a statement; what became of the altered claims if it is a check."""
        if k in self.kept:
            self.before[k] = dict(self.space), _chance(self.space)
        if k in self.checks:
            return self.attack(self.checks[k])
        self.execute(self.code.tops[k])
        return None

    def attack(self, of: Check) -> dict:
        """Run a check as it is, and then with each altered claim."""
        verdicts, survivors = Counter(), []
        for line, what, verdict, how in self.verdicts(of):
            verdicts[verdict] += 1
            if verdict in ("survived", "unclear"):
                survivors.append({"line": line, "what": what, "how": how})
        return {"id": of.id, "verdicts": verdicts, "survivors": survivors}

    def verdicts(self, of: Check) -> Iterator[tuple[int, str, str, str]]:
        """The line and the name of each altered claim, the verdict and its reason."""
        trial = Trial(of, self.value)
        for top in sorted({s.top for s in of.alone}):
            if self.judged(trial, of.again(top), of.stated)[0] in GOOD:
                continue
            of.wide.add(top)
            verdict, how = self.judged(trial, of.again(top), of.stated)
            if verdict not in GOOD:
                yield self.code.lines[top], "nothing altered", "unclear", how
        dice = random.Random(f"{of.id} {of.top}")
        for line, what, again, stated in of.mutants(trial.has_room):
            if dice.random() < self.share:
                yield line, what, *self.judged(trial, again, stated)
        for what, altered in trial.direct():
            yield of.line, what, *trial.verdict(altered)

    def value(self, expression: ast.expr):
        whole = ast.fix_missing_locations(ast.Expression(expression))
        return eval(compile(whole, "<claim>", "eval"), self.space)

    def execute(self, statement: ast.stmt) -> None:
        module = ast.Module([ast.fix_missing_locations(statement)], [])
        exec(compile(module, "<program>", "exec"), self.space)

    def judged(self, trial: Trial, again: list, stated: list) -> tuple[str, str]:
        """The verdict from a copy of this process, which ends with it."""
        read, write = os.pipe()
        if not (child := os.fork()):
            try:
                os.close(read)
                signal.alarm(LIMIT)
                with os.fdopen(write, "w") as pipe:
                    json.dump(self.judge(trial, again, stated), pipe)
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            text = pipe.read()
        os.waitpid(child, 0)
        late = "error", f"no verdict in {LIMIT} s"
        return tuple(json.loads(text)) if text else late

    def judge(self, trial: Trial, again: list, stated: list) -> tuple[str, str]:
        """The verdict about an altered claim; this changes the program's state."""
        now, fresh = dict(self.space), {}
        try:
            for k, top in again:
                values, chance = self.before[k]
                self.put(values | fresh)
                for restore, state in chance:
                    restore(state)
                self.execute(top)
                defined = trial.of.defined(k) & self.space.keys()
                fresh |= {name: self.space[name] for name in defined}
            self.put(now | fresh)
            altered = [self.value(argument) for argument in stated]
        except Exception as error:
            return "error", f"{type(error).__name__}: {error}"
        return trial.verdict(altered)

    def put(self, values: dict) -> None:
        """Give all names these values; functions see them too."""
        self.space.clear()
        self.space.update(values)


def _chance(space: dict) -> list[tuple[Callable, object]]:
    """The states of all sources of random numbers, and how to restore them."""
    found = [(random.setstate, random.getstate())]
    found.append((np.random.set_state, np.random.get_state()))
    if torch := sys.modules.get("torch"):  # only who has imported it can have drawn
        found.append((torch.set_rng_state, torch.get_rng_state()))
    for value in space.values():
        if isinstance(value, np.random.Generator):
            bits = value.bit_generator
            found.append((partial(setattr, bits, "state"), bits.state))
        elif torch and isinstance(value, torch.Generator):
            found.append((value.set_state, value.get_state()))
    return found
