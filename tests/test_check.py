"""Every check must refuse wrong claims, and refuse to be empty."""

import doctest
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import claims
from claims import check
from claims.check import CheckFailed, Vacuous

# checks that are tried later
identity, gradient, value, expectation, bound, proved, enclosed = (
    partial(partial, getattr(check, kind), "t")
    for kind in (
        *("identity", "gradient", "value", "expectation", "bound"),
        *("proved", "enclosed"),
    )
)

x, y = sp.symbols("x y")
n, k = sp.symbols("n k", integer=True)
L = sp.symbols("L", integer=True, positive=True)
odd, imaginary = sp.Symbol("m", odd=True), sp.Symbol("z", imaginary=True)
SQUARE, SLOPE = sp.Derivative(x**2, x), 2 * x
LEFT, RIGHT = sp.Derivative(x**2 * y + x * y**2, x), 2 * x * y + y**2
GEOMETRIC = sp.Sum(sp.Rational(1, 2) ** k, (k, 0, n))
PARTIAL_SUM = 2 - sp.Rational(1, 2) ** n
STEP = sp.Heaviside(n, 1) * sp.Heaviside(L - 1 - n, 1)
CASES = sp.Piecewise((0, n < 0), (1, n < L), (0, True))
MATRIX = sp.Matrix([[SQUARE, 1], [0, y]])
INFINITE = sp.Piecewise((sp.oo, x > 1), (SLOPE, True))
s, t, z = sp.symbols("s t z", real=True)
positive, third = sp.Symbol("p", positive=True), sp.Rational(1, 3)
UNIT, SQUARED_RELU = (0, 1), sp.Max(z, 0) ** 2
CUBIC, ENTROPY = sp.Abs(s - t) * s * (1 - s), -s * sp.log(s)
UNTESTED = sp.Piecewise((7, sp.Eq(x, 100)), (SLOPE, True))


def stable(low, high):
    return sp.Equivalent(sp.Abs(1 - s * t) < 1, sp.And(s * t > low, s * t < high))


def norm(a):
    return (a**2).sum()


def quadratic(v, a):
    return v @ a @ a.T @ v


double, slope = partial(torch.mul, 2), partial(gradient, norm)  # of the norm
linear, steep = torch.matmul, partial(gradient, quadratic)
NAN, INF = float("nan"), float("inf")
PAIR, ONES, NUMBERS = (1.0, 2.0), np.ones(3), np.array([1.0, 2.0])
COINS, MANY = [1, 2] * 99, np.random.default_rng(0).normal(1, 1, (200_000, 2)) * [1, 3]

REFUSED = {
    (
        CheckFailed,
        "differ at x = .*, y = ",
    ): [  # a sign, a coefficient, a term, a trifle
        *(identity(LEFT, -RIGHT), identity(LEFT, RIGHT + x * y)),
        *(identity(LEFT, 2 * x * y), identity(LEFT, RIGHT + sp.Rational(1, 10**9))),
    ],
    (CheckFailed, "differ"): [
        identity(GEOMETRIC, PARTIAL_SUM.subs(n, n + 1), given=n >= 0),  # off by one
        identity(STEP, CASES.subs(L, L + 1), points=60),
        identity(MATRIX, sp.Matrix([[2 * x, 1], [0, x]])),
    ],
    (CheckFailed, "against oo"): [identity(SQUARE, INFINITE)],  # at some points only
    (Vacuous, "100"): [identity(SQUARE, UNTESTED)],  # a case that no point tests
    (Vacuous, "nothing in the claim"): [identity(sp.Derivative(y, x), 0)],
    (ValueError, "same expression"): [identity(x + y, y + x)],
    (ValueError, "undefined value"): [identity(SQUARE, v) for v in (sp.nan, sp.zoo)],
    (ValueError, "inexact number"): [identity(SQUARE, 2.5 * x)],
    (ValueError, "assumptions"): [identity(sp.conjugate(sp.I * x), imaginary)],
    (ValueError, "random point"): [identity(SQUARE, SLOPE, given=x > 100)],
    (ValueError, "cannot be told"): [identity(SQUARE, SLOPE, given=(x > 1, x < 0))],
    (ValueError, "y > 0 holds at x = .* told"): [identity(SQUARE, SLOPE, given=y > 0)],
    (ValueError, "no expression"): [identity(a, x) for a in (None, "x", [x], x > 1)],
    (ValueError, "shape"): [
        *(identity(sp.Matrix([x]), x), identity(MATRIX, sp.Matrix([[x, 1]]))),
        expectation(MANY, 1),
    ],
    (ValueError, "points="): [
        *(identity(SQUARE, SLOPE, points=number) for number in (0, 2.5)),
        *(slope(double, 4, points=number) for number in (0, 2.5)),
    ],
    (CheckFailed, "autograd"): [
        steep(lambda v, a: -2 * a @ a.T @ v, 3, (3, 5)),
        steep(lambda v, a: a @ a.T @ v, 3, (3, 5)),
        steep(lambda v, a: 2 * a @ a.T @ v + 1e-6, 3, (3, 5)),
        steep(lambda v, a: 2 * (a @ a.T).triu() @ v, 3, (3, 5)),
        steep(lambda v, a: (2 * a @ a.T @ v).roll(1), 3, (3, 5)),
    ],
    (CheckFailed, "shape"): [
        gradient(linear, lambda v, a: a, (3,), (3, 5)),  # transposed
        gradient(torch.sum, lambda v: v.new_ones(()), (4,)),  # would broadcast
    ],
    (Vacuous, "derivative zero"): [gradient(lambda v: 0 * v.sum(), lambda v: 0 * v, 4)],
    (ValueError, "NaN or infinity in the derivative"): [
        *(slope(lambda v: v / 0 * 0, 4), gradient(lambda v: v.sqrt().sum(), double, 4))
    ],
    (ValueError, "input 0.*unequal sizes above 1"): [
        slope(double, shape)
        for shape in ((3, 3), [3, 3], (1, 4), 1, (5, 2, 5), (0, 4), "ab", 2.5, None)
    ],
    (ValueError, "input 0 returned a list"): [slope(double, lambda _: [1.0])],
    (ValueError, "no inputs"): [slope(double)],
    (ValueError, "2 derivatives for 1 inputs"): [slope(lambda a: (a + a, a), 4)],
    (ValueError, "0 derivatives for 1 inputs"): [slope(lambda a: (), 4)],
    (ValueError, "formula returned a list; return a r"): [slope(lambda a: [2 * a], 4)],
    (ValueError, "the formula returned a NoneType"): [slope(lambda a: None, 4)],
    (ValueError, "f returned a float"): [gradient(lambda a: 1.0, double, 4)],
    (ValueError, "f returned a tuple"): [gradient(lambda a: (a, a), double, 4)],
    (ValueError, "complex"): [
        *(slope(lambda a: 2 * a + 0j, 4), bound(1j, 2)),
        expectation(MANY[:, 0] + 1j, 1),
    ],
    (CheckFailed, "relative error"): [  # of whole numbers, and of truths, there is none
        *(value(NUMBERS, wrong) for wrong in ([-1, 2.0], [1, 2.1], [1, 2.00001])),
        *(value(10**12, 10**12 + 1, rtol=1e-3), value(np.uint64(2**60 + 1), 2**60)),
        *(value(True, False), value(1e-6, 0.0, atol=1e-12)),
    ],
    (Vacuous, "larger|sign"): [value(1.0, 1.0, rtol=rtol) for rtol in (0.05, 0.5, 2.0)],
    (ValueError, "shapes"): [kind(np.ones((2, 3)), ONES) for kind in (value, bound)],
    (ValueError, "state `atol`"): [value(1e-20, 0.0)],
    (ValueError, "NaN or infinity among"): [
        *(value(NAN, 1.0), value(INF, 1.0), bound([NAN], [1.0])),
        expectation([NAN] * 100, 1),
    ],
    (ValueError, "nothing to compare"): [value([], 1.0)],
    (ValueError, "twice"): [
        *(value(*same) for same in ((ONES, ONES), (ONES, ONES[:]), (PAIR, PAIR))),
        bound(ONES, ONES),
    ],
    (ValueError, "cannot be compared"): [
        value(a, 3) for a in (None, "1", {1: 2}, [[1], 2], x)
    ],
    (ValueError, "rtol="): [
        *(slope(double, 4, rtol=rtol) for rtol in (0, -1, NAN)),
        *(value(1.0, 1.0, rtol) for rtol in (0, -1, NAN, "1")),
        *(bound(5, [1, 9], rtol=rtol) for rtol in (-1, NAN)),
    ],
    (ValueError, "atol="): [value(1.0, 1.0, atol=atol) for atol in (-1, NAN, INF)],
    (CheckFailed, "z = "): [
        expectation(MANY, wrong) for wrong in ([-1, 3], [1, 3.2], [0, 3], [1.03, 3])
    ],
    (Vacuous, "are needed"): [expectation(MANY[:1000], [1, 3])],
    (ValueError, "too few"): [expectation(MANY[:10], [1, 3])],
    (ValueError, "state the `scale`"): [expectation(MANY[:, 0] - 1, 0)],
    (ValueError, "vary"): [expectation(np.ones(100), 1)],
    (ValueError, "notice="): [
        expectation(COINS, 2, scale=1, notice=notice) for notice in (0, NAN)
    ],
    (ValueError, "scale="): [expectation(COINS, 2, scale=scale) for scale in (0, NAN)],
    (CheckFailed, r"exceeds .* at \[1\]"): [bound([1.0, 2.0, 3.0], [2.0, 1.999, 4.0])],
    (Vacuous, "state an identity"): [bound(PAIR, [1.0, 2.0])],
    (CheckFailed, "is false at s = .*, t = "): [
        proved(sp.Le(CUBIC, sp.Rational(14, 100)), over={s: UNIT, t: UNIT}),
        *(proved(stable(*wrong)) for wrong in ((0, 3), (-1, 2))),
    ],
    (CheckFailed, "is false at s = "): [
        proved(sp.Le(ENTROPY, third), over={s: (third, 1)}),  # 1/e is larger
        proved(sp.Lt(s**2, 1), given=sp.Abs(s) <= 1),
        proved(sp.Le(sp.sqrt(s), s), given=s >= 0),
        proved(sp.Implies(s > 1, s**3 > 1 + s)),
    ],
    (CheckFailed, "false at p = "): [proved(positive**2 >= positive)],
    (CheckFailed, "not decided.* leave it open"): [
        proved(sp.exp(s) >= 1 + s, over={s: (-1, 1)})  # equal at zero
    ],
    (Vacuous, "reverse of"): [proved(sp.Or(s < 1, s >= 0, s > 5))],
    (ValueError, "no interval for s"): [proved(sp.exp(s) > s)],
    (ValueError, "rational and finite"): [
        proved(sp.exp(s) > s, over={s: ends}) for ends in ((0, sp.oo), (0, sp.pi))
    ],
    (ValueError, "no point fulfils"): [proved(s < t, given=sp.And(s < 0, s > 1))],
    (ValueError, "not defined everywhere"): [
        proved(1 / s < 2 + 1 / s**2),
        proved(sp.sqrt(s) <= 1 + s),
    ],
    (ValueError, "defined everywhere"): [
        proved(sp.Piecewise((s, s > 0), (-s, s < 0)) >= 0),
    ],
    (ValueError, "write Xor with And"): [proved(sp.Xor(s > 0, t > 0))],
    (ValueError, "two symbols have one name"): [proved(positive < sp.Symbol("p"))],
    (ValueError, "knows atan"): [enclosed(sp.atan(s), 1, (s, 0, 1))],
    (ValueError, "no condition"): [proved(s + 1), proved(3)],
    (ValueError, "has settled it"): [proved(s**2 >= 0), proved(sp.false)],
    (ValueError, "inexact number in s"): [
        *(proved(s < 2.5), proved(s < t, given=s < 2.5))
    ],
    (CheckFailed, "the integral is 0.5"): [
        enclosed(SQUARED_RELU, wrong, (z, "normal", 0), at_most=z**2)
        for wrong in (third, 1, -sp.Rational(1, 2), 0.5 + 1e-9)
    ],
    (CheckFailed, "too wide"): [  # such a large bound says little of the tails
        enclosed(SQUARED_RELU, 0.5, (z, "normal", 0), at_most=10**40 * z**2)
    ],
    (ValueError, "does not enclose"): [enclosed(1 / s, 1, (s, -1, 2))],
    (ValueError, "even powers"): [enclosed(z, 0, (z, "normal"), at_most=z)],
    (ValueError, "at_most"): [enclosed(z**2, 1, (z, "normal"))],
    (ValueError, "one or two variables"): [enclosed(s, 1)],
    (ValueError, "no finite number"): [enclosed(s, v, (s, 0, 1)) for v in (t, NAN)],
    (ValueError, "Arb knows polygamma"): [enclosed(sp.digamma(s), 1, (s, 2, 3))],
    (Vacuous, "rtol=1 forgives"): [bound([5, -1], [1, 1], rtol=1)],
}


@pytest.mark.parametrize(
    "error, message, try_it",
    [(*why, try_it) for why, tries in REFUSED.items() for try_it in tries],
)
def test_what_is_wrong_or_empty_is_refused(error, message, try_it):
    with pytest.raises(error, match=f"(?s)^t: .*({message})") as caught:
        try_it()
    assert caught.type is error


@pytest.mark.parametrize(
    "try_it, said",
    [
        (identity(LEFT, RIGHT), "proved by sympy; 6 altered"),
        (identity(SQUARE - 2 * x, 0), "4 altered"),  # on the other side
        (identity(GEOMETRIC, PARTIAL_SUM, given=n >= 0), ""),
        (identity(STEP, CASES, points=60), "evidence, not proof"),
        (identity(MATRIX, sp.Matrix([[2 * x, 1], [0, y]])), ""),
        (identity(sp.floor((odd + 1) / 2), (odd + 1) / 2), ""),
        (steep(lambda v, a: 2 * a @ a.T @ v, 3, (3, 5)), "1e-1[45]"),
        (gradient(linear, lambda v, a: a.T, (3,), (3, 5)), ""),
        (gradient(torch.dot, lambda v, w: (w, v), 4, 4), ""),
        *((slope(double, shape), "") for shape in ([3, 4], 5)),
        (value(NUMBERS, [1, 2.000000001]), ""),
        (value(torch.tensor([3, 4]), (3, 4)), "equal"),
        (value(1e-20, 0.0, atol=1e-12), "at zero"),
        (value([True, False], [1, 0]), "any difference"),
        (expectation(MANY, [1, 3]), "200,000"),
        (expectation(MANY[:, 0] - 1, 0, scale=1), ""),
        (bound(PAIR, [1.5, 2.1]), r"an error of 0\.05 of the larger side"),
        (bound(PAIR, [1.0, 3.0]), "2 points; any error would show$"),
        (bound([0, 2], [0, 3]), r"an error of 0\.3"),  # both zero says nothing
        (bound(np.arange(30), 2 * np.arange(30)), "of 0.5 .* at one point in ten"),
        (bound(np.arange(1, 31), [1, *range(4, 62, 2)]), "of 0.5"),  # equal at one
        (bound(-1, [2, 3]), "the order of the sides"),
        (bound(1.0, np.array([2.0, 3.0])), "2 points"),
        (proved(sp.Le(CUBIC, sp.Rational(4, 27)), over={s: UNIT, t: UNIT}), "5%"),
        (proved(stable(0, 2)), "the whole domain by Z3"),
        (proved(sp.sqrt(positive) <= (1 + positive) / 2), "Z3"),
        (proved(sp.Le(s * (1 - s), 7)), "only the reverse"),
        (proved(sp.Ge(1 / (1 + positive**2), 1 - positive**2)), "5%"),
        (proved(sp.Le(sp.Max(s, t), sp.sqrt(s**2 + t**2))), "Z3"),
        (
            proved(sp.Le(ENTROPY, sp.exp(-1) + third**9), over={s: (third**9, 1)}),
            "interval arithmetic; an error of 5%",
        ),
        (proved(sp.tanh(s) < s, over={s: (third, 5)}), "interval"),
        (enclosed(SQUARED_RELU, sp.Rational(1, 2), (z, "normal", 0), at_most=z**2), ""),
        (enclosed(1 / (2 + sp.cos(s)), 2 * sp.pi / sp.sqrt(3), (s, 0, 2 * sp.pi)), ""),
        (enclosed(sp.sqrt(s), 2 / 3, (s, 0, 1)), "an error of 1e-10 of it"),
        (enclosed(s * t**2, third / 2, (s, 0, 1), (t, 0, 1)), "to within 1e-"),
        (enclosed(sp.sin(z), 0, (z, "normal"), at_most=sp.Integer(1)), ""),
    ],
)
def test_what_holds_passes_and_says_how_it_was_tried(try_it, said):
    result = try_it()
    assert re.search(said, f"{result}; {result.strength}")


def test_without_the_provers_points_are_tried_and_said_so(monkeypatch):
    monkeypatch.setattr(check.proofs, "installed", lambda: False)
    limits = {s: UNIT, t: UNIT}
    for try_it in (
        proved(sp.Le(CUBIC, sp.Rational(4, 27)), over=limits),
        proved(sp.sqrt(positive) <= (1 + positive) / 2),
        enclosed(SQUARED_RELU, 0.5, (z, "normal", 0), at_most=z**2),
    ):
        assert "when the book was built" in str(try_it())
    with pytest.raises(CheckFailed, match="is false at"):
        check.proved("t", sp.Le(CUBIC, third / 3), over=limits)
    with pytest.raises(CheckFailed, match="the integral is"):
        check.enclosed("t", s, 0.51, (s, 0, 1))


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_z3_and_arb_agree_with_the_discriminant(a, b, c):
    positive = sp.Gt(a * s**2 - b * s + c, 0)
    for over in ({}, {s: (-100, 100)}):  # its root is at most 9 away
        point = check.proofs.counterexample(positive, sp.true, over)
        assert (point is None) == (b * b < 4 * a * c)
    if b * b != 4 * a * c:
        by_boxes = check.proofs._by_bisection(positive, {s: (-100, 100)})
        assert (by_boxes is None) == (b * b < 4 * a * c)


@given(st.integers(1, 6), st.integers(1, 9), st.integers(2, 5))
@settings(max_examples=20, deadline=None)
def test_power_rule_and_a_wrong_exponent(a, b, p):
    left = sp.Derivative(a * x**p + b, x)
    check.identity("t", left, a * p * x ** (p - 1))
    with pytest.raises(CheckFailed):
        check.identity("t", left, a * p * x**p)


def test_false_alarms_are_rare():
    rng = np.random.default_rng(1)
    for _ in range(200):
        check.expectation("t", rng.normal(1, 0.1, (2000, 5)), np.ones(5))


def test_a_result_shows_as_one_line_and_feeds_the_ledger():
    result = check.value("gr-0", 2.0, 2.0 + 1e-12, claim="one < two")
    data, metadata = result._repr_mimebundle_()
    assert data["text/plain"] == str(result)
    assert "\n" not in data["text/html"] and ">one &lt; two<" in data["text/html"]
    assert metadata["check"]["id"] == "gr-0" and metadata["check"]["mutants"] == 2
    assert slope(double, 4)().mutants == 60


def test_the_package_shows_what_is_meant_to_be_used():
    assert claims.check is check
    assert dir(check) == sorted(check.__all__)


def test_the_readme_says_what_happens():
    readme = Path(claims.__file__).with_name("README.md")
    ran = doctest.testfile(str(readme), module_relative=False)
    assert ran.attempted > 9 and not ran.failed
