"""A file is written whole or not at all, whatever happens meanwhile."""

import os
import signal
import subprocess
import sys

import pytest
from browsing import ROOT
from small_disk import no_file_larger_than

from helpers.files import write_whole

KILLED = """
import os, sys
from pathlib import Path
from helpers.files import write_whole

def half(path):
    path.write_text("ha")
    os.kill(os.getpid(), 9)

write_whole(Path(sys.argv[1]), half)
"""


@pytest.mark.parametrize(
    "content",
    ["wörd\n", "wörd\n".encode(), lambda path: path.write_bytes(b"w\xc3\xb6rd\n")],
)
def test_what_is_written(tmp_path, content):
    path = tmp_path / "new folder/file"
    for _ in range(2):
        write_whole(path, content)
    assert path.read_bytes() == "wörd\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_leaves_what_was_there(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    path = tmp_path / "file"
    write_whole(path, "before")
    for content in ("after " * 1000, lambda place: place.write_bytes(bytes(6000))):
        with no_file_larger_than(1000), pytest.raises(OSError, match="too large"):
            write_whole(path, content)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, stop)
    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, "after")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_killed_process_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    killed = subprocess.run([sys.executable, "-c", KILLED, path], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text() == "before"
    (left,) = set(tmp_path.iterdir()) - {path}
    assert left.suffix == ".tmp" and left.read_text() == "ha"
