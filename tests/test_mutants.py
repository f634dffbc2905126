"""Altered claims: what is altered, what survives, and the record of the whole book."""

import ast
from types import SimpleNamespace

import pytest

from claims import attack
from claims.alterations import alterations
from claims.slices import Code
from tools.run import mutants

ALTERED = {
    "a + b": {"a - b", "a", "b"},
    "a - b": {"a + b", "a", "-b"},
    "-a": {"a"},
    "3 * a": {"4 * a"},
    "100": {"105"},
    "0.5": {"0.525"},
    "0.0": {"1.0"},
    "a ** 2": {"a ** (2 + 1)"},
    "sqrt(a)": {"a"},
    "a[i]": {"a[i + 1]"},
    "a[2:]": {"a[2 + 1:]"},
    "range(n)": {"range(n + 1)"},
    "A.T @ b": {"A @ b"},
    "min(a, b)": {"max(a, b)"},
    "a < b": {"a >= b"},
}
SILENT = "f(a, axis=0)", "a.sum(0)", "zeros(3, 4)", "'text'", "table['row']"


@pytest.mark.parametrize(
    "source, new", [*ALTERED.items(), *((source, set()) for source in SILENT)]
)
def test_what_is_altered(source, new):
    found = alterations(ast.parse(source, mode="eval").body)
    assert {ast.unparse(one) for *_, one in found} == new


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


def test_only_what_leads_to_the_stated_side_alone_is_altered():
    code = Code([(1, SUMS)])
    (one,) = (attack.Check(code, top, call) for top, call in code.checks())
    alone = [ast.unparse(statement.node) for statement in one.alone]
    assert alone == ["stated = []", "stated.append(3 * value + 1)"]


@pytest.mark.parametrize(
    "cell, verdicts",
    [
        (SUMS, {"refused": 16}),
        (LAW, {"refused": 8}),  # functions see what was altered
        (DRAWS, {"refused": 13}),  # random numbers are the same again
        (TRUTHS, {"refused": 5, "error": 13, "same": 7}),
    ],
)
def test_a_sharp_check_refuses_all(cell, verdicts):
    assert try_claims(cell)["verdicts"] == verdicts


def test_what_a_check_lets_through_is_named_with_its_line():
    run = try_claims(
        "x = np.array([1.0, 2.0])",
        'check.value("q", x**2, x**2 + 0.001, rtol=0.01)',
    )
    survivors = {(one["line"], one["what"]) for one in run["survivors"]}
    assert (4, "term: x ** 2 + 0.001 → x ** 2") in survivors
    assert (4, "sign: x ** 2 + 0.001 → x ** 2 - 0.001") in survivors


def test_equal_claims_and_weaker_bounds_do_not_count():
    cells = ('check.identity("q", sympy.Derivative(x**2, x), 2 * x * 1**3)',)
    run = try_claims("import sympy\nx = sympy.Symbol('x')", *cells)
    assert run["verdicts"]["same"] == 1  # 1**4
    run = try_claims("x = 2.0", 'check.bound("q", x, 5 - x)')
    assert run["verdicts"] == {"weaker": 2, "refused": 2}  # 5 + x and 5


@pytest.mark.parametrize(
    "otherwise, errors", [("while True:\n            pass", 1), ("raise SystemExit", 2)]
)
def test_a_claim_that_does_not_end_or_ends_everything_is_an_error(
    monkeypatch, otherwise, errors
):
    monkeypatch.setattr(attack, "LIMIT", 1)
    run = try_claims(
        f"def three(n):\n    if n != 3:\n        {otherwise}\n    return n",
        'check.value("q", 3, three(3))',
    )
    assert run["verdicts"]["error"] >= errors


def test_an_error_of_the_program_is_named_with_its_line():
    with pytest.raises(RuntimeError, match="^4: NameError: name 'nothing'"):
        try_claims("x = 1", "x + nothing")


def test_a_survivor_without_a_reason_is_reported(capsys, monkeypatch):
    run = {"notebook": "small", "problem": "p", "id": "q"}
    run["verdicts"] = {"survived": 1}
    run["survivors"] = [{"line": 7, "what": "sign: a", "how": "by chance"}]
    monkeypatch.setattr(mutants, "explained", dict)
    assert not mutants.show([run])
    assert "notebooks/small.md:7: q: sign: a survives" in capsys.readouterr().out
    monkeypatch.setattr(mutants, "explained", lambda: {("q", "sign: a"): "because"})
    assert mutants.show([run])


def test_a_problem_is_tried_again_only_when_its_code_has_changed(
    tmp_path, monkeypatch, capfd
):
    def task(stated: str) -> mutants.Task:
        code = f'from claims import check\ncheck.value("q", 2.0, {stated})'
        cell = SimpleNamespace(body=code, body_line=3)
        page = SimpleNamespace(path=tmp_path / "small.md", opening=[])
        return mutants.Task(page, SimpleNamespace(label="p", cells=[cell]))

    monkeypatch.setattr(mutants, "RECORD", tmp_path / "altered.json")
    for stated, tried in (("1 + 1", 1), ("1 + 1", 0), ("3 - 1.0", 1)):
        monkeypatch.setattr(mutants, "tasks", lambda one=stated: [task(one)])
        assert mutants.main([]) == 0
        assert f"Tried {tried} problems" in capfd.readouterr().out
        record = mutants.recorded()
        assert record["problems"]["p"]["state"] == task(stated).state
        (run,) = record["runs"]
        assert (run["notebook"], run["problem"], run["id"]) == ("small", "p", "q")
        assert run["verdicts"]["refused"] > 3


def test_the_record_is_of_these_notebooks():
    states = {task.name: task.state for task in mutants.tasks()}
    found = {name: of["state"] for name, of in mutants.recorded()["problems"].items()}
    assert found == states, "run `make mutants`"


def test_in_the_whole_book_hardly_anything_survives_and_nothing_without_a_reason():
    runs = mutants.recorded()["runs"]
    n = mutants.total(runs)
    assert not n["unclear"]
    refused = n["refused"] + n["error"]
    assert refused / (refused + n["survived"]) >= 0.98
    names = {(run["id"], one["what"]) for run in runs for one in run["survivors"]}
    assert names == mutants.explained().keys()
