"""Altered claims: what is altered, what survives, and the record of the whole book."""

import ast
import re
from types import SimpleNamespace

import pytest

from claims import attack
from claims.alterations import alterations
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


def test_a_survivor_without_a_reason_is_reported(capsys, monkeypatch):
    run = {"notebook": "small", "problem": "p", "id": "q", "verdicts": {"survived": 1}}
    run["survivors"] = [{"line": 7, "what": "sign: a", "how": "by chance"}]
    monkeypatch.setattr(mutants, "explained", dict)
    assert not mutants.show([run])
    assert "notebooks/small.md:7: q: sign: a survives" in capsys.readouterr().out
    monkeypatch.setattr(mutants, "explained", lambda: {("q", "sign: a"): "because"})
    assert mutants.show([run])


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
        assert run["verdicts"]["refused"] > 3


def test_the_record_is_of_these_notebooks():
    states = {task.name: task.state for task in mutants.tasks()}
    found = {name: of["state"] for name, of in mutants.recorded()["problems"].items()}
    assert found == states, "run `make mutants`"


def test_in_the_whole_book_hardly_anything_survives_and_nothing_without_a_reason():
    n = mutants.total(runs := mutants.recorded()["runs"])
    assert not n["unclear"]
    assert n["survived"] <= 0.02 * (n["refused"] + n["error"] + n["survived"])
    names = {(run["id"], one["what"]) for run in runs for one in run["survivors"]}
    assert names == mutants.explained().keys()
