"""`make book` on a small book: what is executed again, and what makes it fail."""

import os
import re
import shutil
import subprocess

import nbformat
import pytest
from small_book import NAME, PAGE, ROOT, Book
from sources import code

from tools import __main__ as tools
from tools.run import again, execute, kernel, reproduce
from tools.source.model import Book as Sources

EXECUTE = "-m", "tools", "execute"
EXECUTED = "_build/executed/notebooks/small.ipynb"


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
    line = r'<p class="check[^>]* id="check-sm-1-1">✓ <span class="claim">[^<]+</span>'
    line += ' · <a [^>]*href="'
    assert re.search(line + "../book/checks.html#ledger-sm-1-1", page)
    answer = r'<details class="answer dropdown[^>]* id="sm-1-answer">\s*<summary>'
    assert re.search(answer + r"Answer</summary>\s*<p>In short, <em>", page)
    assert re.search(r'<details class="code">\s*<summary>Show the code</summary>', page)
    assert re.search(r'<details class="deeper">\s*<summary>The sign of <span', page)
    assert 'href="../notebooks/small.html#check-sm-1-1"' in ledger
    assert ledger.count('id="ledger-sm-1-1"') == 1
    assert re.search(r"Exercise 1\.2: A matter.*?no check", ledger, re.S)
    assert "Questions: 2, of which 1 are checked" in ledger
    assert '<a class="reference internal" href="../notebooks/small.html#sm-1"' in errata
    assert 'href="../notebooks/small.html#equation-eq-sm-1"' in errata
    assert r"x^3 \ne x^2" in errata
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
    asked = re.findall(r'(?:<link|<script|<img)[^>]*(?:src|href)="(//|http)', page)
    assert asked == [], "third parties"
    offered = book.read("_build/html/_sources/notebooks/small.ipynb")
    assert offered == book.read("notebooks/small.ipynb")
    assert re.search(r"colab\.research[^\"]*/notebooks/small\.ipynb", page)
    assert (book.root / "_build/html/_static/math.woff2").exists()


def test_changed_sentence_record_and_style_show_and_execute_nothing(book):
    with (
        book.edited(PAGE, "One sentence.", "It is {recorded}`trial:1.loss.mean:.2f`."),
        book.edited("results/studies/trial.json", '"loss": 0.2', '"loss": 0.5'),
        book.edited("book/assets/book.css", "/*", "/* changed"),
    ):
        assert "Executing" not in book.build()
        assert ">0.40</a>" in book.html("notebooks/small")
        assert "value: one number equal" in book.html("book/checks")
        assert "/* changed" in book.read("_build/html/_static/book.css")


def test_changed_helper_executes_and_shows(book):
    with book.edited("claims/check.py", 'f"{entries} {', 'f"now {entries} {'):
        assert f"{NAME}: ok" in book.build()
        assert "now one number" in book.html("notebooks/small")
        assert "now one number" in book.html("book/checks")
    assert "Executing" not in book.build(), "the state before is still cached"
    assert "now one number" not in book.html("notebooks/small")


CELL = "```{code-cell} ipython3\ncheck.value("
LAST = 'check.value("sm-1", 3 * 3, 9, claim="3² is 9")'
TWO = "\n## 2 Cubes\n\n```{{code-cell}} ipython3\n{}\n```\n"


def test_each_problem_is_executed_and_kept_by_itself(book):
    def run(first, second, opening="", expect=0, program=EXECUTE):
        """What is said, and the executed code cells, when the page has such cells."""
        text = before.replace(CELL, CELL.replace("check", first + "\ncheck"))
        text = text.replace("from IPython", opening + "from IPython")
        book.write(PAGE, text + TWO.format(second))
        output = book.build(*program, expect=expect)
        executed = nbformat.reads(book.read(EXECUTED), 4)
        assert len(executed.metadata.source_map) == len(executed.cells)
        return output, [cell for cell in executed.cells if cell.cell_type == "code"]

    with book.edited(PAGE, before := book.read(PAGE), before):
        output, _ = run("cube = 3**3", "cube + 1", expect=1)
        line = book.line(PAGE, "cube + 1")
        assert f"{NAME}: ok" in output and "small, 2: failed" in output
        assert f"{PAGE}:{line}: cell failed: NameError: name 'cube'" in output
        slow = "import time; time.sleep(2)\nprint(6 * 7)\n6 * 9"
        output, code = run("cube = 3**3", slow)
        assert "Executing 1 of 2 problems" in output and "(1 of 1)" in output
        assert [cell.execution_count for cell in code] == [1, 2, 3]
        printed, number = code[2].outputs
        assert (printed.text, number.data["text/plain"]) == ("42\n", "54")
        assert number.execution_count == 3
        output, _ = run("cube = 4**3", slow, opening="1 / 0\n", expect=1)
        line = book.line(PAGE, "1 / 0")
        assert output.count(": failed, ") == 2
        assert output.count(f"{PAGE}:{line}: cell failed: ZeroDivision") == 1
        output, _ = run("cube = 4**3", slow)
        assert re.findall(r"(small, .*): ok", output) == [NAME]
        one_core = "from tools.run import execute as e\ne.os.cpu_count = lambda: 1\n"
        program = "-c", f"{one_core}e.execute()"
        output, _ = run("cube = 4**3", slow, opening="1 / 1\n", program=program)
        assert re.findall(r"(small, .*): ok", output) == ["small, 2", NAME], "longest"


@pytest.fixture
def task(tmp_path, monkeypatch):
    """A task of these cells; all that is kept and all data lie in a folder."""
    monkeypatch.setenv("BOOK_DATA", str(tmp_path))
    monkeypatch.setattr(execute, "PROBLEMS", tmp_path / "kept")
    execute.PROBLEMS.mkdir()
    monkeypatch.setattr(execute, "SECONDS", tmp_path / "seconds.json")

    def task(*cells: str) -> kernel.Task:
        about = {"execution_count": 1, "metadata": {"tags": ["a"], "mystnb": {}}}
        cells = [nbformat.v4.new_code_cell(cell, **about) for cell in cells]
        notebook = nbformat.v4.new_notebook(cells=cells)
        return kernel.Task("a", tmp_path / "a.md", notebook)

    return task


def test_scale_and_data_have_outputs_of_their_own(task, tmp_path, monkeypatch):
    """What counts as data is in test_data.py."""

    def keys() -> list[str]:
        return [execute.key(one, execute.data.state()) for one in tasks]

    tasks = [task("1 + 1"), task("data.load_cifar10()")]
    before = keys()
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py/test_batch").touch()
    after = keys()
    assert before[0] == after[0] and before[1] != after[1]
    monkeypatch.setenv("BOOK_SCALE", "full")
    assert not {*keys()} & {*after}


def test_what_is_executed_is_kept_at_once(task, monkeypatch):
    """A kill during the second problem does not lose the first."""

    def run(todo, *_, **__):
        yield todo[0]
        raise KeyboardInterrupt

    monkeypatch.setattr(execute, "run", run)
    tasks = [task("0 + 1"), task("1 + 1")]
    for left in (1, 0):
        with pytest.raises(KeyboardInterrupt):
            execute._execute(tasks)
        assert [execute._restore(one) for one in tasks].count(False) == left


@pytest.mark.parametrize("left", ["", "half", "[1]", None])
def test_killed_while_it_is_kept(task, left):
    one = task("1 + 1")
    before = execute.key(one, "")
    execute._keep(one)
    assert execute._restore(one) and execute.key(one, "") == before
    (file,) = execute.PROBLEMS.iterdir()
    half = file.read_text()[: file.stat().st_size // 2]
    file.unlink()
    if left is not None:
        file.write_text(half if left == "half" else left)
    assert not execute._restore(one)
    execute._keep(one)
    assert execute._restore(one)


def test_what_is_kept_does_not_grow_without_bound(task, monkeypatch):
    monkeypatch.setattr(execute, "KEPT", 2)
    for age, name in enumerate(["x.1.tmp", "a.ipynb", "b.ipynb", "c.ipynb"]):
        (path := execute.PROBLEMS / name).touch()
        os.utime(path, (1e9 - age, 1e9 - age))
    execute._drop_the_oldest()
    assert [path.name for path in execute.PROBLEMS.iterdir()] == ["a.ipynb"]


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ('results.study("committee", 1)\nresults.in_text([1])', ["committee"]),
        ('results.lookup("again", "date")\nresults.Table([], [])', ["again"]),
        ("from helpers import check, results\n1 + 1", []),
        ("results.study(name, loss)", Sources().studies),
        ('read = results.lookup\nread("committee", "date")', Sources().studies),
    ],
)
def test_the_records_that_a_problem_reads(cell, names):
    assert {path.stem for path in execute._records(cell)} == {*names}


def test_data_that_come_while_problems_run(task, monkeypatch):
    """What has downloaded them is kept; what has shown the stand-in runs once more."""
    ran, tasks = [], [task("data.load_mnist()"), task("data.load_mnist(), 'stand-in'")]
    monkeypatch.delenv("BOOK_DATA")
    monkeypatch.setattr(execute.data, "state", lambda: str(len(ran)))

    def run(todo, *_, **__):
        for one in todo:
            ran.append(tasks.index(one))
            yield one

    monkeypatch.setattr(execute, "run", run)
    assert execute._execute(tasks)
    assert ran == [0, 1, 0, 1]  # their state never rests, but there is an end


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
    def only(verb, name, expect=0):
        return book.build("-m", "tools", verb, "--only", name, expect=expect)

    trial, other = (book.root / f"results/studies/{n}.json" for n in ("trial", "other"))
    before, ran = trial.read_text(), book.root / "notebooks/ran"
    with book.edited(PAGE, LAST, STUDIES + LAST):
        with book.edited(PAGE, "n + seed", "n / seed"):  # seed 0 fails
            assert "ZeroDivisionError" in only("results", "trial", expect=1)
        assert not other.exists()
        ran.unlink()
        only("results", "other")
        assert trial.read_text() == before
        runs = [f"other {n} {seed}" for n in (1, 2) for seed in (0, 1)]
        assert sorted(ran.read_text().splitlines()) == runs
        assert '"make results ONLY=other"' in other.read_text()
        assert "other: equal" in only("again", "other")
        with book.edited(PAGE, "n + seed", "n + seed + 9"):
            output = only("again", "other", expect=1)
        assert "other: off: loss moved by 9, the seeds by 1" in output
        book.build()
        assert "off: loss moved by 9" in book.html("book/results")
    for file in (other, book.root / "results/measured/again.json"):
        file.unlink()


@pytest.mark.parametrize("tool", [execute, again, reproduce])
def test_a_wrong_name_is_named(tool, capsys):
    with pytest.raises(SystemExit):
        tool.main(["--only", "b"])
    assert "invalid choice: 'b'" in capsys.readouterr().err


NAMED = {"install", "lint", "pictures"}  # these are given names


@pytest.mark.parametrize("verb", sorted(set(tools.VERBS) - NAMED))
def test_an_unknown_option_starts_nothing(verb, capsys):
    with pytest.raises(SystemExit):
        tools.main([verb, "--slower"])
    assert "unrecognized arguments: --slower" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["results", "again", "reproduce"])
def test_make_passes_the_name_on(verb):
    for option in ["only", "setting"] if verb == "reproduce" else ["only"]:
        output = make("-n", verb, f"{option.upper()}=a").replace("\\", " ")
        assert output.split()[1:] == f"-m tools {verb} --{option} 'a'".split()


@pytest.mark.parametrize("given", ["data", "da ta/..", "/data", "~/data"])
@pytest.mark.parametrize("where", ["command", "environment"])
def test_make_makes_folders_absolute(tmp_path, monkeypatch, given, where):
    show = tmp_path / "show.mk"
    show.write_text(f'include {ROOT}/Makefile\nshow:; @echo "$$BOOK_DATA"')
    words = [f"BOOK_DATA={given}"] if where == "command" else []
    monkeypatch.setenv("BOOK_DATA", "" if words else given)
    shown = make("-f", str(show), "show", *words).strip()
    assert shown == (given if given[0] in "/~" else f"{ROOT}/{given}")


def make(*words: str) -> str:
    if not shutil.which("make"):
        pytest.skip("no make")
    command = ["make", "--no-print-directory", "-o", "installed", *words]
    return subprocess.check_output(command, cwd=ROOT, text=True)


def test_the_tools_say_what_there_is(capsys):
    assert tools.main(["cook"]) == 2
    said = capsys.readouterr().out
    assert re.findall(r"^  (\S+) +[A-Z]\w+ .*\.", said, re.M) == [*tools.VERBS]


FAILING = {'check.value("sm-1", 3 * 3, 8)': "CheckFailed: sm-1: 9 computed"}
FAILING[f"import os, time; time.sleep(1); os._exit(1); {LAST}"] = "Kernel died"


@pytest.mark.parametrize("cell", FAILING)
def test_a_cell_that_fails_or_kills_its_kernel_is_named(book, cell):
    with book.edited(PAGE, LAST, cell):
        output = book.build(expect=1)
        line = book.line(PAGE, cell)
    line -= "os" in cell  # that of the cell, if it is not known better
    assert f"{PAGE}:{line}: cell failed: {FAILING[cell]}" in output


def test_what_is_saved_while_it_runs_is_executed_again_and_not_by_sphinx(book):
    save = "import pathlib; page = pathlib.Path('small.md'); text = page.read_text()"
    save += "; page.write_text(text.replace('3 * 3, 9' + ',', '4 * 4, 16' + ','))"
    with book.edited(PAGE, LAST, f"{save}\n{LAST}"):
        output = book.build()
    assert output.count(f"{NAME}: ok") == 2 and "Kernel" not in output


@pytest.mark.parametrize("verb", ["book", "execute", "results", "again", "reproduce"])
def test_a_source_that_cannot_be_read_is_named(book, verb):
    with book.edited(PAGE, "One sentence.", ""):
        (book.root / PAGE).write_bytes("Büchlein".encode("latin-1"))
        output = book.build("-m", "tools", verb, expect=1)
    assert f"{PAGE}:1: " in output and "Traceback" not in output, output


def test_a_page_without_problems(book):
    whole = re.sub(r"\n## .*", "", book.read(PAGE)).replace("3 * 3, 9", "8 * 8, 64")
    with book.edited(PAGE, book.read(PAGE), whole):
        assert "small, all: ok" in book.build(*EXECUTE)


def test_kernels_of_both_kinds_are_this_python_and_give_the_same(task, monkeypatch):
    spec = execute.PROBLEMS / "kernels/python3/kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text('{"argv": ["false"], "language": "python", "display_name": "x"}')
    monkeypatch.setenv("JUPYTER_PATH", str(execute.PROBLEMS))
    monkeypatch.setenv("BOOK_CACHE", str(execute.PROBLEMS))
    monkeypatch.setenv("BOOK_OFFLINE", "1")
    told = "os.getcwd(), sys.executable, sys.stdin.read(), os.getpgrp() == os.getpid()"
    plot = "import os, sys, matplotlib.pyplot as plt\nplt.plot([1]);"
    load = "from helpers import data\ndata.load_mnist();"
    given = []
    for fork in (False, True):
        one = task(plot, f"{told}, __name__, plt.get_backend()", load)
        assert [*kernel.run([one], fork=fork)] == [one]
        given.append([cell.outputs[0].data for cell in one.notebook.cells])
    assert given[0] == given[1] and "image/png" in given[0][0]
    assert given[0][2]["text/plain"].startswith("Not MNIST, but a stand-in")
    assert given[0][2]["text/html"].startswith('<p class="stand-in" role="note">')


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
    "```{erratum} sm-e2\n:question: a-9\n:verdict: right\nA\n```": "such question: a-9",
    "```{erratum} sm-e3\n:question: sm-1\n:verdict: bad\nA title\n```": "verdict",
    "```{erratum} sm-e4\n:verdict: right\nA title\n```": "sm-e4 lacks question",
    "```{interactive} b\n:name: fig-1\n:alt: x\n\nA.\n```": "figure 'b'; there are: kl",
    "```{interactive} kl-fits\n:name: fig-2\n\nText.\n```": "kl-fits lacks alt",
    "```{interactive} newton-step\n:name: fig-3\n:alt: x\n```": "not one paragraph",
}


def test_faults_in_pages_and_cells_are_named_with_file_and_line(book):
    page = "book/about.md"
    cells = {
        "SVG(\"<svg xmlns='http://www.w3.org/2000/svg'/>\")": "image has no alt text",
        'check.value("sm-7", 1, 1)': "sm-7 is no question",
    }
    with (
        book.edited(page, "# ", "\n\n".join(["# ", *FAULTS]) + "\n\n## "),
        book.edited(PAGE, "```{erratum}", f"{''.join(map(code, cells))}```{{erratum}}"),
    ):
        output = book.build(expect=1)
        assert book.build(expect=1), "a second build must not pass them over"
        lines = [book.line(page, fault.splitlines()[0]) for fault in FAULTS]
        places = [book.line(PAGE, cell) - 1 for cell in cells]
    for line, message in zip(lines, FAULTS.values(), strict=True):
        place = rf"{page}:{line}: .*{re.escape(message)}"
        assert re.search(place, output), f"{place}\n{output}"
    for line, message in zip(places, cells.values(), strict=True):
        assert re.search(f"{PAGE}:{line}: WARNING: .*{message}", output), output


def test_two_builds_at_once_wait_for_each_other(book):
    with book.edited(PAGE, "3 * 3, 9,", "4 * 4, 16,"):
        builds = [book.start() for _ in range(2)]
        outputs = [build.communicate()[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0], outputs
    assert sum("Another build is running" in output for output in outputs) == 1
    assert sum(f"{NAME}: ok" in output for output in outputs) == 1
