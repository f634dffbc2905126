"""Every check must refuse wrong claims, and refuse to be empty."""

import doctest
import subprocess
import sys
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

x, y = sp.symbols("x y")
n, k = sp.symbols("n k", integer=True)
L = sp.symbols("L", integer=True, positive=True)
GEOMETRIC = sp.Sum(sp.Rational(1, 2) ** k, (k, 0, n))


class TestIdentity:
    def test_proves(self):
        right = 2 * x * y + y**2
        result = check.identity("t", sp.Derivative(x**2 * y + x * y**2, x), right)
        assert result.method == "proved by sympy"
        assert result.mutants == 6

    @pytest.mark.parametrize(
        "wrong",
        [
            -2 * x * y - y**2,  # sign
            3 * x * y + y**2,  # coefficient
            2 * x * y,  # missing term
            2 * x * y + y**2 + sp.Rational(1, 10**9),  # a very small error
        ],
    )
    def test_refuses(self, wrong):
        with pytest.raises(CheckFailed, match="differ at x = .*, y = "):
            check.identity("t", sp.Derivative(x**2 * y + x * y**2, x), wrong)

    def test_refuses_off_by_one(self):
        right = 2 - sp.Rational(1, 2) ** n
        check.identity("t", GEOMETRIC, right, given=n >= 0)
        with pytest.raises(CheckFailed):
            check.identity("t", GEOMETRIC, right.subs(n, n + 1), given=n >= 0)

    def test_says_when_it_is_evidence_only(self):
        cases = sp.Piecewise((0, n < 0), (1, n < L), (0, True))
        step = sp.Heaviside(n, 1) * sp.Heaviside(L - 1 - n, 1)
        result = check.identity("t", step, cases, points=60)
        assert "evidence, not proof" in result.method
        with pytest.raises(CheckFailed):
            check.identity("t", step, cases.subs(L, L + 1), points=60)

    def test_compares_matrices_entry_by_entry(self):
        a = sp.Matrix([[sp.Derivative(x**2, x), 1], [0, y]])
        check.identity("t", a, sp.Matrix([[2 * x, 1], [0, y]]))
        with pytest.raises(CheckFailed):
            check.identity("t", a, sp.Matrix([[2 * x, 1], [0, x]]))
        with pytest.raises(ValueError, match="shape"):
            check.identity("t", a, sp.Matrix([[x, 1]]))

    def test_the_same_expression_twice_is_an_error(self):
        with pytest.raises(ValueError, match="same expression"):
            check.identity("t", x + y, y + x)

    def test_a_case_that_no_point_tests_is_vacuous(self):
        cases = sp.Piecewise((7, sp.Eq(x, 100)), (x, True))
        with pytest.raises(Vacuous, match="100"):
            check.identity("t", sp.Derivative(x**2 / 2, x), cases)

    def test_zero_equal_to_one_term_is_vacuous(self):
        with pytest.raises(Vacuous):
            check.identity("t", sp.Derivative(y, x), 0)

    def test_a_sum_equal_to_zero_is_altered_on_the_other_side(self):
        claim = sp.Derivative(x**2, x) - 2 * x
        assert check.identity("t", claim, 0).mutants == 4

    @pytest.mark.parametrize("bad", [sp.nan, sp.zoo, 2.5 * x])
    def test_undefined_and_inexact_values_are_errors(self, bad):
        with pytest.raises(ValueError):
            check.identity("t", sp.Derivative(x**2, x), bad)

    def test_infinity_at_some_points_only_is_a_counterexample(self):
        cases = sp.Piecewise((sp.oo, x > 1), (2 * x, True))
        with pytest.raises(CheckFailed, match="against oo"):
            check.identity("t", sp.Derivative(x**2, x), cases)

    def test_points_obey_all_that_the_symbols_assume(self):
        odd = sp.Symbol("m", odd=True)
        check.identity("t", sp.floor((odd + 1) / 2), (odd + 1) / 2)
        with pytest.raises(ValueError, match="assumptions"):
            check.identity("t", sp.conjugate(sp.I * x), sp.Symbol("z", imaginary=True))

    def test_a_condition_that_hardly_holds_is_an_error(self):
        with pytest.raises(ValueError, match="random point"):
            check.identity("t", sp.Derivative(x**2, x), 2 * x, given=x > 100)

    @given(st.integers(1, 6), st.integers(1, 9), st.integers(2, 5))
    @settings(max_examples=20, deadline=None)
    def test_power_rule_and_a_wrong_exponent(self, a, b, p):
        left = sp.Derivative(a * x**p + b, x)
        check.identity("t", left, a * p * x ** (p - 1))
        with pytest.raises(CheckFailed):
            check.identity("t", left, a * p * x**p)


class TestGradient:
    A = staticmethod(lambda v, a: v @ a @ a.T @ v)

    def test_agrees(self):
        result = check.gradient("t", self.A, lambda v, a: 2 * a @ a.T @ v, (3,), (3, 5))
        assert result.mutants == 60
        assert "1e-15" in result.method or "1e-14" in result.method

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda v, a: -2 * a @ a.T @ v,
            lambda v, a: a @ a.T @ v,
            lambda v, a: 2 * a @ a.T @ v + 1e-6,
            lambda v, a: 2 * (a @ a.T).triu() @ v,
            lambda v, a: (2 * a @ a.T @ v).roll(1),
        ],
    )
    def test_refuses(self, wrong):
        with pytest.raises(CheckFailed, match="autograd"):
            check.gradient("t", self.A, wrong, (3,), (3, 5))

    def test_a_transposed_derivative_has_the_wrong_shape(self):
        def f(v, a):
            return v @ a

        assert check.gradient("t", f, lambda v, a: a.T, (3,), (3, 5))
        with pytest.raises(CheckFailed, match="shape"):
            check.gradient("t", f, lambda v, a: a, (3,), (3, 5))

    def test_a_derivative_that_would_broadcast_is_refused(self):
        with pytest.raises(CheckFailed, match="shape"):
            check.gradient("t", lambda v: v.sum(), lambda v: v.new_ones(()), (4,))

    def test_several_inputs(self):
        def formula(v, w):
            return w**2, 2 * v * w

        check.gradient("t", lambda v, w: (v * w**2).sum(), formula, (4,), (4,))

    def test_zero_derivative_is_vacuous(self):
        with pytest.raises(Vacuous):
            check.gradient("t", lambda v: (0 * v).sum(), torch.zeros_like, (4,))

    @pytest.mark.parametrize("shape", [(3, 3), [3, 3], (1, 4), 1, (5, 2, 5), (0, 4)])
    def test_sizes_that_hide_an_error_are_refused(self, shape):
        with pytest.raises(ValueError, match="size"):
            check.gradient("t", lambda a: (a**2).sum(), lambda a: 2 * a, shape)

    def test_lists_and_whole_numbers_are_shapes(self):
        for shape in ([3, 4], 5):
            assert check.gradient("t", lambda a: (a**2).sum(), lambda a: 2 * a, shape)

    def test_nan_is_an_error(self):
        with pytest.raises(ValueError, match="NaN"):
            check.gradient("t", lambda v: v.sqrt().sum(), lambda v: v / 0 * 0, (4,))


class TestValue:
    def test_agrees(self):
        check.value("t", np.array([1.0, 2.0]), [1, 2.000000001])
        assert "equal" in check.value("t", torch.tensor([3, 4]), (3, 4)).method

    @pytest.mark.parametrize("wrong", [[-1, 2.0], [1, 2.1], [1, 2.00001]])
    def test_refuses(self, wrong):
        with pytest.raises(CheckFailed, match="relative error"):
            check.value("t", np.array([1.0, 2.0]), wrong)

    def test_whole_numbers_are_exact(self):
        with pytest.raises(CheckFailed):
            check.value("t", 10**12, 10**12 + 1, rtol=1e-3)

    @pytest.mark.parametrize("rtol", [0.05, 0.5, 2.0])
    def test_a_wide_tolerance_is_vacuous(self, rtol):
        with pytest.raises(Vacuous, match="larger|sign"):
            check.value("t", 1.0, 1.0, rtol=rtol)

    def test_accidental_broadcasting_is_an_error(self):
        with pytest.raises(ValueError, match="shapes"):
            check.value("t", np.ones((2, 3)), np.ones(3))

    def test_zero_needs_an_absolute_tolerance(self):
        with pytest.raises(ValueError, match="atol"):
            check.value("t", 1e-20, 0.0)
        check.value("t", 1e-20, 0.0, atol=1e-12)
        with pytest.raises(CheckFailed):
            check.value("t", 1e-6, 0.0, atol=1e-12)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, []])
    def test_nan_infinity_and_nothing_are_errors(self, bad):
        with pytest.raises(ValueError, match="^t: (NaN or infinity|nothing)"):
            check.value("t", bad, 1.0)

    def test_whole_numbers_of_different_types_and_truth_values_are_exact(self):
        with pytest.raises(CheckFailed):
            check.value("t", np.uint64(2**60 + 1), 2**60)
        assert "any difference" in check.value("t", [True, False], [1, 0]).strength
        with pytest.raises(CheckFailed):
            check.value("t", True, False)

    def test_the_same_object_twice_is_an_error(self):
        a = np.ones(3)
        pair = (1.0, 2.0)
        for first, second in ((a, a), (a, a[:]), (pair, pair)):
            with pytest.raises(ValueError, match="twice"):
                check.value("t", first, second)


class TestExpectation:
    rng = np.random.default_rng(0)
    many = rng.normal(1, 1, (200_000, 2)) * [1, 3]

    def test_agrees(self):
        assert "200,000" in check.expectation("t", self.many, [1, 3]).method

    @pytest.mark.parametrize("wrong", [[-1, 3], [1, 3.2], [0, 3], [1.03, 3]])
    def test_refuses(self, wrong):
        with pytest.raises(CheckFailed, match="z = "):
            check.expectation("t", self.many, wrong)

    def test_too_few_samples_to_notice(self):
        with pytest.raises(Vacuous, match="are needed"):
            check.expectation("t", self.many[:1000], [1, 3])
        with pytest.raises(ValueError, match="too few"):
            check.expectation("t", self.many[:10], [1, 3])

    def test_shapes_must_belong_together(self):
        with pytest.raises(ValueError, match="shape"):
            check.expectation("t", self.many, 1)

    def test_zero_needs_a_scale(self):
        centred = self.many[:, 0] - 1
        with pytest.raises(ValueError, match="scale"):
            check.expectation("t", centred, 0)
        check.expectation("t", centred, 0, scale=1)

    def test_constant_samples_and_nan_are_errors(self):
        with pytest.raises(ValueError, match="vary"):
            check.expectation("t", np.ones(100), 1)
        with pytest.raises(ValueError, match="NaN"):
            check.expectation("t", [np.nan] * 100, 1)
        with pytest.raises(ValueError, match="complex"):
            check.expectation("t", self.many[:, 0] + 1j, 1)

    def test_false_alarms_are_rare(self):
        rng = np.random.default_rng(1)
        for _ in range(200):
            check.expectation("t", rng.normal(1, 0.1, (2000, 5)), np.ones(5))


class TestBound:
    def test_holds_and_says_how_close(self):
        result = check.bound("t", [1.0, 2.0], [1.5, 2.1])
        assert "0.05" in result.strength
        assert "attained" in check.bound("t", [1.0, 2.0], [1.0, 3.0]).strength
        check.bound("t", 1.0, np.array([2.0, 3.0]))

    def test_refuses_with_the_point(self):
        with pytest.raises(CheckFailed, match=r"exceeds .* at \[1\]"):
            check.bound("t", [1.0, 2.0, 3.0], [2.0, 1.999, 4.0])

    def test_equality_everywhere_is_vacuous(self):
        with pytest.raises(Vacuous, match="identity"):
            check.bound("t", [1.0, 2.0], [1.0, 2.0])

    def test_bad_arguments(self):
        a = np.ones(3)
        with pytest.raises(ValueError, match="twice"):
            check.bound("t", a, a)
        with pytest.raises(ValueError, match="NaN"):
            check.bound("t", [np.nan], [1.0])
        with pytest.raises(ValueError, match="shapes"):
            check.bound("t", np.ones((2, 3)), np.ones(3))


def test_a_result_shows_as_one_line_and_feeds_the_ledger():
    result = check.value("gr-0", 2.0, 2.0 + 1e-12, claim="one < two")
    data, metadata = result._repr_mimebundle_()
    assert data["text/plain"] == str(result)
    assert "\n" not in data["text/html"] and "one &lt; two" in data["text/html"]
    assert metadata["check"]["id"] == "gr-0" and metadata["check"]["mutants"] == 2


SQUARE = sp.Derivative(x**2, x), 2 * x
NORM = lambda a: (a**2).sum(), lambda a: 2 * a  # noqa: E731
NAN = float("nan")


@pytest.mark.parametrize(
    "try_it, given, options, message",
    [
        *((check.identity, SQUARE, {"points": n}, "points=") for n in (0, 2.5)),
        (check.identity, SQUARE, {"given": (x > 1, x < 0)}, "cannot be told"),
        (check.identity, SQUARE, {"given": y > 0}, "y > 0 holds at x = .* be told"),
        *(
            (check.identity, (s, x), {}, "no expression")
            for s in (None, "x", [x], x > 1)
        ),
        (check.identity, (x > 1, x), {}, "no expression"),
        (check.identity, (sp.Matrix([x]), x), {}, "shape"),
        *((check.gradient, (*NORM, (4,)), {"points": n}, "points=") for n in (0, 2.5)),
        *((check.gradient, (*NORM, (4,)), {"rtol": r}, "rtol=") for r in (0, -1, NAN)),
        (check.gradient, NORM, {}, "no inputs"),
        *((check.gradient, (*NORM, s), {}, "input 0") for s in ("ab", 2.5, None)),
        (check.gradient, (*NORM, lambda numbers: [1.0]), {}, "input 0 returned a list"),
        *(
            (check.gradient, (NORM[0], formula, (4,)), {}, message)
            for formula, message in (
                (lambda a: (2 * a, 1000 * a), "2 derivatives for 1 inputs"),
                (lambda a: (), "0 derivatives for 1 inputs"),
                (
                    lambda a: [2 * a],
                    "formula returned a list; return a real tensor",
                ),
                (lambda a: None, "the formula returned a NoneType"),
                (lambda a: 2 * a + 0j, "complex"),
            )
        ),
        (check.gradient, (lambda a: 1.0, NORM[1], (4,)), {}, "f returned a float"),
        (check.gradient, (lambda a: (a, a), NORM[1], (4,)), {}, "f returned a tuple"),
        *((check.value, (1.0, 1.0, r), {}, "rtol=") for r in (0, -1, NAN, "1")),
        *((check.value, (1.0, 1.0), {"atol": a}, "atol=") for a in (-1, NAN, np.inf)),
        *(
            (check.value, (bad, 3), {}, "cannot be compared")
            for bad in (None, "1", {1: 2}, [[1], 2], x)
        ),
        *(
            (check.expectation, ([1, 2] * 99, 2), {"scale": 1} | option, "=")
            for option in ({"notice": 0}, {"notice": NAN}, {"scale": 0}, {"scale": NAN})
        ),
        *((check.bound, (5, [1, 9]), {"rtol": r}, "rtol=") for r in (-1, NAN)),
        (check.bound, (1j, 2), {}, "complex"),
    ],
)
def test_what_would_not_be_looked_at_is_refused(try_it, given, options, message):
    with pytest.raises(ValueError, match=f"(?s)^t: .*{message}"):
        try_it("t", *given, **options)


def test_a_bound_that_forgives_more_than_rounding_is_vacuous():
    with pytest.raises(Vacuous, match="^t: rtol=1"):
        check.bound("t", [5, -1], [1, 1], rtol=1)


def test_the_package_shows_what_is_meant_to_be_used():
    assert claims.check is check
    assert dir(check) == sorted(check.__all__)
    code = "import sys, claims.attack; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_readme_says_what_happens():
    readme = Path(claims.__file__).with_name("README.md")
    ran = doctest.testfile(str(readme), module_relative=False)
    assert ran.attempted > 9 and not ran.failed
