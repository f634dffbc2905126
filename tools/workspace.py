"""Where the book is built, by one program at a time, and how that is asked."""

import argparse
import errno
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BOOK_BUILD") or ROOT).absolute() / "_build"
SITE = BUILD / "html"
EXECUTED = BUILD / "executed"  # the executed notebook of each page
FULL = 2**20  # bytes; with less left, whatever has failed has failed for that


class SourceError(Exception):
    """A source that is not understood, with file and line, or a change not possible."""


def parse(about: str, arguments: list[str], options: dict) -> argparse.Namespace:
    """What a tool is asked for; it says this `about` itself and has these options."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    for name, option in options.items():
        parser.add_argument(name, **option)
    return parser.parse_args(arguments)


@contextmanager
def fit(folder: Path) -> Iterator[None]:
    """Make a folder, or end with a message if it is read-only or its disk is full."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except Exception as error:
        exit_if_unfit(folder, error)
        raise


@contextmanager
def alone(folder: Path = BUILD) -> Iterator[None]:
    """Keep two programs in one folder from disturbing each other: one waits."""
    with fit(folder), (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another build is running in this folder; waiting.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def exit_if_unfit(folder: Path, error: Exception | None = None) -> None:
    """End with a message if the folder cannot be written or its disk is full."""
    reason = error.errno if isinstance(error, OSError) else None
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if reason in (errno.ENOSPC, errno.EDQUOT) or shutil.disk_usage(there).free < FULL:
        sys.exit(f"The disk of {there} is full. Make room, then do the same again.")
    if reason in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        if Path(error.filename or "").is_relative_to(folder):
            what = (
                f"{folder} cannot be written ({error.strerror}). Name a folder of yours"
            )
            sys.exit(
                f"{what} for all that is made: make book BOOK_BUILD=/path/to/folder"
            )
