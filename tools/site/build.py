"""Build the book: lint the sources, execute the notebooks, write the site.

The exit status is 1 if the site could not be written or, with --links, an external link
is dead, and 2 if the site was written but the lint found something.
"""

import gc
import shutil
import subprocess
import sys
import time
from pathlib import Path

# all that this book needs of the inside of jupyter-book
from jupyter_book.sphinx import REDIRECT_TEXT, build_sphinx
from sphinx.util.console import nocolor

from ..run.execute import execute
from ..source.model import Book
from ..workspace import BUILD, ROOT, SITE, alone, exit_if_unfit, parse

WHOLE = BUILD / "whole"  # there unless a build of the site was interrupted or failed


def write_site(cache: Path) -> bool:
    """Write the site from the executed notebooks; whether that went well."""
    if not WHOLE.exists():  # pages may be half written, and faults would go unnoticed
        shutil.rmtree(BUILD / ".doctrees", ignore_errors=True)
    WHOLE.unlink(missing_ok=True)
    if not write_pages(cache, SITE, "html"):
        exit_if_unfit(BUILD)
        return False
    (SITE / "index.html").write_text(REDIRECT_TEXT.format(first_page="book/index.html"))
    WHOLE.touch()
    return True


def write_pages(cache: Path, target: Path, builder: str, config=None) -> bool:
    """Let Sphinx write to `target`; whether that went well.

    A warning is an error, unless a file `config` other than the book's is given.
    """
    if not sys.stderr.isatty():
        nocolor()
    # most of what a build makes lives to its end; to look there for what does not, as
    # often as Python does by itself, takes half of the time
    gc.set_threshold(100_000, 20, 100)
    return not build_sphinx(
        ROOT,
        target,
        builder=builder,
        noconfig=True,
        path_config=config or ROOT / "_config.yml",
        doctreedir=BUILD / f".doctrees{'-' + config.stem if config else ''}",
        confoverrides={
            "external_toc_path": str(ROOT / "_toc.yml"),
            "latex_individualpages": False,
            "nb_execution_cache_path": str(cache),
            "nitpicky": config is None,
        },
        quiet=True,
        warningiserror=config is None,
        keep_going=True,
    )


def main(arguments: list[str]) -> int:
    """Build under a lock, and say where the site lies and how long it took."""
    links = {"action": "store_true", "help": "look for dead links only"}
    asked, start = parse(__doc__, arguments, {"--links": links}), time.monotonic()
    with alone():
        if asked.links:
            cache = execute()
            written = cache and write_pages(cache, BUILD / "links", "linkcheck")
            return 0 if written else 1
        command = [sys.executable, "-m", "tools", "lint"]
        with subprocess.Popen(command, cwd=ROOT) as lint:
            cache = execute()
            written = cache and write_site(cache)
    status = (2 if lint.returncode else 0) if written else 1
    seconds = f"{time.monotonic() - start:.0f} s"
    if status:
        print(f"The book has errors, which are named above ({seconds}).")
        return status
    for page in Book.now().notebooks:
        notebook = page.path.with_suffix(".ipynb")
        if not notebook.exists():
            print(f"{notebook.name} is missing: `make notebooks`")
    print(f"The book is in {SITE / 'index.html'} ({seconds}).")
    print("Open that file in a browser, or run `make serve`.")
    gc.freeze()  # or Python would look through all that Sphinx holds before it ends
    return 0
