"""Show the site, and build it anew whenever a source is saved; `make serve` calls this.

What is shown is a copy of the last site that could be written, with a script that loads
a page again after a build.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from watchfiles import DefaultFilter, watch

from ..workspace import BUILD, ROOT, SITE, exit_if_unfit

FOLDERS = ("notebooks", "book", "helpers", "claims", "results")
SOURCES = re.compile(
    r"(_config|_toc)\.yml|notebooks/[^/]+\.md|(book|helpers|claims)/.+|results/.+\.json"
)
SHOWN = {0: "The site shows it.", 2: "The site shows it all the same."}  # by status
NOT_YET = "<!doctype html><title>Building</title><p>The book is being built.</body>"
RELOAD = """\
<script>setInterval(async () => {
  const answer = await fetch("/_build-shown").catch(() => null);
  if (answer?.ok && (await answer.text()) !== "%s") location.reload();
}, 500);</script></body>"""


class Preview:
    """The copy of the site that is shown, in a folder with the number of its build."""

    def __init__(self, room: Path):
        self.folder = room / "0"
        self.folder.mkdir()
        (self.folder / "index.html").write_text(NOT_YET)
        mark(self.folder)
        if (SITE / "index.html").exists():
            self.renew()

    def renew(self) -> bool:
        """Show the site as it is now; whether there was room for it."""
        last, fresh = self.folder, self.folder.with_name(str(time.time_ns()))
        try:
            mark(shutil.copytree(SITE, fresh))
        except OSError:
            shutil.rmtree(fresh, ignore_errors=True)
            room = f"There is no room for the new site in {fresh.parent}"
            print(f"{room}. Make room, then save a source again.")
            return False
        self.folder = fresh
        shutil.rmtree(last)
        return True


def mark(site: Path) -> None:
    """Let the pages of a copy be loaded again once another one is shown."""
    (site / "_build-shown").write_text(site.name)
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8").replace("</body>", RELOAD % site.name)
        text = text.replace('http-equiv="Content-Security-Policy"', 'name="policy"')
        page.write_text(text, "utf-8")


class Quiet(SimpleHTTPRequestHandler):
    """Sends files, without a word about who asks for them."""

    def copyfile(self, source, outputfile) -> None:
        """Send a file, unless the reader has gone to another page meanwhile."""
        with suppress(ConnectionError):
            super().copyfile(source, outputfile)

    def log_message(self, *_) -> None:
        """Leave the terminal to others."""


@contextmanager
def serving(handler: Callable[..., Quiet], port: int = 0) -> Iterator[str]:
    """The address of a server on this machine; ends with a message without the port."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        sys.exit(f"Port {port} cannot be used ({error}): make serve PORT=8001")
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


class Handler(Quiet):
    """Serves the preview."""

    def end_headers(self) -> None:
        """Let no browser keep what the next build may change."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


def saves() -> Iterator[list[str]]:
    """The names of sources that were saved, meanwhile or next; first perhaps none."""
    usual = DefaultFilter()  # passes nothing that editors leave beside a file

    def is_source(change, path: str) -> bool:
        name = Path(path).relative_to(ROOT).as_posix()
        return bool(SOURCES.fullmatch(name)) and usual(change, path)

    # folders, since a file that an editor replaces is watched no longer
    folders = [ROOT, *(p for name in FOLDERS for p in (ROOT / name).glob("**/"))]
    wait = {"rust_timeout": 500, "yield_on_timeout": True}  # milliseconds
    found = watch(*folders, watch_filter=is_source, recursive=False, **wait)
    for changes in chain([next(found)], filter(None, found)):
        yield sorted({Path(path).name for _, path in changes})


def build() -> int:
    """Build the site; the exit status. The build ends with this process."""
    command = [sys.executable, "-m", "tools", "book"]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        return process.wait()
    finally:
        process.terminate()
        process.wait()


def serve(port: int) -> None:
    """Show and build until interrupted."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=BUILD, prefix="preview-") as room:
        preview = Preview(Path(room))

        def handler(*arguments) -> Handler:
            return Handler(*arguments, directory=preview.folder)

        with serving(handler, port) as address:
            print(f"The book is at {address}; a saved source")
            print("is built and shown. Ctrl-C stops.", flush=True)
            for names in saves():
                if names:
                    print(f"\n{', '.join(names)}: saved.", flush=True)
                shown = (status := build()) in SHOWN and preview.renew()
                said = SHOWN[status] if shown else "The site stays as it was."
                print(said, flush=True)


def main(arguments: list[str]) -> int:
    """Serve at the port asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000)
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell ignores one
        signal.signal(number, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            serve(parser.parse_args(arguments).port)
    except OSError as error:
        exit_if_unfit(BUILD, error)
        raise
    return 0
