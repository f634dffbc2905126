"""Altered sides: what is altered, what survives, and the record of the whole book."""

import ast
import re
from types import SimpleNamespace

import numpy as np
import pytest
import sympy

from claims import attack, check
from claims.alterations import alterations, slips
from claims.slices import SIDES
from tools.run import mutants

ALTERED = """
a + b => a - b | a | b            a - b => a + b | a | -b         -a => a
3 * a => 4 * a                    a ** 2 => a ** (2 + 1)          0.0 => 1.0
range(n) => range(n + 1)          min(a, b) => max(a, b)          100 => 105
a[2:] => a[2 + 1:]                A.T @ b => A @ b                a < b => a >= b
a[i] => a[i + 1]                  sqrt(a) => a                    0.5 => 0.525
f(a, axis=0) => nothing           zeros(3, 4) => nothing          'text' => nothing
a.sum(0) => nothing               table['row'] => nothing
"""


@pytest.mark.parametrize("case", re.split(r"\s{2,}|\n", ALTERED.strip()))
def test_what_is_altered(case):
    source, new = case.split(" => ")
    found = alterations(ast.parse(source, mode="eval").body)
    found = {ast.unparse(one) for *_, one in found}
    assert found == (set() if new == "nothing" else {*new.split(" | ")})


SLIPS = """
a * b => a / b | a | b            a / 2 => a * 2 | a | a / 3       A @ B => B @ A
x.sum(axis=0) => x.mean(axis=0) | x.sum(axis=1)                   0.5 => 1.0
w -= g => w += g | pass           np.std(x, 1) => np.var(x, 1) | np.std(x, 0)
opt.step() => pass                a and b => a or b                400 => 800
f(x, 0.1) => nothing              rng.normal(0, 2, size=n) => nothing
x[::2] => x[1::2]                 x[:, ::2] => x[:, 1::2]
steps = 400 => nothing            x[:1000] => nothing              range(20) => nothing
range(n) => nothing               range(1, n) => range(1, n + 1)
range(len(x)) => range(len(x) + 1)
y = [[1, 2], [3, 4]] => nothing   raise Wrong(2 * x) => nothing    -a => a
x[1:3] => x[1 + 1:3] | x[1:3 + 1]                                 max(a, b) => min(a, b)
torch.manual_seed(3) => nothing   results.study('text') => pass    x[i] => x[i + 1]
"""


@pytest.mark.parametrize("case", re.split(r"\s{2,}|\n", SLIPS.strip()))
def test_what_is_altered_of_a_program_that_measures(case):
    """Settings stay: seeds, how much and how often, numbers given to functions."""
    source, new = case.split(" => ")
    (statement,) = ast.parse(source).body
    found = {ast.unparse(one) for *_, one in slips(statement)}
    if isinstance(statement, ast.Expr) and source != "opt.step()":
        found -= set() if new == "pass" else {"pass"}
    assert found == (set() if new == "nothing" else {*new.split(" | ")})


def try_claims(*cells: str) -> dict:
    opening = (1, "import numpy as np\nfrom claims import check")
    (run,) = attack.attack([opening, *enumerate(cells, 3)])
    return run


SUMS = """
x = np.arange(5.0)
both = 2 * x
stated = []
for value in both:
    stated.append(3 * value + 1)
check.value("q", both + both + both + 1, stated, atol=1e-9)
"""
LAW = """
slope = 2
x = np.arange(1.0, 4)
def law(x):
    return slope * x
check.value("q", x + x, law(x))
"""
DRAWS = """
rng = np.random.default_rng(1)
first = rng.normal(size=9)
draws, stated = [], []
for _ in range(3):
    draws.append(rng.normal())
    stated.append(2 * draws[-1] + 1)
check.value("q", np.add(draws, draws) + 1, stated)
"""
TRUTHS = 'check.value("q", np.eye(3) > 0, np.diag([1, 1, 1]) == 1)'
SHARP = {SUMS: {"refused": 16}, LAW: {"refused": 8}, DRAWS: {"refused": 13}}
SHARP[TRUTHS] = {"refused": 5, "error": 13, "same": 7}


@pytest.mark.parametrize("cell", SHARP)
def test_a_sharp_check_refuses_all(cell):
    """What leads to the stated side alone is altered; random numbers stay."""
    assert try_claims(cell)["verdicts"] == SHARP[cell]


MEAN = """
x = np.array([1.0, 2.0, 6.0])
total = 0.0
for value in x:
    total += value
mean = total / len(x)
check.value("q", mean * 2, 6.0)
"""
CHOICE = """
np.random.seed(4)
x = np.random.normal(0, 1, size=3)
count, rate = 50, 0.1
w = np.zeros(3)
for _ in range(count):
    w = w - rate * (w - x)
check.value("q", (w @ w) / (x @ x), 1.0, rtol=0.02)
"""


def test_a_wrong_program_on_the_measured_side_is_refused():
    run = try_claims(MEAN)
    assert not run["survivors"] and not run["measured"].get("unclear")
    assert run["measured"]["refused"] >= 7


def test_seeds_sizes_and_numbers_of_repetitions_are_not_altered():
    """Only the step is, and what is made of its result."""
    code = attack.Code([(1, "import numpy as np"), (2, CHOICE)])
    ((top, call),) = code.checks()
    found = attack.Check(code, top, call).measured.mutants(False)
    assert {one.line for one in found} == {8, 9}


VACUOUS = """
rng = np.random.default_rng(1)
a, b = rng.normal(size=(2, 9))
slope = a * (1 - b**2)
check.bound("q", abs(slope @ b), np.linalg.norm(slope) * np.linalg.norm(b))
"""


def test_a_bound_that_holds_for_any_numbers_lets_wrong_programs_through():
    found = {one["what"]: one for one in try_claims(VACUOUS)["survivors"]}
    for what in ("sign: 1 - b ** 2 → 1 + b ** 2", "factor: a * (1 - b ** 2) → a"):
        assert (found[what]["side"], found[what]["line"]) == ("measured", 6)
        assert "moves what is measured by" in found[what]["how"]


def test_of_a_bound_given_as_a_pair_both_sides_are_measured():
    cells = "pair = np.array([[1.0, 2], [3, 4]])", 'check.bound("q", *pair * 2)'
    run = try_claims(*cells)
    assert run["verdicts"]["refused"] == 2  # each pair of entries reversed
    assert run["measured"]["survived"] >= 2  # half, once and three times as much


def test_the_same_wrong_programs_are_tried_each_time_and_only_a_few():
    assert try_claims(VACUOUS) == (run := try_claims(VACUOUS))
    assert sum(run["measured"].values()) <= attack.SAMPLE
    terms = " + ".join(f"a * {n}" for n in range(2, 40))
    cells = "a = np.arange(3.0)", f"b = {terms}", "c = b / 2 - a"
    names = []
    for more in ([], ["unused = 1"]):  # what stands elsewhere changes nothing
        code = "\n".join([*more, *cells, 'check.value("q", c * a, [0.0, 1, 2])'])
        session = attack.Session(attack.Code([(1, code)]), 1.0)
        (of,) = session.checks.values()
        groups = of.measured.nearest(False)
        names.append([[one.name for one in group] for group in groups])
    assert names[0] == names[1]
    assert [len(group) > 2 for group in names[0]] == [True] * 3
    assert names[0][1][0] in (f"{k}: {w}" for k, w, _ in slips(ast.parse(cells[2])))


def test_equal_measured_numbers_do_not_count():
    cells = "x = np.array([1.0, 2.0])", 'check.value("q", x * abs(1), [1.0, 2])'
    run = try_claims(*cells)
    assert run["measured"]["same"] == 2  # x / abs(1) and x
    gradient = 'check.gradient("q", lambda a: (a**2).sum() + 1, lambda a: 2 * a, 3)'
    assert try_claims(gradient)["measured"]["same"] >= 2  # without 1, with 2


def test_what_runs_for_long_is_not_run_again(monkeypatch):
    monkeypatch.setattr(attack, "LONG", -1)
    assert sum(try_claims(MEAN)["measured"].values()) == 3  # those in the check itself


def test_a_wrong_program_that_does_not_end_is_slow_and_does_not_count(monkeypatch):
    monkeypatch.setattr(attack, "SHORT", 1)
    halved = "def halved(n):\n    while n > 1:\n        n = n / 2\n    return n"
    run = try_claims("n = 8", halved, 'check.value("q", halved(n), 1.0)')
    assert run["measured"]["slow"] >= 1 and "slow" not in run["verdicts"]


def test_the_kinds_of_checks_say_which_arguments_they_state_and_measure():
    kinds = {name for name in check.__all__ if name.islower()}
    assert kinds <= SIDES.keys()
    code = 'check.proved("q", x < 1, over={x: 2}), check.enclosed("q", f, v, *limits)'
    calls = ast.parse(code).body[0].value.elts
    for call, sides in zip(calls, ("1 ", "2 1"), strict=True):
        of = attack.Check(attack.Code([(1, ast.unparse(call))]), 0, call)
        places = of.stated.places, of.measured.places
        assert places == SIDES[of.kind]
        assert sides == " ".join("".join(map(str, one)) for one in places)


def on_a_grid(id, statement, *, over, given=True):
    for point in np.linspace(0, 1, 101):
        if not statement.subs(dict.fromkeys(over, sympy.Rational(point))):
            raise check.CheckFailed(f"{id}: at {point}")
    return SimpleNamespace(method="proved by Z3", strength="")


def by_sympy(id, integrand, value, *limits):
    if sympy.integrate(integrand, *limits) != value:
        raise check.CheckFailed(id)
    return SimpleNamespace(method="enclosed by Arb", strength="")


SMALL = "import sympy\nx = sympy.Symbol('x')"


def test_of_a_proved_statement_weaker_ones_do_not_count(monkeypatch):
    monkeypatch.setattr(check, "proved", on_a_grid, raising=False)
    cells = "most = sympy.Rational(1, 4)", "whole = x * (1 - x) <= most"
    run = try_claims(SMALL, *cells, 'check.proved("q", whole, over={x: (0, 1)})')
    assert run["verdicts"] == {"refused": 6, "weaker": 2} and not run["measured"]


def test_of_an_enclosed_integral_the_integrand_is_measured(monkeypatch):
    monkeypatch.setattr(check, "enclosed", by_sympy, raising=False)
    claim = 'check.enclosed("q", f, sympy.Rational(2, 3), *[(x, 0, 1)])'
    run = try_claims(SMALL, "f = 2 * x**2", claim)
    assert run["verdicts"]["refused"] >= 4 and run["measured"] == {"refused": 4}


def test_what_a_check_lets_through_is_named_with_its_line():
    sloppy = 'check.value("q", x**2, x**2 + 0.001, rtol=0.01)'
    run = try_claims("x = np.array([1.0, 2.0])", sloppy)
    survivors = {(one["line"], one["what"]) for one in run["survivors"]}
    assert (4, "term: x ** 2 + 0.001 → x ** 2") in survivors
    assert (4, "sign: x ** 2 + 0.001 → x ** 2 - 0.001") in survivors


def test_equal_claims_and_weaker_bounds_do_not_count():
    cell = 'check.identity("q", sympy.Derivative(x**2, x), 2 * x * 1**3)'
    run = try_claims("import sympy\nx = sympy.Symbol('x')", cell)
    assert run["verdicts"]["same"] == 1  # 1**4
    run = try_claims("x = 2.0", 'check.bound("q", x, 5 - x)')
    assert run["verdicts"] == {"weaker": 2, "refused": 2}  # 5 + x and 5


@pytest.mark.parametrize("otherwise, errors", [("while True: 1", 1), ("exit()", 2)])
def test_a_claim_that_does_not_end_or_ends_everything_is_an_error(
    monkeypatch, otherwise, errors
):
    monkeypatch.setattr(attack, "LIMIT", 1)
    three = f"def three(n):\n    if n != 3:\n        {otherwise}\n    return n"
    run = try_claims(three, 'check.value("q", 3, three(3))')
    assert run["verdicts"]["error"] >= errors


def test_an_error_of_the_program_is_named_with_its_line():
    with pytest.raises(RuntimeError, match="^4: NameError: name 'nothing'"):
        try_claims("x = 1", "x + nothing")


@pytest.mark.parametrize("side", ["stated", "measured"])
def test_a_survivor_without_a_reason_is_reported(capsys, monkeypatch, side):
    run = {"notebook": "small", "problem": "p", "id": "q", "verdicts": {"survived": 1}}
    one = {"side": side, "line": 7, "what": "sign: a", "how": "by chance"}
    run["survivors"] = [one]
    reason = {"id": ["o", "q"], "what": ["sign: a"], "why": "because"}
    monkeypatch.setattr(mutants, "reasons", lambda: [reason])
    monkeypatch.setattr(mutants, "recorded", lambda: {"runs": []})
    for other in ("stated", "measured"):
        reason["side"] = other
        assert mutants.show([run]) == (other == side)
        text = f"notebooks/small.md:7: q, {side}: sign: a survives: by chance"
        assert (text in capsys.readouterr().out) == (other != side)


def test_a_problem_is_tried_again_only_when_its_code_has_changed(
    tmp_path, monkeypatch, capfd
):
    page = SimpleNamespace(path=tmp_path / "small.md", opening=[])
    monkeypatch.setattr(mutants, "RECORD", tmp_path / "altered.json")
    for stated, tried in (("1 + 1", 1), ("1 + 1", 0), ("3 - 1.0", 1)):
        code = f'from claims import check\ncheck.value("q", 2.0, {stated})'
        cell = SimpleNamespace(body=code, body_line=3)
        task = mutants.Task(page, SimpleNamespace(label="p", cells=[cell]))
        monkeypatch.setattr(mutants, "tasks", lambda one=task: [one])
        assert mutants.main([]) == 0
        assert f"Tried {tried} problems" in capfd.readouterr().out
        record = mutants.recorded()
        assert record["problems"]["p"]["state"] == task.state
        (run,) = record["runs"]
        assert (run["notebook"], run["problem"], run["id"]) == ("small", "p", "q")
        assert run["verdicts"]["refused"] > 3 and not run["measured"]


def test_the_record_is_of_these_notebooks():
    states = {task.name: task.state for task in mutants.tasks()}
    found = {name: of["state"] for name, of in mutants.recorded()["problems"].items()}
    assert found == states, "run `make mutants`"


@pytest.mark.parametrize("side, share", [("stated", 0.02), ("measured", 0.05)])
def test_in_the_whole_book_little_survives(side, share):
    n = mutants.total(mutants.recorded()["runs"], side)
    assert side == "measured" or not n["unclear"]
    made = n["refused"] + n["error"] + n["survived"]
    assert made and n["survived"] <= share * made


def test_in_the_whole_book_nothing_survives_without_a_reason_and_all_are_needed():
    runs = mutants.recorded()["runs"]
    names = {mutants.key(run, one) for run in runs for one in run["survivors"]}
    stated = {name for name in names if name[1] == "stated"}
    assert stated <= mutants.explained().keys()
    for one in mutants.reasons():
        used = {(id, what) for id, side, what in names if side == one["side"]}
        ids = {id for id, what in used if what in one["what"]}
        assert ids >= {*one["id"]}, one
        assert {what for id, what in used if id in one["id"]} >= {*one["what"]}, one
