"""Checks that can say no.

A check states a claim and tries to refute it, which raises `CheckFailed` with the worst
counterexample. It then alters the claim (a sign, a coefficient, a missing term) and
demands that the altered claim is refused: a check that would let an altered claim
through raises `Vacuous`. A passed check returns a `Result`, which a notebook shows as
one line.

Each takes an `id` first, with which all messages begin, and the `claim` in words, with
which the line of a passed check begins. What
cannot be checked (a NaN, too few samples, the same object on both sides) or would not
be looked at (more derivatives than inputs, no points) raises `ValueError`.
"""

from __future__ import annotations

import html
import math
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from numbers import Integral, Real
from statistics import NormalDist

import numpy as np
import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Boolean, Implies

from . import proofs

__all__ = ["bound", "enclosed", "expectation", "gradient", "identity", "proved"]
__all__ += ["value", "CheckFailed", "Result", "Vacuous"]
COEFFICIENT = sympy.Rational(21, 20)  # the altered coefficient: 5 % too large


def __dir__() -> list[str]:
    return __all__


class CheckFailed(AssertionError):
    """The claim is refuted; the message carries the counterexample."""


class Vacuous(CheckFailed):
    """The check would have passed an altered claim too."""


@dataclass(frozen=True)
class Result:
    """A claim that was not refuted, how it was tried, and what would have shown.

    `strength` is the error that would have shown, `mutants` the number of altered
    claims that were refused.
    """

    id: str
    kind: str
    claim: str
    method: str
    strength: str
    mutants: int

    def __str__(self) -> str:
        return f"✓ {self.claim} · {self.method}"

    __repr__ = __str__

    def _repr_mimebundle_(self, **_) -> tuple[dict, dict]:
        words = self.claim, self.method, self.strength
        claim, method, shows = (html.escape(word) for word in words)
        line = f'✓ <span class="claim">{claim}</span> · {method}'
        page = f'<p class="check" title="{shows}">{line}</p>'
        return {"text/plain": str(self), "text/html": page}, {"check": asdict(self)}


def _demand(id, met, message: str) -> None:
    if not met:
        raise ValueError(f"{id}: {message}")


def _demand_above_0(id, kind=Real, **options) -> None:
    word = "whole number" if kind is Integral else "number"
    for name, option in options.items():
        sound = isinstance(option, kind) and 0 < option < math.inf
        _demand(id, sound, f"{name}={option!r} must be a {word} above 0")


def identity(id: str, left, right, *, given=True, claim="", points=24) -> Result:
    """Sympy proves `left = right`, or random points fail to refute it.

    `left`, `right`: sympy expressions or matrices of one shape, exact (no floats).
    Write one side unevaluated (`Derivative`, `Sum`, `Integral`), so that the claim
    is not settled before it is stated. The random `points` are real and obey the
    assumptions of the symbols and the condition `given`.
    """
    _demand_above_0(id, Integral, points=points)
    (lefts, shape), (rights, other) = _entries(id, left), _entries(id, right)
    _demand(id, shape == other, f"the sides differ in shape: {shape} and {other}")
    pairs = list(zip(lefts, rights, strict=True))
    if lefts == rights:
        raise ValueError(
            f"{id}: both sides are the same expression; leave one unevaluated "
            "(Derivative, Sum, Integral) or state the claim differently"
        )
    symbols = set().union(*(a.free_symbols | b.free_symbols for a, b in pairs))
    sample = _Sample(id, sorted(symbols, key=str), given, points)
    for pair in pairs:
        if differ := sample.where_differ(*pair):
            point, a, b = differ
            numbers = f"{sympy.N(a, 8)} against {sympy.N(b, 8)}"
            raise CheckFailed(f"{id}: the sides differ at {_at(point)}: {numbers}")
    mutants = _refuse_altered(id, pairs, sample)
    method = f"equal to 20 digits at {len(sample.points)} random points"
    method += " (evidence, not proof)"
    differences = ((a - b).doit() for a, b in pairs)
    if all(sympy.expand(d) == 0 or sympy.simplify(d) == 0 for d in differences):
        method = "proved by sympy"
    claim = claim or _short(f"{left} = {right}")
    strength = f"{mutants} altered claims refused"
    return Result(id, "identity", claim, method, strength, mutants)


def _entries(id, side) -> tuple[list[sympy.Expr], tuple]:
    """The entries of a side, and its shape."""
    with suppress(sympy.SympifyError):
        side = sympy.sympify(side, strict=True)
    shape = getattr(side, "shape", ())
    entries = sympy.flatten(side) if shape else [side]
    sound = entries and all(isinstance(entry, sympy.Expr) for entry in entries)
    _demand(id, sound, f"{_short(repr(side))} is no expression or matrix of sympy")
    for entry in entries:
        defined, exact = not entry.has(sympy.nan, sympy.zoo), not entry.has(sympy.Float)
        _demand(id, defined, f"undefined value in {entry}")
        _demand(id, exact, f"inexact number in {entry}; write a Rational")
    return entries, shape


class _Sample:
    """Random points that obey the assumptions, and the exact test of a claim there."""

    def __init__(self, id, symbols, given, points):
        self.id, self.points, self.value = id, [], cache(self._value)
        rng, wanted = random.Random(id), points if symbols else 1
        for _ in range(200 * wanted):
            point = {symbol: _random_number(rng, symbol) for symbol in symbols}
            if self._holds(given, point):
                self.points.append(point)
            if len(self.points) == wanted:
                return
        raise ValueError(
            f"{id}: hardly any random point fulfils {given} and the assumptions of "
            "the symbols (whole numbers from -6 to 8, others within 3 of zero)"
        )

    def _holds(self, given, point) -> bool:
        """Whether a point obeys the condition and what its symbols assume."""
        for symbol, number in point.items():
            for name, assumed in symbol.assumptions0.items():
                if getattr(number, f"is_{name}") is not assumed:
                    return False
        held = None
        with suppress(AttributeError, TypeError, sympy.SympifyError):
            held = sympy.sympify(given).subs(point)
        if held not in (sympy.true, sympy.false):
            raise ValueError(
                f"{self.id}: whether {given} holds at {_at(point)} cannot be told; "
                "`given` is one condition on the symbols of the claim"
            )
        return bool(held)

    def _value(self, expression, i: int):
        return sympy.N(expression.subs(self.points[i]).doit(), 30)

    def where_differ(self, left, right) -> tuple | None:
        """The first point at which they differ, with their values there."""
        usable = 0
        for i, point in enumerate(self.points):
            a, b = self.value(left, i), self.value(right, i)
            if not (a.is_number and b.is_number):
                raise ValueError(f"{self.id}: no number at {_at(point)}: {a}, {b}")
            infinite = [v.has(sympy.oo, -sympy.oo, sympy.zoo) for v in (a, b)]
            if a.has(sympy.nan) or b.has(sympy.nan) or all(infinite):
                continue
            usable += 1
            allowed = sympy.Float("1e-20") * (1 + abs(a) + abs(b))
            if any(infinite) or abs(a - b) > allowed:
                return point, a, b
        enough = 2 * usable >= len(self.points)
        _demand(self.id, enough, "undefined at most random points; use `given`")
        return None


def _random_number(rng, symbol) -> sympy.Expr:
    if symbol.is_integer:
        low = 1 if symbol.is_positive else 0 if symbol.is_nonnegative else -6
        return sympy.Integer(rng.randint(low, 8))
    size = sympy.Rational(rng.randint(1, 300), 101)
    if symbol.is_positive is None and symbol.is_nonnegative is None:
        return size * rng.choice([-1, 1])
    return -size if symbol.is_negative else size


def _refuse_altered(id, pairs, sample) -> int:
    refused = 0
    for left, right in pairs:
        stated, other = (right, left) if right != 0 else (left, right)
        for altered, what in _alterations(stated, both_sides=right != 0):
            if not sample.where_differ(altered, other):
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


def _at(point) -> str:
    return ", ".join(f"{k} = {v}" for k, v in point.items()) or "the only point"


def _short(text: str, length: int = 120) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def gradient(
    id: str, f: Callable, formula: Callable, *inputs, claim="", points=20, rtol=1e-9
) -> Result:
    """The formula agrees with autograd in float64 at random inputs.

    `f(*tensors)` returns a scalar or a tensor; `formula(*tensors)` returns the
    derivative in the first input, or a tuple with one for each of the first inputs.
    The derivative of an output of shape `o` in an input of shape `s` has shape
    `o + s`. `inputs`: shapes such as `(3, 5)`, drawn from N(0, 1), or functions of a
    `torch.Generator` that return a tensor. Sizes in a shape must differ, so that a
    forgotten transpose shows. At each of the `points` no entry may be off by more than
    `rtol` of the largest one.
    """
    import torch

    _demand_above_0(id, Integral, points=points)
    _demand_above_0(id, rtol=rtol)
    _demand(id, inputs, "there are no inputs; give a shape for each")
    numbers, errors = torch.Generator().manual_seed(sum(id.encode())), []

    def traced(*tensors):
        return _real_tensor(id, "f", f(*tensors))

    for _ in range(points):
        tensors = tuple(_draw(id, k, of, numbers) for k, of in enumerate(inputs))
        stated = formula(*tensors)
        stated = stated if isinstance(stated, tuple) else (stated,)
        if not 0 < len(stated) <= len(tensors):
            raise ValueError(
                f"{id}: the formula gives {len(stated)} derivatives for {len(tensors)} "
                "inputs; it must return one for each of the first inputs"
            )
        exact = torch.autograd.functional.jacobian(traced, tensors)
        for k, ours in enumerate(stated):
            ours = _real_tensor(id, "the formula", ours)
            errors.append(_try_gradient(id, k, ours, exact[k], rtol))
    claim = claim or "the formula is the derivative"
    # rounded up to a power of ten, so that machines agree on the text
    power = f"1e{int(np.ceil(np.log10(max(*errors, 1e-16)))):03d}"
    method = f"autograd agrees to {power} at {points} random points"
    strength = f"an error of {rtol:.0e} would show"
    return Result(id, "gradient", claim, method, strength, 3 * len(errors))


def _draw(id, k: int, given, numbers):
    """A random input, given as a shape or as a function of a generator."""
    import torch

    if callable(given):
        return _real_tensor(id, f"the function that draws input {k}", given(numbers))
    sizes = list(given) if isinstance(given, Iterable) else [given]
    sound = all(isinstance(size, Integral) and size > 1 for size in sizes)
    if not sound or len(sizes) > len(set(sizes)):
        raise ValueError(
            f"{id}: input {k} is {_short(repr(given))}; give a shape such as (3, 5), "
            "with unequal sizes above 1, so that neither a transpose nor broadcasting "
            "hides an error, or a function of a torch.Generator"
        )
    return torch.randn(sizes, generator=numbers, dtype=torch.float64)


def _real_tensor(id, who: str, given):
    """What somebody returned, in double precision."""
    import torch

    is_tensor = isinstance(given, torch.Tensor)
    if is_tensor and not given.is_complex():
        return given.to(torch.float64)
    what = "complex numbers" if is_tensor else f"a {type(given).__name__}"
    raise ValueError(
        f"{id}: {who} returned {what}; return a real tensor (as the formula, for "
        "several inputs, a tuple of them)"
    )


def _try_gradient(id, k, ours, true, rtol) -> float:
    """The error of a derivative; three altered ones are refused."""
    if ours.shape != true.shape:
        raise CheckFailed(
            f"{id}: the derivative in input {k} has shape {tuple(true.shape)}, "
            f"the formula gives {tuple(ours.shape)}"
        )
    finite = ours.isfinite().all() and true.isfinite().all()
    _demand(id, finite, f"NaN or infinity in the derivative in input {k}")

    def error_of(formula) -> float:
        return float((formula - true).abs().max() / true.abs().max().clamp(min=1e-300))

    if (error := error_of(ours)) > rtol:
        place = _largest((ours - true).detach().abs())
        raise CheckFailed(
            f"{id}: input {k}, entry {[*place]}: the formula gives {ours[place]:.6g}, "
            f"autograd {true[place]:.6g} (relative error {error:.1e})"
        )
    one_missing = ours.clone()
    one_missing[_largest(ours.detach().abs())] = 0
    altered = -ours, float(COEFFICIENT) * ours, one_missing
    if min(map(error_of, altered)) <= rtol:
        raise Vacuous(f"{id}: an altered formula passes too; is the derivative zero?")
    return error


def value(id: str, computed, expected, rtol=1e-9, *, atol=0.0, claim="") -> Result:
    """Computed numbers are the expected ones, of one shape and to within `rtol`.

    Whole numbers of at most 64 bits are compared exactly. `atol` is needed where zero
    is expected. No tolerance may let a wrong sign or a 5 % larger number through.
    """
    _demand_above_0(id, rtol=rtol, **({"atol": atol} if atol != 0 else {}))
    computed, expected = _two_sides(id, computed, expected)
    shapes = f"{computed.shape} computed, {expected.shape} expected"
    _demand(id, computed.shape == expected.shape, f"shapes differ: {shapes}")
    # True and False are whole numbers too, unless a tolerance says otherwise
    exact = all(a.dtype.kind in "iub"[: 2 + (not atol)] for a in (computed, expected))
    dtype = object if exact else np.result_type(computed, expected, float)
    computed, expected = computed.astype(dtype), expected.astype(dtype)
    allowed = 0 if exact else atol + rtol * np.abs(expected)
    sound = exact or np.all(allowed > 0)
    _demand(id, sound, "zero is expected somewhere; state `atol`")
    error = np.asarray(np.abs(computed - expected))
    if np.any(error > allowed):
        place = _largest(error - allowed)
        number, wanted = computed[place], expected[place]
        relative = f"{error[place] / abs(wanted):.1e}" if wanted else "infinite"
        raise CheckFailed(
            f"{id}: {number:.10g} computed, {wanted:.10g} expected{_at_entry(place)} "
            f"(relative error {relative})"
        )
    larger = expected + 1 if exact else float(COEFFICIENT) * expected
    altered = [(-expected, "a flipped sign"), (larger, "a larger number")]
    if np.all(expected == 0):
        altered = [(expected + 1, "a one instead of zero")]
    for wrong, what in altered:
        if np.all(np.abs(computed - wrong) <= allowed * (1 + 1e-6)):
            raise Vacuous(f"{id}: the tolerance lets {what} through")
    entries = "one number" if expected.size == 1 else f"{expected.size} numbers"
    method = f"{entries} {'equal' if exact else 'computed and compared'}"
    strength = f"an error of {rtol:.0e} would show"
    strength += f" (of {atol:.0e} at zero)" if atol else ""
    strength = "any difference would show" if exact else strength
    claim = claim or f"{entries} as stated"
    return Result(id, "value", claim, method, strength, len(altered))


def _two_sides(id, first, second) -> tuple[np.ndarray, np.ndarray]:
    """Both sides as arrays, which must not be the same numbers in memory."""
    arrays = as_numbers(id, first), as_numbers(id, second)
    keys = "data", "shape", "strides"
    one, other = ([a.__array_interface__[key] for key in keys] for a in arrays)
    has_parts = hasattr(first, "shape") or isinstance(first, list | tuple)
    same = one == other or (has_parts and first is second)
    _demand(id, not same, "the same object is given twice")
    return arrays


def as_numbers(id: str, given) -> np.ndarray:
    """A number, an array, a tensor or lists of such as an array of finite numbers.

    Fractions and the like become floats. Raises `ValueError` for anything else, for
    nothing, and for NaN.
    """
    try:
        is_tensor = hasattr(given, "detach")
        array = np.asarray(given.detach().cpu().numpy() if is_tensor else given)
        if array.dtype == object and all(hasattr(x, "__float__") for x in array.flat):
            array = array.astype(float)
        if array.dtype.kind not in "biufc":
            raise TypeError("not all of it are numbers")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{id}: {_short(repr(given))} cannot be compared; give a number, an array, "
            f"or lists of equal length ({error})"
        ) from None
    _demand(id, array.size, "nothing to compare")
    _demand(id, np.all(np.isfinite(array)), "NaN or infinity among the numbers")
    return array


def _as_real(id, array: np.ndarray) -> np.ndarray:
    is_real = array.dtype.kind != "c"
    _demand(id, is_real, "complex numbers; check real and imaginary part apart")
    return array.astype(float)


def _largest(sizes) -> tuple[int, ...]:
    """The place of the largest entry."""
    place = np.unravel_index(np.argmax(np.asarray(sizes)), np.shape(sizes))
    return tuple(map(int, place))


def _at_entry(place) -> str:
    return f" at {[*place]}" if place else ""


def expectation(
    id: str, samples, value, *, notice=0.02, scale: float | None = None, claim=""
) -> Result:
    """The mean of independent samples is `value`, and a relative error would show.

    `samples`: shape (T, ...), independent along the first axis; `value`: shape (...).
    The interval has a family-wise error of 1 in 10,000 over all entries. Every entry
    must lie in its interval, and outside once it is moved by `notice` in either
    direction, relative to `scale`, by default the largest absolute value. With too few
    samples to notice that, the check is `Vacuous`.
    """
    _demand_above_0(id, notice=notice)
    samples, value = (_as_real(id, as_numbers(id, given)) for given in (samples, value))
    if samples.ndim == 0 or samples.shape[1:] != value.shape:
        raise ValueError(
            f"{id}: samples of shape {samples.shape} do not belong to a value of shape "
            f"{value.shape}; the first axis counts the samples"
        )
    number = len(samples)
    _demand(id, number >= 30, f"{number} samples are too few for an interval")
    if scale is None:
        _demand(id, np.any(value), "zero is expected; state the `scale` of an error")
        scale = float(np.abs(value).max())
    _demand_above_0(id, scale=scale)
    mean = samples.mean(axis=0)
    error = samples.std(axis=0, ddof=1) / np.sqrt(number)
    _demand(id, np.any(error != 0), "the samples do not vary")
    limit = NormalDist().inv_cdf(1 - 0.5e-4 / value.size)
    half = limit * error
    if np.any(np.abs(mean - value) > half):
        place = _largest(np.abs(mean - value) - half)
        z = (mean[place] - value[place]) / max(error[place], 1e-300)
        raise CheckFailed(
            f"{id}: the mean of {number} samples is {mean[place]:.6g}, expected "
            f"{value[place]:.6g} (z = {z:+.1f}, limit {limit:.1f})"
        )
    step = notice * scale
    altered = value + step, value - step
    if any(np.any(np.abs(mean - wrong) <= half) for wrong in altered):
        wanted = step / 2 / half.max()
        raise Vacuous(
            f"{id}: too few samples to notice an error of {notice:.1%}: "
            f"about {int(number / wanted**2) + 1} are needed"
        )
    entries = "entry" if value.size == 1 else "entries"
    method = f"the mean of {number:,} samples agrees, {value.size} {entries}"
    strength = f"an error of {notice:.2g} of the size would show"
    claim = claim or f"{value.size} mean(s) as stated"
    return Result(id, "expectation", claim, method, strength, 2 * value.size)


def bound(id: str, lower, upper, *, claim="", rtol=1e-12) -> Result:
    """`lower <= upper` at every tested point; reports how close they come.

    `lower`, `upper`: numbers or arrays of one shape (a plain number may be compared
    with an array). `rtol` forgives rounding, relative to the larger side. It is
    `Vacuous` if the reversed inequality holds too.
    """
    if rtol != 0:
        _demand_above_0(id, rtol=rtol)
    if rtol >= COEFFICIENT - 1:
        raise Vacuous(f"{id}: rtol={rtol} forgives errors of 5 %, not only rounding")
    lower, upper = (_as_real(id, side) for side in _two_sides(id, lower, upper))
    fits = lower.shape == upper.shape or not (lower.ndim and upper.ndim)
    _demand(id, fits, f"shapes differ: {lower.shape} and {upper.shape}")
    lower, upper = np.broadcast_arrays(lower, upper)
    size = np.maximum(np.abs(lower), np.abs(upper))
    slack = rtol * size
    if np.any(lower > upper + slack):
        place = _largest(lower - upper - slack)
        numbers = f"{lower[place]:.8g} exceeds {upper[place]:.8g}"
        raise CheckFailed(f"{id}: {numbers}{_at_entry(place)}")
    if np.all(upper <= lower + slack):
        raise Vacuous(f"{id}: both sides are equal everywhere; state an identity")
    where = "one point" if lower.size == 1 else f"{lower.size} points"
    claim = claim or "The inequality holds"
    strength = _shows(room(lower, upper), lower.size)
    return Result(id, "bound", claim, f"holds at {where}", strength, 1)


def room(lower, upper) -> float:
    """By how much one side could be wrong, relative to the larger one, unnoticed.

    Nine in ten points leave more room than this: a few at which both sides are equal
    do not make a bound sharp, nor do those at which both are zero. 1 and more if the
    sides differ in sign.
    """
    lower, upper = np.broadcast_arrays(lower, upper)
    size = np.maximum(np.abs(lower), np.abs(upper)).astype(float).ravel()
    gaps = np.sort((upper - lower).astype(float).ravel()[size > 0] / size[size > 0])
    return float(gaps[(len(gaps) - 1) // 10])


def _shows(error: float, points: int) -> str:
    """What a bound with so much room would notice."""
    if error >= 1:
        return "a change of the order of the sides would show, nothing less"
    places = " at one point in ten" if points > 10 else ""
    if error < 1e-9:
        return f"any error would show{places}"
    return f"an error of {error:.1g} of the larger side would show{places}"


def proved(id: str, statement, *, over=None, given=True, claim="") -> Result:
    """A condition holds at every point of a domain, which is proved.

    `statement`, `given`: conditions of sympy (`a <= b`, `Equivalent`, `Implies` ...)
    on real symbols, with exact numbers; the domain is where `given` and the assumptions
    of the symbols hold. `over`: closed intervals, `{x: (0, 1)}`. Conditions on
    polynomials, quotients, roots, cases are decided by Z3. With other functions they
    are decided by Arb, which needs a finite interval with rational ends for each symbol
    and a statement that holds with a margin. What cannot be decided fails. Each
    relation is reversed in turn, and that must be refuted by a counterexample.

    Where Z3 and Arb are not installed the statement is tried at points.
    """
    domain, over = sympy.sympify(given), over or {}
    for what in (statement, domain):
        sound = isinstance(what, Boolean)
        _demand(id, sound, f"{_short(repr(what))} is no condition of sympy")
        _demand(id, not what.has(sympy.Float), f"inexact number in {what}")
    settled = statement in (sympy.true, sympy.false)
    _demand(id, not settled, f"sympy has settled it: {statement}; state it otherwise")
    symbols = sorted(statement.free_symbols | domain.free_symbols, key=str)
    plain = {symbol: sympy.Symbol(symbol.name, real=True) for symbol in symbols}
    _demand(id, len({*plain.values()}) == len(plain), "two symbols have one name")
    assumed = [_assumed(symbol, plain[symbol]) for symbol in symbols]
    domain = And(domain.xreplace(plain), *assumed)
    statement = statement.xreplace(plain)
    over = {plain.get(symbol, symbol): ends for symbol, ends in over.items()}
    claim = claim or _short(str(statement))
    if not proofs.installed():
        return _tried(id, statement, domain, over, claim)

    def refuted(condition) -> proofs.Point | None:
        try:
            return proofs.counterexample(condition, domain, over)
        except proofs.Undecided as unknown:
            raise CheckFailed(f"{id}: not decided. {unknown}") from None
        except ValueError as wrong:
            raise ValueError(f"{id}: {wrong}") from None

    if point := refuted(statement):
        raise CheckFailed(f"{id}: {_short(str(statement))} is false at {_at(point)}")
    relations = _relations(statement)
    for relation in relations:
        if refuted(statement.xreplace({relation: relation.negated})) is None:
            raise Vacuous(f"{id}: it still holds with the reverse of {relation}")
    refused, strength = len(relations), "only the reverse is refuted"
    for share in (20, 5, 2):
        changed = [new for old in relations for new in _scaled(old, statement, share)]
        with suppress(CheckFailed):
            if number := sum(refuted(new) is not None for new in changed):
                refused += number
                strength = f"an error of {1 / share:.0%} in one place would show"
                break
    by = "Z3" if proofs.is_algebraic(And(statement, domain)) else "interval arithmetic"
    method = f"proved on the whole domain by {by}"
    return Result(id, "proved", claim, method, strength, refused)


def _assumed(symbol, plain) -> Boolean:
    """What a symbol assumes, as a condition on one without assumptions."""
    for name, holds in (
        ("positive", plain > 0),
        ("negative", plain < 0),
        ("nonnegative", plain >= 0),
        ("nonpositive", plain <= 0),
        ("nonzero", sympy.Ne(plain, 0)),
    ):
        if getattr(symbol, f"is_{name}"):
            return holds
    return sympy.true


def _relations(statement: Boolean) -> list[Relational]:
    """The relations of a condition; of an implication those of its conclusion."""
    stated = statement.args[1] if isinstance(statement, Implies) else statement
    return sorted(stated.atoms(Relational), key=str)


def _scaled(relation: Relational, statement: Boolean, share: int):
    """The statement with a side of a relation, or a term of it, changed by a share."""
    left, right = relation.args
    side, other = (right, left) if right != 0 else (left, right)
    terms = [side] if other != 0 else sympy.Add.make_args(side)
    for term in terms[:4]:
        for change in (term / share, -term / share):
            sides = (left, right + change) if right != 0 else (left + change, right)
            yield statement.xreplace({relation: relation.func(*sides)})


def _tried(id, statement, domain, over, claim, points=1000) -> Result:
    """The statement at random points of the domain, in place of a proof."""
    symbols = sorted(statement.free_symbols | domain.free_symbols, key=str)
    rng, whole = np.random.default_rng(sum(id.encode())), (-sympy.oo, sympy.oo)
    draws = rng.standard_t(2, (20 * points, len(symbols)))
    for k, symbol in enumerate(symbols):
        low, high = map(float, over.get(symbol, whole))
        if math.isfinite(high - low):
            draws[:, k] = rng.uniform(low, high, len(draws))
    inside, holds = (sympy.lambdify(symbols, c, "math") for c in (domain, statement))
    tried = 0
    for point in draws.tolist():
        with suppress(ValueError, ZeroDivisionError, OverflowError):
            if tried < points and inside(*point):
                tried += 1
                if not holds(*point):
                    place = _at(dict(zip(symbols, point, strict=True)))
                    raise CheckFailed(f"{id}: {statement} is false at {place}")
    method = f"holds at {tried:,} points; proved when the book was built"
    return Result(id, "proved", claim, method, "not altered here", 0)


def enclosed(id: str, integrand, value, *limits, at_most=None, claim="") -> Result:
    """An integral in one or two variables has a value, with a rigorous error bound.

    `integrand`: an expression of sympy; `value`: an exact one, or a float, which may be
    off by 1e-10 of itself. `limits`: for each variable `(x, a, b)`, with the places of
    kinks between `a` and `b`, or `(x, "normal")`, with the places of kinks behind, for
    the expectation over a standard normal variable. Of such variables, `at_most` is a
    polynomial in even powers that bounds the absolute value of the integrand; it is
    taken as true. Arb encloses the integral, twice, with different precision.

    Where Arb is not installed, scipy integrates without a bound of the error.
    """
    integrand = sympy.sympify(integrand)
    _demand(id, len(limits) in (1, 2), "one or two variables are integrated")
    open_ended = any(rest[0] == "normal" for _, *rest in limits)
    _demand(id, at_most is not None or not open_ended, "state the bound `at_most`")
    stated = sympy.sympify(value)
    sound = not stated.free_symbols and stated.is_finite
    _demand(id, sound, f"{_short(repr(value))} is no finite number")
    claim = claim or _short(f"The integral of {integrand} is {value}")
    if not proofs.installed():
        found, error = proofs.by_quadrature(integrand, limits), 1e-6
        method = "equal to six digits by quadrature; enclosed when the book was built"
    else:
        try:
            found, error = proofs.twice(integrand, *limits, at_most=at_most)
        except ValueError as wrong:
            raise ValueError(f"{id}: {wrong}") from None
        power = math.ceil(math.log10(max(error, 1e-15)))
        method = f"enclosed by Arb to within 1e{power:03d}"
    number = float(stated)
    size = abs(number) or 1.0
    if error > 1e-5 * size:
        raise CheckFailed(f"{id}: the enclosure is too wide: {found:.6g} ± {error:.1g}")
    error += 1e-10 * size if stated.has(sympy.Float) else 1e-14 * size
    if abs(found - number) > error:
        raise CheckFailed(
            f"{id}: the integral is {found:.12g} ± {error:.1g}, stated is {number:.12g}"
        )
    strength = f"an error of {max(error, 1e-15) / size:.0e} of it would show"
    return Result(id, "enclosed", claim, method, strength, 2 if number else 1)
