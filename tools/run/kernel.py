"""Run cells in kernels of their own, some at a time, and say how it goes."""

import multiprocessing
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

IMPORT = re.compile(r"^(?:import|from) ([\w.]+)", re.MULTILINE)
CAN_FORK = sys.platform == "linux"  # elsewhere what NumPy is built on may forbid it
SERVER = multiprocessing.get_context("forkserver" if CAN_FORK else None)


@dataclass
class Task:
    """Cells of a page that run together in one kernel.

    The cells of `notebook` are executed in place; `metadata.source_map` has the line of
    each in the source at `path`. `seconds` is how long that took, this time or the
    last; `key` stands for all on which the outputs depend.
    """

    name: str
    path: Path
    notebook: NotebookNode
    seconds: float = float("inf")
    key: str = ""


def run(tasks: list[Task], timeout=None, singly=False, fork=False) -> Iterator[Task]:
    """Execute tasks in this order, `timeout` seconds a cell; each that has succeeded.

    `singly`: one after another, with the progress bars of cells. With `fork` kernels
    start faster, if this system can: from a process that has imported what they import.
    """
    fork, failures = fork and CAN_FORK, set()
    if fork:
        codes = [cell.source for task in tasks for cell in task.notebook.cells]
        names = {name for code in codes for name in IMPORT.findall(code)}
        os.environ["BOOK_PRELOAD"] = " ".join(sorted(names))
        os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        own = __name__, f"{__package__}.preload"
        SERVER.set_forkserver_preload(["ipykernel.kernelapp", *own])
    with ThreadPoolExecutor(1 if singly else os.cpu_count()) as pool:
        running = {pool.submit(_run, t, timeout, singly, fork): t for t in tasks}
        try:
            for count, done in enumerate(as_completed(running), 1):
                task, failure = running[done], done.result()
                said = f"{'failed' if failure else 'ok'}, {task.seconds:.0f} s"
                print(f"{task.name}: {said} ({count} of {len(tasks)})", flush=True)
                if failure not in failures:  # an opening cell fails in each problem
                    print(failure, end="", file=sys.stderr, flush=True)
                    failures.add(failure)
                if not failure:
                    yield task
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr)
            os._exit(130)  # do not wait for the kernels, which end with this process


def _run(task: Task, timeout: int | None, verbose: bool, fork: bool) -> str:
    """Execute a task; what failed, or nothing."""
    start = time.monotonic()
    client = Client(
        task.notebook,
        timeout=timeout,
        kernel_manager_class=Forked if fork else Manager,
        shutdown_kernel="immediate" if fork else "graceful",
        resources={"metadata": {"path": str(task.path.parent)}},
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
    )
    client.verbose = verbose
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, RuntimeError) as error:
        return _explain(task, client, error)
    finally:
        task.seconds = round(time.monotonic() - start, 1)
    return ""


class Client(NotebookClient):
    """Shows the progress bars of a notebook while it runs, if `verbose`."""

    verbose = False

    def output(self, outs, msg, display_id, cell_index):
        """Keep an output; nbclient calls this."""
        if self.verbose and msg["content"].get("name") == "stderr":
            print(msg["content"]["text"], end="", file=sys.stderr, flush=True)
        return super().output(outs, msg, display_id, cell_index)


def _explain(task: Task, client: Client, error: Exception) -> str:
    """`FILE:LINE: what failed`, with the end of the traceback."""
    path, code = task.path, task.notebook
    cells = zip(code.cells, code.metadata.source_map, strict=True)
    started = [one for one in cells if one[0].get("execution_count")]
    if not started:
        return f"{path}:1: the kernel does not start: {error}\n"
    cell, line = started[-1]
    errors = [out for out in cell.outputs if out.output_type == "error"]
    if not errors:
        return f"{path}:{line}: cell failed: {error}\n"
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
    return f"{path}:{line}: cell failed: {message}\n{end}\n"


class Manager(AsyncKernelManager):
    """Starts kernels of this Python, whatever others a user has installed."""

    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel_spec = KernelSpec(argv=command, language="python")


class Forked(Manager):
    """Forks kernels from the server of `multiprocessing`."""

    def __init__(self, **options):
        super().__init__(**options)
        self.provisioner = Provisioner(kernel_spec=self.kernel_spec, parent=self)


class Provisioner(LocalProvisioner):
    """Forks a kernel where its base class would start a program."""

    async def launch_kernel(self, cmd: list[str], **options) -> dict:
        """Start it, to be handled like a `subprocess.Popen`; how to connect to it."""
        arguments = cmd[3:], options["env"], options["cwd"]
        self.process = process = SERVER.Process(target=_serve, args=arguments)
        process.start()
        self.pid = self.pgid = process.pid
        process.stdin = process.stdout = process.stderr = None
        process.wait, process.poll = process.join, lambda: process.exitcode
        process.send_signal = partial(os.kill, process.pid)
        return self.connection_info


def _serve(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Be a kernel, in a group of its own, until the process that asked for it ends."""
    import numpy as np
    from ipykernel.kernelapp import launch_new_instance

    def end_with_parent() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    os.setsid()
    os.chdir(folder)
    os.environ.update(environment)
    threading.Thread(target=end_with_parent, daemon=True).start()
    np.random.seed()  # no two kernels draw the same unless a cell says so
    launch_new_instance([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])
