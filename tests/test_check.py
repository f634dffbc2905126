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
identity, gradient, value, expectation, bound = (
    partial(partial, getattr(check, kind), "t")
    for kind in ("identity", "gradient", "value", "expectation", "bound")
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
UNTESTED = sp.Piecewise((7, sp.Eq(x, 100)), (SLOPE, True))


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
        (bound(PAIR, [1.5, 2.1]), r"0\.05"),
        (bound(PAIR, [1.0, 3.0]), "attained"),
        (bound(1.0, np.array([2.0, 3.0])), "2 points"),
    ],
)
def test_what_holds_passes_and_says_how_it_was_tried(try_it, said):
    assert re.search(said, str(try_it()))


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
    assert "\n" not in data["text/html"] and "one &lt; two" in data["text/html"]
    assert metadata["check"]["id"] == "gr-0" and metadata["check"]["mutants"] == 2
    assert slope(double, 4)().mutants == 60


def test_the_package_shows_what_is_meant_to_be_used():
    assert claims.check is check
    assert dir(check) == sorted(check.__all__)


def test_the_readme_says_what_happens():
    readme = Path(claims.__file__).with_name("README.md")
    ran = doctest.testfile(str(readme), module_relative=False)
    assert ran.attempted > 9 and not ran.failed
