"""The committed notebooks: up to date, numbered like the site, and fit for Colab."""

import re
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

import nbformat
import pytest
from browsing import SITE

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import colab  # noqa: E402
import lower  # noqa: E402

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


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in NOTEBOOKS],
)
def test_the_notebook_runs_in_colab(name, tmp_path):
    """In an empty folder, with no helpers and no data: its first cell gets them."""
    others = packages_but_helpers(tmp_path / "others")
    address = colab.published(tmp_path / "published")
    notebook = ROOT / f"notebooks/{name}.ipynb"
    found = colab.run(notebook, "stand-in", tmp_path, others, address)
    assert found["cells"] > 50 and found["checks"] > 20


@pytest.mark.parametrize(
    "old, new, refused",
    [
        ("--no-deps", "--no-deps --force-reinstall six", "installs .*six"),
        ("if not __import__", "if True or __import__", "the first cell installs again"),
    ],
)
def test_a_first_cell_that_does_more_is_refused(tmp_path, old, new, refused):
    notebook = nbformat.read(ROOT / f"notebooks/{NOTEBOOKS[0]}.ipynb", 4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert old in first.source
    first.source = first.source.replace(old, new)
    notebook.cells = [first]
    nbformat.write(notebook, tmp_path / "short.ipynb")
    others = packages_but_helpers(tmp_path / "others")
    address = colab.published(tmp_path / "published")
    with pytest.raises(colab.Failed, match=refused):
        colab.run(tmp_path / "short.ipynb", "stand-in", tmp_path, others, address)
