"""Studies as a page reads them: live runs, recorded ones, numbers for prose."""

import doctest
import re
import shutil
from importlib import import_module
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from browsing import ROOT

from helpers import results

REAL = SimpleNamespace(name="MNIST", source="BOOK_DATA", sha256="abc")
STAND_IN = SimpleNamespace(name="MNIST", source="stand-in", sha256="abc")
SETTINGS = {"question": "gr-0", "title": "A test"}
SETTINGS |= {"grid": {"a": [1, 2], "b": ["x", "y"]}}
SETTINGS |= {"quick": {"seeds": 1, "steps": 1}, "full": {"seeds": 3, "steps": 10}}


def run(a, b, seed, steps):
    return {"score": a * steps + seed, "curve": [a, seed]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.delenv("BOOK_SCALE", raising=False)
    return tmp_path


def record_in_full(function, data=(), **settings):
    """The record of the trial, made in this process unless told otherwise."""
    with pytest.MonkeyPatch.context() as patch, joblib.parallel_config("sequential"):
        patch.setenv("BOOK_SCALE", "full")
        return results.study("trial", function, data=data, **SETTINGS | settings).record


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The file of the record of the trial, made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "FOLDER", tmp_path_factory.mktemp("made"))
        record_in_full(run, [REAL])
        return results.FOLDER / "trial.json"


@pytest.fixture
def recorded(folder, made):
    shutil.copy(made, folder)
    return results.load("trial")


def test_a_quick_study_writes_nothing(folder):
    study = results.study("trial", run, **SETTINGS)
    assert study.recorded is None and len(study.quick.records) == 4
    assert not any(folder.iterdir())
    assert "Nothing recorded yet" in repr(study.table("score"))
    now = "<4 runs: 4 configurations, 1 seeds>"
    assert repr(study) == f"Study trial: None recorded, {now} made now"


def test_the_interval_is_that_of_student(recorded):
    rows = np.array([20.0, 21.0, 22.0])
    mean, half = results.mean_and_half_width(rows)
    assert mean == 21
    assert half == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    low, high = results.Runs(recorded["runs"]).interval("score", a=2, b="y")
    assert (low, high) == (mean - half, mean + half)
    assert results.in_text(rows, "+.1f") == "+21.0 ± 2.5"
    assert results.in_text(rows[:1], ".0f") == "20"


@pytest.mark.parametrize(
    ("scale", "settings", "error", "message"),
    [
        ("ful", {}, ValueError, "'ful'"),
        ("quick", {"full": {}}, ValueError, "trial: full must say.*`seeds`"),
        ("full", {"data": [STAND_IN]}, RuntimeError, "needs the real MNIST"),
    ],
)
def test_a_wrong_call_is_an_error(folder, monkeypatch, scale, settings, error, message):
    monkeypatch.setenv("BOOK_SCALE", scale)
    with pytest.raises(error, match=message):
        results.study("trial", run, **SETTINGS | settings)


def test_numbers_for_prose(recorded):
    wanted = ("1,x.score.mean", "1,x.score.n", "1,x.curve[1].mean", "title")
    found = [results.lookup("trial", path) for path in wanted]
    assert found == [11, 3, 1, "A test"]
    low, high = (results.lookup("trial", f"1,x.score.{s}") for s in ("low", "high"))
    assert low < 11 < high
    assert results.lookup("training-speed", "command") == "make bench"  # a measurement


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        ("absent", "date", "no recorded result 'absent'; `make results` makes it"),
        ("trial", "nonsense", "trial has no field 'nonsense'"),
        ("trial", "9,x.score.mean", "there are: 1,x; 1,y; 2,x; 2,y"),
        ("trial", "1,x.score.median", "must be one of mean, half, low, high, n"),
        ("trial", "1,x.speed.mean", "no value 'speed'; there are: score, curve"),
        ("trial", "1,x.curve[7].mean", "no element 'curve[7]'; 'curve' has shape (2,)"),
        ("trial", "1,x.score[0].mean", "no element 'score[0]'; 'score' has shape ()"),
        ("trial", "1,x.curve[x].mean", "no element 'curve[x]'"),
    ],
)
def test_a_number_that_is_not_there_is_an_error(recorded, name, path, message):
    with pytest.raises(results.Missing, match=re.escape(message)):
        results.lookup(name, path)


def test_the_table_shows_recorded_beside_live(recorded):
    table = results.study("trial", run, data=[REAL], **SETTINGS).table("score", ".1f")
    assert table.head == ["a", "b", "recorded", "this run"]
    assert table.body[0] == ["1", "x", "11.0 ± 2.5", "1.0"]
    assert "3 seeds on MNIST" in table.note and "BOOK_DATA" in table.note
    assert table._repr_html_().count("<tr>") == 5


@pytest.mark.parametrize("name", sorted(p.stem for p in ROOT.glob("helpers/*.py")))
def test_examples_in_docstrings_and_names_to_import(name):
    module = import_module(f"helpers.{name}".removesuffix(".__init__"))
    assert doctest.testmod(module).failed == 0
    assert all(hasattr(module, name) for name in getattr(module, "__all__", ()))
