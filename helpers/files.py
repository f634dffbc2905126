"""Files that have their name only once they are whole."""

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, content: str | bytes | Callable[[Path], object]) -> None:
    """Write a file under a temporary name, then rename it.

    `content`: text (as UTF-8), bytes, or a function that writes to the path it is
    given. Folders are made. If anything fails, what was at `path` before stays there,
    and nothing else is left; a process that is killed may leave `NAME.PROCESS.tmp`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
