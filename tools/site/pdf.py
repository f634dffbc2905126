"""Print the whole book, as the site shows it, into one PDF.

The articles of the site are joined into `_build/book.html`, where ids are unique and
links lead to places of that page. Folds are opened, and without scripts there
are no controls. Chromium prints twice: first for the numbers in the contents.
"""

from __future__ import annotations

import json
import posixpath
import re
import time
from collections.abc import Iterator
from io import BytesIO
from urllib.parse import urldefrag

import pikepdf
import yaml
from bs4 import BeautifulSoup, Tag
from jinja2 import Template
from playwright.sync_api import Browser, Page
from sphinx_external_toc.parsing import parse_toc_yaml

from helpers.files import write_whole

from ..workspace import BUILD, ROOT, SITE, alone, parse
from .browser import chromium

JOINED = BUILD / "book.html"
PDF = BUILD / "deep-learning-solutions.pdf"
PATIENCE = 1_800_000  # milliseconds that one step of the browser may take
ELSEWHERE = re.compile(r"(https?|mailto|data):")

HTML = """\
<!doctype html>
<html lang="en" data-theme="light">
<head><meta charset="utf-8"><title>{{ title }}</title>
{{ styles|join|safe }}<style>{{ heads|join(" ")|safe }}</style></head>
<body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">
<div class="cover">
<p class="book-title">{{ title }}</p>
<p>{{ author }}, {{ copyright }}</p>
<p>Text and figures: <a href="https://creativecommons.org/licenses/by/4.0/">CC BY
4.0</a>. Code: MIT.</p>
<p><a href="{{ repository.url }}">{{ repository.url }}</a></p>
</div>
<nav class="book-contents"><h1>Contents</h1>
{%- for part in parts %}<p>{{ part.caption }}</p><ul>
{%- for kind, id, words in contents(part) -%}
<li class="{{ kind }}"><a href="#{{ id }}">{{ words }}</a></li>
{%- endfor %}</ul>{% endfor %}</nav>
{{ articles|join("\n")|safe }}
</div></div></main></body></html>
"""
# a transparent image carries the source of a formula into the tags of the PDF
TRANSPARENT = (
    "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw=="
)
NUMBER = """(pages) => {
  for (const link of document.querySelectorAll(".book-contents a")) {
    link.dataset.page = pages[decodeURI(link.hash.slice(1))];
  }
}"""


class Joined:
    """All pages of the book in one, each an article whose id is its name."""

    def __init__(self, config: dict):
        self.config = config
        self.toc = parse_toc_yaml(ROOT / "_toc.yml")
        self.articles = {page: _read(page).select_one("article") for page in self.toc}
        for page, article in self.articles.items():
            self.fit(page, article)

    def fit(self, page: str, article: Tag) -> None:
        """Make its ids unique, and what it names be found from the joined page."""
        for element in article.select("[id]"):
            element["id"] = f"{page}.{element['id']}"
        for link in article.select("a[href]"):
            self.lead(link, page)
        for image in article.select("img[src]"):
            if not ELSEWHERE.match(image["src"]):
                image["src"] = _resolve(f"html/{page}", image["src"])
        for title in article.select(".exercise > .admonition-title"):
            title["role"] = "heading"  # for the outline
            title["aria-level"] = len(title.find_parents("section")) + 1
        for fold in article.select("details"):
            fold["open"] = ""
        for formula in article.select(".math"):
            source = {"src": TRANSPARENT, "alt": formula["data-tex"]}
            formula.append(Tag(name="img", attrs=source))
        article["id"] = page

    def lead(self, link: Tag, page: str) -> None:
        """Make a link lead to a place of the joined page, or nowhere."""
        path, fragment = urldefrag(link["href"])
        target = _resolve(page, path).removesuffix(".html") if path else page
        if target in self.articles:
            link["href"] = f"#{target}.{fragment}" if fragment else f"#{target}"
        elif not ELSEWHERE.match(path):
            del link["href"]  # a file of the site

    def contents(self, part) -> Iterator[tuple[str, str, str]]:
        """Kind, id and words of its pages and of the sections of the problem sets."""
        for page in part.files():
            title, *heads = self.articles[page].select("h1, h2")
            yield "chapter", page, _words(title)
            for head in heads if part.numbered else ():
                yield "section", head.parent["id"], _words(head)

    def write(self) -> None:
        """Write it beside the site, whose style and figures it uses."""
        first = self.toc.root.docname
        styles = _read(first).select("link[rel=stylesheet]")
        for style in styles:
            style["href"] = _resolve(f"html/{first}", style["href"])
        heads = []
        for number, article in enumerate(self.articles.values()):
            article["style"] = f"page: p{number}"
            head = json.dumps(_words(article.h1), ensure_ascii=False)
            heads.append(f"@page p{number} {{ @top-right {{ content: {head} }} }}")
        html = Template(HTML, autoescape=True).render(
            self.config,
            styles=map(str, styles),
            heads=heads,
            parts=self.toc.root.subtrees,
            contents=self.contents,
            articles=map(str, self.articles.values()),
        )
        JOINED.write_text(html, "utf-8")


def _read(page: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / f"{page}.html").read_text("utf-8"), "html.parser")


def _resolve(page: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(page, "..", path))


def _words(heading: Tag) -> str:
    return heading.get_text().removesuffix("#").strip()


def print_book(browser: Browser, joined: Joined) -> int:
    """Print the joined page; the number of pages."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(JOINED.as_uri())
    page.evaluate("document.fonts.ready")
    print("Printing ...", flush=True)
    page.evaluate(NUMBER, _page_numbers(_print(page)))
    print("Printing again, with page numbers in the contents ...", flush=True)
    pdf = _print(page)
    pdf.docinfo["/Author"] = joined.config["author"]
    packed = pikepdf.ObjectStreamMode.generate  # a third of the size: most are tags
    write_whole(PDF, lambda path: pdf.save(path, object_stream_mode=packed))
    return len(pdf.pages)


def _print(page: Page) -> pikepdf.Pdf:
    content = page.pdf(
        prefer_css_page_size=True, print_background=True, outline=True, tagged=True
    )
    return pikepdf.open(BytesIO(content))


def _page_numbers(pdf: pikepdf.Pdf) -> dict[str, int]:
    numbers = {page.objgen: n for n, page in enumerate(pdf.pages, start=1)}
    places = pdf.Root.Dests.items()
    return {name[1:]: numbers[place[0].objgen] for name, place in places}


def main(arguments: list[str]) -> int:
    """Make the PDF, and say where it lies, how long it is and how long it took."""
    parse(__doc__, arguments, {})
    start = time.monotonic()
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    with alone(), chromium() as browser:
        joined = Joined(config)
        joined.write()
        count = print_book(browser, joined)
    size = f"{count} pages, {PDF.stat().st_size / 1e6:.1f} MB"
    print(f"The book is in {PDF} ({size}, {time.monotonic() - start:.0f} s).")
    return 0
