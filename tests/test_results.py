"""Studies: the runs, their record, resuming, and the numbers for prose."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from distributed import Client, LocalCluster
from small_disk import no_file_larger_than

from helpers import results

ROOT = Path(__file__).parents[1]
REAL = SimpleNamespace(name="MNIST", source="BOOK_DATA", sha256="abc")
STAND_IN = SimpleNamespace(name="MNIST", source="stand-in", sha256="def")
SETTINGS = dict(
    question="gr-0",
    title="A test",
    grid={"a": [1, 2], "b": ["x", "y"]},
    quick={"seeds": 1, "steps": 1},
    full={"seeds": 3, "steps": 10},
)


def run(a, b, seed, steps):
    return {"score": a * steps + seed, "curve": [a, seed]}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.delenv("BOOK_SCALE", raising=False)
    return tmp_path


@pytest.fixture
def recorded(folder, monkeypatch):
    monkeypatch.setenv("BOOK_SCALE", "full")
    study = results.study("trial", run, data=[REAL], **SETTINGS)
    monkeypatch.delenv("BOOK_SCALE")
    return study


def test_a_quick_study_writes_nothing(folder):
    study = results.study("trial", run, **SETTINGS)
    assert study.recorded is None and len(study.quick.records) == 4
    assert not any(folder.iterdir())
    assert "Nothing recorded yet" in repr(study.table("score"))


def test_a_full_study_is_recorded_with_its_provenance(recorded, folder):
    record = json.loads((folder / "trial.json").read_text())
    assert len(record["runs"]) == 12
    assert record["data"] == {"MNIST": {"source": "BOOK_DATA", "sha256": "abc"}}
    for field in ("date", "device", "seconds", "command", "versions", "commit"):
        assert record[field] is not None
    assert recorded.recorded.values("score", a=2, b="y").tolist() == [20, 21, 22]
    assert not list((folder / ".partial").rglob("*.json"))


def test_the_interval_is_that_of_student(recorded):
    mean, half = results.mean_and_half_width(np.array([20.0, 21.0, 22.0]))
    assert mean == 21
    assert half == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    low, high = recorded.recorded.interval("score", a=2, b="y")
    assert (low, high) == (mean - half, mean + half)


def test_a_mean_in_text():
    assert results.in_text(np.array([20.0, 21.0, 22.0]), "+.1f") == "+21.0 ± 2.5"
    assert results.in_text(np.array([20.0]), ".0f") == "20"


def test_a_full_study_refuses_the_stand_in(folder, monkeypatch):
    monkeypatch.setenv("BOOK_SCALE", "full")
    with pytest.raises(RuntimeError, match="real MNIST"):
        results.study("trial", run, data=[STAND_IN], **SETTINGS)


def test_an_unknown_scale_is_an_error(folder, monkeypatch):
    monkeypatch.setenv("BOOK_SCALE", "ful")
    with pytest.raises(ValueError, match="'ful'"):
        results.study("trial", run, **SETTINGS)


def test_numbers_for_prose(recorded):
    assert results.lookup("trial", "1,x.score.mean") == 11
    assert results.lookup("trial", "1,x.score.n") == 3
    assert results.lookup("trial", "1,x.curve[1].mean") == 1
    assert results.lookup("trial", "title") == "A test"
    low, high = (results.lookup("trial", f"1,x.score.{s}") for s in ("low", "high"))
    assert low < 11 < high


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        ("absent", "date", "make results"),
        ("trial", "nonsense", "no field"),
        ("trial", "9,x.score.mean", "1,x; 1,y; 2,x; 2,y"),
        ("trial", "1,x.score.median", "statistic"),
        ("trial", "1,x.speed.mean", "speed"),
    ],
)
def test_a_number_that_is_not_there_is_an_error(recorded, name, path, message):
    with pytest.raises(KeyError, match=message):
        results.lookup(name, path)


def test_the_table_shows_recorded_beside_live(recorded):
    table = results.study("trial", run, data=[REAL], **SETTINGS).table("score", ".1f")
    assert table.head == ["a", "b", "recorded", "this run"]
    assert table.body[0] == ["1", "x", "11.0 ± 2.5", "1.0"]
    assert "3 seeds on MNIST" in table.note and "BOOK_DATA" in table.note
    assert table._repr_html_().count("<tr>") == 5


def test_a_killed_study_resumes_without_losing_a_run(folder):
    script = textwrap.dedent(
        """
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
    )
    environment = os.environ | {"BOOK_SCALE": "full", "PYTHONPATH": str(ROOT)}
    (folder / "study.py").write_text(script)
    command = [sys.executable, folder / "study.py", folder]
    first = subprocess.Popen(command, env=environment, start_new_session=True)
    finished = folder / ".partial" / "trial"
    deadline = time.time() + 60
    while len(list(finished.glob("*.json"))) < 4 and time.time() < deadline:
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = len(list(finished.glob("*.json")))
    assert 4 <= kept < 12 and not (folder / "trial.json").exists()
    log = folder / "log"
    log.write_text("")
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert len(log.read_text().splitlines()) == 12 - kept
    record = json.loads((folder / "trial.json").read_text())
    scores = [r["values"]["score"] for r in record["runs"]]
    assert scores == [a + s for s in range(3) for a in (1, 2, 3, 4)]
    assert not list((folder / ".partial").rglob("*.*"))


def test_killed_while_a_record_is_written(folder):
    script = textwrap.dedent(
        """
        import joblib, os, sys
        from pathlib import Path
        from helpers import results
        folder = results.FOLDER = Path(sys.argv[1])
        write = Path.write_text

        def write_half(path, text):
            if path.name.startswith("trial."):
                write(path, text[: len(text) // 2])
                os.kill(os.getpid(), 9)
            return write(path, text)

        def run(a, seed):
            (folder / "log").open("a").write("a run ")
            return {"score": a + seed}

        if "killed" in sys.argv:
            Path.write_text = write_half
        with joblib.parallel_config("sequential"):
            results.study("trial", run, question="gr-0", title="t", grid={"a": [1, 2]},
                          quick={"seeds": 1}, full={"seeds": 2})
        """
    )
    (folder / "study.py").write_text(script)
    record = folder / "trial.json"
    record.write_text("the record before")
    command = [sys.executable, folder / "study.py", folder]
    environment = os.environ | {"BOOK_SCALE": "full", "PYTHONPATH": str(ROOT)}
    killed = subprocess.run([*command, "killed"], env=environment, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert record.read_text() == "the record before"
    assert len([*folder.glob("trial.*.tmp")]) == 1, "it was not killed half-way"
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert len(json.loads(record.read_text())["runs"]) == 4
    assert (folder / "log").read_text() == 4 * "a run ", "runs were made twice"
    assert not [*folder.glob("*.tmp")] and not [*folder.glob(".partial/trial/*")]


def test_a_record_that_cannot_be_written_loses_nothing(folder, monkeypatch):
    monkeypatch.setenv("BOOK_SCALE", "full")
    ran = []

    def run(a, b, seed):
        ran.append(seed)
        return {"curve": [a + seed] * 100}

    settings = {**SETTINGS, "full": {"seeds": 3}}
    record = folder / "trial.json"
    record.write_text("the record before")
    with joblib.parallel_config("sequential"):
        with no_file_larger_than(2000), pytest.raises(OSError, match="too large"):
            results.study("trial", run, **settings)
        assert record.read_text() == "the record before"
        assert len(ran) == 12 and list(folder.glob("*.tmp")) == []
        results.study("trial", run, **settings)
    assert len(ran) == 12, "runs were made twice"
    assert len(json.loads(record.read_text())["runs"]) == 12


def test_a_run_finds_its_own_checkpoint_again(folder, monkeypatch):
    monkeypatch.setenv("BOOK_SCALE", "full")
    settings = {**SETTINGS, "full": {"seeds": 2}}

    def run(a, b, seed, checkpoint):
        state = f"{a} {b} {seed}"
        if not checkpoint.exists() or checkpoint.read_text() != state:
            checkpoint.write_text(state)
            raise KeyboardInterrupt
        return {"resumed": 1}

    with joblib.parallel_config("sequential"):
        for _ in range(8):
            with pytest.raises(KeyboardInterrupt):
                results.study("trial", run, **settings)
        study = results.study("trial", run, **settings)
    assert study.recorded.values("resumed", a=1, b="x").tolist() == [1, 1]


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

    serial = [draw(a, seed) for seed in range(3) for a in (1, 2, 3, 4)]
    log.write_text("")
    monkeypatch.setenv("BOOK_SCALE", "full")
    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        ThreadPoolExecutor() as pool,
        joblib.parallel_config(backend="dask"),
    ):
        killed = pool.submit(kill_the_first)
        grid = {"a": [1, 2, 3, 4]}
        settings = {**SETTINGS, "grid": grid, "full": {"seeds": 3}}
        results.study("trial", draw, data=[REAL], **settings)
        killed.result()
    record = json.loads((folder / "trial.json").read_text())
    assert [run["values"] for run in record["runs"]] == serial
    worked = log.read_text().split()
    assert len(worked) > len(serial), "the killed worker's run was not repeated"
    assert len(set(worked)) >= 2 and str(os.getpid()) not in worked


def again(monkeypatch, folder, function=run, data=REAL, **settings):
    """What repeating the recorded trial finds."""
    monkeypatch.setenv("BOOK_SCALE", "again")
    before = (folder / "trial.json").read_bytes()
    results.study("trial", function, data=[data], **SETTINGS | settings)
    assert (folder / "trial.json").read_bytes() == before
    return json.loads((folder / ".partial/again/trial.json").read_text())


def test_a_run_of_a_record_is_repeated(recorded, folder, monkeypatch):
    found = again(monkeypatch, folder)
    assert found["outcome"] == "equal" and found["error"] == 0
    assert found["config"] == {"a": 1, "b": "x"} and found["seed"] == 0


@pytest.mark.parametrize(
    ("factor", "shift", "outcome"),
    [
        (1 + 1e-9, 0, "equal"),
        (1, 1.5, "within the spread"),
        (1, 2.5, "off: score moved by 2.5, the seeds by 2"),
    ],
)
def test_a_repeated_run_is_compared(
    recorded, folder, monkeypatch, factor, shift, outcome
):
    def other(**settings):
        values = run(**settings)
        return values | {"score": values["score"] * factor + shift}

    assert again(monkeypatch, folder, other)["outcome"] == outcome


def test_a_run_of_another_study_is_not_compared(recorded, folder, monkeypatch):
    other = {"full": {"seeds": 3, "steps": 11}}
    assert "another budget" in again(monkeypatch, folder, **other)["outcome"]
    other = {"grid": {"a": [7], "b": ["x"]}}
    assert "has no run" in again(monkeypatch, folder, **other)["outcome"]
    changed = SimpleNamespace(name="MNIST", source="BOOK_DATA", sha256="abd")
    assert "the data are others" in again(monkeypatch, folder, data=changed)["outcome"]


def test_the_shortest_run_is_repeated_where_the_first_is_long(
    recorded, folder, monkeypatch
):
    path = folder / "trial.json"
    record = json.loads(path.read_text())
    for number, made in enumerate(record["runs"]):
        made["seconds"] = 400 - 100 * (number == 5)
    path.write_text(json.dumps(record))
    assert again(monkeypatch, folder)["seed"] == 1
    record["runs"][5]["seconds"] = 301
    path.write_text(json.dumps(record))
    assert "each run takes over 300 s" in again(monkeypatch, folder)["outcome"]


def test_lists_of_what_was_found_are_compared_by_their_length():
    seeds = [{"found": [1, 2], "seconds": 1}, {"found": [1, 2, 3], "seconds": 2}]
    compare = results.compare
    assert compare(seeds[0], {"found": [5, 6], "seconds": 9}, seeds) == ("equal", 0)
    assert compare(seeds[0], seeds[1], seeds)[0] == "within the spread"
    assert compare(seeds[0], {"found": [1] * 9, "seconds": 1}, seeds)[0][:3] == "off"
    assert compare(seeds[0], {"seconds": 1}, seeds)[0] == "off: found is missing"
