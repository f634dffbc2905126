"""Records: which code made them, what is kept of an interrupted study, repeating."""

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from browsing import ROOT
from distributed import Client
from small_disk import no_file_larger_than
from test_results import REAL, SETTINGS, folder, made, record_in_full, recorded, run

from helpers import recording, results

__all__ = ["folder", "made", "recorded"]
OTHER_DATA = SimpleNamespace(**vars(REAL) | {"sha256": "def"})
IN_FULL = os.environ | {"BOOK_SCALE": "full", "PYTHONPATH": str(ROOT)}
ONE = {"grid": {"n": [0, 1, 2, 3]}, "quick": {"seeds": 1}, "full": {"seeds": 1}}


def test_a_full_study_is_recorded_with_its_provenance(folder):
    committed = json.loads((ROOT / "results/studies/initializers.json").read_text())
    record = record_in_full(run, [REAL])
    assert record == results.load("trial") and len(record["runs"]) == 12
    assert record["data"] == {"MNIST": {"source": "BOOK_DATA", "sha256": "abc"}}
    assert list(record) == list(committed)
    assert list(record["versions"]) == list(committed["versions"])
    runs = results.Runs(record["runs"])
    assert runs.values("score", a=2, b="y").tolist() == [20, 21, 22]
    assert not list((folder / ".partial").rglob("*.json"))


@pytest.mark.parametrize("name", ["scale", "site-speed", "training-speed"])
def test_a_measurement_has_its_fields_in_order(tmp_path, name):
    text = (recording.MEASURED / f"{name}.json").read_text()
    old = json.loads(text)
    made = ("name", "runs", "device", "versions", "data", "commit", "date")
    given = {key: value for key, value in old.items() if key not in made}
    new = recording.record(name, old["runs"], folder=tmp_path, **given)
    assert list(new) == list(old)
    written = (tmp_path / f"{name}.json").read_text()
    assert written.partition('"runs"')[2] == text.partition('"runs"')[2]
    fixed = recording.record(name, [], folder=tmp_path, **given | {"versions": {}})
    assert list(fixed) == list(old) and fixed["versions"] == {}


def git(root, *words):
    author = "-c user.name=A -c user.email=a@example.com".split()
    subprocess.run(["git", "-C", root, *author, *words], check=True)


def commit_all(root):
    git(root, "add", "--all")
    git(root, "commit", "--allow-empty", "-q", "-m", "A state")


class TestCommit:
    """Which code a record names."""

    @pytest.fixture
    def root(self, tmp_path):
        root = tmp_path / "book"
        for name in ("helpers/a.py", "notebooks/a.md", "results/a.json", "tools/a.py"):
            (root / name).parent.mkdir(parents=True)
            (root / name).write_text("1 + 1")
        (root / ".gitignore").write_text("_build\n")
        git(tmp_path, "init", "-q", root)
        commit_all(root)
        return root

    CODE = ("helpers/a.py", "notebooks/a.md", "tools/new.py", "untracked/new.txt")
    OTHERS = ("results/a.json", "results/new.json", "_build/new.py")

    @pytest.mark.parametrize("when", ["before", "and back", "later", "and committed"])
    @pytest.mark.parametrize("name", CODE + OTHERS)
    def test_what_differs_from_the_commit_is_told(self, root, name, when):
        made = recording.Repository(root)
        commit = made.commit()
        (root / name).parent.mkdir(exist_ok=True)
        with (root / name).open("a") as file:
            file.write("# ")
        if when in ("before", "and back"):
            made = recording.Repository(root)
        if when == "and back":
            git(root, "stash", "-q", "--include-untracked")
        if when == "and committed":
            commit_all(root)
        assert made.commit() == commit + " with changes" * (name in self.CODE)

    def test_cells_that_stand_in_no_notebook_are_told(self, root, monkeypatch):
        cell = {"source": ["if True:\n", "    '2'"]}
        (root / "notebooks/a.ipynb").write_text(json.dumps({"cells": [cell]}))
        commit_all(root)
        made, known = recording.Repository(root), ["1 + 1\n", "if True:\n    '2'\n"]
        monkeypatch.setattr(recording, "cells", lambda: known)
        assert " " not in made.commit()
        monkeypatch.setattr(recording, "cells", lambda: [*known, "2 + 2"])
        assert made.commit().endswith(" with changes")

    def test_where_there_is_no_commit_it_says_so(self, root, tmp_path, monkeypatch):
        def said(folder):
            folder.mkdir(parents=True, exist_ok=True)
            return recording.Repository(folder).commit()

        assert said(root / "_build/book") == "no repository"  # but one further up
        assert said(tmp_path / "plain") == "no repository"
        git(tmp_path, "init", "-q", "new")
        assert said(tmp_path / "new") == "nothing committed yet"
        monkeypatch.setenv("GIT_DIR", str(root / ".git"))  # as in a hook of git
        assert said(tmp_path / "plain") == "no repository"
        monkeypatch.setenv("PATH", "")
        assert said(root) == "a repository that git cannot read"


def finished(folder):
    """The runs of the trial that are kept."""
    return [*folder.glob(".partial/trial/*.json")]


OLD = """
def inner(n):
    if n == 2: raise RuntimeError("not yet")
    return n

def run(n, seed, checkpoint):
    if checkpoint.exists(): raise RuntimeError("the state of other code")
    checkpoint.write_text("a state")
    return {"score": inner(n)}
"""


SESSION = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in ("a = 1", "%time b = 2", "import helpers", *2 * ["a"]):
    shell.run_cell(cell, store_history=True)
print(sys.modules["helpers.recording"].cells())
"""


class TestResuming:
    """A finished run is used again if nothing has changed, and only then."""

    def test_two_versions_of_the_code_are_not_mixed(self, folder, capfd):
        (code := folder / "code.py").write_text(OLD)
        with pytest.raises(RuntimeError, match="not yet"):
            record_in_full(runpy.run_path(code)["run"], **ONE)
        assert len(finished(folder)) == 2
        new = OLD.replace("return n", "return 10 * n").replace("n == 2", "n > 9")
        code.write_text(new)
        record = record_in_full(runpy.run_path(code)["run"], **ONE)
        assert [r["values"]["score"] for r in record["runs"]] == [0, 10, 20, 30]
        assert "2 finished runs are of another version" in capfd.readouterr().err
        assert not [*folder.glob(".partial/trial/*")]

    @pytest.fixture
    def attempt(self, folder, monkeypatch):
        """Run a study until its last run, which fails; how many runs were made."""
        monkeypatch.setattr(recording, "cells", lambda: ["a cell"])

        def attempt(**settings):
            made = []

            def run(n, seed, rate=0):
                if n == 3:
                    raise KeyboardInterrupt
                made.append(n)
                return {"score": n}

            with pytest.raises(KeyboardInterrupt):
                record_in_full(run, **ONE | settings)
            return len(made)

        assert attempt() == 3
        return attempt

    @pytest.mark.parametrize(
        ("made", "settings"),
        [
            (0, {}),
            (0, {"title": "Another", "quick": {"seeds": 2}}),
            (1, {"grid": {"n": [0, 1, 5, 3]}}),
            (3, {"full": {"seeds": 1, "rate": 2}}),
            (3, {"data": [REAL]}),
        ],
    )
    def test_what_decides_about_a_value(self, attempt, made, settings):
        assert attempt(**settings) == made

    @pytest.mark.parametrize("name", ["cells", "_LOADED", "_surroundings"])
    def test_what_surrounds_it_does(self, attempt, monkeypatch, name):
        other = "other helpers" if name == "_LOADED" else lambda: ["other"]
        monkeypatch.setattr(recording, name, other)
        assert attempt() == 3

    def test_runs_of_code_that_changes_meanwhile_are_not_kept(
        self, folder, monkeypatch
    ):
        repository = SimpleNamespace(changed=False, commit=lambda: "abc")
        monkeypatch.setattr(recording, "_REPOSITORY", repository)

        def change(n, seed, checkpoint):
            monkeypatch.setattr(recording, "_shared_code", lambda: "as edited")
            assert not finished(folder)
            return {"score": n}

        assert len(record_in_full(change, **ONE)["runs"]) == 4
        assert repository.changed

    def test_the_shared_code_is_that_of_helpers_and_claims(self, tmp_path, monkeypatch):
        shutil.copytree(ROOT / "helpers", tmp_path / "helpers")
        monkeypatch.setattr(recording, "ROOT", tmp_path)
        found = {recording._shared_code()}
        for name in ("helpers/training.py", "helpers/new.py", "claims/check.py"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            with (tmp_path / name).open("a") as file:
                file.write("#")
            found.add(recording._shared_code())
        assert len(found) == 4
        assert recording._code_of(len) != recording._code_of(len), "it cannot be read"

    def test_the_cells_are_those_of_the_session(self):
        command = [sys.executable, "-c", SESSION]
        printed = subprocess.check_output(command, env=IN_FULL, text=True)
        cells = "['a = 1', '%time b = 2', 'import helpers', 'a']"
        assert printed.splitlines()[-1] == cells


STUDY = """
import sys, time
from pathlib import Path
from helpers import results
folder = results.FOLDER = Path(sys.argv[1])

def run(a, seed, checkpoint):
    (folder / "log").open("a").write(f"{a} {seed}\\n")
    checkpoint.write_text(f"the state of {a} {seed}")
    time.sleep(0.3)
    return {"score": a + seed}

results.study("trial", run, question="gr-0", title="t",
              grid={"a": [1, 2, 3, 4]}, quick={"seeds": 1}, full={"seeds": 3})
"""


def test_a_killed_study_resumes_without_losing_a_run(folder):
    (folder / "study.py").write_text(STUDY)
    command = [sys.executable, folder / "study.py", folder]
    first = subprocess.Popen(command, env=IN_FULL, start_new_session=True)
    while len(finished(folder)) < 4 and first.poll() is None:
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = len(finished(folder))
    assert 4 <= kept < 12 and not (folder / "trial.json").exists()
    (folder / "trial.json.1.tmp").write_text("what a killed process leaves")
    (log := folder / "log").write_text("")
    subprocess.run(command, env=IN_FULL, check=True)
    assert len(log.read_text().splitlines()) == 12 - kept
    scores = [run["values"]["score"] for run in results.load("trial")["runs"]]
    assert scores == [a + s for s in range(3) for a in (1, 2, 3, 4)]
    assert not [*(folder / ".partial").rglob("*.*"), *folder.glob("*.tmp")]


def test_a_record_that_cannot_be_written_loses_nothing(folder):
    ran = []

    def run(a, b, seed):
        ran.append(seed)
        return {"curve": [a + seed] * 100}

    (record := folder / "trial.json").write_text("the record before")
    with no_file_larger_than(2000), pytest.raises(OSError, match="too large"):
        record_in_full(run, full={"seeds": 3})
    assert record.read_text() == "the record before" and not [*folder.glob("*.tmp")]
    assert len(record_in_full(run, full={"seeds": 3})["runs"]) == 12
    assert len(ran) == 12, "no run was made twice"


def test_a_run_finds_its_own_checkpoint_again(folder):
    def run(a, b, seed, checkpoint):
        state = f"{a} {b} {seed}"
        if not checkpoint.exists() or checkpoint.read_text() != state:
            checkpoint.write_text(state)
            raise KeyboardInterrupt
        return {"resumed": 1}

    for _ in range(8):
        with pytest.raises(KeyboardInterrupt):
            record_in_full(run, full={"seeds": 2})
    record = record_in_full(run, full={"seeds": 2})
    assert [made["values"]["resumed"] for made in record["runs"]] == 8 * [1]


def test_a_cluster_loses_a_worker_and_no_result(folder, monkeypatch):
    log = folder / "log"

    def draw(a, seed):
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.4)
        rng = np.random.default_rng([a, seed])
        return {"score": rng.random(), "curve": rng.normal(size=3).tolist()}

    def kill_the_first():
        while len(log.read_text().split()) < 4:
            time.sleep(0.05)
        os.kill(int(log.read_text().split()[0]), signal.SIGKILL)

    serial = [draw(a, seed) for seed in range(2) for a in (1, 2, 3, 4)]
    log.write_text("")
    monkeypatch.setenv("BOOK_SCALE", "full")
    settings = {"grid": {"a": [1, 2, 3, 4]}, "full": {"seeds": 2}}
    with (
        Client(n_workers=2, threads_per_worker=1, dashboard_address=None),
        ThreadPoolExecutor() as pool,
        joblib.parallel_config(backend="dask"),
    ):
        killed = pool.submit(kill_the_first)
        results.study("trial", draw, data=[REAL], **SETTINGS | settings)
        killed.result()
    assert [run["values"] for run in results.load("trial")["runs"]] == serial
    worked = log.read_text().split()
    assert len(worked) > len(serial), "the killed worker's run was not repeated"
    assert len(set(worked)) >= 2 and str(os.getpid()) not in worked


class TestAgain:
    @pytest.fixture
    def again(self, recorded, folder, monkeypatch):
        def again(function=run, data=REAL, **settings):
            """What repeating the recorded trial finds."""
            monkeypatch.setenv("BOOK_SCALE", "again")
            before = (folder / "trial.json").read_bytes()
            results.study("trial", function, data=[data], **SETTINGS | settings)
            assert (folder / "trial.json").read_bytes() == before
            return json.loads((folder / ".partial/again/trial.json").read_text())

        return again

    OUTCOMES = {0: "equal", 1e-8: "equal", 1.5: "within the spread"}
    OUTCOMES[2.5] = "off: score moved by 2.5, the seeds by 2"

    @pytest.mark.parametrize("moved", OUTCOMES)
    def test_a_run_of_a_record_is_repeated_and_compared(self, again, moved):
        def other(**settings):
            values = run(**settings)
            return values | {"score": values["score"] + moved}

        found = again(other)
        assert (found["outcome"], found["seed"]) == (self.OUTCOMES[moved], 0)
        assert found["error"] == pytest.approx(moved / 10)
        assert found["config"] == {"a": 1, "b": "x"}

    OTHERS = {"another budget": {"full": {"seeds": 3, "steps": 11}}}
    OTHERS |= {"has no run": {"grid": {"a": [7], "b": ["x"]}}}
    OTHERS |= {"the data are others": {"data": OTHER_DATA}}

    @pytest.mark.parametrize("outcome", OTHERS)
    def test_a_run_of_another_study_is_not_compared(self, again, outcome):
        assert outcome in again(**self.OTHERS[outcome])["outcome"]

    def test_the_shortest_run_is_repeated_where_the_first_is_long(self, again, folder):
        path = folder / "trial.json"
        record = json.loads(path.read_text())
        too_long = "not repeated: each run takes over 300 s"
        for seconds, key, found in ((300, "seed", 1), (301, "outcome", too_long)):
            for number, one in enumerate(record["runs"]):
                one["seconds"] = seconds if number == 5 else 400
            path.write_text(json.dumps(record))
            assert again()[key] == found

    def test_lists_of_what_was_found_are_compared_by_their_length(self):
        seeds = [{"found": [1, 2], "seconds": 1}, {"found": [1, 2, 3], "seconds": 2}]
        for new, outcome in (
            ({"found": [5, 6], "seconds": 9}, "equal"),
            (seeds[1], "within the spread"),
            ({"found": [1] * 9, "seconds": 1}, "off: found moved by 7, the seeds by 1"),
            ({"seconds": 1}, "off: found is missing"),
        ):
            assert recording.compare(seeds[0], new, seeds)[0] == outcome
