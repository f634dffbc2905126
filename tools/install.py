"""Install what the book needs into an environment of its own, once.

The Makefile calls this each time, with any Python that the book supports. What has been
installed is known by its content and not by its date, since clocks can be wrong.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

from folder import ROOT, alone

PACKAGES = "import sysconfig; print(sysconfig.get_path('purelib'))"


def install(folder: Path, requirements: Path) -> None:
    """Bring the environment in `folder` up to date."""
    wanted = f"{ROOT}\n{requirements.read_text('utf-8')}"
    installed = folder / "installed"
    if installed.exists() and installed.read_text("utf-8") == wanted:
        return
    print(f"Installing {requirements.name} into {folder}: once, some minutes ...")
    sys.stdout.flush()
    python = folder / "bin" / "python"
    if not can_install(python):
        venv.create(folder, symlinks=True, with_pip=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--requirement", requirements]).returncode:
        sys.exit("That failed for the reason above. The same command tries it again.")
    packages = subprocess.check_output([python, "-c", PACKAGES], text=True).strip()
    Path(packages, "book.pth").write_text(f"{ROOT}\n", "utf-8")  # for the helpers
    installed.write_text(wanted, "utf-8")


def can_install(python: Path) -> bool:
    """Whether it has a pip; a venv that was interrupted has none."""
    try:
        command = [python, "-m", "pip", "--version"]
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute()
    with alone(target):
        install(target, ROOT / sys.argv[2])
