"""`make question` on a copy of the sources: what it adds, and what it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import question as new_question  # noqa: E402

SOURCES = ("notebooks/*.md", "book/**/*.*", "tools/*.py", "CONTRIBUTING.md", "Makefile")
SET = "notebooks/general_review.md"


@pytest.fixture
def copy(tmp_path):
    for pattern in (*SOURCES, "_*.yml", "requirements.txt", "pyproject.toml"):
        for path in ROOT.glob(pattern):
            target = tmp_path / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return tmp_path


def run(copy, *command):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for name in ("ID", "TITLE", "SET", "AFTER"):
        environment.pop(name, None)
    return subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True
    )


def question(copy, **given):
    words = [f"{name}={text}" for name, text in given.items()]
    options = ("-s", "-o", "installed", f"PYTHON={sys.executable}")
    return run(copy, "make", *options, "question", *words)


def lint(copy, name):
    return run(copy, sys.executable, "tools/lint.py", name).stdout


def test_a_new_question_stands_at_the_end_and_the_lint_names_what_is_left(copy):
    before = (copy / SET).read_text("utf-8")
    done = question(copy, ID="gr-9-1", TITLE='A "mean" & more')
    assert done.returncode == 0, done.stderr
    after = (copy / SET).read_text("utf-8")
    assert after.startswith(before.rstrip() + '\n\n```{exercise} A "mean" & more\n')
    assert after.endswith("```{solution-end}\n```\n") and "xx-1a" not in after
    line = len(before.rstrip().split("\n")) + 2
    assert done.stdout.startswith(f"{SET}:{line}: gr-9-1 is new")
    left = lint(copy, SET).splitlines()
    assert len(left) == after.count("TODO") == 5
    assert all("still to be written" in said for said in left), left
    (copy / SET).write_text(after.replace("# TODO: ", "").replace("TODO: ", ""))
    assert lint(copy, SET) == ""
    assert not list(copy.glob("notebooks/*.tmp"))


def test_a_new_question_can_follow_another_and_its_errata(copy):
    before = (copy / SET).read_text("utf-8").split("\n")
    assert question(copy, ID="gr-1-1f", AFTER="gr-1-1e").returncode == 0
    after = (copy / SET).read_text("utf-8").split("\n")
    label = after.index(":label: gr-1-1f")
    assert after[label - 1] == "```{exercise} TODO: title"
    added = len(after) - len(before)
    assert before == after[: label - 2] + after[label - 2 + added :]
    neighbours = [after.index(f":label: {id}") for id in ("gr-1-1e", "gr-1-2")]
    assert neighbours[0] < label < neighbours[1]
    erratum = after.index(":question: gr-1-1e")
    assert erratum < label and "```{exercise}" not in "".join(
        after[erratum : label - 1]
    )


@pytest.mark.parametrize(
    "given, message",
    [
        ({}, "ID= is not of the form"),
        ({"ID": "gr5"}, "ID=gr5 is not of the form"),
        ({"ID": "gr-1-1a"}, "gr-1-1a exists, in notebooks/general_review.md"),
        ({"ID": "zz-1"}, "no question begins with zz-; there are gr- (notebooks/gen"),
        ({"ID": "gr-9", "SET": "nowhere"}, "SET=nowhere is none of general_review, "),
        ({"ID": "gr-9", "SET": "training_networks"}, "questions gr- stand in notebook"),
        ({"ID": "gr-9", "AFTER": "th-1a"}, "AFTER=th-1a: no such question in noteb"),
        ({"ID": "gr-9", "AFTER": "gr-1"}, "AFTER=gr-1: it has no solution"),
        ({"ID": "gr-9", "TITLE": "The `norm`"}, "TITLE: one line without `"),
        ({"ID": "gr-9", "TITLE": "One\nTwo"}, "TITLE: one line without `"),
    ],
)
def test_a_mistake_is_one_message_and_changes_nothing(
    copy, monkeypatch, capsys, given, message
):
    monkeypatch.setattr(new_question, "ROOT", copy)
    before = {path: path.read_bytes() for path in copy.glob("notebooks/*")}
    words = [f"--{name.lower()}={text}" for name, text in ({"ID": ""} | given).items()]
    assert new_question.main(words) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and message in said[0], said
    assert before == {path: path.read_bytes() for path in copy.glob("notebooks/*")}


def test_the_lint_finds_what_the_notebook_cannot_be_made_from(copy):
    text = (copy / SET).read_text("utf-8")
    old = "Adding random noise to the inputs"
    line = text.split("\n").index(f"{old} is an old kind of data augmentation.") + 1
    for fault, message in {
        r"The norm $\norm g$": r"\norm needs its arguments in braces",
        "{ref}`nowhere`": "no label nowhere",
        "{recorded}`none:1.loss.mean:.2f`": "no recorded result 'none'",
    }.items():
        (copy / SET).write_text(text.replace(old, fault, 1), "utf-8")
        assert lint(copy, SET).startswith(f"{SET}:{line}: {message}")
