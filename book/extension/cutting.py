"""Cut fonts down, and change the mathematical one so that engines draw it alike."""

from __future__ import annotations

from pathlib import Path

from fontTools import subset
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont

from helpers.files import write_whole

ACCENTS = "ˆ˜¯˙"
BRACKETS = "()[]{}|‖∣∥⌊⌋⌈⌉⟨⟩/"
# least heights of brackets, of \\big to \\Bigg; 1000 is the size of the font
BIG = {"ss01": 1150, "ss02": 1700, "ss03": 2300, "ss04": 2900}


def cut(file: Path, signs: set[str], target: Path) -> None:
    """Write the part of a font that has these characters."""
    options = subset.Options(flavor="woff2", layout_features=[*BIG])
    with subset.load_font(file, options) as font:
        if "MATH" in font:
            del font["FFTM"]  # when it was made
            lower_accents(font)
            scripts = font["MATH"].table.MathConstants
            scripts.SuperscriptBaselineDropMax.Value = 386  # TeX has it for letters,
            scripts.SubscriptBaselineDropMin.Value = 50  # too, where engines do not
            addOpenTypeFeaturesFromString(font, sizes_of_brackets(font))
        subsetter = subset.Subsetter(options)
        subsetter.populate(text="".join(signs))
        subsetter.subset(font)
        write_whole(target, lambda path: subset.save_font(font, path, options))


def sizes_of_brackets(font: TTFont) -> str:
    """Features that show brackets in the sizes of the macros \\big to \\Bigg.

    The engines agree on them; what they make of `minsize` differs in width.
    """
    variants = font["MATH"].table.MathVariants
    names = variants.VertGlyphCoverage.glyphs
    all = dict(zip(names, variants.VertGlyphConstruction, strict=True))
    text = ""
    for feature, least in BIG.items():
        text += f"feature {feature} {{"
        for name in (font.getBestCmap()[ord(sign)] for sign in BRACKETS):
            sizes = all[name].MathGlyphVariantRecord
            fitting = [v.VariantGlyph for v in sizes if v.AdvanceMeasurement > least]
            text += f"sub {name} by {fitting[0]};"
        text += f"}} {feature};"
    return text


def lower_accents(font: TTFont) -> None:
    """Let accents stand on the base line.

    Some engines put the ink of an accent onto a letter, others its base line.
    """
    glyphs, names = font.getGlyphSet(), font.getBestCmap()
    top = font["CFF "].cff.topDictIndex[0]
    for name in (names[ord(sign)] for sign in ACCENTS):
        bounds, pen = BoundsPen(glyphs), T2CharStringPen(glyphs[name].width, glyphs)
        glyphs[name].draw(bounds)
        glyphs[name].draw(TransformPen(pen, (1, 0, 0, 1, 0, -bounds.bounds[1])))
        old = top.CharStrings[name]
        top.CharStrings[name] = pen.getCharString(old.private, old.globalSubrs)
