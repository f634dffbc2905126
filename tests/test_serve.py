"""`make serve` on a small book: a saved source is built and shown, a fault is not."""

import signal
import sys
import threading
from pathlib import Path
from urllib.request import urlopen

import pytest
from small_book import PAGE, Book
from small_disk import in_namespace, no_file_larger_than

from tools.site import serve

SERVE = "-m", "tools", "serve"
ADDRESS = "http://localhost:"
QUEUED = "It was saved during the first build."


class Served:
    """A small book that is being served."""

    def __init__(self, root: Path):
        self.book, self.said = Book(root), ""
        self.process = self.book.start(*SERVE, "--port", "0")
        self.guard = threading.Timer(300, self.process.kill)  # no test waits for ever
        self.guard.start()
        self.until(ADDRESS)
        self.url = self.said[self.said.index(ADDRESS) :].split(";")[0]
        self.waiting = self.get("index.html")
        self.until("Executing 1 of 1")
        self.replace("One sentence.", QUEUED)
        self.until("The site")
        self.until("The site")

    def until(self, text: str) -> None:
        """Read what it says up to a line with `text`."""
        for line in self.process.stdout:
            self.said += line
            if text in line:
                return
        pytest.fail(f"no {text!r} in\n{self.said}")

    def get(self, name: str) -> str:
        with urlopen(self.url + name, timeout=60) as answer:
            return answer.read().decode()

    def replace(self, old: str, new: str) -> None:
        text = self.book.read(PAGE)
        assert old in text
        self.book.write(PAGE, text.replace(old, new))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    served = Served(tmp_path_factory.mktemp("served"))
    yield served
    served.process.terminate()  # the build ends with it
    served.process.wait(60)
    served.guard.cancel()


def test_what_is_saved_during_a_build_is_built_after_it(served):
    assert "The book is being built" in served.waiting
    assert served.said.count("The site shows it.") == 2, served.said
    assert "small.md: saved." in served.said
    assert "Another build is running" not in served.said
    page = served.get("notebooks/small.html")
    assert QUEUED in page and page.count("/_build-shown") == 1
    assert "_build-shown" not in served.book.html("notebooks/small")


def test_a_fault_leaves_the_page_as_it_was(served):
    served.replace(QUEUED, "See {ref}`nowhere`.")
    served.until("The site stays as it was.")
    assert "undefined label: 'nowhere'" in served.said
    assert QUEUED in served.get("notebooks/small.html")
    served.replace("See {ref}`nowhere`.", QUEUED)
    served.until("The site shows it.")


def test_the_page_in_the_browser_shows_what_the_lint_only_names(served, browser):
    page = browser.new_page()
    page.goto(served.url + "notebooks/small.html")
    finding = "raise SystemExit('small.md:1: a finding')"
    served.book.write("tools/source/lint.py", finding)
    served.replace(QUEUED, "A change.")
    page.get_by_text("A change.").wait_for(timeout=120_000)
    page.close()
    served.until("all the same.")
    assert "small.md:1: a finding" in served.said


def test_a_port_in_use_is_named(served):
    port = served.url.removeprefix(ADDRESS).strip("/")
    said = served.book.build(*SERVE, "--port", port, expect=1)
    assert said.startswith(f"Port {port} cannot be used") and said.count("\n") == 1


def test_a_full_disk_is_named_and_leaves_the_pages_as_they_were(tmp_path):
    """It is so at the beginning, and while the site is built; then there is room."""
    book = Book(tmp_path)
    (tmp_path / "_build").mkdir()
    said = in_namespace(
        book,
        'mount -t tmpfs -o nr_inodes=1 none _build; ! "$@" 2>&1; echo ---;'
        'umount _build; mount -t tmpfs -o size=3m none _build; "$@" >said 2>&1 & '
        'until grep -s "as it was" said; do kill -0 $!; sleep 0.1; done;'
        "mount -o remount,size=200m _build; echo >>notebooks/small.md;"
        'until grep "shows it" said; do kill -0 $!; sleep 0.1; done; kill $!',
        *("timeout", "200", sys.executable, *SERVE, "--port", "0"),
    )
    first, _, then = said.stdout.partition("---\n")
    assert first.startswith("The disk of") and first.count("\n") == 1, first
    log = book.read("said")
    assert then == "The site stays as it was.\nThe site shows it.\n", log
    assert said.returncode == 0 and "is full. Make room" in log
    assert "Traceback" not in log


def test_a_site_that_finds_no_room_is_not_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(serve, "SITE", tmp_path / "site")
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("the first site")
    preview = serve.Preview(tmp_path)
    (tmp_path / "site/index.html").write_text(1000 * "another site ")
    with no_file_larger_than(1000):
        assert not preview.renew()
    assert (preview.folder / "index.html").read_text() == "the first site"
    said = capsys.readouterr()[0]
    assert f"no room for the new site in {tmp_path}. Make room" in said
    assert {*tmp_path.iterdir()} == {tmp_path / "site", preview.folder}
    assert preview.renew()
    assert (preview.folder / "index.html").read_text().startswith("another site")


def test_nothing_is_left_when_it_ends_while_a_notebook_runs(served):
    cell, book = 'check.value("sm-1", 3 * 3, 9, claim="3² is 9")', served.book
    slow = "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(600)"
    served.replace(cell, f"{slow}; {cell}")
    book.wait_for(served.process, "notebooks/begun")
    assert book.processes() > 2, "the server, the build, the kernel"
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(60) == 0
    book.wait_for_its_end()
    assert list(book.root.glob("_build/preview-*")) == []
