"""Imported by the process from which kernels are forked: what notebooks import."""

import os
from contextlib import suppress
from importlib import import_module

for _name in os.environ.get("BOOK_PRELOAD", "").split():
    with suppress(Exception):  # the cell that imports it will say what is wrong
        import_module(_name)
