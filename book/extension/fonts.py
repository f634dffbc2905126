"""The fonts that pages load, cut down to what they draw."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from html import unescape
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from sphinx.application import Sphinx

from tools.workspace import BUILD

from .mathml import KEPT as FORMULAS

KEPT = BUILD / "cache" / "fonts"
MATH = Path(__file__).parents[1] / "fonts" / "latinmodern-math.otf"
# what pages draw with the icon fonts; another icon costs a font of 25 to 156 kB
ICONS = """
f002 f00d f019 f02d f03a f042 f057 f05a f062 f065 f06a f071 f09b f0c9 f0eb f104 f105
f107 f121 f135 f15b f185 f186 f1c1 f303"""
TAG = re.compile(r"<[^>]*>")
LETTER = re.compile(r"<mi>(.)</mi>")  # browsers make it italic
ITALIC = {"A": 0x1D434, "a": 0x1D44E, "\u0391": 0x1D6E2, "\u03b1": 0x1D6FC}
OTHERS = {"h": 0x210E, "\u2202": 0x1D715, "\u03d5": 0x1D719, "\u03f5": 0x1D716}


def setup(app: Sphinx) -> None:
    """Register all this."""
    app.connect("build-finished", write_fonts)


def write_fonts(app: Sphinx, error: Exception | None) -> None:
    """Write what the style sheets of the book prefer to the whole fonts."""
    if error or app.builder.format != "html":
        return
    theme = Path(find_spec("pydata_sphinx_theme").origin).parent
    made_by = Path(__file__).with_name("cutting.py").read_text("utf-8")
    static = Path(app.outdir) / "_static"
    (static / "icons").mkdir(exist_ok=True)
    icons = {chr(int(point, 16)) for point in ICONS.split()}
    for file in theme.glob("theme/*/static/vendor/fontawesome/webfonts/*.ttf"):
        key = f"{file.name} {version('pydata_sphinx_theme')} {made_by}"
        _copy(file, icons, key, static / "icons" / f"{file.stem}.woff2")
    _copy(MATH, signs_of_formulas(), made_by, static / "math.woff2")


def _copy(font: Path, signs: set[str], key: str, target: Path) -> None:
    """Copy what was cut before from the same, or cut it."""
    key = "".join(sorted(signs)) + key
    kept = KEPT / f"{font.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.woff2"
    if not kept.exists():
        from .cutting import cut  # fontTools takes half a second to load

        for old in KEPT.glob(f"{font.stem}-*"):
            old.unlink()
        KEPT.mkdir(parents=True, exist_ok=True)
        cut(font, signs, kept)
    shutil.copy(kept, target)


def signs_of_formulas() -> set[str]:
    """All characters that formulas show."""
    pages = [json.loads(path.read_text("utf-8")) for path in FORMULAS.glob("*.json")]
    text = "".join(xml for page in pages for xml in page["formulas"].values())
    return {*unescape(TAG.sub("", text)), *map(italic, LETTER.findall(text)), "√"}


def italic(letter: str) -> str:
    """The character that a browser shows for a variable of one letter."""
    first = next((f for f in "αΑaA" if f <= letter <= chr(ord(f) + 25)), None)
    code = OTHERS.get(letter) or (first and ITALIC[first] + ord(letter) - ord(first))
    return chr(code) if code else letter
