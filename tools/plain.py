"""Turn the book's MyST into the plain Markdown that Jupyter and Colab know."""

from __future__ import annotations

import posixpath
import re
import textwrap
from collections import Counter
from collections.abc import Iterator

from markdown_it.token import Token
from source import (
    BOXES,
    WITH_TEXT,
    Book,
    Directive,
    directive,
    interactive_figures,
    located,
)

from helpers import results

DIRECTIVES = WITH_TEXT | {"code-cell", "solution-start", "solution-end"}
REQUIRED = {
    "erratum": {"question", "verdict"},
    "exercise": {"label"},
    "interactive": {"alt", "name"},
}
OPTIONAL = {"class", "tags", "mystnb"}
VERDICTS = {"right": "looks wrong and is right"}
BLOCKS = set(
    "heading paragraph inline bullet_list ordered_list list_item table thead tbody tr "
    "th td hr fence math_block math_block_label".split()
)
INLINES = set(
    "text softbreak hardbreak em strong link code_inline math_inline myst_role".split()
)
REWRITTEN = ("myst_role", "code_inline", "math_inline", "link_open")
INLINE = re.compile(  # groups bear the names of the parser's tokens
    r"""\\.
      | (?:\{(?P<myst_role>[\w:-]+)\})?
        (?P<ticks>`+)(?P<code_inline>.+?)(?<!`)(?P=ticks)(?!`)
      | \$(?P<math_inline>(?:[^$\\]|\\.)+)\$
      | \[(?P<words>(?:[^][\\]|\\.|\[[^][]*\])*)\]\((?P<link_open>[^\s()]*)\)
      | \$""",
    re.DOTALL | re.VERBOSE,
)


class Plain:
    """The Markdown of one page."""

    def __init__(self, book: Book, page: str):
        self.book, self.page = book, page

    def at(self, line: int):
        """Errors in this context name the page and the line."""
        return located(f"{self.page}.md:{line}")

    def blocks(self, text: str, first: int, quoted: bool = False) -> Iterator[tuple]:
        """The outermost blocks: (line, kind, its Markdown or the directive)."""
        lines, tokens, anchor = text.split("\n"), [], ""
        for token in self.book.parser.parse(text):
            tokens.append(token)
            if token.level or token.nesting > 0:
                continue
            head, group, tokens = tokens[0], tokens, []
            line = first + head.map[0]
            with self.at(line):
                if head.type == "myst_target":
                    anchor = f'<a id="{head.content}"></a>'
                elif block := directive(head, first):
                    if anchor or block.name not in DIRECTIVES:
                        what = "a label before" if anchor else "unknown directive"
                        raise ValueError(f"{what} {{{block.name}}}")
                    wrong = block.options.keys() ^ REQUIRED.get(block.name, set())
                    if wrong := wrong - OPTIONAL:
                        names = ", ".join(sorted(wrong))
                        raise ValueError(f"missing or unknown: {names}")
                    yield line, block.name, block
                elif head.type != "front_matter":
                    source = self._plain(group, lines, first, quoted)
                    kind = "heading" if head.type == "heading_open" else "text"
                    if anchor:
                        order = 1 if kind == "heading" else -1
                        source, anchor = " ".join([source, anchor][::order]), ""
                    yield line, kind, source

    def text(self, text: str, first: int, quoted: bool = False) -> str:
        """The Markdown of what stands in a directive."""
        parts = []
        for line, kind, content in self.blocks(text, first, quoted):
            with self.at(line):
                if kind not in BOXES - {"exercise"} | {"text"}:
                    raise ValueError(f"{kind} inside a directive")
                parts.append(content if kind == "text" else self.box(content))
        return "\n\n".join(parts)

    def box(self, block: Directive) -> str:
        """A hint that folds, or a quotation with a bold title."""
        title, body, line, anchor = block.argument, block.body, block.body_line, ""
        if block.name == "hint":
            body = self.text(body, line)
            return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"
        if block.name == "interactive":
            return self._interactive(block)
        if block.name in ("note", "warning"):
            body = f"{title}\n{body}"
            title, line = block.name.capitalize(), line - 1
        elif block.name == "erratum":
            anchor = f'<a id="{title}"></a>'
            line += len(body) - len(body.lstrip("\n")) + 1
            sentence, _, body = body.lstrip("\n").partition("\n")
            verdict = VERDICTS.get(block.options["verdict"], block.options["verdict"])
            title = f"Erratum {title} ({verdict}): {sentence}"
        title = self.text(title, block.line, quoted=True)
        box = f"{anchor}**{title}**\n\n{self.text(body, line, quoted=True)}"
        return textwrap.indent(box, "> ", lambda line: True).replace("> \n", ">\n")

    def _interactive(self, block: Directive) -> str:
        """A line with the caption; the figure itself is on the site."""
        if block.argument not in (known := interactive_figures(self.book.root)):
            known = ", ".join(known)
            raise ValueError(
                f"no interactive figure {block.argument!r}; there are: {known}"
            )
        label = block.options["name"]
        caption = self.text(block.body, block.body_line)
        place = f"{self.book.site}/{self.page}.html#{label}"
        start = f'<a id="{label}"></a>*{self.book.labels[label].name}.*'
        return f"{start} {caption} [This figure moves on the site]({place})."

    def _plain(self, tokens: list[Token], lines: list[str], first: int, quoted) -> str:
        """A block of plain Markdown, with its formulas, roles and links rewritten."""
        start, end = tokens[0].map
        out, spans = lines[start:end], {}
        for token in tokens:
            kind = re.sub("_(open|close)$", "", token.type)
            if kind not in BLOCKS or (token.level and directive(token, first)):
                with self.at(first + token.map[0]):
                    raise ValueError(f"{token.info or kind} is not understood here")
            if kind == "inline" or kind.startswith("math_block"):
                spans.setdefault(tuple(token.map), []).append(token)
        for (a, b), inside in sorted(spans.items(), reverse=True):
            source = "\n".join(lines[a:b])
            with self.at(first + a):
                if inside[0].type == "inline":
                    source = self._inline(source, inside)
                    source = re.sub(r"\s*\n\s*", " ", source) if quoted else source
                else:
                    source = self._display(source, inside[0], quoted)
            out[a - start : b - start] = [source]
        return "\n".join(out).strip("\n")

    def _display(self, source: str, token: Token, quoted: bool) -> str:
        before, anchor = source[: source.index("$$")], ""
        formula = self.book.expand(textwrap.dedent(token.content)).strip()
        if re.search(r"\n\s*\n", formula):
            raise ValueError("an empty line in a formula ends it in Jupyter")
        if token.info:
            anchor = f'<a id="{token.info}"></a>\n'
            formula += rf" \tag{{{self.book.labels[token.info].name[1:-1]}}}"
        text = f"{anchor}$$\n{formula}\n$$"
        if quoted:  # Jupyter shows the mark > of a quotation inside a formula
            return before + " ".join(text.split())
        return before + text.replace("\n", "\n" + " " * len(before))

    def _inline(self, source: str, tokens: list[Token]) -> str:
        children = Counter(child.type for token in tokens for child in token.children)
        for kind in children:
            if re.sub("_(open|close)$", "", kind) not in INLINES:
                raise ValueError(f"{kind} is not understood here")
        found: Counter = Counter()

        def rewrite(match: re.Match) -> str:
            kind = next((kind for kind in REWRITTEN if match[kind]), None)
            found[kind] += 1
            if kind == "myst_role":
                return self._role(match["myst_role"], match["code_inline"].strip())
            if kind == "math_inline":
                return f"${self.book.expand(match['math_inline'])}$"
            if kind == "link_open":
                words = INLINE.sub(rewrite, match["words"])
                return self._link(words, match["link_open"])
            if match[0] in ("$", r"\$"):  # Jupyter ignores the backslash
                raise ValueError("a dollar sign that is no part of a formula")
            return match[0]

        source = INLINE.sub(rewrite, source)
        for kind in REWRITTEN:
            if found[kind] != children[kind]:
                raise ValueError(f"{kind} in a form that is not understood")
        return source

    # ------------------------------------------------------------------ links

    def _role(self, name: str, content: str) -> str:
        if name == "recorded":
            run, path, form = content.split(":", 2)
            return format(results.lookup(run, path), form)
        words, target = re.match(r"(?:(.*?)\s*<)?([^<>]*)", content, re.S).groups()
        if name == "doc":
            page = self._resolve(target)
            words = words or self.book.titles.get(page, "")
            return self._link(words, f"/{page}.md")
        if name not in ("eq", "ref"):
            raise ValueError(f"unknown role {{{name}}}")
        return self._link(words or "", f"#{target}")

    def _link(self, words: str, address: str) -> str:
        path, _, label = address.partition("#")
        if not path:
            if label not in self.book.labels:
                raise ValueError(f"no label {label}")
            target = self.book.labels[label]
            here = target.page == self.page
            page = "" if here else self._address(f"{target.page}.md")
            return f"[{words or target.name or label}]({page}#{label})"
        if re.match(r"\w+:", path):
            return f"[{words}]({address})"
        path = self._resolve(path)
        if label:
            raise ValueError(f"write (#{label}) without a file")
        if not (self.book.root / path).is_file():
            raise ValueError(f"no file {path}")
        return f"[{words}]({self._address(path)})"

    def _resolve(self, path: str) -> str:
        folder = "" if path.startswith("/") else posixpath.dirname(self.page)
        return posixpath.normpath(posixpath.join(folder, path.lstrip("/")))

    def _address(self, path: str) -> str:
        """Where the reader of a notebook finds a file: beside it, or on the web."""
        folder, name = posixpath.split(path)
        if folder == posixpath.dirname(self.page) and name.endswith(".md"):
            return name.removesuffix(".md") + ".ipynb"
        return f"{self.book.files}/{path}"
