"""A new question, by the steps of CONTRIBUTING.md; and what `question` refuses."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import small_book
from browsing import ROOT
from sources import HEADER, Sources, code, solved

from tools.source import lint, question
from tools.source.directives import DIRECTIVES
from tools.source.notebook import Notebook
from tools.workspace import SourceError

ERRATUM = """
```{erratum} gr-e1
:question: gr-1-1
:verdict: wrong
Title

Text.
```
"""
SET = f"""{HEADER}# One

{code("from claims import check")}
## Problem 1: Squares
{solved("A.")}{ERRATUM}{solved("B.", "gr-1-2")}"""


@pytest.fixture
def book(tmp_path):
    book = Sources(tmp_path)
    book.write("notebooks/one.md", SET)
    book.write("notebooks/two.md", f"{HEADER}# Two\n\n## P\n{solved('A.', 'th-1')}")
    shutil.copy(ROOT / "CONTRIBUTING.md", tmp_path)
    return book


def asked(book, **given):
    """`question` with these options; the exit status."""
    words = [f"--{name.lower()}={text}" for name, text in ({"ID": ""} | given).items()]
    return question.main(words, book.root)


def test_by_the_letter(tmp_path):
    """All commands that the steps name, on a small book, end well."""
    book = small_book.Book(tmp_path)
    for name in ("CONTRIBUTING.md", "README.md", "Makefile", "tools/source/lint.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("conftest.py", "browsing.py", "nbval.ini", "test_notebooks.py"):
        book.write(f"tests/{name}", (ROOT / "tests" / name).read_text("utf-8"))
    older = {"config": {"notebook": "small"}, "values": {"cells": 1, "checks": 1}}
    record = json.dumps({"command": "make colab", "runs": [older, older]})
    for name in ("colab", "reproduced"):
        book.write(f"results/measured/{name}.json", record)
    steps = book.read("CONTRIBUTING.md").partition("\n| to change")[0]
    named = re.findall(r"^(?:\d\.|  ).*?`make (\w+)", steps, re.M)
    assert named[:5] == ["serve", "question", "notebooks", "mutants", "test"]
    own = {"ID", "TITLE", "SET", "AFTER", "MAKEFLAGS"}
    others = {k: v for k, v in book.environment().items() if k not in own}

    def make(*words: str) -> str:
        command = ["make", "-s", "-o", "installed", f"PYTHON={sys.executable}", *words]
        return subprocess.check_output(command, cwd=tmp_path, env=others, text=True)

    said = make("question", "ID=sm-3", "TITLE=A cube")
    assert said.startswith(f"{small_book.PAGE}:")
    draft = book.read(small_book.PAGE)
    book.write(small_book.PAGE, draft.replace("# TODO: ", "").replace("TODO: ", ""))
    for verb in ("notebooks", "mutants", "book"):  # `book` is what `test` does first
        make(verb)
    assert "A cube" in book.html("notebooks/small")
    python = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    which = "sources_give or numbers_of_the_site or records"
    book.build(*python, "tests/test_notebooks.py", "-k", which)
    nbval = "--nbval-lax --nbval-sanitize-with tests/nbval.ini --nbval-current-env"
    book.build(*python, *nbval.split(), "notebooks")


def test_a_new_question_stands_at_the_end_and_the_lint_names_what_is_left(book, capsys):
    page = book.root / "notebooks/one.md"
    assert asked(book, ID="gr-9-1", TITLE='A "mean" & more') == 0
    after, line = page.read_text("utf-8"), SET.rstrip().count("\n") + 3
    assert after.startswith(SET.rstrip() + '\n\n```{exercise} A "mean" & more\n')
    assert after.endswith("```{solution-end}\n```\n") and "xx-1a" not in after
    assert f"notebooks/one.md:{line}: gr-9-1 is new" in capsys.readouterr().out
    assert lint.main([str(page)], book.root) == 1
    left = capsys.readouterr().out.splitlines()
    assert len(left) == after.count("TODO") == 8
    assert all("still to be written" in said for said in left), left
    page.write_text(after.replace("# TODO: ", "").replace("TODO: ", ""))
    assert lint.main([str(page)], book.root) == 0
    assert not list(book.root.glob("notebooks/*.tmp"))


def test_a_new_question_can_follow_another_and_its_errata(book):
    assert asked(book, ID="gr-1-1b", AFTER="gr-1-1") == 0
    after = book.read().pages["notebooks/one"]
    assert [q.id for q in after.questions] == ["gr-1-1", "gr-1-1b", "gr-1-2"]
    before, behind = SET.split(ERRATUM)
    assert after.text.startswith(before + ERRATUM + "\n```{exercise} TODO: title")
    assert after.text.endswith(behind)


MISTAKES = [
    ({}, "ID= is not of the form"),
    ({"ID": "gr5"}, "ID=gr5 is not of the form"),
    ({"ID": "gr-1-1"}, "gr-1-1 exists, in notebooks/one.md"),
    ({"ID": "zz-1"}, "no question begins with zz-; there are gr- (notebooks/on"),
    ({"ID": "gr-9", "SET": "nowhere"}, "SET=nowhere is none of one, two"),
    ({"ID": "gr-9", "SET": "two"}, "SET=two: questions gr- stand in notebooks/one"),
    ({"ID": "gr-9", "AFTER": "th-1"}, "AFTER=th-1: no such question in noteb"),
    ({"ID": "gr-9", "AFTER": "gr-1-3"}, "AFTER=gr-1-3: it has no solution"),
    ({"ID": "gr-9", "TITLE": "The `norm`"}, "TITLE: one line without `"),
    ({"ID": "gr-9", "TITLE": "One\nTwo"}, "TITLE: one line without `"),
]


@pytest.mark.parametrize("given, message", MISTAKES)
def test_a_mistake_is_one_message_and_changes_nothing(book, given, message):
    unsolved = solved("C.", "gr-1-3").partition("```{solution")[0]
    book.write("notebooks/one.md", SET + unsolved)
    before = {path: path.read_bytes() for path in book.root.glob("notebooks/*")}
    with pytest.raises(SourceError, match=f"^{re.escape(message)}.*$"):
        asked(book, **given)
    assert before == {path: path.read_bytes() for path in book.root.glob("notebooks/*")}


def test_what_the_site_needs_of_a_directive_is_there():
    """What is declared of a directive is written somewhere."""
    for kind in DIRECTIVES.values():
        assert callable(getattr(Notebook, "_" + kind.name.replace("-", "_"))), kind
        module, _, name = kind.site.partition(".")
        file = ROOT / f"book/extension/{module}.py"
        assert not name or re.search(rf"^class {name}\b", file.read_text(), re.M), kind
