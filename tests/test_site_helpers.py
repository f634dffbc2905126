"""The page of the helpers describes each public name of the package."""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module

from browsing import SITE, needs_site
from bs4 import BeautifulSoup

import helpers

SOURCE = r"https://.+/blob/[^/]+/helpers/\w+\.py#L\d+-L\d+"


def is_described(found):
    return (
        inspect.isfunction(found)
        or inspect.isclass(found)
        or isinstance(found, property)
    )


def public_names():
    """(dotted name, object) of functions, classes, methods and properties."""
    for module in pkgutil.iter_modules(helpers.__path__, "helpers."):
        for name, found in inspect.getmembers(import_module(module.name), is_described):
            if name.startswith("_") or found.__module__ != module.name:
                continue
            yield f"{module.name}.{name}", found
            if inspect.isclass(found) and not issubclass(found, Exception):
                for part, member in inspect.getmembers(found, is_described):
                    if not part.startswith("_"):
                        yield f"{module.name}.{name}.{part}", member


def letters(text):
    return re.sub(r"\W", "", text)


@needs_site
def test_each_public_helper_stands_there_with_docstring_signature_and_source():
    text = (SITE / "book/helpers.html").read_text("utf-8")
    page = BeautifulSoup(text, "html.parser").find(id="helpers").parent
    names = dict(public_names())
    assert len(names) > 40
    for name, found in names.items():
        head = page.find("dt", id=name)
        assert head, f"{name} is missing"
        first = inspect.getdoc(found).partition("\n")[0]
        assert letters(first) in letters(head.find_next("dd").get_text()), name
        if inspect.isfunction(found):
            for parameter in set(inspect.signature(found).parameters) - {"self"}:
                assert parameter in head.get_text(), f"{name}: {parameter}"
        link = head.find("a", class_="external")
        assert link and re.fullmatch(SOURCE, link["href"]), name
    described = {head["id"] for head in page.find_all("dt", id=True)}
    assert described == set(names)
