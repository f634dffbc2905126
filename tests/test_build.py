"""`make book` on a small book: what is executed again, and what makes it fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest
from small_book import NAME, PAGE, ROOT, Book


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    book = Book(tmp_path_factory.mktemp("book"))
    assert f"{NAME}: ok" in book.build()
    return book


def test_site_shows_checks_errata_and_counts(book):
    with book.edited(PAGE, "Because.", "It is {recorded}`trial:1.loss.mean:.2f`."):
        book.build()
        page = book.html("notebooks/small")
    assert '<a class="recorded reference internal" href="../book/results.html' in page
    assert ">0.30</a>" in page
    ledger, errata = book.html("book/checks"), book.html("book/errata")
    assert re.search(r'<td[^>]* id="sm-1".*Exercise 1\.1: The square of', ledger)
    assert "value: one number equal" in ledger
    line = r'<p class="check[^>]* id="check-sm-1-1">✓ <a [^>]*href="'
    assert re.search(line + "../book/checks.html#ledger-sm-1-1", page)
    assert 'href="../notebooks/small.html#check-sm-1-1"' in ledger
    assert ledger.count('id="ledger-sm-1-1"') == 1
    assert re.search(r"Exercise 1\.2: A matter.*?no check", ledger, re.S)
    assert "Questions: 2, of which 1 are checked" in ledger
    assert '<a class="reference internal" href="../notebooks/small.html#sm-1"' in errata
    assert 'href="../notebooks/small.html#equation-eq-sm-1"' in errata
    assert r"x^3 \ne x^2" in errata and "mathjax-settings.js" in errata
    assert 'href="../notebooks/small.html#check-sm-1-1"' in errata
    assert errata.count('id="sm-e1"') == 1 and 'id="equation' not in errata
    results = re.sub("<.*?>", "", book.html("book/results"))
    assert "seeds 0, 1, 2" in results and "make results ONLY=trial" in results
    assert re.search(r"Used in:\s*Exercise 1\.2\s", results)
    commit = 'href="https://github.com/example/deep-learning-solutions/commit/0123456"'
    assert commit in book.html("book/results")
    listed = re.sub("<.*?>", "", book.html("book/questions"))
    assert re.search(r"1\.1 The square of .*\s+1\s5\s1\s1\sA small", listed), listed
    assert re.search(r"1\.2 A matter of taste\s+2\s10\s0\s\sA small", listed), listed
    assert re.search(r"\b2 questions", book.html("book/index"))


def test_site_asks_no_third_party_and_offers_the_committed_notebook(book):
    page = book.html("notebooks/small")
    asked = re.findall(r'(?:<link|<script|<img)[^>]*(?:src|href)="(//|http)', page)
    assert asked == []
    offered = book.read("_build/html/_sources/notebooks/small.ipynb")
    assert offered == book.read("notebooks/small.ipynb")
    assert re.search(r"colab\.research[^\"]*/notebooks/small\.ipynb", page)
    assert (book.root / "_build/html/_static/mathjax/tex-chtml.js").exists()


def test_changed_sentence_and_style_show_and_execute_nothing(book):
    with (
        book.edited(PAGE, "One sentence.", "Another sentence."),
        book.edited("book/assets/book.css", "/*", "/* changed"),
    ):
        assert "executing" not in book.build()
        assert "Another sentence." in book.html("notebooks/small")
        assert "value: one number equal" in book.html("book/checks")
        assert "/* changed" in book.read("_build/html/_static/book.css")


def test_changed_helper_executes_and_shows(book):
    with book.edited("helpers/check.py", 'f"{entries} {', 'f"now {entries} {'):
        assert f"{NAME}: ok" in book.build()
        assert "now one number" in book.html("notebooks/small")
        assert "now one number" in book.html("book/checks")
    assert "executing" not in book.build(), "the state before is still cached"
    assert "now one number" not in book.html("notebooks/small")


def test_changed_result_shows(book):
    with (
        book.edited(PAGE, "One sentence.", "{recorded}`trial:1.loss.mean:.2f`"),
        book.edited("results/trial.json", '"loss": 0.2', '"loss": 0.5'),
    ):
        assert f"{NAME}: ok" in book.build()
        assert ">0.40</a>" in book.html("notebooks/small")


def test_data_and_scale_have_a_cache_of_their_own(book, tmp_path):
    def folder(**environment):
        program = "import execute; print(execute.cache_folder(execute.state_of_code()))"
        command = [sys.executable, "-c", program]
        return subprocess.check_output(
            command, cwd=book.root / "tools", env={**os.environ, **environment}
        )

    before = folder(BOOK_DATA=str(tmp_path))
    assert before == folder(BOOK_DATA=str(tmp_path))
    assert before != folder(BOOK_DATA=str(tmp_path), BOOK_SCALE="full")
    (tmp_path / "images").write_text("some")
    assert before != folder(BOOK_DATA=str(tmp_path))


STUDIES = """
from pathlib import Path
from helpers import results

def loss(n, seed, name):
    with Path("ran").open("a") as log:
        log.write(f"{name} {n} {seed}\\n")
    return {"loss": n + seed}

for_all = dict(question="sm-1", title="A study", grid={"n": [1, 2]})
trial = results.study("trial", loss, **for_all, quick={"seeds": 1, "name": "quick"},
                      full={"seeds": 2, "name": "trial"})
other = results.study(
    "other", loss, **for_all, quick={"seeds": 1, "name": "quick"},
    full={"seeds": 2, "name": "other"})
"""


def test_one_study_alone_is_repeated(book):
    def only(name, expect=0):
        program = ("tools/execute.py", "--scale", "full", "--only", name)
        output = book.build(*program, expect=expect)
        record = book.root / "results" / "other.json"
        return output, book.read("results/trial.json"), record.exists()

    before, ran = book.read("results/trial.json"), book.root / "notebooks" / "ran"
    cell = "```{code-cell} ipython3\ncheck.value"
    with book.edited(PAGE, cell, cell.replace("check.value", STUDIES + "check.value")):
        output, trial, _ = only("others", expect=2)
        assert "a study 'others'; there are: other, trial" in output
        with book.edited(PAGE, "n + seed", "n / seed"):  # seed 0 fails
            output, trial, other = only("trial", expect=1)
            assert "ZeroDivisionError" in output and trial == before and not other
        ran.unlink()
        assert only("other")[1:] == (before, True)
        assert sorted(ran.read_text().split("\n")[:-1]) == [
            f"other {n} {seed}" for n in (1, 2) for seed in (0, 1)
        ]
        assert '"make results ONLY=other"' in book.read("results/other.json")
        again = "tools/again.py", "--only", "other"
        assert "other: equal" in book.build(*again)
        with book.edited(PAGE, "n + seed", "n + seed + 9"):
            output = book.build(*again, expect=1)
        assert "other: off: loss moved by 9, the seeds by 1" in output
        book.build("tools/build.py")
        assert "off: loss moved by 9" in book.html("book/results")
    for name in ("other", "again"):
        (book.root / "results" / f"{name}.json").unlink()


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("results ONLY=a", "execute.py --scale full --only 'a'"),
        ("again ONLY=a", "again.py --only 'a'"),
        ("reproduce ONLY=a", "reproduce.py --only 'a'"),
        ("reproduce SETTING=b", "reproduce.py --setting 'b'"),
    ],
)
def test_make_passes_the_name_on(command, program):
    if not shutil.which("make"):
        pytest.skip("no make")
    options = ["--no-print-directory", "-n", "-o", "installed"]
    made = ["make", *options, *command.split()]
    output = subprocess.check_output(made, cwd=ROOT, text=True)
    assert output.replace("\\", " ").split()[1:] == f"tools/{program}".split()


def test_failing_cell(book):
    with book.edited(PAGE, "3 * 3, 9)", "3 * 3, 8)"):
        output = book.build(expect=1)
        line = book.line(PAGE, 'check.value("sm-1", 3 * 3, 8)')
    assert f"{PAGE}:{line}: cell failed: CheckFailed: sm-1: 9 computed" in output


def test_dying_kernel(book):
    with book.edited(PAGE, "check.value(", "import os; os._exit(1); check.value("):
        output = book.build(expect=1)
    assert re.search(rf"{PAGE}:\d+: cell failed: Kernel died", output)


FAULTS = {
    "See {ref}`nowhere`.": "undefined label: 'nowhere'",
    "See {eq}`eq-nowhere`.": "equation not found: eq-nowhere",
    "See [there](#nowhere).": "'myst' cross-reference target not found: 'nowhere'",
    "```{nonsense}\n```": "Unknown directive type: 'nonsense'",
    "{nonsense}`x`": 'Unknown interpreted text role "nonsense"',
    "![](assets/favicon.svg)": "an image has no alt text",
    "{recorded}`trial:2.loss.mean:.2f`": "trial has no configuration '2'",
    "{recorded}`none:1.loss.mean:.2f`": "no recorded result 'none'",
    "{count}`sheep`": "'sheep' is not counted",
    "```{erratum} sm-e2\n:question: sm-9\n:verdict: right\nA title\n```": (
        "no such question: sm-9"
    ),
    "```{erratum} sm-e3\n:question: sm-1\n:verdict: bad\nA title\n```": "verdict",
    "```{erratum} sm-e4\n:verdict: right\nA title\n```": "sm-e4 lacks question",
    "```{interactive} other\n:name: fig-1\n:alt: x\n\nText.\n```": (
        "no interactive figure 'other'; there are: kl-fits, learning-rate,"
    ),
    "```{interactive} kl-fits\n:name: fig-2\n\nText.\n```": "kl-fits lacks alt",
    "```{interactive} newton-step\n:name: fig-3\n:alt: x\n```": "not one paragraph",
}


def test_faults_in_pages_and_cells_are_named_with_file_and_line(book):
    page = "book/about.md"
    picture = "SVG(\"<svg xmlns='http://www.w3.org/2000/svg'/>\")"
    other = 'check.value("sm-7", 1, 1)'
    cells = [f"```{{code-cell}} ipython3\n{code}\n```" for code in (picture, other)]
    with (
        book.edited(page, "# ", "\n\n".join(["# ", *FAULTS]) + "\n\n## "),
        book.edited(PAGE, "```{erratum}", "\n\n".join([*cells, "```{erratum}"])),
        book.edited(PAGE, "*Difficulty 1, 5 minutes.* Find", "Find"),
    ):
        output = book.build(expect=1)
        assert book.build(expect=1), "a second build must not pass them over"
        lines = {fault: book.line(page, fault.splitlines()[0]) for fault in FAULTS}
        places = [book.line(PAGE, code) - 1 for code in (picture, other)]
        begins = book.line(PAGE, "Find it.")
    for fault, message in FAULTS.items():
        place = rf"{page}:{lines[fault]}: .*{re.escape(message)}"
        assert re.search(place, output), f"{place}\n{output}"
    assert f"{PAGE}:{places[0]}: WARNING: an image has no alt text" in output, output
    assert f"{PAGE}:{places[1]}: WARNING: sm-7 is no question" in output
    assert f"{PAGE}:{begins}: WARNING: sm-1 does not begin with" in output


def test_two_builds_at_once_wait_for_each_other(book):
    with book.edited(PAGE, "3 * 3, 9)", "4 * 4, 16)"):
        builds = [book.start("tools/build.py") for _ in range(2)]
        outputs = [build.communicate()[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0], outputs
    assert sum("Another build is running" in output for output in outputs) == 1
    assert sum(f"{NAME}: ok" in output for output in outputs) == 1


def test_lint_fails_the_build(book):
    shutil.copy(ROOT / "tools" / "lint.py", book.root / "tools" / "lint.py")
    with book.edited(PAGE, "x^2 = x", r"x^2 \label{a} = x"):
        output = book.build(expect=2)
        line = book.line(PAGE, r"x^2 \label{a} = x \cdot x") - 1
    assert f"{PAGE}:{line}: " in output
