"""The committed notebooks: up to date, numbered like the site, and fit for Colab."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import distributions
from pathlib import Path

import nbformat
import pytest
from browsing import SITE

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import lower  # noqa: E402

HELPERS = "deep-learning-solutions-helpers"
NOTEBOOKS = sorted(path.stem for path in ROOT.glob("notebooks/*.md"))
each_notebook = pytest.mark.parametrize("name", NOTEBOOKS)


def test_the_notebooks_are_what_their_sources_give(capsys):
    status = lower.main(["--check"])
    assert status == 0, "".join(capsys.readouterr())
    committed = sorted(path.stem for path in ROOT.glob("notebooks/*.ipynb"))
    assert committed == NOTEBOOKS


@each_notebook
def test_exercises_equations_and_figures_have_the_numbers_of_the_site(name):
    page = SITE / f"notebooks/{name}.html"
    if not page.exists():
        pytest.skip("there is no site; `make book` builds it")
    cells = nbformat.read(ROOT / f"notebooks/{name}.ipynb", 4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    ours = {
        label: number
        for pattern in (
            r'### Exercise (?P<number>[\d.]+).* <a id="(?P<label>[\w-]+)"></a>',
            r'<a id="(?P<label>eq-[\w-]+)"></a>\s\$\$[^$]*\\tag\{(?P<number>.*?)\}',
            r'<a id="(?P<label>fig-[\w-]+)"></a>\*Fig\. (?P<number>[\d.]+)\.[ *]',
        )
        for label, number in (
            m.group("label", "number") for m in re.finditer(pattern, text)
        )
    }
    html = page.read_text("utf-8")
    theirs = {}
    for match in re.finditer(r'caption-number">(?:Exercise|Fig\.) ([\d.]+) ', html):
        label = re.findall(r' id="([\w-]+)"', html[: match.start()])[-1]
        theirs[label] = match[1]
    eqno = r' id="equation-([\w-]+)">\s*<span class="eqno">\(([\d.]+)\)'
    theirs |= dict(re.findall(eqno, html))
    assert ours
    assert ours == theirs


# -------------------------------------------------------------------------- Colab

RUN = """
import sys, nbformat, nbclient
notebook = nbformat.read(sys.argv[1], 4)
where = "import helpers, sys, json; print(json.dumps([sys.prefix, helpers.__file__]))"
notebook.cells.append(nbformat.v4.new_code_cell(where))
try:
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
finally:
    print(*[output.get("text") for output in notebook.cells[1].outputs])
print(notebook.cells[-1].outputs[0].text.strip())
"""


def git(folder: Path, *arguments: str) -> None:
    author = ["-c", "user.name=A reader", "-c", "user.email=reader@example.com"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True)


def published(folder: Path) -> dict[str, str]:
    """Commit this tree to a repository that git finds at the book's address."""
    built = (
        ".git",
        ".venv",
        "_build",
        "build",
        "*.egg-info",
        ".*_cache",
        "__pycache__",
    )
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*built))
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "As published")
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{folder.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": lower.Book().repository,
    }


def like_colab(folder: Path) -> Path:
    """An environment with all packages of this one, Colab's module, but no helpers."""
    venv.create(folder, with_pip=False)
    installed = Path(sysconfig.get_path("purelib"))
    others = folder / "others"
    others.mkdir()
    hidden = {
        file.parts[0]
        for package in distributions(path=[str(installed)])
        if package.name == HELPERS
        for file in package.files
    }
    for entry in installed.iterdir():
        if entry.name not in hidden:
            (others / entry.name).symlink_to(entry)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "google/colab").mkdir(parents=True)
    (packages / "google/colab/__init__.py").touch()
    (packages / "others.pth").write_text(f"{others}\nimport google.colab\n")
    return packages


@each_notebook
def test_the_notebook_runs_in_colab(name, tmp_path):
    """In an empty folder, with no helpers and no data: its first cell gets them."""
    address = published(tmp_path / "published")
    packages = like_colab(tmp_path / "environment")
    before = {entry.name for entry in packages.iterdir()}
    empty = tmp_path / "content"
    empty.mkdir()
    shutil.copy(ROOT / f"notebooks/{name}.ipynb", empty)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    inherited.pop("BOOK_DATA", None)
    address |= {"BOOK_OFFLINE": "1", "BOOK_CACHE": str(empty)}  # the stand-in
    run = subprocess.run(
        [tmp_path / "environment/bin/python", "-c", RUN, f"{name}.ipynb"],
        cwd=empty,
        env=inherited | address,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr[-5000:]
    prefix, helpers = json.loads(run.stdout.splitlines()[-1])
    assert prefix == str(tmp_path / "environment")
    assert helpers == str(packages / "helpers/__init__.py")
    new = {entry.name for entry in packages.iterdir()} - before
    assert {name.split("-")[0] for name in new} == {
        "helpers",
        "deep_learning_solutions_helpers",
    }, "the first cell installs more than helpers"
