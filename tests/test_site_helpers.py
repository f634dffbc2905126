"""The page of the helpers describes each public name of the helpers and the checks."""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from types import FunctionType

from browsing import SITE, needs_site
from bs4 import BeautifulSoup

import helpers

SOURCE = r"https://.+/blob/[^/]+/(helpers|claims)/\w+\.py#L\d+-L\d+"


def is_described(found):
    return isinstance(found, FunctionType | type | property)


def public_names():
    """(dotted name, object) of functions, classes, methods and properties."""
    modules = pkgutil.iter_modules(helpers.__path__, "helpers.")
    for module in ("claims.check", *(module.name for module in modules)):
        content = import_module(module)
        for name in getattr(content, "__all__", ()):
            found = getattr(content, name)
            if is_described(found):
                yield f"{module}.{name}", found
            if inspect.isclass(found) and not issubclass(found, Exception):
                for part, member in inspect.getmembers(found, is_described):
                    if not part.startswith("_"):
                        yield f"{module}.{name}.{part}", member


def letters(text):
    return re.sub(r"\W", "", text)


@needs_site
def test_each_public_helper_stands_there_with_docstring_signature_and_source():
    text = (SITE / "book/helpers.html").read_text("utf-8")
    page = BeautifulSoup(text, "html.parser").find(id="helpers").parent
    names = dict(public_names())
    assert len(names) > 40
    described = {head["id"]: head for head in page.find_all("dt", id=True)}
    for name, found in names.items():
        same = (described.get(n) for n in (name, *names) if names[n] is found)
        head = next(filter(None, same), None)
        assert head, f"{name} is missing"
        first = inspect.getdoc(found).partition("\n")[0]
        assert letters(first) in letters(head.find_next("dd").get_text()), name
        if inspect.isfunction(found):
            for parameter in set(inspect.signature(found).parameters) - {"self"}:
                assert parameter in head.get_text(), f"{name}: {parameter}"
        link = head.find("a", class_="external")
        assert link and re.fullmatch(SOURCE, link["href"]), name
    assert described.keys() <= names.keys()
