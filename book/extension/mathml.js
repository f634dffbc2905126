"use strict";

// MathML Core of a formula, from the tree that MathJax makes of its TeX. What Core leaves
// to the writer is written out: the spaces that TeX sets between atoms, letters of other
// alphabets as characters, how the columns of a table stand (a class, see math.css).
const { mathjax, core, input, adaptors, handlers } = MathJax._;
handlers.html_ts.RegisterHTMLHandler(adaptors.liteAdaptor.liteAdaptor());
const formatError = (_, error) => { throw error; };
const packages = ["base", "ams", "newcommand", "boldsymbol", "mathtools", "configmacros"];
const tex = new input.tex_ts.TeX({ packages, formatError, macros: MACROS });
const page = mathjax.mathjax.document("", { InputJax: tex });

const EM = { thinmathspace: 1 / 6, mediummathspace: 2 / 9, thickmathspace: 5 / 18 };
const KEPT = ("displaystyle height linethickness "
  + "movablelimits scriptlevel symmetric width").split(" ");
const ELASTIC = /^[()[\]{}|‖∣∥⌊⌋⌈⌉⟨⟩^~¯˙→←]$/; // engines differ in which of them stretch
const FENCE = /^[()[\]{}|‖∣∥⌊⌋⌈⌉⟨⟩]$/;
const TALL = /^(mfrac|mover|munder|munderover|mtable|msqrt)$/;
const ACCENTS = { "^": "ˆ", "~": "˜" }; // small ones
const TABLES = { right: "aligned", left: "cases", center: "matrix", "": "matrix" };
const SIZES = [1.2, 1.623, 2.047, 2.47]; // of \big, \Big, \bigg, \Bigg
const LONG = 20; // characters of a formula in a line of text that may be broken
const { REL, BIN, PUNCT } = core.MmlTree.MmlNode.TEXCLASS;
const SHORTEST = { [REL]: 3, [BIN]: 5, [PUNCT]: 8 }; // characters before a break
const DEEPER = 12; // more of them for each bracket that is open
const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escape = (text) => text.replace("◻", "□") // the font has the latter
  .replace(/[&<>"]/g, (sign) => escapes[sign]);

// Where an alphabet begins among the mathematical characters, and its exceptions.
const ALPHABETS = {
  "bold": { A: 0x1d400, a: 0x1d41a, Α: 0x1d6a8, α: 0x1d6c2, 0: 0x1d7ce },
  "italic": { A: 0x1d434, a: 0x1d44e, Α: 0x1d6e2, α: 0x1d6fc },
  "bold-italic": { A: 0x1d468, a: 0x1d482, Α: 0x1d71c, α: 0x1d736 },
  "script": { A: 0x1d49c, a: 0x1d4b6, B: 0x212c, E: 0x2130, F: 0x2131, H: 0x210b,
    I: 0x2110, L: 0x2112, M: 0x2133, R: 0x211b },
  "double-struck": { A: 0x1d538, a: 0x1d552, 0: 0x1d7d8, C: 0x2102, H: 0x210d, N: 0x2115,
    P: 0x2119, Q: 0x211a, R: 0x211d, Z: 0x2124 },
};

function letter(sign, variant) {
  const alphabet = ALPHABETS[variant.replace("-tex-calligraphic", "script")];
  const first = [["A", "Z"], ["a", "z"], ["Α", "Ω"], ["α", "ω"], ["0", "9"]]
    .find(([from, to]) => from <= sign && sign <= to)?.[0];
  if (!first) return sign;
  const code = alphabet?.[sign]
    ?? alphabet?.[first] + sign.codePointAt() - first.codePointAt();
  if (!code) throw Error(`the letter ${sign} cannot be ${variant}`);
  return String.fromCodePoint(code);
}

const em = (length) => (EM[length] ?? parseFloat(length || 0));
const written = (number) => `${+number.toFixed(4)}em`;
const space = (width) => (width ? `<mspace width="${written(width)}"/>` : "");
const element = (name, attributes, content) => `<${name}${Object.entries(attributes)
  .map(([key, value]) => ` ${key}="${value}"`).join("")}>${content}</${name}>`;

// The items of a row, each with the space before it. TeX knows that of the outermost of
// the nodes that surround a single thing, which are taken away here.
function items(node) {
  const { kind, childNodes: inner } = node;
  const before = em(node.texSpacing?.());
  let found = [{ node, before: 0 }];
  if (kind === "mo" && node.getText() === "\u2061") found = [];
  if (node.isInferred || kind === "TeXAtom" || kind === "mstyle") {
    const inside = inner.flatMap(items);
    const single = kind === "TeXAtom" && inside.length < 2;
    const bare = inside.every((item) => item.node?.kind === "mspace");
    if (node.isInferred || single || bare) found = inside;
  }
  if (found.length) found[0].before += before;
  else if (before) found.push({ node: null, before });
  return found;
}

// The XML of each item; an operator carries the spaces beside it.
function row(nodes, all = nodes.flatMap(items)) {
  const isOperator = (item) => item?.node?.kind === "mo";
  return all.map((item, k) => {
    const before = isOperator(all[k - 1]) ? 0 : item.before;
    if (!isOperator(item)) return space(before) + (item.node ? xml(item.node) : "");
    return operator(item.node, before, all[k + 1]?.before);
  });
}

const whole = (node) => {
  const found = row([node]);
  return found.length === 1 ? found[0] : element("mrow", {}, found.join(""));
};

function operator(node, lspace = 0, rspace = 0) {
  const text = node.getText();
  if (!text) return "";
  const own = (name) => em(node.attributes.getExplicit(name));
  const attributes = kept(node);
  attributes.lspace = written(lspace + own("lspace"));
  attributes.rspace = written(rspace + own("rspace"));
  const size = SIZES.indexOf(parseFloat(node.attributes.getExplicit("minsize")));
  if (size >= 0) attributes.class = `big${size + 1}`; // the font has them, see cutting.py
  const grows = size < 0 && node.attributes.get("stretchy") && !isLow(node);
  if (ELASTIC.test(text)) attributes.stretchy = grows;
  if (text === "⊙") attributes.largeop = false; // Firefox thinks of a product over a range
  const isAccent = node.getProperty("mathaccent");
  return element("mo", attributes, escape((isAccent && ACCENTS[text]) || text));
}

// Whether a bracket or bar surrounds what is no taller than it.
function isLow(node) {
  if (!FENCE.test(node.getText())) return false;
  let low = true;
  node.parent.walkTree(({ kind }) => (low &&= !TALL.test(kind)));
  return low;
}

// A prime of the font stands high by itself, and in a script it would be too small.
function script({ kind, childNodes: [base, ...scripts] }) {
  const upper = scripts.at(-1);
  const inner = (upper.kind === "mrow" ? upper.childNodes : [upper]).flatMap(items);
  const isPrime = ({ node }) => node?.kind === "mo" && /[′″‴]/.test(node.getText());
  const primes = inner.filter(isPrime), others = inner.filter((item) => !isPrime(item));
  if (!primes.length) return element(kind, {}, [base, ...scripts].map(whole).join(""));
  const primed = element("mrow", {}, whole(base) + row([], primes).join(""));
  const rest = scripts.slice(0, -1).map(whole);
  if (others.length) rest.push(element("mrow", {}, row([], others).join("")));
  if (!rest.length) return primed;
  const name = rest.length === 2 || kind === "msup" ? kind : "msub";
  return element(name, {}, primed + rest.join(""));
}

function kept(node) {
  const all = Object.entries(node.attributes.getAllAttributes());
  return Object.fromEntries(all.filter(([key]) => KEPT.includes(key)));
}

function xml(node) {
  const { kind, childNodes: inner } = node;
  const attributes = kept(node);
  switch (kind) {
    case "mo":
      return operator(node);
    case "mi": case "mn": case "mtext": {
      let text = node.getText();
      const variant = node.attributes.getExplicit("mathvariant");
      if (variant && variant !== "normal") {
        text = [...text].map((sign) => letter(sign, variant)).join("");
      } else if (variant && kind === "mi" && [...text].length === 1) {
        attributes.mathvariant = variant;
      }
      return text ? element(kind, attributes, escape(text)) : "";
    }
    case "mspace":
      return space(em(attributes.width));
    case "TeXAtom": case "mrow":
      return element("mrow", {}, row(inner).join(""));
    case "mstyle": case "mpadded": case "mphantom": case "msqrt": case "mtd":
      return element(kind, attributes, row(inner).join(""));
    case "mtable": {
      const columns = node.attributes.getExplicit("columnalign") ?? ""; // the first tells
      const name = TABLES[columns.split(" ")[0]];
      if (!name) throw Error(`a table with the columns ${columns}`);
      attributes.class = name;
      return element(kind, attributes, inner.map(xml).join(""));
    }
    case "msup": case "msubsup":
      return script(node);
    case "mfrac":
      if (!node.attributes.get("displaystyle")) attributes.class = "compact";
      return element(kind, attributes, inner.map(whole).join(""));
    case "mover":
      if (inner[1].kind === "mo" && inner[1].getText() === "―") {
        return element("mrow", { class: "overline" }, row([inner[0]]).join(""));
      }
      if (inner[1].getProperty("mathaccent")) attributes.accent = true;
      // falls through
    case "mroot": case "msub": case "munder": case "munderover": case "mtr":
      return element(kind, attributes, inner.map(kind === "mtr" ? xml : whole).join(""));
    default:
      throw Error(`<${kind}> is not known to book/extension/mathml.js`);
  }
}

// In a line of text a long formula becomes several, with places where the line may end:
// after relations, sums and commas where enough stands before, more inside of brackets.
function pieces(root) {
  const all = root.childNodes.flatMap(items);
  const text = (xml) => xml.replace(/<[^>]*>/g, "");
  const count = (xml, signs) => text(xml).split(signs).length;
  const found = [""];
  let depth = 0;
  row([], all).forEach((xml, k) => {
    const { kind, texClass } = all[k].node ?? {};
    depth += count(xml, /[([{⟨⌊]/) - count(xml, /[)\]}⟩⌋]/);
    found[found.length - 1] += xml;
    const needed = kind === "mo" ? SHORTEST[texClass] + DEEPER * depth : NaN;
    if (text(found.at(-1)).length >= needed && k < all.length - 1) found.push("");
  });
  return text(found.join("")).length > LONG ? found : [found.join("")];
}

function convert(source, display) {
  const end = core.MathItem.STATE.CONVERT;
  const root = page.convert(source, { display, end });
  root.setTeXclass(null);
  if (display) return element("math", { display: "block" }, row(root.childNodes).join(""));
  return pieces(root).map((piece) => element("math", {}, piece)).join("<wbr>");
}

function convertAll(keys) {
  const attempt = (key) => {
    try {
      return convert(key.slice(1), key[0] === "[");
    } catch (error) {
      return error.message;
    }
  };
  return JSON.stringify(keys.map(attempt));
}
