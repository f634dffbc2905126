"""Imports, each time in a fresh interpreter: torchvision mended, heavy ones avoided."""

import os
import subprocess
import sys

import pytest

FIRST = "try: import torchvision\nexcept RuntimeError: pass\n"
WORKS = """
import helpers.vision
import torch
from torchvision.models import resnet18
from torchvision.transforms import v2
images = v2.RandomCrop(32)(torch.zeros(2, 3, 40, 40))
print(tuple(resnet18(num_classes=10)(images).shape))
"""
UNCHANGED = """
import sys, helpers.vision, torchvision; assert torchvision.here
assert 'torch' not in sys.modules
import torch; assert not hasattr(torch.ops.torchvision, 'nms')
"""


def run(program, *path):
    """Run a program, with the folders `path` first in the search for modules."""
    search = {"PYTHONPATH": os.pathsep.join([*map(str, path), os.getcwd()])}
    options = {"env": os.environ | search, "capture_output": True, "text": True}
    return subprocess.run([sys.executable, "-c", program], **options)


@pytest.mark.parametrize("program", [WORKS, FIRST + WORKS])
def test_torchvision_works(program):
    done = run(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(2, 10)"


HEAVY = {"helpers.data": ["torch"], "claims.attack": ["torch"]}
HEAVY["tools.source.question"] = ["nbformat", "nbval", "torch", "sympy", "numpy"]


@pytest.mark.parametrize("module", HEAVY)
def test_what_needs_nothing_heavy_imports_nothing_heavy(module):
    loaded = f"{{*sys.modules}}.intersection({HEAVY[module]})"
    done = run(f"import sys, {module}; sys.exit({loaded} or 0)")
    assert done.returncode == 0, done.stderr


ERRORS = {"here = True": "", "raise RuntimeError('other')": "RuntimeError: other"}
ERRORS["import no_module"] = "No module named 'no_module'"
ERRORS["raise ModuleNotFoundError('', name='torchvision')"] = (
    "torchvision is not installed: run `pip install torchvision`"
)


@pytest.mark.parametrize("content", ERRORS)
def test_where_it_imports_and_where_it_fails_otherwise(tmp_path, content):
    (tmp_path / "torchvision.py").write_text(content)
    done = run(UNCHANGED, tmp_path)
    assert done.returncode == bool(ERRORS[content]), done.stderr
    assert done.stderr.strip().endswith(ERRORS[content])
