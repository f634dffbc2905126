"""References by number read each page once, not once for each reference to it."""

from __future__ import annotations

from functools import cache

from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment


class Remembering:
    """The environment of a build in which no page changes any more."""

    def __init__(self, env: BuildEnvironment):
        self.env, self.get_doctree = env, cache(env.get_doctree)

    def __getattr__(self, name: str):
        return getattr(self.env, name)


remembering = cache(Remembering)


class Standard(StandardDomain):
    """Looks at what references lead to without reading all of its page each time."""

    def resolve_xref(self, env, *arguments):
        """Sphinx calls this for each reference when it writes pages."""
        return super().resolve_xref(remembering(env), *arguments)


def forget(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Pages have been read anew."""
    remembering.cache_clear()
    return []


def setup(app: Sphinx) -> None:
    """Put the domain in the place of Sphinx's own."""
    app.add_domain(Standard, override=True)
    app.connect("env-get-updated", forget)
