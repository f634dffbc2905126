"""Install what the book needs into an environment of its own, once.

The Makefile calls this each time, with any Python that the book supports. What has been
installed is known by its content and not by its date, since clocks can be wrong. For
clones that share an environment only the path to the helpers is written anew.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from ..workspace import ROOT, alone


def install(folder: Path, requirements: Path) -> None:
    """Bring the environment in `folder`, made if need be, up to date, or end."""
    wanted, installed = requirements.read_text("utf-8"), folder / "installed"
    if not installed.exists() or installed.read_text("utf-8") != wanted:
        what = f"{requirements.name} into {folder}"
        print(f"Installing {what}: once, some minutes ...", flush=True)
        python = folder / "bin" / "python"
        if not can_install(python):
            venv.create(folder, symlinks=True, with_pip=True)
        pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        if subprocess.run([*pip, "--requirement", requirements]).returncode:
            sys.exit(
                "That failed for the reason above. The same command tries it again."
            )
        installed.write_text(wanted, "utf-8")
    for packages in folder.glob("lib/*/site-packages"):
        path, line = packages / "book.pth", f"{ROOT}\n"
        if not path.exists() or path.read_text("utf-8") != line:
            path.write_text(line, "utf-8")


def can_install(python: Path) -> bool:
    """Whether it has a pip; a venv that was interrupted has none."""
    pip = [python, "-m", "pip", "--version"]
    return python.exists() and not subprocess.run(pip, capture_output=True).returncode


def main(arguments: list[str]) -> int:
    """Install into the folder named first what the file named second requires."""
    folder, requirements = Path(arguments[0]).absolute(), ROOT / arguments[1]
    with alone(folder):
        install(folder, requirements)
    return 0
