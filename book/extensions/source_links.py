"""Links from the description of a helper to its lines in the repository."""

from __future__ import annotations

import inspect
from functools import partial
from importlib import import_module
from operator import attrgetter

from sphinx.application import Sphinx
from sphinx.config import Config


def address(files: str, domain: str, info: dict[str, str]) -> str | None:
    """Where the lines of a Python object can be read; None for a mere value."""
    found = attrgetter(info["fullname"])(import_module(info["module"]))
    found = inspect.unwrap(found.fget if isinstance(found, property) else found)
    if not inspect.isclass(found) and not inspect.isfunction(found):
        return None
    lines, first = inspect.getsourcelines(found)
    path = info["module"].replace(".", "/")
    return f"{files}/{path}.py#L{first}-L{first + len(lines) - 1}"


def lead_to_source(app: Sphinx, config: Config) -> None:
    """Tell `sphinx.ext.linkcode`, which asks the configuration for a function."""
    theme = config.html_theme_options
    files = f"{theme['repository_url']}/blob/{theme['repository_branch']}"
    config.linkcode_resolve = partial(address, files)


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.setup_extension("sphinx.ext.linkcode")
    app.connect("config-inited", lead_to_source)
