"""Run notebooks, some at a time, and say how it goes."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode


class Client(NotebookClient):
    """Shows the progress bars of a notebook while it runs, if `verbose`."""

    verbose = False

    def output(self, outs, msg, display_id, cell_index):
        """Keep an output; nbclient calls this."""
        if self.verbose and msg["content"].get("name") == "stderr":
            print(msg["content"]["text"], end="", file=sys.stderr, flush=True)
        return super().output(outs, msg, display_id, cell_index)


def run(
    notebooks: dict[Path, NotebookNode],
    workers: int,
    timeout: int | None = None,
    verbose: bool = False,
) -> Iterator[Path]:
    """Execute notebooks in place, `timeout` seconds a cell; each that has succeeded."""

    def run_one(path: Path, notebook: NotebookNode) -> bool:
        client = Client(
            notebook,
            timeout=timeout,
            resources={"metadata": {"path": str(path.parent)}},
            record_timing=False,
            extra_arguments=["--log-level=ERROR"],
        )
        client.verbose = verbose
        return _report(path, client)

    with ThreadPoolExecutor(workers) as pool:
        runs = {pool.submit(run_one, *item): item[0] for item in notebooks.items()}
        try:
            for done in as_completed(runs):
                if done.result():
                    yield runs[done]
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr)
            os._exit(130)  # do not wait for the kernels, which end with this process


def _report(path: Path, client: Client) -> bool:
    start, problem = time.monotonic(), ""
    print(f"{path.name}: executing ...", flush=True)
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        problem = _explain(path, client, error)
    seconds = time.monotonic() - start
    print(f"{path.name}: {'failed' if problem else 'ok'}, {seconds:.0f} s", flush=True)
    if problem:
        print(problem, file=sys.stderr, flush=True)
    return not problem


def _explain(path: Path, client: Client, error: Exception) -> str:
    """`FILE:LINE: what failed`, with the end of the traceback."""
    notebook = client.nb
    started = [
        n for n, cell in enumerate(notebook.cells) if cell.get("execution_count")
    ]
    if not started:
        return f"{path}:1: the kernel does not start: {error}"
    cell, line = notebook.cells[started[-1]], notebook.metadata.source_map[started[-1]]
    errors = [out for out in cell.outputs if out.output_type == "error"]
    if not errors:
        return f"{path}:{line}: cell failed: {error}"
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(errors[0].traceback))
    message = f"{errors[0].ename}: {errors[0].evalue}".splitlines()[0]
    if isinstance(error, CellTimeoutError):
        message = f"no end after {client.timeout} s"
    if inside := re.search(r"Cell In\[\d+\], line (\d+)", trace):
        statement = cell.source.splitlines()[int(inside[1]) - 1]
        lines = path.read_text("utf-8").splitlines()
        below = range(line, len(lines))
        line = next((n + 1 for n in below if lines[n] == statement), line)
    end = "\n".join(f"    {row}" for row in trace.splitlines()[-12:])
    return f"{path}:{line}: cell failed: {message}\n{end}"
