"""The workflows name what exists, ask for little, and report in one issue."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.metadata import requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text("utf-8"))
    for path in sorted(ROOT.glob(".github/workflows/*.yml"))
}
JOBS = {
    f"{name}:{job}": content
    for name, workflow in WORKFLOWS.items()
    for job, content in workflow["jobs"].items()
}
MAY_WRITE = {"book.yml:publish": {"pages", "id-token"}, "weekly.yml:report": {"issues"}}
BUILT = {"_build/html"}  # what `make book` writes


def steps(job):
    return JOBS[job]["steps"]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_ends_and_may_do_no_more_than_it_needs(job):
    assert 0 < JOBS[job]["timeout-minutes"] <= 90
    allowed = JOBS[job]["permissions"]
    assert {k for k, v in allowed.items() if v == "write"} == MAY_WRITE.get(job, set())
    for step in steps(job):
        if "uses" in step:  # a tag can be moved, a commit cannot
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_read_only_and_runs_once_at_a_time(name):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    triggers = workflow[True]  # what YAML makes of the word `on`
    assert "pull_request_target" not in triggers, "it runs strangers' code with rights"


@pytest.mark.parametrize("job", JOBS)
def test_what_a_job_names_exists(job):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for step in steps(job):
        command, options = step.get("run", ""), step.get("with", {})
        assert set(re.findall(r"\bmake ([a-z]+)", command)) <= targets
        files = re.findall(r"(?<![\w/.-])[\w/-]+\.(?:txt|lock|toml|md|py)\b", command)
        files += [options[k] for k in ("cache-dependency-path", "path") if k in options]
        assert [f for f in files if not (ROOT / f).exists() and f not in BUILT] == []


def test_the_weekly_run_takes_newest_releases_but_not_another_jupyter_book(tmp_path):
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    (command,) = [s["run"] for s in steps("weekly.yml:newest") if "name" in s]
    subprocess.run(["bash", "-ec", command], cwd=tmp_path, check=True)
    before = (ROOT / "requirements.txt").read_text().splitlines()
    after = (tmp_path / "requirements.txt").read_text().splitlines()
    assert "jupyter-book>=1,<2" in after and not any("==" in line for line in after)
    names = [line.partition("==")[0] for line in before]
    assert names == [line.partition(">=")[0] for line in after]


def test_all_but_the_newest_releases_are_installed_by_their_hashes():
    for job, content in JOBS.items():
        workflow = WORKFLOWS[job.partition(":")[0]]
        runs = " ".join(step.get("run", "") for step in content["steps"])
        variables = workflow.get("env", {}) | content.get("env", {})
        if "make " in runs and job != "weekly.yml:newest":
            assert variables["REQUIREMENTS"] == "requirements.lock", job
        assert "pip install" not in runs


def test_the_report_tells_of_all_weekly_jobs():
    report = JOBS["weekly.yml:report"]
    others = WORKFLOWS["weekly.yml"]["jobs"].keys() - {"report"}
    assert set(report["needs"]) == others
    assert set(re.findall(r"needs\.(\w+)", report["env"]["BODY"])) == others


LOCK = (ROOT / "requirements.lock").read_text("utf-8")
LOCKED = re.findall(r"^([\w.-]+)==([\w.]+)", LOCK, re.M)


def test_the_lock_has_the_pins_and_a_hash_for_each_package():
    pins = (ROOT / "requirements.txt").read_text("utf-8")
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", pins, re.M)
    wanted = {(canonicalize_name(name), version) for name, version in pins}
    assert sorted(wanted - set(LOCKED)) == [], "`make lock` writes it anew"
    entries = re.split(r"\n(?=\w)", re.sub(r"^#.*\n", "", LOCK, flags=re.M).strip())
    assert len(entries) == len(LOCKED)
    assert [e for e in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", e)] == []


def test_the_lock_has_all_that_the_pins_need():
    pins = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    todo = [Requirement(line) for line in pins if line and not line.startswith("#")]
    known = set()
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        for extra in {"", *wanted.extras} - {e for n, e in known if n == name}:
            known.add((name, extra))
            for needed in map(Requirement, requires(name) or ()):
                if not needed.marker or needed.marker.evaluate({"extra": extra}):
                    todo.append(needed)
    names = {name for name, _ in known}
    assert len(names) > 100 and sorted(names - {name for name, _ in LOCKED}) == []


@pytest.mark.parametrize("number, done", [("", "create --title"), ("7", "comment 7 -")])
def test_failures_go_into_one_issue(tmp_path, number, done):
    gh, did = tmp_path / "gh", tmp_path / "did"
    script = f'[ $2 = list ] && echo "{number}" || echo "$*" >> {did}'
    gh.write_text(f"#!/bin/sh\n{script}\n")
    gh.chmod(0o755)
    (step,) = steps("weekly.yml:report")
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "TITLE": "The weekly run fails",
        "BODY": "links: failure",
    }
    subprocess.run(["bash", "-ec", step["run"]], env=environment, check=True)
    said = did.read_text()
    assert said.startswith(f"issue {done}") and "links: failure" in said
    assert said.count("\n") == 1
