"""Run the committed notebooks as Colab does, with the newest releases; `make colab`.

Each runs in an empty folder, in an environment with what Colab preinstalls, but not
ours: the first cell has to get them, from a copy of this tree that git finds at the
address of the book. It may replace nothing, and does nothing when it is run again. Each
notebook runs on the stand-in and on the real data, which come from `BOOK_DATA` or are
downloaded. If all went well, it is recorded in results/measured/colab.json.
"""

import json
import os
import shutil
import subprocess
import sysconfig
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from helpers import recording

from ..source.model import Book
from ..workspace import BUILD, ROOT, parse

HELPERS = "deep-learning-solutions-helpers"
PREINSTALLED = "ipykernel joblib matplotlib nbclient numpy pillow scikit-learn scipy"
PREINSTALLED += " sympy torch torchvision tqdm"
NOT_PUBLISHED = (".*", "_build", "build", "*.egg-info", "__pycache__")

# run by the environment's own Python; says on its last line how it went
RUN = """
import json, sys, nbclient, nbformat
from importlib.metadata import distributions
def installed():
    return {(d.name, d.version, str(d.locate_file(""))) for d in distributions()}
again = '''
def pip(line):
    raise RuntimeError("the first cell installs again")
get_ipython().register_magic_function(pip)
'''
look = '''
import json, sys, claims, helpers
from helpers import data, recording
print(json.dumps({
    "prefix": sys.prefix,
    "packages": [helpers.__file__, claims.__file__],
    "versions": recording.provenance()["versions"],
    "sources": [load().source for load in (
        data.load_cifar10, data.load_mnist, data.load_face_masks)],
}))
'''
notebook = nbformat.read(sys.argv[1], 4)
own = [cell for cell in notebook.cells if cell.cell_type == "code"]
last = [*map(nbformat.v4.new_code_cell, (again, own[0].source, look))]
notebook.cells += last
before = installed()
try:
    nbclient.NotebookClient(notebook, timeout=1200, kernel_name="python3").execute()
finally:
    print(*[output.get("text") for output in own[0].outputs])
(found,) = [output.text for output in last[-1].outputs if "text" in output]
outputs = [output for cell in own for output in cell.outputs]
checks = sum("check" in output.get("metadata", {}) for output in outputs)
new, gone = (sorted(name for name, *_ in packages) for packages in (
    installed() - before, before - installed()))
count = {"cells": len(own), "checks": checks}
print(json.dumps({"new": new, "gone": gone, **count, **json.loads(found)}))
"""


def published(folder: Path) -> dict[str, str]:
    """Commit this tree; the variables that let git find it at the book's address."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*NOT_PUBLISHED))
    author = ["-c", "user.name=A reader", "-c", "user.email=reader@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "As published"]):
        subprocess.run(["git", *author, *words], cwd=folder, check=True)
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{folder.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": Book(ROOT).repository,
    }


def packages_of(environment: Path) -> Path:
    """Its folder of packages."""
    return Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))


def run(notebook: Path, kind: str, room: Path, others: Path, address: dict) -> dict:
    """Run a notebook in an empty folder in `room`; what its last line says.

    The environment has the packages in `others` and Colab's own module. `kind`:
    "stand-in" or "real data"; `address`: as of `published`. Raises `RuntimeError` if a
    cell fails, anything but helpers is installed, or the data are of the other kind.
    """
    environment, empty = room / "environment", room / "content"
    venv.create(environment)
    packages = packages_of(environment)
    (packages / "google/colab").mkdir(parents=True)
    (packages / "google/colab/__init__.py").touch()
    (packages / "others.pth").write_text(f"{others}\nimport google.colab\n")
    empty.mkdir()
    shutil.copy(notebook, empty)
    ours = ("PYTHON", "BOOK_")
    variables = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    variables |= address
    if kind == "stand-in":
        variables |= {"BOOK_OFFLINE": "1", "BOOK_CACHE": str(room / "cache")}
    elif folder := os.environ.get("BOOK_DATA"):
        variables["BOOK_DATA"] = str(Path(folder).absolute())
    else:
        variables["BOOK_CACHE"] = str(BUILD / "colab/data")
    command = [environment / "bin/python", "-c", RUN, notebook.name]
    output = {"capture_output": True, "text": True}
    done = subprocess.run(command, cwd=empty, env=variables, **output)
    if done.returncode:
        raise RuntimeError(f"{done.stdout}{done.stderr[-5000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    if found["gone"] or found["new"] != [HELPERS]:
        changes = "installs {new} and takes away {gone}".format(**found)
        raise RuntimeError(f"the first cell {changes}")
    ours = [str(packages / f"{name}/__init__.py") for name in ("helpers", "claims")]
    if [found["prefix"], found["packages"]] != [str(environment), ours]:
        raise RuntimeError(f"it ran in {found['prefix']}, with {found['packages']}")
    if {source == "stand-in" for source in found["sources"]} != {kind == "stand-in"}:
        raise RuntimeError(f"the data are not of the kind {kind}: {found['sources']}")
    return found


def attempt(notebook: Path, kind: str, *places) -> dict | None:
    """A run of the record, after saying how it went; None if it failed."""
    try:
        with TemporaryDirectory() as room:
            found = run(notebook, kind, Path(room), *places)
    except RuntimeError as error:
        print(f"{notebook.stem}, {kind}: failed\n{error}", flush=True)
        return None
    values = {"cells": found["cells"], "checks": found["checks"]}
    counts = "{cells} cells, {checks} checks".format(**values)
    print(f"{notebook.stem}, {kind}: {counts}, all well", flush=True)
    about = {"config": {"notebook": notebook.stem, "data": kind}, "seed": 0}
    return {**about, "values": values, "versions": found["versions"]}


def main(arguments: list[str]) -> int:
    """Run all, some at a time, and record it; 1 if one failed."""
    parse(__doc__, arguments, {})
    start, newest = time.monotonic(), BUILD / "colab/newest"
    venv.create(newest, clear=True, with_pip=True)
    install = [newest / "bin/python", "-m", "pip", "install", "-q"]
    subprocess.run([*install, *PREINSTALLED.split()], check=True)
    committed = [page.path.with_suffix(".ipynb") for page in Book(ROOT).notebooks]
    tasks = [*product(committed, ("stand-in", "real data"))]
    with TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        address = published(Path(folder) / "published")
        places = packages_of(newest), address
        waiting = [pool.submit(attempt, *task, *places) for task in tasks]
        runs = [attempted.result() for attempted in waiting]
    if None in runs:
        return 1
    (versions, *_) = [one.pop("versions") for one in runs]
    title = "The notebooks as Colab runs them, with the newest releases"
    about = {"title": title, "command": "make colab", "versions": versions}
    recording.record("colab", runs, seconds=round(time.monotonic() - start, 1), **about)
    return 0
