"""The committed notebooks: up to date, numbered like the site, and fit for Colab."""

import ast
import os
import re
import sysconfig
import warnings
from importlib.metadata import distributions
from pathlib import Path

import nbformat
import pytest
from browsing import SITE

from helpers import results
from tools.run import colab
from tools.source import notebook

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(path.stem for path in ROOT.glob("notebooks/*.md"))
each_notebook = pytest.mark.parametrize("name", NOTEBOOKS)


def test_the_notebooks_are_what_their_sources_give(capsys):
    status = notebook.main(["--check"])
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


@each_notebook
@pytest.mark.parametrize("name_of_record", ["colab", "reproduced"])
def test_the_records_have_run_all_its_cells_and_checks(name, name_of_record):
    """One that is older than a cell or a check has to be made anew once a week."""
    cells = nbformat.read(ROOT / f"notebooks/{name}.ipynb", 4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    checks = sum("✓" in str(output) for cell in code for output in cell.outputs)
    there = {"cells": len(code), "checks": checks, "outputs": checks, "differences": 0}
    record = results.load(name_of_record)
    ran = [r["values"] for r in record["runs"] if r["config"]["notebook"] == name]
    assert len(ran) >= 2
    for number in ran[0]:
        found = {values[number] for values in ran}
        if found != {there[number]}:
            old = f"{name}: {there[number]} {number}, but {found} in the record"
            message = f"{old}; {record['command']!r} makes it anew"
            assert max(found) <= there[number], message
            assert not os.environ.get("BOOK_WEEKLY"), message
            warnings.warn(message, stacklevel=1)


# -------------------------------------------------------------------------- Colab


def packages_but_helpers(folder: Path) -> Path:
    """A folder that leads to all packages of this environment but ours."""
    installed = Path(sysconfig.get_path("purelib"))
    own = {
        file.parts[0]
        for package in distributions(path=[str(installed)])
        if package.name == colab.HELPERS
        for file in package.files
    }
    folder.mkdir()
    for entry in installed.iterdir():
        if entry.name not in own:
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """What is preinstalled, and where the book is published."""
    folder = tmp_path_factory.mktemp("colab")
    others = packages_but_helpers(folder / "others")
    return others, colab.published(folder / "published")


def imports(code: str) -> str:
    """The statements of a cell that import."""
    nodes = ast.parse(code).body
    kinds = (ast.Import, ast.ImportFrom)
    return "\n".join(ast.unparse(node) for node in nodes if isinstance(node, kinds))


def test_colab_gives_what_the_notebooks_import(tmp_path, places):
    """In an empty folder, with no helpers and no data: the first cell gets them.

    `make colab` runs all cells.
    """
    firsts, cells = set(), []
    for name in NOTEBOOKS:
        notebook = nbformat.read(ROOT / f"notebooks/{name}.ipynb", 4)
        first, *others = [cell for cell in notebook.cells if cell.cell_type == "code"]
        firsts.add(first.source)
        cells += [cell for cell in others if imports(cell.source)]
    for position, cell in enumerate(cells):
        cell.update(source=imports(cell.source), id=f"imports-{position}")
    assert len(firsts) == 1 and len(cells) > 20
    notebook.cells = [first, *cells]
    nbformat.write(notebook, tmp_path / "short.ipynb")
    found = colab.run(tmp_path / "short.ipynb", "stand-in", tmp_path, *places)
    assert found["cells"] == len(notebook.cells)


@pytest.mark.parametrize(
    "old, new, refused",
    [
        ("--no-deps", "--no-deps --force-reinstall six", "installs .*six"),
        ("if not __import__", "if True or __import__", "the first cell installs again"),
    ],
)
def test_a_first_cell_that_does_more_is_refused(tmp_path, places, old, new, refused):
    notebook = nbformat.read(ROOT / f"notebooks/{NOTEBOOKS[0]}.ipynb", 4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert old in first.source
    first.source = first.source.replace(old, new)
    notebook.cells = [first]
    nbformat.write(notebook, tmp_path / "short.ipynb")
    with pytest.raises(colab.Failed, match=refused):
        colab.run(tmp_path / "short.ipynb", "stand-in", tmp_path, *places)
