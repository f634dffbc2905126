"""Alter what the checks of a program compare, and demand that they say no.

Of what a check compares, the side that is *stated* is altered, in one place at a time
(`alterations`), and the check is run again with the same measured values. What is
stated is an argument of the check, with all statements that lead to it alone
(`slices`). Of a bound, which has no such side, the relation of each pair of entries is
reversed, and both arguments are altered where that makes the claim stronger.

Then the side that is *measured* is altered, with the same stated values, in a few
places that each check draws for itself: from all statements that lead to this side
alone (of a bound, to either side), the nearest first, and from all kinds of slips. A
statement that runs for long is not run again.

Each altered claim runs in a process of its own, which is a copy of the program's at
that check (so this needs Linux or macOS). The verdicts:

=========  ========================================================================
refused    the check raised `CheckFailed`
error      the altered claim could not be evaluated or compared
survived   the check passed
slow       an altered program that measures did not end in time; it does not count
same       it says the same: equal numbers, or sympy proves it; it does not count
weaker     the altered bound follows from the original one; it does not count
unclear    the claim as it is fails too when it is executed once more: a fault of the
           tool or of the program, which has to be mended; on the measured side, such
           a statement is not altered
=========  ========================================================================
"""

from __future__ import annotations

import ast
import gc
import itertools
import json
import os
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import cache, cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import sympy

from . import check
from .alterations import EFFECTS, alterations, replaced, slips
from .slices import SCOPE, SIDES, Code, Statement, names

__all__ = ["attack"]
ENTRIES = 12  # of an array are altered one by one
LIMIT = 60  # seconds for one altered claim
SHORT = 3  # seconds of computing for an altered program that measures
LONG = 1  # what runs for more seconds is not run again with what is measured altered
LATE = signal.SIGALRM, signal.SIGPROF
SAMPLE = 10  # alterations of what a check measures
# up to which difference altered numbers are those that were there
EXACT = {
    "stated": {"rtol": 1e-13, "atol": 0},
    "measured": {"rtol": 1e-9, "atol": 1e-14},
}
GOOD = ("same", "survived")  # verdicts about a claim that is not altered
RANDOM = ("rand", "default_rng", "Generator", "manual_seed", "normal", "permutation")


def attack(cells: Iterable[tuple[int, str]], share: float = 1.0) -> Iterator[dict]:
    """Run a program, and each of its checks with all altered claims, or a share.

    `cells`: the program in pieces, each with the number of its first line. A dict for
    each check, as soon as it is done: its `id`, how often each verdict was given about
    what it states (`verdicts`) and `measured`, and the `side`, the `line`, `what` was
    altered and `how` for each of the `survivors`. What the program prints is lost; an
    error in it becomes a `RuntimeError` that begins with the line.
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


class Mutant(NamedTuple):
    """An alteration of the arguments of a side, or of a statement that leads to it."""

    kind: str
    name: str
    line: int
    arguments: list[ast.expr]
    statement: Statement | None = None
    altered: ast.AST | None = None


class Check:
    """A check of a program, with its two sides."""

    def __init__(self, code: Code, top: int, call: ast.Call):
        self.code, self.top, self.call = code, top, call
        self.kind, self.line = call.func.attr, code.lines[top]
        self.id = ast.literal_eval(call.args[0])
        stated, measured = SIDES[self.kind]
        if self.kind == "identity" and ast.unparse(call.args[2]) == "0":
            stated, measured = (1,), ()
        self.stated = Side(self, stated)
        self.measured = Measured(self, measured)


class Side:
    """What a check states, with the ways to alter it."""

    name, late, good = "stated", "error", GOOD

    def __init__(self, of: Check, places: tuple[int, ...]):
        self.of, self.code, self.top = of, of.code, of.top
        self.places, self.wide = places, set()
        self.arguments = [of.call.args[k] for k in places if k < len(of.call.args)]
        known = of.call.args[: 1 + max(places, default=0)]
        if any(isinstance(argument, ast.Starred) for argument in known):
            self.arguments = self.unpacked()
        self.slice = of.code.slice(names(self.arguments)[1], of.top)

    @cached_property
    def alone(self) -> list[Statement]:
        """The statements that lead to this side alone, and may be altered."""
        if self.of.kind == "bound":
            named = [a.id for a in self.arguments if isinstance(a, ast.Name)]
            origins = [self.code.origins(name, self.top) for name in named]
            return [o[0] for o in origins if len(o) == 1 and self.may_alter(o[0])]
        return self.own()

    def unpacked(self) -> list[ast.expr]:
        """The arguments where some are not written one by one."""
        return []

    def own(self) -> list[Statement]:
        """Those of these that lead to no other argument."""
        call = self.of.call
        rest = [a for a in call.args if a not in self.arguments]
        rest += [keyword.value for keyword in call.keywords]
        own = self.slice - self.code.slice(names(rest)[1], self.top)
        return [s for s in self.code.statements if s in own and self.may_alter(s)]

    def may_alter(self, statement: Statement) -> bool:
        """Whether a statement says something: no import, head of a loop, or chance."""
        if statement.is_head or isinstance(statement.node, ast.Import | ast.ImportFrom):
            return False
        text = ast.unparse(statement.node)
        return not any(word in text for word in RANDOM)

    def mutants(self, has_room: bool) -> Iterator[Mutant]:
        """All alterations; `has_room`: numbers are not claimed to a few per cent."""
        numbers: Counter = Counter()
        for one in self.altered():
            if has_room and one.kind in ("constant", "coefficient"):
                continue
            numbers[one.name] += 1
            number = f" ({numbers[one.name]})" if numbers[one.name] > 1 else ""
            yield one._replace(name=one.name + number)

    def altered(self) -> Iterator[Mutant]:
        """The same, with names that may not differ."""
        for k, argument in enumerate(self.arguments):
            for kind, what, new in self.ways(argument):
                arguments = [*self.arguments[:k], new, *self.arguments[k + 1 :]]
                yield Mutant(kind, f"{kind}: {what}", self.of.line, arguments)
        for one in self.alone:
            line = self.code.lines[one.top] + one.node.lineno
            line -= self.code.tops[one.top].lineno
            for kind, what, new in self.ways(one.node):
                yield Mutant(kind, f"{kind}: {what}", line, self.arguments, one, new)

    def limit(self) -> int:
        """The seconds of computing for one alteration."""
        return LIMIT

    def ways(self, node: ast.AST) -> Iterable[tuple[str, str, ast.AST]]:
        """How to alter something."""
        return alterations(node)

    def program(self, mutant: Mutant) -> list[tuple[int, ast.stmt]]:
        """What has to be executed for an alteration."""
        if not (statement := mutant.statement):
            return []
        top = self.code.tops[statement.top]
        new = replaced(top, statement.node, mutant.altered)
        return self.again(statement.top, new)

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
        """What a statement defines of that which leads to this side."""
        found = {name for s in self.slice if s.top == top for name in s.defines}
        return found | (names([self.code.tops[top]])[0] if self.wide else set())


class Measured(Side):
    """What a check measures. Of a bound this is both sides, and what leads to them."""

    name, late, good = "measured", "slow", GOOD[:1]

    @cached_property
    def alone(self) -> list[Statement]:
        """The statements that lead to this side alone, and compute something."""
        return self.own()

    def unpacked(self) -> list[ast.expr]:
        """The arguments where some are not written one by one: of a bound, all."""
        return self.of.call.args[1:] if self.of.kind == "bound" else []

    def may_alter(self, statement: Statement) -> bool:
        """Whether a statement computes with something that the program has made."""
        if statement.is_head or isinstance(statement.node, ast.Import | ast.ImportFrom):
            return False
        made = names([statement.node])[1] - self.code.imported
        return bool(made) or any(isinstance(n, SCOPE) for n in ast.walk(statement.node))

    def altered(self) -> Iterator[Mutant]:
        """All alterations; those of a bound that are no alterations of its claim."""
        for one in super().altered():
            is_claim = self.of.kind == "bound" and (
                not one.statement or one.statement in self.of.stated.alone
            )
            if not is_claim or one.kind in EFFECTS:
                yield one

    def limit(self) -> int:
        """The seconds of computing for one alteration."""
        return SHORT

    def ways(self, node: ast.AST) -> Iterable[tuple[str, str, ast.AST]]:
        """How to alter something."""
        return _slips(node)

    def nearest(self, has_room: bool) -> list[list[Mutant]]:
        """The alterations in each statement, the nearest to the check first.

        In which order they are tried depends on nothing but their names.
        """
        found: dict[int, list[Mutant]] = defaultdict(list)
        for one in self.mutants(has_room):
            found[one.statement.top if one.statement else self.top].append(one)
        salt = f"{self.of.id} {ast.unparse(self.of.call.args[-1])}"
        for group in found.values():
            group.sort(key=lambda one: random.Random(salt + one.name).random())
        return [found[top] for top in sorted(found, reverse=True)]


@cache
def _slips(node: ast.AST) -> list[tuple[str, str, ast.AST]]:
    return [*slips(node)]


class Trial:
    """A check with the values that it compares, to be tried with altered ones."""

    def __init__(self, of: Check, value: Callable[[ast.expr], Any]):
        self.of = of
        self.arguments = value(ast.List(of.call.args, ast.Load()))
        self.options = {k.arg: value(k.value) for k in of.call.keywords}
        self.outcome({})
        self.has_room = of.kind == "bound" and self.gap() > self.options.get(
            "rtol", 1e-12
        )

    def gap(self) -> float:
        """How close the sides of a bound come, relative to the larger one."""
        low, high = _arrays(self.arguments[1:3])
        size = np.maximum(np.abs(low), np.abs(high))
        return float(np.min((high - low) / np.where(size > 0, size, 1)))

    def outcome(self, changed: dict[int, Any], **options) -> check.Result:
        """What the check says with other arguments."""
        arguments = [changed.get(k, a) for k, a in enumerate(self.arguments)]
        return getattr(check, self.of.kind)(*arguments, **(self.options | options))

    def verdict(self, side: Side, altered: list) -> tuple[str, str]:
        """The verdict about an altered side, and its reason."""
        given = [self.arguments[k] for k in side.places]
        exact = EXACT[side.name]
        if all(_same(*pair, exact) for pair in zip(altered, given, strict=True)):
            return "same", ""
        changed = dict(zip(side.places, altered, strict=True))
        if self.is_weaker(given, altered):
            return "weaker", ""
        try:
            result = self.outcome(changed)
        except check.CheckFailed as error:
            return "refused", str(error)
        except Exception as error:
            return "error", f"{type(error).__name__}: {error}"
        if result.method == "proved by sympy":
            return "same", ""
        if side.name == "measured" and self.of.kind == "gradient":
            with suppress(check.CheckFailed):  # the same derivative
                self.outcome(changed, rtol=exact["rtol"])
                return "same", ""
        return "survived", _moved(side.name, *map(self.in_mean, (given, altered)))

    def is_weaker(self, given: list, altered: list) -> bool:
        """Whether an altered inequality follows from the original one."""
        with suppress(TypeError, ValueError):
            if self.of.kind == "bound":
                (low, high), (lower, upper) = map(_arrays, (given, altered))
                return bool(np.all(lower <= low) and np.all(upper >= high))
        with suppress(check.CheckFailed, AttributeError):
            if self.of.kind == "proved":
                (one,), (other,) = given, altered
                gained = (other.gts - other.lts) - (one.gts - one.lts)
                with suppress(check.Vacuous):
                    self.outcome({self.of.stated.places[0]: gained >= 0})
                return other.func == one.func
        return False

    def in_mean(self, values: list) -> list:
        """What an expectation compares with its value; the values of other kinds."""
        with suppress(TypeError, ValueError):
            if self.of.kind == "expectation" and np.ndim(values[0]):
                return [array.mean(axis=0) for array in _arrays(values)]
        return values

    def direct(self) -> Iterator[tuple[str, list]]:
        """Alterations of the stated numbers, or of the relation of a bound."""
        stated = [self.arguments[k] for k in self.of.stated.places]
        claim = stated[0]
        if self.of.kind == "gradient":
            yield "sign: the formula", [_after(claim, lambda g: -g)]
            yield "constant: the formula", [_after(claim, lambda g: 1.05 * g)]
        elif self.of.kind == "identity":
            if (claim := sympy.sympify(claim)) != 0:
                yield "sign: the claim", [-claim]
                yield "constant: the claim", [check.COEFFICIENT * claim]
        elif self.of.kind == "bound":
            sides = np.broadcast_arrays(*_arrays(stated))
            for place in itertools.islice(np.ndindex(sides[0].shape[:1]), ENTRIES):
                low, high = (side.copy() for side in sides)
                low[place], high[place] = sides[1][place], sides[0][place]
                yield "relation: one pair reversed", [low, high]
        elif self.of.kind == "proved":
            yield "relation: the statement reversed", [sympy.Not(claim)]
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


def _same(one, other, exact: dict[str, float]) -> bool:
    """Whether these say the same, but for rounding."""
    with suppress(TypeError, ValueError):
        a, b = _arrays([one, other])
        return a.shape == b.shape and np.allclose(a, b, **exact)
    with suppress(sympy.SympifyError, TypeError, ValueError):
        return bool(sympy.sympify(one) == sympy.sympify(other))
    return False


def _moved(name: str, given: list, altered: list) -> str:
    """By how much an alteration changes the numbers of a side."""
    with suppress(TypeError, ValueError):
        old, new = map(_arrays, (given, altered))
        size = max(np.abs(a).max() for a in old)
        change = max(np.abs(a - b).max() for a, b in zip(old, new, strict=True))
        return f"moves what is {name} by {change / size:.1g} of its size"
    return ""


class Session:
    """A program that is executed here, statement by statement."""

    def __init__(self, code: Code, share: float):
        self.code, self.share = code, share
        self.space: dict = {"__name__": "__main__"}
        self.checks = {top: Check(code, top, call) for top, call in code.checks()}
        sides = [s for of in self.checks.values() for s in (of.stated, of.measured)]
        ends = {code.ends[s.top] for side in sides for s in side.slice}
        self.kept = {k for k, end in enumerate(code.ends) if end in ends}
        self.before: dict[int, tuple] = {}
        self.seconds: dict[int, float] = {}

    def step(self, k: int) -> dict | None:
        """Execute a statement; what became of the altered claims if it is a check."""
        if k in self.kept:
            self.before[k] = dict(self.space), _chance(self.space)
        if k in self.checks:
            return self.attack(self.checks[k])
        start = time.process_time()
        self.execute(self.code.tops[k])
        self.seconds[k] = time.process_time() - start
        return None

    def attack(self, of: Check) -> dict:
        """Run a check as it is, and then with each side altered."""
        trial, verdicts, survivors = Trial(of, self.value), {}, []
        for side, tried in ((of.stated, self.stated), (of.measured, self.measured)):
            counted = verdicts[side.name] = Counter()
            for line, what, verdict, how in tried(trial, side):
                counted[verdict] += 1
                if verdict == "survived" or (verdict, side) == ("unclear", of.stated):
                    one = {"side": side.name, "line": line, "what": what, "how": how}
                    survivors.append(one)
        verdicts["verdicts"] = verdicts.pop("stated")
        return {"id": of.id, **verdicts, "survivors": survivors}

    def stated(self, trial: Trial, side: Side) -> Iterator[tuple[int, str, str, str]]:
        """The line and the name of each altered claim, the verdict and its reason."""
        for top in sorted({s.top for s in side.alone}):
            verdict, how = self.repeated(trial, side, top)
            if verdict not in GOOD:
                yield self.code.lines[top], "nothing altered", verdict, how
        dice = random.Random(f"{side.of.id} {side.top}")
        for one in side.mutants(trial.has_room):
            if dice.random() < self.share:
                again = side.program(one)
                yield one.line, one.name, *self.judged(trial, side, again, one)
        for what, altered in trial.direct():
            yield side.of.line, what, *trial.verdict(side, altered)

    def measured(
        self, trial: Trial, side: Measured
    ) -> Iterator[tuple[int, str, str, str]]:
        """The same of altered programs: of each statement in turn, of kinds in turn."""
        groups = [g for g in side.nearest(trial.has_room) if self.is_short(side, g[0])]
        kinds, asked, left = Counter(), set(), SAMPLE
        while groups and left:
            group = groups.pop(0)
            one = min(group, key=lambda one: kinds[one.kind])
            if random.Random(f"{side.of.id} {one.name}").random() < self.share:
                top = one.statement and one.statement.top
                if top is not None and top not in asked:
                    asked.add(top)
                    verdict, how = self.repeated(trial, side, top)
                    if verdict not in GOOD or not self.is_short(side, one):
                        yield one.line, "nothing altered", "unclear", how
                        continue  # without the other alterations of this statement
                again = side.program(one)
                yield one.line, one.name, *self.judged(trial, side, again, one)
            group.remove(one)
            groups += [group] if group else []
            kinds[one.kind] += 1
            left -= 1

    def is_short(self, side: Side, mutant: Mutant) -> bool:
        """Whether what has to be executed again did not run for long."""
        if not mutant.statement:
            return True
        again = side.again(mutant.statement.top)
        return sum(self.seconds.get(k, 0) for k, _ in again) <= LONG

    def repeated(self, trial: Trial, side: Side, top: int) -> tuple[str, str]:
        """The verdict if a statement is executed again as it is; "unclear" if bad."""
        for good in (side.good, GOOD):
            verdict, how = self.judged(trial, side, side.again(top))
            if verdict in good:
                return verdict, how
            side.wide.add(top)
        return "unclear", how

    def value(self, expression: ast.expr):
        whole = ast.fix_missing_locations(ast.Expression(expression))
        return eval(compile(whole, "<claim>", "eval"), self.space)

    def execute(self, statement: ast.stmt) -> None:
        module = ast.Module([ast.fix_missing_locations(statement)], [])
        exec(compile(module, "<program>", "exec"), self.space)

    def judged(
        self, trial: Trial, side: Side, again: list, mutant: Mutant | None = None
    ) -> tuple[str, str]:
        """The verdict from a copy of this process, which ends with it."""
        arguments, limit = mutant.arguments if mutant else side.arguments, side.limit()
        read, write = os.pipe()
        if not (child := os.fork()):
            try:
                os.close(read)
                gc.freeze()  # what is shared with the other process stays shared
                signal.alarm(LIMIT)
                signal.setitimer(signal.ITIMER_PROF, limit)
                with os.fdopen(write, "w") as pipe:
                    json.dump(self.judge(trial, side, again, arguments), pipe)
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            text = pipe.read()
        _, status = os.waitpid(child, 0)
        is_late = os.WIFSIGNALED(status) and os.WTERMSIG(status) in LATE
        late = side.late if is_late else "error", f"no verdict in {limit} s"
        return tuple(json.loads(text)) if text else late

    def judge(
        self, trial: Trial, side: Side, again: list, arguments: list[ast.expr]
    ) -> tuple[str, str]:
        """The verdict about an altered claim; this changes the program's state."""
        now, fresh = dict(self.space), {}
        try:
            for k, top in again:
                values, chance = self.before[k]
                self.put(values | fresh)
                for restore, state in chance:
                    restore(state)
                self.execute(top)
                defined = side.defined(k) & self.space.keys()
                fresh |= {name: self.space[name] for name in defined}
            self.put(now | fresh)
            altered = self.value(ast.List(arguments, ast.Load()))
        except Exception as error:
            return "error", f"{type(error).__name__}: {error}"
        return trial.verdict(side, altered)

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
