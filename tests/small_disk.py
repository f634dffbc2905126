"""Disks that are full, and folders that nobody can write, for tests of faults."""

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


def in_namespace(
    script: str, *arguments: str, **options
) -> subprocess.CompletedProcess:
    """Run a shell script that may mount what only it sees, or skip the test."""
    unshare = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]
    mount = "mount -t tmpfs none /tmp"
    try:
        subprocess.run([*unshare, mount], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine lets no test mount a disk of its own")
    return subprocess.run(
        [*unshare, script, "sh", *arguments],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    )
