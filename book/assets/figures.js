"use strict";

// Figures that follow a reader's settings. Each takes the place of its static picture in
// <figure class="interactive NAME">; tools/site/pictures.py draws those pictures with this
// script, and tests/test_figures.py compares the numbers with Python's.
(() => {
  const FIGURES = {}; // name: its settings, and what it draws, says and counts with them

  // ------------------------------------------------------------------- drawing

  const [WIDTH, HEIGHT] = [286, 212]; // of a plot within its margins
  const [LEFT, TOP] = [46, 18];

  function make(space, name, attributes, ...children) {
    const element = document.createElementNS(`http://www.w3.org/${space}`, name);
    Object.entries(attributes).forEach((pair) => element.setAttribute(...pair));
    element.append(...children);
    return element;
  }
  const svg = make.bind(null, "2000/svg");
  const html = make.bind(null, "1999/xhtml");

  // "−0.50", and never "−0.00"
  function text(number, digits = 3) {
    const shown = number.toFixed(digits);
    return (Number(shown) === 0 ? shown.replace("-", "") : shown).replace("-", "−");
  }
  const digits = (number) => (String(number).split(".")[1] ?? "").length;
  const range = (first, last, count) => Array.from(
    { length: count }, (_, i) => first + (last - first) * i / (count - 1));
  const drawable = (length) => Math.min(Math.max(length, -1e4), 1e4).toFixed(1);

  // An axis is [name, first, last, step, first tick].
  class Plot {
    constructor(title, [xName, x0, x1, dx, xTick = x0], [yName, y0, y1, dy, yTick = y0]) {
      this.title = title;
      this.range = range(x0, x1, 241);
      this.x = (value) => drawable((value - x0) / (x1 - x0) * WIDTH);
      this.y = (value) => drawable((y1 - value) / (y1 - y0) * HEIGHT);
      this.across = (y, style) => this.line([[x0, y], [x1, y]], style);
      this.upright = (x, style) => this.line([[x, y0], [x, y1]], style);
      this.area = svg("svg", { x: LEFT, y: TOP, width: WIDTH, height: HEIGHT });
      this.node = svg("svg", { viewBox: "0 0 340 270", role: "img" }, this.area,
        svg("path", { class: "frame", d: `M${LEFT} ${TOP}v${HEIGHT}h${WIDTH}` }));
      const write = (x, y, anchor, words, more) => this.node.append(
        svg("text", { x, y, "text-anchor": anchor, ...more }, words));
      for (let x = xTick; x < x1 + dx / 99; x += dx) {
        write(LEFT + +this.x(x), TOP + HEIGHT + 16, "middle", text(x, digits(dx)));
        this.upright(x, "grid");
      }
      for (let y = yTick; y < y1 + dy / 99; y += dy) {
        write(LEFT - 6, TOP + +this.y(y) + 4, "end", text(y, digits(dy)));
        this.across(y, "grid");
      }
      write(LEFT + WIDTH / 2, 264, "middle", xName);
      write(-TOP - HEIGHT / 2, 12, "middle", yName, { transform: "rotate(-90)" });
    }

    path(d, style) { this.area.append(svg("path", { class: style, d })); }

    curve(f, style) { this.line(this.range.map((x) => [x, f(x)]), style); }

    line(points, style, shape) {
      this.path(`M${points.map(([x, y]) => `${this.x(x)} ${this.y(y)}`).join("L")}`, style);
      if (shape) this.marks(points, style, shape);
    }

    // the shape is "disc", "square" or "dust"
    marks(points, style, shape = "disc") {
      const d = points.map(([x, y]) => `M${this.x(x)} ${this.y(y)}h0`).join("");
      this.path(d, `${style} ${shape}`);
    }

    legend(x, entries) {
      Object.entries(entries).forEach(([style, words], i) => {
        const sample = style.includes(" ") ? "m11 0h0" : "h22"; // a mark, or a line
        this.path(`M${x} ${12 + 15 * i}${sample}`, style);
        this.area.append(svg("text", { x: x + 27, y: 16 + 15 * i }, words));
      });
    }
  }

  // ------------------------------------ gradient descent and Newton's method, th-5

  const ALMOST = 1e-9; // settings are decimal fractions
  const factor = (rate, curvature) => 1 - 2 * rate * curvature;
  const path = ([u, v], [one, other], steps) => range(0, steps, steps + 1)
    .map((t) => [u * one ** t, v * other ** t]);

  function plane(title, flat, steep) {
    const top = 1.3 * HEIGHT / WIDTH; // a right angle is seen as one
    const plot = new Plot(title, ["u₁", -1.3, 1.3, 0.5, -1], ["u₂", -top, top, 0.5, -0.5]);
    // the places where |J| = 1: an ellipse or, of two hyperbolas, four branches
    const { PI, cos, sin, cosh, sinh } = Math;
    const branches = [-1, 1].flatMap((side) => [
      (t) => [side * cosh(t), sinh(t)], (t) => [sinh(t), side * cosh(t)]]);
    const [wide, high] = [Math.abs(flat) || ALMOST, steep].map((one) => 1 / Math.sqrt(one));
    for (const place of flat < 0 ? branches : [(t) => [cos(t), sin(t)]]) {
      const curve = range(-PI, PI, 61).map(place);
      for (const root of range(0.2, 1.4, 7)) {
        plot.line(curve.map(([u, v]) => [root * wide * u, root * high * v]), "contour");
      }
    }
    return plot;
  }

  function manner(flat, product) {
    if (flat < 0) return "H is indefinite: at every rate u₁ grows.";
    if (product > 1 + ALMOST) return "Above 1/λ₂ the steep coordinate u₂ grows.";
    if (product > 1 - ALMOST) return "At 1/λ₂ the steep coordinate u₂ jumps to and fro.";
    if (flat === 0) return "w tends to the projection of w₀ onto the kernel of H.";
    return `w tends to 0; u₂ ${product > 0.5 + ALMOST ? "changes" : "keeps"} its sign.`;
  }

  FIGURES["learning-rate"] = {
    settings: [ // name, label, first, last, step, value
      ["rate", "learning rate ε", 0.02, 1.2, 0.02, 0.9],
      ["flat", "smallest eigenvalue λ₁", -0.5, 1, 0.05, 0.1],
      ["steep", "largest eigenvalue λ₂", 1, 2, 0.25, 1],
    ],
    draw({ rate, flat, steep }) {
      const factors = [factor(rate, flat), factor(rate, steep)];
      const [one, other] = factors.map(Math.abs);
      const rho = Math.max(one, other);
      const steps = Math.max(1, Math.ceil(Math.log(1e6) / -Math.log(rho) - ALMOST));
      const contraction = (kappa) => flat > 0 ? text((kappa - 1) / (kappa + 1)) : "none";

      const left = plane("Twenty steps of gradient descent on contour lines of J", flat, steep);
      const points = path([1, 0.45], factors, 20);
      left.line(points, "first", "disc");

      const right = new Plot("Factor per step against the learning rate",
        ["learning rate ε", 0, 1.2, 0.3], ["factor per step", 0, 2, 0.5]);
      const size = (curvature) => (e) => Math.abs(factor(e, curvature));
      right.across(1, "guide");
      right.upright(1 / steep, "guide");
      right.curve((e) => Math.max(size(flat)(e), size(steep)(e)), "under");
      right.curve(size(flat), "second");
      right.curve(size(steep), "third");
      right.upright(rate, "here");
      right.marks([[rate, one]], "second");
      right.marks([[rate, other]], "third", "square");
      right.legend(8, { second: "|1 − 2ελ₁|", third: "|1 − 2ελ₂|",
        under: "ρ, the larger one", guide: "1, and 1/λ₂" });

      return {
        plots: [left, right],
        said: manner(flat, rate * steep),
        numbers: {
          "1 − 2ελ₁": text(factors[0]),
          "1 − 2ελ₂": text(factors[1]),
          "ρ(ε)": text(rho),
          "steps to 10⁻⁶, worst start": rho < 1 - ALMOST ? steps : "never",
          "threshold 1/λ₂": flat < 0 ? "none" : text(1 / steep),
          "best rate 1/(λ₁ + λ₂)": flat > 0 ? text(1 / (flat + steep)) : "none",
          "its factor (κ − 1)/(κ + 1)": contraction(steep / flat),
          "heavy ball (√κ − 1)/(√κ + 1)": contraction(Math.sqrt(steep / flat)),
        },
      };
    },
  };

  function newtonManner(flat, eta) {
    const size = Math.abs(1 - eta) - 1;
    if (Math.abs(size) < ALMOST) return eta ? "jumps to and fro" : "stays where it is";
    if (size > 0) return "diverges";
    const where = flat > 0 ? "minimum" : flat < 0 ? "saddle" : "nearest minimum";
    return `tends to the ${where}${eta > 1 ? ", overshooting" : ""}`;
  }

  FIGURES["newton-step"] = {
    settings: [
      ["flat", "eigenvalue λ₁", -1, 1, 0.05, -0.8],
      ["rate", "learning rate ε", 0.02, 1.2, 0.02, 0.1],
      ["eta", "Newton’s step size η", 0, 2.5, 0.05, 0.5],
    ],
    draw({ flat, rate, eta }) {
      const factors = [factor(rate, flat), factor(rate, 1)];
      const left = plane("Twelve steps of both methods on contour lines of J", flat, 1);
      const right = new Plot("Loss against the step",
        ["step t", -0.5, 12.5, 3, 0], ["loss J", -0.5, 0.5, 0.25]);
      right.across(0, "guide");
      const follow = (factors, style, shape) => {
        const points = path([0.5, 0.3], factors, 12);
        const losses = points.map(([u, v], t) => [t, flat * u ** 2 + v ** 2]);
        left.line(points, style, shape);
        right.line(losses, style, shape);
        return losses.map(([, height]) => text(height));
      };
      const descent = follow(factors, "second", "square");
      // the pseudo-inverse of a singular Hessian leaves the kernel alone
      const newton = follow([flat === 0 ? 1 : 1 - eta, 1 - eta], "first", "disc");
      left.legend(8, { second: "gradient descent", first: "Newton" });
      return {
        plots: [left, right],
        said: `Newton’s method ${newtonManner(flat, eta)}.`,
        numbers: {
          "descent: 1 − 2ελ₁": text(factors[0]),
          "descent: 1 − 2ελ₂": text(factors[1]),
          "Newton: 1 − η": text(1 - eta),
          "J(w₀)": newton[0],
          "J(w₅), descent": descent[5],
          "J(w₅), Newton": newton[5],
        },
      };
    },
  };

  // ------------------------------------------------------ two KL divergences, gr-4

  const [WEIGHTS, WIDTHS] = [[0.6, 0.4], 0.6]; // of the modes of P
  const NODES = range(-7, 7, 601);
  const MASS = NODES.map((z) => Math.exp(-z * z / 2) * 7 / 300 / Math.sqrt(2 * Math.PI));
  const expect = (f) => NODES.reduce((sum, z, i) => sum + MASS[i] * f(z), 0);
  const logNormal = (x, center, width) => -(((x - center) / width) ** 2) / 2
    - Math.log(width * Math.sqrt(2 * Math.PI));
  const lowest = (fits) => fits.reduce((one, next) => one.height <= next.height ? one : next);

  // P with modes at ±a, its divergences from Q, and where these are smallest
  function mixture(a) {
    const modes = [-a, a];
    const log = (x) => {
      const [one, other] = modes.map(
        (mode, k) => Math.log(WEIGHTS[k]) + logNormal(x, mode, WIDTHS));
      return Math.max(one, other) + Math.log1p(Math.exp(-Math.abs(one - other)));
    };
    const forward = (mu, s) => modes.reduce((sum, mode, k) => sum + WEIGHTS[k] * expect(
      (z) => log(mode + WIDTHS * z) - logNormal(mode + WIDTHS * z, mu, s)), 0);
    const reverse = (mu, s) => expect(
      (z) => logNormal(z, 0, 1) - Math.log(s) - log(mu + s * z));
    const fit = (mu, s) => ({ mu, s, height: reverse(mu, s) });
    // steps in μ or log s, each to the lowest of four places, longer while they descend
    const descend = (start) => {
      let end = fit(...start);
      for (let size = 0.05; size > 1e-6;) {
        const next = lowest([[size, 0], [-size, 0], [0, size], [0, -size]].map(
          ([x, y]) => fit(end.mu + x, end.s * Math.exp(y))));
        const descends = next.height < end.height;
        if (descends) end = next;
        size *= descends ? 2 : 0.5;
      }
      return end;
    };
    const mean = (WEIGHTS[1] - WEIGHTS[0]) * a;
    const sd = Math.sqrt(WIDTHS ** 2 + a ** 2 - mean ** 2);
    const isNew = ({ mu, s }, i, ends) => ends.findIndex(
      (end) => Math.hypot(mu - end.mu, s - end.s) < 1e-3) === i;
    const minima = [[-a, WIDTHS], [mean, sd], [a, WIDTHS]].map(descend).filter(isNew)
      .sort((end, next) => end.mu - next.mu);
    const match = { mu: mean, s: sd, height: forward(mean, sd) };
    return { log, forward, reverse, match, minima };
  }

  function count(a, minima) {
    if (a === 0) return "The modes coincide: both divergences are smallest at Q = P.";
    const many = ["one minimum", "two minima", "three minima"][minima.length - 1];
    const where = lowest(minima).s < 1.5 * WIDTHS ? "on the heavier mode" : "broad";
    return `The reverse divergence has ${many}; the lowest is ${where}.`;
  }

  const mixtures = {}; // kept, since their minima take a while

  FIGURES["kl-fits"] = {
    settings: [
      ["a", "modes of P at ±a, a", 0, 3.4, 0.1, 2],
      ["mu", "mean of Q, μ", -4, 4, 0.1, -0.4],
      ["s", "standard deviation of Q, s", 0.3, 4, 0.1, 2],
    ],
    draw({ a, mu, s }) {
      const P = mixtures[a] ??= mixture(a);
      const xAxis = ["x", -7, 7, 3, -6];
      const [p, q] = [P.log, (x) => logNormal(x, mu, s)];

      const left = new Plot("Densities of P and Q, and below them each minimum as mean "
        + "and standard deviation", xAxis, ["density", -0.32, 0.88, 0.2, 0]);
      left.curve((x) => Math.exp(p(x)), "first");
      left.curve((x) => Math.exp(q(x)), "second");
      left.legend(8, { first: "P; forward minimum", second: "Q; reverse minima" });
      const bar = (fit, y, style, shape) => {
        left.line([[fit.mu - fit.s, y], [fit.mu + fit.s, y]], style);
        left.marks([[fit.mu, y]], style, shape);
      };
      bar(P.match, -0.07, "first");
      P.minima.forEach((fit, i) => bar(fit, -0.14 - 0.06 * i, "second", "square"));

      const integrand = (one, other) => (x) => Math.exp(one(x)) * (one(x) - other(x));
      const [forward, reverse] = [integrand(p, q), integrand(q, p)];
      const high = Math.max(...left.range.flatMap((x) => [forward(x), reverse(x)]));
      const top = [0.5, 1, 2, 5, 10, 20, 50].find((end) => end >= high) ?? 100;
      const right = new Plot("Integrands, whose areas are the divergences", xAxis,
        ["integrand", -top / 4, top, top / 5, 0]);
      right.across(0, "guide");
      right.curve(forward, "first");
      right.curve(reverse, "second");
      right.legend(8, { first: "p log(p/q)", second: "q log(q/p)" });

      const place = (fit) => fit
        ? `${text(fit.height)} at μ ${text(fit.mu, 2)}, s ${text(fit.s, 2)}` : "none";
      return {
        plots: [left, right],
        said: count(a, P.minima),
        numbers: {
          "forward KL(P ‖ Q), nats": text(P.forward(mu, s)),
          "reverse KL(Q ‖ P), nats": text(P.reverse(mu, s)),
          "forward minimum": place(P.match),
          "reverse minimum 1": place(P.minima[0]),
          "reverse minimum 2": place(P.minima[1]),
          "reverse minimum 3": place(P.minima[2]),
        },
      };
    },
  };

  // ------------------------------------------------------ noise as a penalty, gr-1

  const X = [-1.7, -1.2, -0.8, -0.3, 0.4, 0.9, 1.3, 1.8];
  const Y = [-1.4, -1.6, -0.4, -0.7, 0.8, 0.5, 1.6, 1.5];
  const m = X.length;
  const dot = (one, other) => one.reduce((sum, x, i) => sum + x * other[i], 0);
  const loss = (x, y, w) => x.reduce((sum, at, i) => sum + (at * w - y[i]) ** 2, 0);

  // the same draws for all readers: a linear congruence, then Box and Muller's method
  let seed = 1;
  const uniform = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return (seed + 0.5) / 2 ** 32;
  };
  const DRAWS = Array.from({ length: 4 ** 4 * m }, () => Math.sqrt(-2 * Math.log(uniform()))
    * Math.cos(2 * Math.PI * uniform()));

  FIGURES["noise-penalty"] = {
    settings: [
      ["sigma", "standard deviation of the noise, σ", 0, 1.5, 0.05, 0.6],
      ["power", "noisy copies of the data, K", 0, 4, 1, 2, (power) => 4 ** power],
    ],
    draw({ sigma, power }) {
      const copies = 4 ** power, penalty = m * sigma ** 2;
      const noisy = DRAWS.slice(0, copies * m).map((z, i) => X[i % m] + sigma * z);
      const labels = noisy.map((_, i) => Y[i % m]);
      const plain = dot(X, Y) / dot(X, X);
      const ridge = dot(X, Y) / (dot(X, X) + penalty);
      const fit = dot(noisy, labels) / dot(noisy, noisy);
      const clean = (w) => loss(X, Y, w), sum = (w) => clean(w) + penalty * w ** 2;
      const average = (w) => loss(noisy, labels, w) / copies;

      const left = new Plot("Eight points, noisy copies of them, and lines through the origin",
        ["x, with noise x + N", -4, 4, 2], ["y", -3, 3, 1]);
      left.marks(noisy.map((x, i) => [x, labels[i]]), "second", "dust");
      for (const [w, style] of [[plain, "third"], [ridge, "first"], [fit, "second"]]) {
        left.line([[-4, -4 * w], [4, 4 * w]], style);
      }
      left.marks(X.map((x, i) => [x, Y[i]]), "ink");
      left.legend(8, { third: "without noise", first: "ridge, λ = σ²",
        second: "fit to the copies" });

      const right = new Plot("Loss against the weight",
        ["weight w", 0, 1.6, 0.4], ["loss", 0, 24, 6]);
      right.curve(clean, "third");
      right.curve((w) => penalty * w ** 2, "guide");
      right.curve(sum, "first");
      right.marks(range(0.1, 1.5, 8).map((w) => [w, average(w)]), "second", "square");
      right.marks([[plain, clean(plain)]], "third");
      right.marks([[ridge, sum(ridge)]], "first");
      right.legend(60, { third: "‖Xw − y‖²", guide: "penalty mσ²w²",
        first: "their sum", "second square": "mean over the copies" });

      return {
        plots: [left, right],
        said: sigma === 0 ? "Without noise the three fits are one."
          : "Noise shrinks the weight; more copies bring the fit nearer to ridge.",
        numbers: {
          "w without noise": text(plain),
          "w of ridge, λ = σ²": text(ridge),
          "w fitted to the copies": text(fit),
          "‖Xw − y‖² at w of ridge": text(clean(ridge)),
          "penalty mσ²w² there": text(sum(ridge) - clean(ridge)),
          "their sum": text(sum(ridge)),
          "mean over the copies there": text(average(ridge)),
        },
      };
    },
  };

  // ------------------------------------------------------------------------ page

  function start(figure, { settings, draw }) {
    const panels = html("div", { class: "panels" });
    const numbers = html("dl", {});
    const said = html("p", { "aria-live": "polite" }); // its text changes at thresholds
    const state = {};
    const update = () => {
      const drawn = draw(state);
      const pairs = Object.entries(drawn.numbers);
      numbers.replaceChildren(...pairs.map(([name, number]) => html(
        "div", {}, html("dt", {}, name), html("dd", {}, number))));
      if (said.textContent !== drawn.said) said.textContent = drawn.said;
      const told = [drawn.said, pairs.map((pair) => pair.join(": ")).join("; ")];
      panels.replaceChildren(...drawn.plots.map(({ node, title }, i) => {
        node.setAttribute("aria-label", `${title}. ${told[i]}`);
        return node;
      }));
    };
    const sliders = settings.map(([name, label, min, max, step, value, show]) => {
      const input = html("input",
        { type: "range", name, min, max, step, value, autocomplete: "off" });
      const output = html("output", { "aria-live": "off" }); // the slider is read anyway
      const read = () => {
        state[name] = input.valueAsNumber;
        output.textContent = show ? show(state[name]) : text(state[name], digits(step));
        input.setAttribute("aria-valuetext", output.textContent);
      };
      read();
      input.addEventListener("input", () => { read(); update(); });
      return html("label", {}, html("span", {}, `${label} = `, output), input);
    });
    update();
    figure.firstElementChild.replaceWith(panels);
    figure.querySelector(".settings").append(...sliders, said, numbers);
  }

  for (const [name, figure] of Object.entries(FIGURES)) {
    const places = document.querySelectorAll(`figure.interactive.${name}`);
    places.forEach((place) => start(place, figure));
  }
})();
