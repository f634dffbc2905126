"""What a build survives: kills, a wrong clock, a folder that is read-only.

Faults of the data are in test_data.py, of studies and training in test_recording.py and
test_training.py, of pages and cells in test_build.py; a full disk in test_serve.py.
"""

import os
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from browsing import needs_site
from small_book import NAME, PAGE, ROOT, Book
from small_disk import in_namespace, run

from tools.site import install
from tools.site.browser import MISSING

CELL = 'check.value("sm-1", 3 * 3, 9, claim="3² is 9")'
SLOW_ONCE = f"""\
import os, time
os.path.exists("begun") or open("begun", "w").close() or time.sleep(600)
{CELL}"""
KILLED = """
import os
from pathlib import Path

_setup = setup

def setup(app):
    _setup(app)
    app.connect("html-page-context", kill)

def kill(app, page, *_):
    if page == "notebooks/small" and Path(app.srcdir, "kill").exists():
        Path(app.outdir, f"{page}.html").write_text("half a page")
        os.kill(os.getpid(), 9)
"""
READ_ONLY = {  # a disk, or what belongs to somebody else
    "disk": 'mount --bind . .; mount -o remount,bind,ro .; cd "$PWD"; as=',
    "permissions": "chmod -R a-w .; trap 'chmod -R u+w .' EXIT;"
    "as='setpriv --bounding-set=-all --inh-caps=-all'",
}
BUILD_AND_SERVE = """;
! $as "$1" -m tools book; ! $as "$1" -m tools serve --port 0; echo ---
export BOOK_BUILD="$2"; $as "$1" -m tools book"""
OLD_PYTHON = f"""#!/bin/sh
[ "$1" = --version ] && echo Python 3.9.1 && exit
[ "$1" = -c ] && exec '{sys.executable}' -c "import sys; sys.version_info = 3, 9, 1; $2"
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A small book in a folder whose name has blanks and letters beyond ASCII."""
    book = Book(tmp_path_factory.mktemp("Büch mit Blank ∂"))
    assert f"{NAME}: ok" in book.build()
    return book


def test_killed_while_a_notebook_runs(book):
    with book.edited(PAGE, CELL, SLOW_ONCE):
        build = book.start()
        book.wait_for(build, "notebooks/begun")
        build.kill()
        build.wait()
        assert f"{NAME}: ok" in book.build(), "the lock is free, and nothing is cached"
    book.wait_for_its_end()


def test_killed_while_pages_are_put_together(book):
    pages = book.root / "_build/cache/pages"
    for file in [pages / "whole", *pages.rglob("*.ipynb")]:
        file.unlink()
    assert "Executing" not in book.build()


def test_killed_while_the_site_is_written(book):
    extension = "book/extension/__init__.py"
    book.write(extension, book.read(extension) + KILLED)
    book.build()
    with book.edited(PAGE, "One sentence.", "Another sentence."):
        book.write("kill", "")
        book.build(expect=-signal.SIGKILL)
        assert book.html("notebooks/small") == "half a page"
        (book.root / "kill").unlink()
        assert "Executing" not in book.build()
        assert "Another sentence." in book.html("notebooks/small")


@pytest.mark.parametrize("day", [-1, 1], ids=["past", "future"])
def test_a_source_of_another_day(book, day):
    with book.edited(PAGE, "One sentence.", f"Saved {day} day off."):
        date_anew(book.root / PAGE, day)
        assert "Executing" not in book.build()
    assert f"Saved {day} day off." in book.html("notebooks/small")


def date_anew(path, day):
    moment = time.time() + 86_400 * day
    os.utime(path, (moment, moment))


@pytest.mark.parametrize("way", READ_ONLY)
def test_a_clone_that_nobody_can_write(book, tmp_path, way):
    elsewhere, script = tmp_path / "Gebäude mit Blank", READ_ONLY[way] + BUILD_AND_SERVE
    said = in_namespace(book, script, sys.executable, str(elsewhere))
    refused, _, built = said.stdout.partition("---")
    assert said.returncode == 0, said.stdout
    build, serve = refused.splitlines()
    assert "cannot be written" in build and "make book BOOK_BUILD=" in build
    assert build == serve
    site = elsewhere / "_build/html"
    assert f"The book is in {site}/index.html" in built
    assert "value: one number equal" in (site / "book/checks.html").read_text("utf-8")


@pytest.mark.parametrize("tool", ["pdf", "bench-site"])
def test_no_browser_is_one_message(book, tool, no_browser):
    assert book.build("-m", "tools", tool, expect=1) == f"{MISSING}\n"


@needs_site
def test_no_browser_skips_tests(no_browser):
    options = "-q -rs -p no:cacheprovider tests/test_search.py".split()
    done = run(sys.executable, "-m", "pytest", *options, cwd=ROOT)
    assert done.returncode == 0 and "No Chromium was found" in done.stdout, done.stdout


@pytest.fixture
def no_browser(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))


@pytest.mark.parametrize("named", [False, True])
def test_a_python_that_is_too_old(tmp_path, named):
    make = shutil.which("make")
    if not make:
        pytest.skip("no make")
    old = tmp_path / "python3"
    old.write_text(OLD_PYTHON)
    old.chmod(0o755)
    words = ["--no-print-directory", "book", f"BOOK_BUILD={tmp_path}"]
    words += [f"SYSTEM_PYTHON={old}"] * named
    done = run(make, *words, cwd=ROOT, env={"PATH": str(tmp_path)})
    assert done.returncode == 2
    called = old if named else "python3"
    assert done.stdout.splitlines()[:-1] == [
        f"The book needs Python 3.11, 3.12 or 3.13; {called} here is:",
        "Python 3.9.1",
        "Install one, or name it: make SYSTEM_PYTHON=/path/to/python3.11",
    ]


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """The part of a clone that installs, with nothing required."""
    clone = tmp_path_factory.mktemp("Klön mit Blank")
    (clone / "tools/site").mkdir(parents=True)
    for name in ("__init__", "__main__", "workspace", "site/__init__", "site/install"):
        shutil.copy(ROOT / f"tools/{name}.py", clone / f"tools/{name}.py")
    (clone / "requirements.txt").touch()
    return clone


def installing(clone, expect=0):
    words, known = "-m tools install .venv requirements.txt", {"PIP_NO_INDEX": "1"}
    done = run(sys.executable, *words.split(), cwd=clone, env=os.environ | known)
    assert done.returncode == expect, done.stdout
    return done.stdout


def test_two_installations_at_once(clone):
    with ThreadPoolExecutor() as pool:
        said = [*pool.map(installing, 2 * [clone])]
    assert "".join(said).count("Installing requirements.txt") == 1, said
    where = "import tools; print(list(tools.__path__))"
    found = run(clone / ".venv/bin/python", "-E", "-c", where, cwd="/")
    assert str(clone / "tools") in found.stdout


def test_dates_do_not_matter_for_what_is_installed(clone):
    installing(clone)
    requirements = clone / "requirements.txt"
    for day in (-1, 1):
        date_anew(requirements, day)
        assert installing(clone) == ""
    requirements.write_text("# changed when the clock was a day late\n")
    os.utime(requirements, (1, 1))
    assert installing(clone).startswith("Installing requirements.txt")
    assert installing(clone) == ""


def test_an_installation_that_fails_is_tried_again(clone):
    (clone / "requirements.txt").write_text("no-such-package==1\n")
    for _ in range(2):
        said = installing(clone, expect=1)
        assert "no-such-package" in said and "Traceback" not in said
        assert said.endswith("The same command tries it again.\n")
    (clone / "requirements.txt").write_text("")
    assert installing(clone).startswith("Installing requirements.txt")


def test_an_environment_without_pip_is_completed(clone):
    """A kill while it is made leaves a Python without pip."""
    installing(clone)
    (clone / ".venv/installed").unlink()
    for part in clone.glob(".venv/lib/*/site-packages/pip*"):
        shutil.rmtree(part)
    assert not install.can_install(clone / ".venv/bin/python")
    installing(clone)
    assert install.can_install(clone / ".venv/bin/python")


def test_two_clones_that_share_an_environment_install_once(clone, tmp_path):
    """The clone that comes last is the one whose helpers are found."""
    installing(clone)
    other = tmp_path / "other"
    shutil.copytree(clone / "tools", other / "tools")
    shutil.copy(clone / "requirements.txt", other)
    (other / ".venv").symlink_to(clone / ".venv")
    for one in (other, clone):
        assert installing(one) == ""
        path = next(clone.glob(".venv/lib/*/site-packages/book.pth"))
        assert path.read_text() == f"{one}\n"
