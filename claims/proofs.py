"""Statements that are decided on a whole domain, and integrals with an error bound.

Two provers decide whether a condition holds at all points of a domain. Z3 takes what is
made of polynomials, quotients, roots, absolute values and cases. Arb takes the rest: it
encloses both sides of a relation on a box, and bisects the boxes on which that decides
nothing. What they leave open raises `Undecided`.

Z3 and Arb (z3-solver, python-flint) are optional; `installed` says whether they are
there. Source of the method: F. Johansson, Arb, IEEE Transactions on Computers (2017).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from importlib.util import find_spec
from itertools import pairwise

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Boolean, Equivalent, Implies, Not, Or

BOXES = 40_000  # after so many, a statement is undecided
PATIENCE = 30_000  # milliseconds for one question to Z3
DIGITS = 20  # with which Arb begins; with twice as many it is run again
FAR = 12  # beyond it a normal variable is not integrated but bounded

RELATIONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
RELATIONS |= {"==": operator.eq, "!=": operator.ne}
CASES = sympy.Piecewise, sympy.functions.elementary.piecewise.ExprCondPair
ALGEBRAIC = sympy.Symbol, sympy.Rational, sympy.Add, sympy.Mul, sympy.Abs
ALGEBRAIC += sympy.Max, sympy.Min, Boolean, *CASES

Point = dict[sympy.Symbol, float]


class Undecided(Exception):
    """Neither proved nor refuted."""


def installed() -> bool:
    """Whether Z3 and Arb are there."""
    return bool(find_spec("z3") and find_spec("flint"))


def is_algebraic(condition: Boolean) -> bool:
    """Whether Z3 can take it."""
    parts = list(sympy.preorder_traversal(condition))
    powers = [part for part in parts if isinstance(part, sympy.Pow)]
    known = all(isinstance(part, (*ALGEBRAIC, sympy.Pow)) for part in parts)
    return known and all(power.exp.is_Rational for power in powers)


def counterexample(statement: Boolean, domain: Boolean, over: dict) -> Point | None:
    """A point of the domain at which the statement is false; None if it is proved.

    `over`: the ends of the closed interval of each symbol, which may be infinite for
    Z3.
    """
    whole = Implies(domain, statement, evaluate=False)
    if not is_algebraic(whole):
        return _by_bisection(whole, over)
    ends = [end for x, (low, high) in over.items() for end in (low <= x, x <= high)]
    return _by_z3(statement, And(domain, *ends))


# ------------------------------------------------------------------------------- Z3


class _Translation:
    """Sympy's expressions in Z3's language.

    A root is a new variable with its equation. `terms` are these equations, and what
    has to be true for them and for the quotients to be defined, in their order.
    """

    def __init__(self):
        import z3

        self.z3, self.known, self.terms = z3, {}, []

    def condition(self, given: Boolean):
        """A condition."""
        z3 = self.z3
        if isinstance(given, Relational):
            return RELATIONS[given.rel_op](*map(self.number, given.args))
        if given in (sympy.true, sympy.false):
            return z3.BoolVal(bool(given))
        parts = [self.condition(part) for part in given.args]
        if isinstance(given, Equivalent):
            return z3.And([part == parts[0] for part in parts[1:]])
        names = {And: z3.And, Or: z3.Or, Not: z3.Not, Implies: z3.Implies}
        if given.func not in names:
            raise ValueError(f"write {given.func.__name__} with And, Or and Not")
        return names[given.func](*parts)

    def number(self, given: sympy.Expr):
        """A number; the same expression is translated once."""
        if given not in self.known:
            self.known[given] = self._number(given)
        return self.known[given]

    def _number(self, given: sympy.Expr):
        choose = self.z3.If
        if given.is_Symbol:
            return self.z3.Real(given.name)
        if given.is_Rational:
            return self.z3.Q(int(given.p), int(given.q))
        if isinstance(given, sympy.Pow):
            return self._power(self.number(given.base), given.exp)
        if isinstance(given, sympy.Piecewise):
            cases = [self.condition(part.cond) for part in given.args]
            self.terms.append(("defined", self.z3.Or(cases)))
            whole = self.number(given.args[-1].expr)
            for part, case in zip(given.args[-2::-1], cases[-2::-1], strict=True):
                whole = choose(case, self.number(part.expr), whole)
            return whole
        first, *others = map(self.number, given.args)
        pairs = {
            sympy.Add: operator.add,
            sympy.Mul: operator.mul,
            sympy.Max: lambda a, b: choose(a >= b, a, b),
            sympy.Min: lambda a, b: choose(a <= b, a, b),
        }
        if isinstance(given, sympy.Abs):
            return choose(first >= 0, first, -first)
        return reduce(pairs[given.func], others, first)

    def _power(self, base, exponent: sympy.Rational):
        times, kind = int(exponent.p), int(exponent.q)
        if kind > 1:
            root = self.z3.Real(f"root {len(self.terms)}")
            equation = self.z3.And(root >= 0, _product(root, kind) == base)
            self.terms += [("defined", base >= 0), ("equation", equation)]
            base = root
        if times > 0:
            return _product(base, times)
        self.terms.append(("defined", base != 0))
        return 1 / _product(base, -times)


def _product(base, times: int):
    return reduce(operator.mul, [base] * times)


def _by_z3(statement: Boolean, domain: Boolean) -> Point | None:
    import z3

    words = _Translation()
    known, holds = [words.condition(domain)], words.condition(statement)

    def found(condition):
        """A model of what is known and of this condition, if there is one."""
        solver = z3.Tactic("qfnra-nlsat").solver()
        solver.set("timeout", PATIENCE)
        solver.add(*known, condition)
        verdict = solver.check()
        if verdict == z3.unknown:
            raise Undecided(f"Z3 cannot tell: {solver.reason_unknown()}")
        return solver.model() if verdict == z3.sat else None

    if found(z3.BoolVal(True)) is None:
        raise ValueError("no point fulfils the conditions")
    for kind, term in words.terms:
        if kind == "defined" and found(z3.Not(term)) is not None:
            raise ValueError(f"it is not defined everywhere: that needs {term}")
        known.append(term)
    if (model := found(z3.Not(holds))) is None:
        return None
    symbols = sorted(statement.free_symbols | domain.free_symbols, key=str)
    return {x: _plain(model.eval(z3.Real(x.name), True)) for x in symbols}


def _plain(value) -> float:
    """A number of a model of Z3; some are given as the root of a polynomial."""
    value = value.approx(20) if hasattr(value, "approx") else value
    return float(value.as_fraction())


# ------------------------------------------------------------------------------ Arb

# they have no branch, so that a finite ball shows that they are analytic
FUNCTIONS = set("exp sin cos tan cot sinh cosh tanh coth erf erfc erfi gamma".split())
# what Arb calls others; all but the first two are asked whether they are analytic
NAMES = {"Add": "__add__", "Mul": "__mul__", "Max": "real_max", "Min": "real_min"}
NAMES |= {"Pow": "pow", "log": "log", "Abs": "real_abs", "sign": "real_sgn"}


def _evaluator(given: sympy.Expr) -> Callable:
    """A function of (balls by symbol, `analytic`) that encloses an expression.

    `analytic` asks for a ball that is not finite where the expression is not analytic,
    as Arb's integration needs it.
    """
    from flint import acb, arb, fmpq

    if given.is_Symbol:
        return lambda at, _: at[given]
    if given.is_Rational:
        exact = fmpq(int(given.p), int(given.q))
        return lambda at, _: acb(exact)
    if given in (sympy.pi, sympy.E):  # anew each time: the precision may have changed
        constant = arb.pi if given == sympy.pi else arb.const_e
        return lambda at, _: acb(constant())
    if isinstance(given, sympy.Piecewise):
        return _cases(given)
    parts, name = [_evaluator(part) for part in given.args], type(given).__name__
    if isinstance(given, sympy.Pow) and given.exp.is_Integer:
        return lambda at, analytic: parts[0](at, analytic) ** int(given.exp)
    if name not in NAMES and name not in FUNCTIONS:
        raise ValueError(f"neither Z3 nor Arb knows {name}")
    call = getattr(acb, NAMES.get(name, name))
    asked = name in NAMES and name not in ("Add", "Mul")

    def value(at, analytic):
        values = [part(at, analytic) for part in parts]
        options = [analytic] if asked else []
        if len(values) == 1:
            return call(*values, *options)
        return reduce(lambda a, b: call(a, b, *options), values)

    return value


def _cases(given: sympy.Piecewise) -> Callable:
    """All cases that may hold on a ball, together."""
    from flint import acb

    cases = [(_evaluator(part.expr), _truth(part.cond, True)) for part in given.args]

    def value(at, analytic):
        whole = None
        for case, holds in cases:
            if (known := holds(at)) is False:
                continue
            if known is None and analytic:
                return acb("nan")
            new = case(at, analytic)
            whole = new if whole is None else whole.union(new)
            if known:
                break
        return acb("nan") if whole is None else whole

    return value


def _truth(given: Boolean, of_real_parts=False) -> Callable:
    """A function of balls: whether a condition holds on all of them (None: not clear).

    Where a side is undefined, or not real, nothing is clear.
    """
    if given in (sympy.true, sympy.false):
        return lambda at: bool(given)
    if isinstance(given, Relational):
        difference = _evaluator(given.lhs - given.rhs)
        holds, fails = RELATIONS[given.rel_op], RELATIONS[given.negated.rel_op]

        def known(at):
            value = difference(at, False)
            real = value.is_finite() and (of_real_parts or value.imag.is_zero())
            if real and holds(value.real, 0):
                return True
            return False if real and fails(value.real, 0) else None

        return known
    parts = [_truth(part, of_real_parts) for part in given.args]

    def known(at):
        values = [part(at) for part in parts]
        if isinstance(given, Not):
            return None if values[0] is None else not values[0]
        if isinstance(given, Implies):
            values[0] = None if values[0] is None else not values[0]
        if isinstance(given, Equivalent):
            return None if None in values else len(set(values)) == 1
        decides = isinstance(given, Or | Implies)
        if decides in values:
            return decides
        return None if None in values else not decides

    return known


def _by_bisection(statement: Boolean, over: dict) -> Point | None:
    from flint import acb, arb, fmpq

    if free := statement.free_symbols - over.keys():
        raise ValueError(f"`over` gives no interval for {', '.join(map(str, free))}")
    ends = [sympy.sympify(end) for pair in over.values() for end in pair]
    if not all(end.is_Rational for end in ends):
        raise ValueError("the ends of the intervals must be rational and finite")
    exact = [fmpq(int(end.p), int(end.q)) for end in ends]
    whole = list(zip(exact[::2], exact[1::2], strict=True))
    holds, boxes, tried = _truth(statement), [whole], 0

    def on(balls):
        return holds(dict(zip(over, map(acb, balls), strict=True)))

    while boxes:
        box, tried = boxes.pop(), tried + 1
        if on(arb(low).union(arb(high)) for low, high in box):
            continue
        middle = [(low + high) / 2 for low, high in box]
        point = dict(zip(over, (float(arb(m).mid()) for m in middle), strict=True))
        if on(map(arb, middle)) is False:
            return point
        if tried > BOXES:
            near = ", ".join(f"{x} = {number:.6g}" for x, number in point.items())
            raise Undecided(f"{BOXES:,} boxes leave it open, here near {near}")
        pairs = zip(box, whole, strict=True)
        shares = [(high - low) / (top - bottom) for (low, high), (bottom, top) in pairs]
        k = shares.index(max(shares))
        for half in ((box[k][0], middle[k]), (middle[k], box[k][1])):
            boxes.append([*box[:k], half, *box[k + 1 :]])
    return None


# ------------------------------------------------------------------------ integrals


def integral(integrand: sympy.Expr, *limits: tuple, at_most=None):
    """A ball of Arb that contains the integral, in one or two variables.

    `limits`: `(x, a, b)`, with the places of kinks between `a` and `b`; or
    `(x, "normal")`, with the places of kinks behind, for the expectation over a
    standard normal variable. Its tails are not integrated: `at_most` bounds the
    absolute value of the integrand by a polynomial in even powers of such variables.
    """
    from flint import acb, arb

    ranges, tails = [], arb(0)
    for x, first, *others in limits:
        if first == "normal":
            integrand *= sympy.exp(-(x**2) / 2) / sympy.sqrt(2 * sympy.pi)
            first, others = -FAR, [*others, FAR]
        ranges.append((x, [_evaluator(sympy.sympify(end)) for end in (first, *others)]))
    if normal := [x for x, *rest in limits if rest[0] == "normal"]:
        tails = _tails(sympy.Poly(at_most, *normal))
        for _, (first, *_, last) in (one for one in ranges if one[0] not in normal):
            tails *= abs((last({}, False) - first({}, False)).real)
    f, digits = _evaluator(integrand), 15 if len(limits) == 1 else 7
    goal = arb(10) ** -digits

    def over(at: dict, left: list, analytic: bool):
        if not left:
            return f(at, analytic)
        (x, ends), *others = left

        def inner(value, also):
            return over(at | {x: value}, others, analytic or also)

        pieces = pairwise(end({}, False) for end in ends)
        goals = {"rel_tol": goal, "abs_tol": goal}
        return sum((acb.integral(inner, a, b, **goals) for a, b in pieces), acb(0))

    whole = over({}, ranges, False)
    return (whole.real if whole.imag.contains(0) else arb.nan()) + arb(0, tails.upper())


def _tails(bound: sympy.Poly):
    """The expectation of a polynomial where one of its normal variables is far out."""
    from flint import arb

    def moment(k: int, beyond):
        order = arb(k + 1) / 2
        part = order.gamma() if beyond is None else beyond.gamma_upper(order)
        return arb(2) ** (arb(k) / 2) * part / arb.pi().sqrt()

    if any(k % 2 for powers, _ in bound.terms() for k in powers):
        raise ValueError("`at_most` must be a polynomial in even powers")
    total, far = arb(0), arb(FAR) ** 2 / 2
    for powers, factor in bound.terms():
        for out in range(len(powers)):  # this one is far out, the others anywhere
            parts = [moment(k, far if n == out else None) for n, k in enumerate(powers)]
            total += reduce(operator.mul, parts, abs(arb(str(sympy.N(factor, 20)))))
    return total


def twice(integrand: sympy.Expr, *limits: tuple, at_most=None) -> tuple[float, float]:
    """The middle and the radius of an enclosure; one of twice the digits meets it."""
    from flint import ctx

    balls = []
    for digits in (DIGITS, 2 * DIGITS):
        with ctx.workdps(digits):
            balls.append(integral(integrand, *limits, at_most=at_most))
    ball = balls[0]
    if not (ball.is_finite() and ball.overlaps(balls[1])):
        raise ValueError(f"Arb does not enclose it: {ball}, then {balls[1]}")
    return float(ball.mid()), float(ball.rad())


def by_quadrature(integrand: sympy.Expr, limits: tuple) -> float:
    """The integral without a bound of its error, by scipy."""
    from scipy.integrate import nquad

    ranges, places = [], []
    for x, first, *others in limits:
        if first == "normal":
            integrand *= sympy.exp(-(x**2) / 2) / sympy.sqrt(2 * sympy.pi)
            first, others = -FAR, [*others, FAR]
        ends = [float(end) for end in (first, *others)]
        ranges.append((ends[0], ends[-1]))
        places.append({"points": ends[1:-1]} if ends[1:-1] else {})
    f = sympy.lambdify([x for x, *_ in limits], integrand, "scipy")
    return nquad(f, ranges, opts=places)[0]
