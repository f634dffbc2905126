"""Checks that can say no.

A check states a claim and tries to refute it. It then alters the claim (a sign, a
coefficient, a missing term) and demands that the altered claim is refused: a check
that would let an altered claim through is *vacuous* and fails. A passed check
returns a `Result`, which shows as one line on the page and feeds the ledger.

Each takes the `id` of its question first, and the `claim` in words for the ledger. What
cannot be checked (a NaN, too few samples, the same object on both sides) raises
`ValueError`.

=====================  ==============================================================
`identity`             two sympy expressions are equal
`gradient`             a formula is the derivative of a function
`value`                computed numbers are the expected ones
`expectation`          a mean of random samples is the expected one
`bound`                an inequality holds at every tested point
=====================  ==============================================================
"""

from __future__ import annotations

import html
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np
import sympy

COEFFICIENT = sympy.Rational(21, 20)  # the altered coefficient: 5 % too large


class CheckFailed(AssertionError):
    """The claim is refuted; the message carries the counterexample."""


class Vacuous(CheckFailed):
    """The check would have passed an altered claim too."""


@dataclass(frozen=True)
class Result:
    """A claim that was not refuted, how it was tried, and what would have shown.

    `id` of the question, `kind` of check, `claim` and `method` in words;
    `strength`: the error that would have shown; `mutants`: how many altered claims
    were refused.
    """

    id: str
    kind: str
    claim: str
    method: str
    strength: str
    mutants: int

    def __str__(self) -> str:
        return f"✓ {self.id} · {self.method}; {self.strength}"

    __repr__ = __str__

    def _repr_mimebundle_(self, **_) -> tuple[dict, dict]:
        line = html.escape(str(self))
        page = f'<p class="check" title="{html.escape(self.claim)}">{line}</p>'
        return {"text/plain": str(self), "text/html": page}, {"check": asdict(self)}


# ---------------------------------------------------------------- identities


def identity(
    id: str, left, right, *, given=True, claim: str = "", points: int = 24
) -> Result:
    """Sympy proves `left = right`, or random points fail to refute it.

    `left`, `right`: sympy expressions or matrices of one shape, exact (no floats).
    Write one side unevaluated (`Derivative`, `Sum`, `Integral`), so that the claim
    is not settled before it is stated. The random `points` obey the assumptions of the
    symbols and the condition `given`. Raises `CheckFailed` with a point where the
    sides differ, `Vacuous` if an altered claim passes as well.
    """
    pairs = _entries(left, right)
    if all(a == b for a, b in pairs):
        raise ValueError(
            f"{id}: both sides are the same expression; leave one unevaluated "
            "(Derivative, Sum, Integral) or state the claim differently"
        )
    symbols = sorted(
        set().union(*(a.free_symbols | b.free_symbols for a, b in pairs)), key=str
    )
    sample = _Sample(id, symbols, given, points)
    for a, b in pairs:
        if (point := sample.where_differ(a, b)) is not None:
            raise CheckFailed(
                f"{id}: the sides differ at {_at(point)}: "
                f"{_digits(a, point)} against {_digits(b, point)}"
            )
    mutants = _refuse_altered(id, pairs, sample)
    proved = all(_is_zero(a - b) for a, b in pairs)
    method = (
        "proved by sympy"
        if proved
        else f"equal to 20 digits at {len(sample.points)} random points "
        "(evidence, not proof)"
    )
    return Result(
        id,
        "identity",
        claim or _short(f"{left} = {right}"),
        method,
        f"{mutants} altered claims refused",
        mutants,
    )


def _entries(left, right) -> list[tuple[sympy.Expr, sympy.Expr]]:
    left, right = sympy.sympify(left), sympy.sympify(right)
    shapes = [getattr(side, "shape", ()) for side in (left, right)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"the sides differ in shape: {shapes[0]} and {shapes[1]}")
    pairs = list(zip(left, right, strict=True)) if shapes[0] else [(left, right)]
    for side in (side for pair in pairs for side in pair):
        if side.has(sympy.nan, sympy.zoo):
            raise ValueError(f"undefined value in {side}")
        if side.has(sympy.Float):
            raise ValueError(f"inexact number in {side}; write a Rational")
    return pairs


class _Sample:
    """Random points that obey the assumptions, and the exact test of a claim there."""

    def __init__(self, id, symbols, given, points):
        self.rng = random.Random(id)
        self.id, self.points, self.values = id, [], {}
        wanted = points if symbols else 1
        for _ in range(200 * wanted):
            point = {s: self._draw(s) for s in symbols}
            if bool(sympy.sympify(given).subs(point)):
                self.points.append(point)
            if len(self.points) == wanted:
                return
        raise ValueError(f"{id}: hardly any random point fulfils {given}")

    def _draw(self, symbol) -> sympy.Expr:
        if symbol.is_integer:
            low = 1 if symbol.is_positive else 0 if symbol.is_nonnegative else -6
            return sympy.Integer(self.rng.randint(low, 8))
        size = sympy.Rational(self.rng.randint(1, 300), 101)
        signed = symbol.is_positive is None and symbol.is_nonnegative is None
        size = size * self.rng.choice([-1, 1]) if signed else size
        return -size if symbol.is_negative else size

    def value(self, expression, i: int):
        key = (expression, i)
        if key not in self.values:
            self.values[key] = sympy.N(expression.subs(self.points[i]).doit(), 30)
        return self.values[key]

    def where_differ(self, left, right) -> dict | None:
        usable = 0
        for i, point in enumerate(self.points):
            a, b = self.value(left, i), self.value(right, i)
            if not (a.is_number and b.is_number):
                raise ValueError(f"{self.id}: no number at {_at(point)}: {a}, {b}")
            if a.has(sympy.nan, sympy.oo, sympy.zoo) or b.has(sympy.nan, sympy.oo):
                continue
            usable += 1
            if abs(a - b) > sympy.Float("1e-20") * (1 + abs(a) + abs(b)):
                return point
        if 2 * usable < len(self.points):
            raise ValueError(f"{self.id}: undefined at most random points; use `given`")
        return None


def _refuse_altered(id, pairs, sample) -> int:
    refused = 0
    for left, right in pairs:
        stated, other = (right, left) if right != 0 else (left, right)
        for altered, what in _alterations(stated, both_sides=right != 0):
            if sample.where_differ(altered, other) is None:
                raise Vacuous(f"{id}: the claim still passes with {what} in {stated}")
            refused += 1
    if not refused:
        raise Vacuous(f"{id}: nothing in the claim can be altered")
    return refused


def _alterations(expression, both_sides: bool):
    """Pairs (altered expression, what was done to it)."""
    if isinstance(expression, sympy.Piecewise):
        for k, (branch, condition) in enumerate(expression.args):
            cases = [list(case) for case in expression.args]
            wrong = (-branch, COEFFICIENT * branch) if branch != 0 else (branch + 1,)
            for altered in wrong:
                cases[k][0] = altered
                yield sympy.Piecewise(*cases), f"{altered} in the case {condition}"
        return
    terms = sympy.Add.make_args(expression)
    if both_sides:
        yield -expression, "a flipped sign"
        yield COEFFICIENT * expression, "a coefficient 5 % larger"
    if len(terms) > 1:
        for term in terms:
            yield expression - term, f"the term {term} missing"
            yield expression - 2 * term, f"the sign of {term} flipped"


def _is_zero(expression) -> bool:
    expression = expression.doit()
    return sympy.expand(expression) == 0 or sympy.simplify(expression) == 0


def _at(point) -> str:
    return ", ".join(f"{k} = {v}" for k, v in point.items()) or "the only point"


def _digits(expression, point):
    return sympy.N(expression.subs(point).doit(), 8)


def _short(text: str, length: int = 120) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


# ----------------------------------------------------------------- gradients


def gradient(
    id: str,
    f: Callable,
    formula: Callable,
    *inputs,
    claim: str = "",
    points: int = 20,
    rtol: float = 1e-9,
) -> Result:
    """The formula agrees with autograd in float64 at random inputs.

    `f(*tensors)` returns a scalar or a tensor; `formula(*tensors)` returns the
    derivative in the first input, or a tuple with one for each of the first inputs.
    The derivative of an output of shape `o` in an input of shape `s` has shape
    `o + s`. `inputs`: shapes such as `(3, 5)`, drawn from N(0, 1), or functions of a
    `torch.Generator` that return a tensor. Sizes of a matrix must differ, so that a
    forgotten transpose shows. At each of the `points` no entry may be off by more than
    `rtol` of the largest one. Raises `CheckFailed` with the worst entry, `Vacuous` if
    an altered formula passes as well.
    """
    import torch

    for shape in inputs:
        if isinstance(shape, tuple) and len(shape) > len(set(shape)):
            raise ValueError(f"{id}: use unequal sizes, not {shape}: a transpose hides")
        if isinstance(shape, tuple) and 1 in shape:
            raise ValueError(f"{id}: a size of 1 in {shape} hides wrong broadcasting")
    random_numbers = torch.Generator().manual_seed(sum(id.encode()))
    worst, refused = 0.0, 0
    for _ in range(points):
        tensors = [_draw_tensor(torch, spec, random_numbers) for spec in inputs]
        stated = formula(*tensors)
        stated = stated if isinstance(stated, tuple) else (stated,)
        exact = torch.autograd.functional.jacobian(f, tuple(tensors))
        for k, (ours, true) in enumerate(zip(stated, exact, strict=False)):
            ours = torch.as_tensor(ours, dtype=torch.float64)
            worst = max(worst, _compare_gradient(id, k, ours, true, rtol))
            refused += _refuse_altered_gradient(id, ours, true, rtol)
    return Result(
        id,
        "gradient",
        claim or "the formula is the derivative",
        f"autograd agrees to {_power_of_ten(worst)} at {points} random points",
        f"an error of {rtol:.0e} would show",
        refused,
    )


def _draw_tensor(torch, spec, random_numbers):
    if callable(spec):
        return spec(random_numbers).to(torch.float64)
    return torch.randn(spec, generator=random_numbers, dtype=torch.float64)


def _gradient_error(ours, true) -> float:
    return float((ours - true).abs().max() / true.abs().max().clamp(min=1e-300))


def _compare_gradient(id, k, ours, true, rtol) -> float:
    if ours.shape != true.shape:
        raise CheckFailed(
            f"{id}: the derivative in input {k} has shape {tuple(true.shape)}, "
            f"the formula gives {tuple(ours.shape)}"
        )
    if not (ours.isfinite().all() and true.isfinite().all()):
        raise ValueError(f"{id}: NaN or infinity in the derivative in input {k}")
    if (error := _gradient_error(ours, true)) > rtol:
        place = np.unravel_index(int((ours - true).abs().argmax()), true.shape)
        where = [int(index) for index in place]
        raise CheckFailed(
            f"{id}: input {k}, entry {where}: the formula gives {ours[place]:.6g}, "
            f"autograd {true[place]:.6g} (relative error {error:.1e})"
        )
    return error


def _refuse_altered_gradient(id, ours, true, rtol) -> int:
    entries = ours.abs().flatten()
    one_missing = ours.clone().flatten()
    one_missing[entries.argmax()] = 0
    altered = [-ours, float(COEFFICIENT) * ours, one_missing.reshape(ours.shape)]
    if any(_gradient_error(wrong, true) <= rtol for wrong in altered):
        raise Vacuous(f"{id}: an altered formula passes too; is the derivative zero?")
    return len(altered)


# ------------------------------------------------------------------- numbers


def value(
    id: str,
    computed,
    expected,
    rtol: float = 1e-9,
    *,
    atol: float = 0.0,
    claim: str = "",
) -> Result:
    """Computed numbers are the expected ones, of one shape and to within `rtol`.

    Whole numbers are compared exactly. `atol` is needed where zero is expected.
    Raises `CheckFailed` with both numbers and the relative error of the worst entry;
    `Vacuous` if the tolerance lets a wrong sign or a 5 % larger number through.
    """
    _refuse_same_object(id, computed, expected)
    computed, expected = _numbers(id, computed), _numbers(id, expected)
    if computed.shape != expected.shape:
        raise ValueError(
            f"{id}: shapes differ: {computed.shape} computed, {expected.shape} expected"
        )
    exact = all(np.issubdtype(a.dtype, np.integer) for a in (computed, expected))
    allowed = 0 * np.abs(expected) if exact else atol + rtol * np.abs(expected)
    if not exact and not np.all(allowed > 0):
        raise ValueError(f"{id}: zero is expected somewhere; state `atol`")
    error = np.abs(computed - expected)
    if np.any(error > allowed):
        place = np.unravel_index(np.argmax(error - allowed), error.shape)
        raise CheckFailed(
            f"{id}: {computed[place]:.10g} computed, {expected[place]:.10g} expected"
            + (f" at {[int(i) for i in place]}" if place else "")
            + f" (relative error {_relative(error[place], expected[place])})"
        )
    altered = _altered_numbers(expected, exact)
    for wrong, what in altered:
        if np.all(np.abs(computed - wrong) <= allowed * (1 + 1e-6)):
            raise Vacuous(f"{id}: the tolerance lets {what} through")
    entries = "one number" if expected.size == 1 else f"{expected.size} numbers"
    return Result(
        id,
        "value",
        claim or f"{entries} as stated",
        f"{entries} {'equal' if exact else 'computed and compared'}",
        "any difference would show"
        if exact
        else f"an error of {rtol:.0e} would show"
        + (f" (of {atol:.0e} at zero)" if atol else ""),
        len(altered),
    )


def _altered_numbers(expected, exact):
    if np.all(expected == 0):
        return [(expected + 1, "a one instead of zero")]
    larger = expected + 1 if exact else float(COEFFICIENT) * expected
    return [(-expected, "a flipped sign"), (larger, "a larger number")]


def _refuse_same_object(id, first, second) -> None:
    mutable = hasattr(first, "shape") or isinstance(first, list)
    if mutable and first is second:
        raise ValueError(f"{id}: the same object is given twice")


def _numbers(id, something) -> np.ndarray:
    if hasattr(something, "detach"):
        something = something.detach().cpu().numpy()
    numbers = np.asarray(something)
    if numbers.dtype == bool or not np.issubdtype(numbers.dtype, np.number):
        numbers = numbers.astype(float)
    if numbers.size == 0:
        raise ValueError(f"{id}: nothing to compare")
    if not np.all(np.isfinite(numbers)):
        raise ValueError(f"{id}: NaN or infinity among the numbers")
    return numbers


def _relative(error, expected) -> str:
    return f"{error / abs(expected):.1e}" if expected else "infinite"


def _power_of_ten(error: float) -> str:
    """The error, rounded up to a power of ten, so that machines agree on the text."""
    return f"1e{int(np.ceil(np.log10(max(error, 1e-16)))):03d}"


# -------------------------------------------------------------- expectations


def expectation(
    id: str,
    samples,
    value,
    *,
    notice: float = 0.02,
    scale: float | None = None,
    claim: str = "",
) -> Result:
    """The mean of independent samples is `value`, and a relative error would show.

    `samples`: shape (T, ...), independent along the first axis; `value`: shape (...).
    The interval has a family-wise error of 1 in 10,000 over all entries. Every entry
    must lie in its interval, and outside once it is moved by `notice` in either
    direction, relative to `scale`, by default the largest absolute value. Raises
    `CheckFailed` with the z-score, `Vacuous` if there are too few samples to notice.
    """
    samples = _numbers(id, samples).astype(float)
    value = _numbers(id, value).astype(float)
    if samples.ndim == 0 or samples.shape[1:] != value.shape:
        raise ValueError(
            f"{id}: samples of shape {samples.shape} do not belong to a value of shape "
            f"{value.shape}; the first axis counts the samples"
        )
    if len(samples) < 30:
        raise ValueError(f"{id}: {len(samples)} samples are too few for an interval")
    scale = float(np.abs(value).max()) if scale is None else scale
    if scale == 0:
        raise ValueError(f"{id}: zero is expected; state the `scale` of an error")
    mean = samples.mean(axis=0)
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    if np.all(error == 0):
        raise ValueError(f"{id}: the samples do not vary")
    limit = NormalDist().inv_cdf(1 - 0.5e-4 / value.size)
    half = limit * error
    if np.any(np.abs(mean - value) > half):
        place = np.unravel_index(np.argmax(np.abs(mean - value) - half), mean.shape)
        z = (mean[place] - value[place]) / max(error[place], 1e-300)
        raise CheckFailed(
            f"{id}: the mean of {len(samples)} samples is {mean[place]:.6g}, expected "
            f"{value[place]:.6g} (z = {z:+.1f}, limit {limit:.1f})"
        )
    step = notice * scale
    altered = [value + step, value - step]
    if any(np.any(np.abs(mean - wrong) <= half) for wrong in altered):
        wanted = step / 2 / half.max()
        raise Vacuous(
            f"{id}: too few samples to notice an error of {notice:.1%}: "
            f"about {int(len(samples) / wanted**2) + 1} are needed"
        )
    return Result(
        id,
        "expectation",
        claim or f"{value.size} mean(s) as stated",
        f"the mean of {len(samples):,} samples agrees, {value.size} "
        + ("entry" if value.size == 1 else "entries"),
        f"an error of {notice:.2g} of the size would show",
        2 * value.size,
    )


# -------------------------------------------------------------- inequalities


def bound(id: str, lower, upper, *, claim: str = "", rtol: float = 1e-12) -> Result:
    """`lower <= upper` at every tested point; reports how close they come.

    `lower`, `upper`: numbers or arrays of one shape (a plain number may be compared
    with an array). `rtol` forgives rounding, relative to the larger side. Raises
    `CheckFailed` with the violating point, `Vacuous` if the reversed inequality
    holds too.
    """
    _refuse_same_object(id, lower, upper)
    lower, upper = _numbers(id, lower), _numbers(id, upper)
    if lower.shape != upper.shape and lower.ndim and upper.ndim:
        raise ValueError(f"{id}: shapes differ: {lower.shape} and {upper.shape}")
    lower, upper = np.broadcast_arrays(lower.astype(float), upper.astype(float))
    size = np.maximum(np.abs(lower), np.abs(upper))
    slack = rtol * size
    if np.any(lower > upper + slack):
        place = np.unravel_index(np.argmax(lower - upper - slack), lower.shape)
        raise CheckFailed(
            f"{id}: {lower[place]:.8g} exceeds {upper[place]:.8g}"
            + (f" at {[int(i) for i in place]}" if place else "")
        )
    if np.all(upper <= lower + slack):
        raise Vacuous(f"{id}: both sides are equal everywhere; state an identity")
    where = "one point" if lower.size == 1 else f"{lower.size} points"
    return Result(
        id,
        "bound",
        claim or "the inequality holds",
        f"holds at {where}",
        _closest(lower, upper, size, rtol),
        1,
    )


def _closest(lower, upper, size, rtol) -> str:
    gap = upper - lower
    relative = float(np.min(gap / np.where(size > 0, size, 1)))
    if relative <= rtol:
        return "attained"
    if relative < 1:
        return f"the sides come within {relative:.1g} of the larger side"
    return f"the sides come within {gap.min():.1g}, on either side of zero"
