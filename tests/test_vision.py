"""The mended import of torchvision, each time in a fresh interpreter."""

import os
import subprocess
import sys

import pytest


def run(program, *path):
    """Run a program, with the folders `path` first in the search for modules."""
    search = os.pathsep.join([*map(str, path), os.getcwd()])
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
    )


def stand_in(folder, content):
    (folder / "torchvision").mkdir()
    (folder / "torchvision/__init__.py").write_text(content)
    return folder


@pytest.mark.parametrize(
    "before", ["", "try: import torchvision\nexcept RuntimeError: pass\n"]
)
def test_torchvision_works(before):
    done = run(
        before
        + """
import helpers.vision
import torch
from torchvision.models import resnet18
from torchvision.transforms import v2
images = v2.RandomCrop(32)(torch.zeros(2, 3, 40, 40))
print(tuple(resnet18(num_classes=10)(images).shape))
"""
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(2, 10)"


def test_nothing_is_changed_where_it_imports(tmp_path):
    folder = stand_in(tmp_path, "here = True")
    done = run(
        "import sys, helpers.vision, torchvision; assert torchvision.here\n"
        "assert 'torch' not in sys.modules\n"
        "import torch; assert not hasattr(torch.ops.torchvision, 'nms')",
        folder,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "content, expected",
    [
        ("raise RuntimeError('something else')", "RuntimeError: something else"),
        ("import no_such_module", "No module named 'no_such_module'"),
        (
            "raise ModuleNotFoundError('', name='torchvision')",
            "torchvision is not installed: run `pip install torchvision`",
        ),
    ],
)
def test_other_errors_pass(tmp_path, content, expected):
    done = run("import helpers.vision", stand_in(tmp_path, content))
    assert done.returncode == 1
    assert done.stderr.strip().endswith(expected)
