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
from browsing import ROOT, SITE

from helpers import results
from tools.run import colab
from tools.source import notebook

NOTEBOOKS = sorted(path.stem for path in ROOT.glob("notebooks/*.md"))
each_notebook = pytest.mark.parametrize("name", NOTEBOOKS)


def code_of(name: str) -> list[nbformat.NotebookNode]:
    cells = nbformat.read(ROOT / f"notebooks/{name}.ipynb", 4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


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
    ours = {}
    for pattern in (
        r'### Exercise (?P<number>[\d.]+).* <a id="(?P<label>[\w-]+)"></a>',
        r'<a id="(?P<label>eq-[\w-]+)"></a>\s\$\$[^$]*\\tag\{(?P<number>.*?)\}',
        r'<a id="(?P<label>fig-[\w-]+)"></a>\*Fig\. (?P<number>[\d.]+)\.[ *]',
    ):
        found = re.finditer(pattern, text)
        ours |= dict(match.group("label", "number") for match in found)
    html = page.read_text("utf-8")
    eqno = r' id="equation-([\w-]+)">\s*<span class="eqno">\(([\d.]+)\)'
    theirs = dict(re.findall(eqno, html))
    for match in re.finditer(r'caption-number">(?:Exercise|Fig\.) ([\d.]+) ', html):
        label = re.findall(r' id="([\w-]+)"', html[: match.start()])[-1]
        theirs[label] = match[1]
    assert ours == theirs != {}


@each_notebook
@pytest.mark.parametrize("name_of_record", ["colab", "reproduced"])
def test_the_records_have_run_all_its_cells_and_checks(name, name_of_record):
    """One of other numbers is only older, and has to be made anew once a week."""
    code = code_of(name)
    checks = sum("✓" in str(output) for cell in code for output in cell.outputs)
    now = {"cells": len(code), "checks": checks, "outputs": checks}
    record = results.load(name_of_record)
    ran = [r["values"] for r in record["runs"] if r["config"]["notebook"] == name]
    assert len(ran) >= 2
    assert not any(values.pop("differences", 0) for values in ran)
    there = {number: now[number] for number in ran[0]}
    if old := [values for values in ran if values != there]:
        message = f"{there} now, {old[0]} when {record['command']!r} was run last"
        assert not os.environ.get("BOOK_WEEKLY"), message
        warnings.warn(f"{name}: {message}", stacklevel=1)


@pytest.fixture(scope="module")
def run_short(tmp_path_factory):
    """Run cells as Colab does, with all packages of this environment but ours."""
    others, published = (tmp_path_factory.mktemp("colab") / name for name in "ab")
    installed = Path(sysconfig.get_path("purelib"))
    found = distributions(path=[str(installed)])
    ours = [package.files for package in found if package.name == colab.HELPERS]
    own = {file.parts[0] for files in ours for file in files}
    others.mkdir()
    for entry in installed.iterdir():
        if entry.name not in own:
            (others / entry.name).symlink_to(entry)
    address = colab.published(published)

    def run_short(folder: Path, cells: list) -> dict:
        notebook = nbformat.read(ROOT / f"notebooks/{NOTEBOOKS[0]}.ipynb", 4)
        notebook.cells = cells
        nbformat.write(notebook, folder / "short.ipynb")
        return colab.run(folder / "short.ipynb", "stand-in", folder, others, address)

    return run_short


def imports(code: str) -> str:
    """The statements of a cell that import."""
    nodes = ast.parse(code).body
    kinds = (ast.Import, ast.ImportFrom)
    return "\n".join(ast.unparse(node) for node in nodes if isinstance(node, kinds))


def test_colab_gives_what_the_notebooks_import(tmp_path, run_short):
    """With no helpers and no data: the first cell gets them; `make colab` runs all."""
    firsts = [code_of(name)[0] for name in NOTEBOOKS]
    assert len({cell.source for cell in firsts}) == 1
    codes = [imports(cell.source) for name in NOTEBOOKS for cell in code_of(name)[1:]]
    cells = [nbformat.v4.new_code_cell(code) for code in codes if code]
    assert len(cells) > 20
    assert run_short(tmp_path, [firsts[0], *cells])["cells"] == len(cells) + 1


MORE = {"installs .*six": ("--no-deps", "--no-deps --force-reinstall six")}
MORE["the first cell installs again"] = "if not __import__", "if True or __import__"


@pytest.mark.parametrize("refused", MORE)
def test_a_first_cell_that_does_more_is_refused(tmp_path, run_short, refused):
    first = code_of(NOTEBOOKS[0])[0]
    first.source = first.source.replace(*MORE[refused])
    with pytest.raises(colab.Failed, match=refused):
        run_short(tmp_path, [first])
