"""Show the site, and build it anew whenever a source is saved; `make serve` calls this.

What is shown is a copy of the last site that could be written: no page changes while it
is being built, and after an error all stay as they were. A script that only this server
adds to the pages loads them again after a build.
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
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
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
        if (SITE / "index.html").exists():
            self.renew()

    def renew(self) -> bool:
        """Show the site as it is now; whether there was room for it."""
        last, fresh = self.folder, self.folder.with_name(str(time.time_ns()))
        try:
            shutil.copytree(SITE, fresh)
        except OSError:
            shutil.rmtree(fresh, ignore_errors=True)
            room = f"There is no room for the new site in {fresh.parent}"
            print(f"{room}. Make room, then save a source again.")
            return False
        self.folder = fresh
        shutil.rmtree(last)
        return True


class Handler(SimpleHTTPRequestHandler):
    """Answers from the preview, and adds the script to pages."""

    def send_head(self):
        """Send the head of an answer; returns its content."""
        build = Path(self.directory).name
        if self.path == "/_build-shown":
            return self.answer(build, "text/plain")
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if path.suffix != ".html" or not path.is_file():
            return super().send_head()
        page = path.read_text("utf-8").replace("</body>", RELOAD % build)
        return self.answer(page, "text/html; charset=utf-8")

    def answer(self, text: str, kind: str) -> BytesIO:
        """Send the head of an answer that is no file."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        return BytesIO(text.encode())

    def end_headers(self) -> None:
        """Let no browser keep what the next build may change."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def copyfile(self, source, outputfile) -> None:
        """Send a file, unless the reader has gone to another page meanwhile."""
        with suppress(ConnectionError):
            super().copyfile(source, outputfile)

    def log_message(self, *_) -> None:
        """Leave the terminal to the builds."""


def note_saves(saved: threading.Event) -> None:
    """Set `saved` whenever a source is."""
    below = (p for name in FOLDERS for p in (ROOT / name).rglob("*") if p.is_dir())
    folders = [ROOT, *(ROOT / name for name in FOLDERS), *below]
    # folders, since a file that an editor replaces is watched no longer
    for changes in watch(*folders, watch_filter=Sources(), recursive=False):
        names = sorted({Path(path).name for _, path in changes})
        print(f"\n{', '.join(names)}: saved.", flush=True)
        saved.set()


class Sources(DefaultFilter):
    """Passes what the book is built from, less what editors leave beside it."""

    def __call__(self, change, path: str) -> bool:
        """Whether a change of this file asks for a build."""
        name = Path(path).relative_to(ROOT).as_posix()
        return bool(SOURCES.fullmatch(name)) and super().__call__(change, path)


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
    saved = threading.Event()
    saved.set()  # what was saved before
    with TemporaryDirectory(dir=BUILD, prefix="preview-") as room:
        preview = Preview(Path(room))

        def handler(*arguments) -> Handler:
            return Handler(*arguments, directory=preview.folder)

        try:
            server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        except (OSError, OverflowError) as error:
            sys.exit(f"Port {port} cannot be used ({error}): make serve PORT=8001")
        print(f"The book is at http://localhost:{server.server_port}/; a saved source")
        print("is built and shown. Ctrl-C stops.", flush=True)
        for work in (server.serve_forever, lambda: note_saves(saved)):
            threading.Thread(target=work, daemon=True).start()
        while True:
            saved.wait()
            saved.clear()
            status = build()
            shown = status in SHOWN and preview.renew()
            print(SHOWN[status] if shown else "The site stays as it was.", flush=True)


def main(arguments: list[str]) -> int:
    """Serve at the port asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000)
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell ignores one
        signal.signal(number, signal.default_int_handler)
    try:
        serve(parser.parse_args(arguments).port)
    except KeyboardInterrupt:
        pass
    except OSError as error:
        exit_if_unfit(BUILD, error)
        raise
    return 0
