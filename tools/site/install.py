"""Install what the book needs into an environment of its own, once.

The Makefile calls this each time, with any Python that the book supports. What has been
installed is known by its content and not by its date, since clocks can be wrong. For
clones that share an environment only the path to the helpers is written anew.
"""

import subprocess
import sys
import venv
from pathlib import Path

from ..workspace import ROOT, alone


def can_install(python: Path) -> bool:
    """Whether it has a pip; a venv that was interrupted has none."""
    pip = [python, "-m", "pip", "--version"]
    return python.exists() and not subprocess.run(pip, capture_output=True).returncode


def main(arguments: list[str]) -> None:
    """Install into the folder named first what the file named second requires."""
    folder, requirements = Path(arguments[0]).absolute(), ROOT / arguments[1]
    wanted, installed = requirements.read_text("utf-8"), folder / "installed"
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r"]
    failed = "That failed for the reason above. The same command tries it again."
    with alone(folder):
        if not installed.exists() or installed.read_text("utf-8") != wanted:
            what = f"{requirements.name} into {folder}"
            print(f"Installing {what}: once, some minutes ...", flush=True)
            if not can_install(python):
                venv.create(folder, symlinks=True, with_pip=True)
            if subprocess.run([*pip, requirements]).returncode:
                sys.exit(failed)
            installed.write_text(wanted, "utf-8")
        for packages in folder.glob("lib/*/site-packages"):
            path, line = packages / "book.pth", f"{ROOT}\n"
            if not path.exists() or path.read_text("utf-8") != line:
                path.write_text(line, "utf-8")
