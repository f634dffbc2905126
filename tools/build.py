"""Build the book: lint the sources, execute the notebooks, write the site."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from execute import BUILD, ROOT, alone, execute, notebooks

SITE = BUILD / "html"


def build() -> bool:
    """Lint, execute, write the site; whether all of it went well."""
    clean = lint()
    cache = execute()
    return cache is not None and write_site(cache) and clean


def lint() -> bool:
    """Look for what the tool chain would drop without a word."""
    found = [*ROOT.glob("notebooks/*.md"), *ROOT.glob("book/*.md")]
    pages = sorted(path.relative_to(ROOT) for path in found)
    command = [sys.executable, "tools/lint.py", *pages]
    return subprocess.run(command, cwd=ROOT).returncode == 0


def write_site(cache: Path) -> bool:
    """Write the site from the executed notebooks; a warning is an error."""
    from jupyter_book.sphinx import REDIRECT_TEXT, build_sphinx
    from sphinx.util.console import nocolor

    if not sys.stderr.isatty():
        nocolor()
    result = build_sphinx(
        ROOT,
        SITE,
        noconfig=True,
        path_config=ROOT / "_config.yml",
        confoverrides={
            "external_toc_path": str(ROOT / "_toc.yml"),
            "latex_individualpages": False,
            "nb_execution_cache_path": str(cache),
            "nitpicky": True,
        },
        quiet=True,
        warningiserror=True,
        keep_going=True,
    )
    if result != 0:
        # read all pages again next time, or what is named now would go unnoticed
        shutil.rmtree(BUILD / ".doctrees", ignore_errors=True)
        return False
    (SITE / "index.html").write_text(REDIRECT_TEXT.format(first_page="book/index.html"))
    return True


def main() -> int:
    """Build under a lock, and say where the site lies and how long it took."""
    start = time.monotonic()
    with alone():
        done = build()
    seconds = f"{time.monotonic() - start:.0f} s"
    if not done:
        print(f"The book has errors, which are named above ({seconds}).")
        return 1
    for path in notebooks():
        if not path.with_suffix(".ipynb").exists():
            print(f"{path.with_suffix('.ipynb').name} is missing: `make notebooks`")
    print(f"The book is in {SITE / 'index.html'} ({seconds}).")
    print("Open that file in a browser, or run `make serve`.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
