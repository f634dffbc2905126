"""Commands, disks that are full, folders that nobody can write: for tests of faults."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let this process write as if the disk were full after `size` bytes of a file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def run(*command: str, **options) -> subprocess.CompletedProcess:
    """Run a command to its end; what it says is all in `stdout`."""
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.run(command, **said, **options)


def in_namespace(book, script: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run a shell script that may mount what only it sees, or skip the test."""
    unshare = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]
    try:
        run(*unshare, "mount -t tmpfs none /tmp", check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine lets no test mount a disk of its own")
    where = {"cwd": book.root, "env": book.environment()}
    return run(*unshare, script, "sh", *arguments, **where)
