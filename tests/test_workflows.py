"""The workflows name what exists, ask for little, and report in one issue."""

import os
import re
import shutil
import subprocess
from importlib.metadata import requires, version
from pathlib import Path
from unittest.mock import patch

import pytest
import yaml
from browsing import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from small_disk import run

from helpers import data
from tools.site import browser

PINS = (ROOT / "requirements.txt").read_text("utf-8")
FILES = sorted(ROOT.glob(".github/workflows/*.yml"))
WORKFLOWS = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in FILES}
JOBS = {
    f"{name}:{job}": content
    for name, workflow in WORKFLOWS.items()
    for job, content in workflow["jobs"].items()
}
MAY_WRITE = {"book.yml:publish": {"pages", "id-token"}, "weekly.yml:report": {"issues"}}
MADE = {"_build/html", "_build/data", "newest.txt"}  # before it is used


def shell(command: str, folder: Path, **variables) -> subprocess.CompletedProcess:
    """Run a step as the workflows do."""
    where = {"cwd": folder, "env": os.environ | variables}
    return run("bash", "-eo", "pipefail", "-c", command, **where)


@pytest.mark.parametrize("job", JOBS)
def test_a_job_may_do_no_more_than_it_needs_and_names_what_exists(job):
    content, workflow = JOBS[job], WORKFLOWS[job.partition(":")[0]]
    assert 0 < content["timeout-minutes"] <= 90 and workflow["concurrency"]["group"]
    assert "pull_request_target" not in workflow[True], "strangers' code with rights"
    assert workflow["permissions"] == {"contents": "read"}
    writes = {k for k, v in content["permissions"].items() if v == "write"}
    assert writes == MAY_WRITE.get(job, set())
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for step in content["steps"]:
        command, options = step.get("run", ""), step.get("with", {})
        if "uses" in step:  # a tag can be moved, a commit cannot
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])
        if step.get("uses", "").startswith("actions/checkout"):
            assert options["persist-credentials"] is False
        assert set(re.findall(r"\bmake ([a-z-]+)", command)) <= targets
        files = re.findall(r"(?<![\w/.-])[\w/-]+\.(?:txt|lock|toml|md|py)\b", command)
        files += [options[k] for k in ("cache-dependency-path", "path") if k in options]
        files += re.findall(r"hashFiles\('(.*?)'\)", options.get("key", ""))
        assert [f for f in files if not any(ROOT.glob(f)) and f not in MADE] == []
    runs = " ".join(step.get("run", "") for step in content["steps"])
    if "make " in runs:
        variables = workflow.get("env", {}) | content.get("env", {})
        is_newest = job == "weekly.yml:newest"
        required = "newest.txt" if is_newest else "requirements.lock"  # has hashes
        assert variables["REQUIREMENTS"] == required and "pip install" not in runs


def test_the_weekly_run_takes_newest_releases_but_not_another_jupyter_book(tmp_path):
    for name in ("requirements.txt", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    steps = JOBS["weekly.yml:newest"]["steps"]
    named = {step["name"]: step["run"] for step in steps if "name" in step}
    done = shell(named["take the newest releases"], tmp_path)
    assert done.returncode == 0, done
    assert (tmp_path / "requirements.txt").read_text() == PINS, "tests read it"
    after = (tmp_path / "newest.txt").read_text().splitlines()
    assert "jupyter-book>=1,<2" in after and not any("==" in line for line in after)
    names = [line.partition("==")[0] for line in PINS.splitlines()]
    assert names == [line.partition(">=")[0] for line in after]
    said = shell("make -n book", tmp_path, REQUIREMENTS="newest.txt").stdout
    assert '"newest.txt"' in said and "requirements.txt" not in said


def test_only_a_book_of_the_real_data_is_published(tmp_path, monkeypatch):
    steps = JOBS["book.yml:build"]["steps"]
    refuse, publish = steps[-2:]
    assert refuse["if"] == publish["if"] and "upload-pages" in publish["uses"]
    pages = tmp_path / "_build/html/notebooks"
    pages.mkdir(parents=True)
    (pages / "real.html").write_text("A stand-in is not used.")
    assert shell(refuse["run"], tmp_path).returncode == 0

    def show(what, **_):
        (pages / "other.html").write_text(f"<p>{what['text/html']}</p>")

    monkeypatch.setattr("IPython.get_ipython", lambda: type("", (), {"kernel": 1}))
    monkeypatch.setattr("IPython.display.display", show)
    own = {"BOOK_OFFLINE": "1", "BOOK_CACHE": f"{tmp_path}/no", "BOOK_DATA": ""}
    with patch.dict(os.environ, own):
        data.load_mnist()
    done = shell(refuse["run"], tmp_path)
    assert done.returncode == 1 and "notebooks/other.html" in done.stdout


def test_the_browser_that_is_pinned_is_used_if_it_is_there(tmp_path, monkeypatch):
    system, pinned = tmp_path / browser.SHELL, tmp_path / "pinned"
    system.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert browser.find(str(pinned)) == str(system)
    pinned.touch()
    assert browser.find(str(pinned)) == str(pinned)


@pytest.mark.parametrize("number, done", [("", "create --title"), ("7", "comment 7 -")])
def test_failures_of_all_weekly_jobs_go_into_one_issue(tmp_path, number, done):
    report, others = JOBS["weekly.yml:report"], {*WORKFLOWS["weekly.yml"]["jobs"]}
    others.remove("report")
    assert others == {*report["needs"]}
    assert others == {*re.findall(r"needs\.(\w+)", report["env"]["BODY"])}
    gh, did = tmp_path / "gh", tmp_path / "did"
    gh.touch(mode=0o755)
    gh.write_text(f'#!/bin/sh\n[ $2 = list ] && echo "{number}" || echo "$*" >>{did}\n')
    (step,) = report["steps"]
    path, title = f"{tmp_path}:{os.environ['PATH']}", "The weekly run fails"
    shell(step["run"], tmp_path, PATH=path, TITLE=title, BODY="links: failure")
    (said,) = did.read_text().splitlines()
    assert said.startswith(f"issue {done}") and "links: failure" in said


def test_the_lock_has_hashes_and_all_that_the_pins_need():
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", lock, flags=re.M)[1:]
    assert [e for e in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", e)] == []
    releases = [re.match(r"([\w.-]+)==([\w.]+)", entry).groups() for entry in entries]
    todo, known = [*map(Requirement, re.findall(r"^[^#\n].*", PINS, re.M))], set()
    pins = {(canonicalize_name(r.name), str(r.specifier)[2:]) for r in todo}
    assert sorted(pins - set(releases)) == [], "`make lock` writes it anew"
    locked = {name for name, _ in releases}
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        release = name, version(name).partition("+")[0]
        if name in locked and release not in releases:
            continue  # another release, as in the weekly run, may need others
        for extra in {"", *wanted.extras} - {e for n, e in known if n == name}:
            known.add((name, extra))
            for needed in map(Requirement, requires(name) or ()):
                if not needed.marker or needed.marker.evaluate({"extra": extra}):
                    todo.append(needed)
    assert sorted({name for name, _ in known} - locked) == []
