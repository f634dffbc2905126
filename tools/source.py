"""Read the MyST sources of the book: directives, labels, numbers, macros."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from folder import BUILD, ROOT
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from sphinx_external_toc.parsing import parse_toc_yaml

BOXES = {"admonition", "erratum", "exercise", "hint", "note", "warning"}
WITH_TEXT = BOXES | {"interactive"}
NUMBERED = {"equation": "({})", "exercise": "Exercise {}", "figure": "Fig. {}"}

BRACED = r"(?:\\.|[^{}\\])*"  # what may stand in braces, and braces therein
for _depth in range(4):
    BRACED = rf"(?:\\.|[^{{}}\\]|\{{{BRACED}\}})*"


class SourceError(Exception):
    """A source that is not understood; the message begins with file and line."""


def write_whole(path: Path, text: str) -> None:
    """Write to a temporary name and rename, so that no half-written file is left."""
    unfinished = path.with_suffix(".tmp")
    try:
        unfinished.write_text(text, "utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def located(place: str) -> Iterator[None]:
    """Put the place (file:line) before the message of an error."""
    try:
        yield
    except (ValueError, LookupError, OSError, yaml.YAMLError) as error:
        message = error.args[0] if isinstance(error, LookupError) else error
        raise SourceError(f"{place}: {message}") from None


@dataclass
class Directive:
    """A fenced directive; `line` and `body_line` are lines of the file."""

    name: str
    argument: str
    options: dict[str, Any]
    body: str
    line: int
    body_line: int

    @property
    def figure(self) -> dict[str, str]:
        """Name and caption of the figure that a code cell draws, if it says so."""
        return self.options.get("mystnb", {}).get("figure", {})


def directive(token: Token, first: int) -> Directive | None:
    """The directive that a token is, if any; its text starts at line `first`.

    Raises `yaml.YAMLError` for options that are not YAML.
    """
    match = re.fullmatch(r"\{([\w:-]+)\}\s*(.*?)\s*", token.info)
    if token.type != "fence" or not match:
        return None
    head = re.match(r"---\n(?s:.*?)^---\n|(?::[\w-]+:.*\n)*", token.content, re.M)[0]
    options = yaml.safe_load(re.sub(r"^(:|---\n)", "", head, flags=re.M)) or {}
    line = first + token.map[0]
    body_line = line + 1 + head.count("\n")
    body = token.content[len(head) :]
    return Directive(match[1], match[2], options, body, line, body_line)


def interactive_figures(root: Path = ROOT) -> list[str]:
    """The names of the figures that follow a reader's settings."""
    return sorted(path.stem for path in root.glob("book/figures/*.svg"))


@dataclass
class Target:
    """What a label stands for: its page, its name ("Exercise 1.1") and its kind."""

    page: str
    name: str
    kind: str


class Book:
    """What a notebook needs to know of all pages: titles, labels, numbers, macros."""

    def __init__(self, root: Path = ROOT):
        self.root, own = root, root / "_build"
        self.executed = (BUILD if root == ROOT else own) / "executed"
        config = yaml.safe_load((root / "_config.yml").read_text("utf-8"))
        self.parser = parser(config)
        repository = config["repository"]
        self.repository = repository["url"].rstrip("/")
        self.files = f"{self.repository}/blob/{repository.get('branch', 'main')}"
        owner, name = self.repository.split("/")[-2:]
        self.site = f"https://{owner}.github.io/{name}"  # where the workflow publishes
        sphinx = config.get("sphinx", {}).get("config", {})
        tex = sphinx.get("mathjax3_config", {}).get("tex", {})
        self.macros: dict[str, str | list] = tex.get("macros", {})
        self.pages: list[str] = []
        self.titles: dict[str, str] = {}
        self.labels: dict[str, Target] = {}
        self._read_pages()

    def _read_pages(self) -> None:
        """Number exercises, equations and figures in the order of _toc.yml."""
        toc = parse_toc_yaml(self.root / "_toc.yml")
        pages, chapters = [(toc.root.docname, "")], 0
        for tree in toc.root.subtrees:
            for page in tree.files():
                chapters += bool(tree.numbered)
                pages.append((page, f"{chapters}." if tree.numbered else ""))
        counts: Counter = Counter()
        for name, chapter in pages:
            page = name.removesuffix(".md")
            path = f"{page}.md"
            self.pages.append(page)
            text = (self.root / path).read_text("utf-8")
            for line, kind, label, name in self._marks(text, 1, path):
                if kind in NUMBERED:
                    counts[chapter, kind] += 1
                    name = NUMBERED[kind].format(f"{chapter}{counts[chapter, kind]}")
                if kind == "heading":
                    self.titles.setdefault(page, name)
                if label in self.labels:
                    raise SourceError(f"{path}:{line}: the label {label} is taken")
                if label:
                    self.labels[label] = Target(page, name, kind)

    def _marks(self, text: str, first: int, path: str) -> Iterator[tuple]:
        """All that has a label or a number: (line, kind, label, name)."""
        label, tokens = None, self.parser.parse(text)
        for i, token in enumerate(tokens):
            line = first + (token.map or [0])[0]
            if token.type == "heading_open":
                yield line, "heading", label, tokens[i + 1].content
            elif label:
                yield line, "place", label, ""
            label = token.content if token.type == "myst_target" else None
            if token.type == "math_block_label":
                yield line, "equation", token.info, ""
            with located(f"{path}:{line}"):
                block = directive(token, first)
            if not block:
                continue
            if block.name == "exercise":
                yield line, "exercise", block.options.get("label"), ""
            elif block.name == "erratum":
                yield line, "erratum", block.argument, f"Erratum {block.argument}"
            elif block.name == "code-cell" and block.figure:
                yield line, "figure", block.figure.get("name"), ""
            elif block.name == "interactive":
                yield line, "figure", block.options.get("name"), ""
            if block.name in WITH_TEXT:
                yield from self._marks(block.body, block.body_line, path)

    def expand(self, tex: str) -> str:
        """TeX without the macros of _config.yml, which only the site defines.

        Raises `ValueError` if the arguments of a macro are not in braces.
        """
        before = None
        while before != tex:
            before = tex
            for name, macro in self.macros.items():
                body, count = macro if isinstance(macro, list) else (macro, 0)
                use = rf"(?<!\\)((?:\\\\)*)([_^]?)\\{name}(?![A-Za-z])"
                use += rf"\s*\{{({BRACED})\}}" * count
                tex = re.sub(use, partial(_meaning, body), tex)
        for name in re.findall(r"\\([A-Za-z]+)", tex.replace(r"\\", "")):
            if name in self.macros:
                raise ValueError(rf"\{name} needs its arguments in braces")
        return tex


def _meaning(body: str, match: re.Match) -> str:
    """What a macro with this body stands for where it was found."""
    line_breaks, script, *arguments = match.groups()
    tex = re.sub(r"(\\[A-Za-z]+)(?=#)", r"\1 ", body)
    tex = re.sub(r"#(\d)", lambda number: arguments[int(number[1]) - 1], tex)
    if match.string[match.end() :][:1].isalpha() and re.search(r"\\[A-Za-z]+$", tex):
        tex += " "
    return line_breaks + (f"{script}{{{tex}}}" if script else tex)


def parser(config: dict) -> MarkdownIt:
    """The Markdown parser of the site, with the extensions that _config.yml names."""
    extensions = config.get("parse", {}).get("myst_enable_extensions", ["dollarmath"])
    return create_md_parser(MdParserConfig(enable_extensions=extensions), RendererHTML)
