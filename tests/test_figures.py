"""The interactive figures: their numbers against Python's, keys, scripts off, room.

Numbers are compared as they are shown, so to half a unit of the last digit; where
a test allows more it says why. A wrong factor of two is off by far more.
"""

from __future__ import annotations

import re
from math import ceil, inf, log, nan, sqrt

import numpy as np
import pytest
from browsing import ROOT, needs_site
from playwright.sync_api import Page, expect
from scipy import optimize
from scipy.stats import norm

from tools.site import pictures
from tools.source.model import Book

THEORY, REVIEW = "notebooks/optimization_theory.html", "notebooks/general_review.html"
NAMES = {
    THEORY: ("learning-rate", "newton-step"),
    REVIEW: ("kl-fits", "noise-penalty"),
}
DIGIT = 0.00051  # three decimals are shown

pytestmark = needs_site


class Figure:
    """A figure on its own page, which loads faster than the book's."""

    def __init__(self, page: Page, name: str):
        self.page, self.name = page, name
        page.set_content(pictures.FIGURE.format(name))
        page.add_script_tag(path=ROOT / "book/assets/figures.js")

    def set(self, **settings: float) -> None:
        """Move sliders, and insist that they stand where they were moved to."""
        for name, value in settings.items():
            slider = self.page.locator(f"input[name={name}]")
            slider.fill(str(value))
            assert float(slider.input_value()) == pytest.approx(value)

    def texts(self) -> dict[str, str]:
        """What is shown beside each name."""
        script = "all => all.map(row => [...row.children].map(c => c.textContent))"
        rows = self.page.locator(".settings dl > div").evaluate_all(script)
        return {name: text.replace("−", "-") for name, text in rows}

    def numbers(self) -> list[float]:
        """All numbers in their order; `nan` for "none", infinity for "never"."""
        words = {"none": nan, "never": inf}
        return [float(words.get(text, text)) for text in self.texts().values()]

    def said(self) -> str:
        return self.page.locator(".settings p").inner_text()


@pytest.fixture(scope="module")
def figure(browser):
    """Shows a figure; what goes wrong on its page fails the last test of this file."""
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(error))
    yield lambda name: Figure(page, name)
    page.close()
    assert not errors


def agree(shown: list[float], computed: list[float]) -> None:
    np.testing.assert_allclose(shown, computed, rtol=0, atol=DIGIT, equal_nan=True)


# ------------------------------------------------------------------------- numbers


def descent(H: np.ndarray, rate: float, start: np.ndarray, steps: int) -> np.ndarray:
    """The points of gradient descent on w'Hw, with the gradient by differences."""
    points = [start]
    for _ in range(steps):
        w, h = points[-1], 1e-4
        J = [[(w + s * e) @ H @ (w + s * e) for e in h * np.eye(2)] for s in (1, -1)]
        points.append(w - rate * (np.array(J[0]) - J[1]) / (2 * h))
    return np.array(points)


@pytest.mark.parametrize(
    "rate, flat, steep, said",
    [
        (0.9, 0.1, 1, "w tends to 0; u₂ changes its sign."),
        (0.3, 0.25, 1.5, "w tends to 0; u₂ keeps its sign."),
        (0.5, 1, 1, "w tends to 0; u₂ keeps its sign."),  # all in one step
        (0.8, 0.25, 1, "w tends to 0; u₂ changes its sign."),  # the best rate
        (1, 0.1, 1, "At 1/λ₂ the steep coordinate u₂ jumps to and fro."),
        (0.8, 0.1, 1.25, "At 1/λ₂ the steep coordinate u₂ jumps to and fro."),
        (1.02, 0.1, 1, "Above 1/λ₂ the steep coordinate u₂ grows."),
        (0.4, 0, 2, "w tends to the projection of w₀ onto the kernel of H."),
        (0.5, 0, 2, "At 1/λ₂ the steep coordinate u₂ jumps to and fro."),
        (0.02, -0.05, 1, "H is indefinite: at every rate u₁ grows."),
        (1.2, -0.5, 2, "H is indefinite: at every rate u₁ grows."),
    ],
)
def test_the_learning_rate_against_the_curvature(figure, rate, flat, steep, said):
    shown = figure("learning-rate")
    shown.set(rate=rate, flat=flat, steep=steep)
    H = np.diag([flat, steep])
    factors = descent(H, rate, np.ones(2), 1)[1]
    rho = np.linalg.norm(np.eye(2) - 2 * rate * H, 2)
    steps = max(1, ceil(log(1e6) / -log(rho) - 1e-9)) if 0 < rho < 1 - 1e-9 else inf
    steps = 1 if rho < 1e-12 else steps
    # the largest rate that does not let the coordinates grow, and the best one
    rates = np.linspace(0, 1.2, 120_001)
    each = np.abs(1 - 2 * rates[:, None] * [flat, steep]).max(axis=1)
    threshold = nan if flat < 0 else rates[each <= 1 + 1e-12].max()
    best = lowest = heavy = nan
    if flat > 0:
        best, lowest, root = rates[each.argmin()], each.min(), sqrt(steep / flat)
        heavy = (root - 1) / (root + 1)
    agree(shown.numbers(), [*factors, rho, steps, threshold, best, lowest, heavy])
    assert shown.said() == said


@pytest.mark.parametrize(
    "flat, rate, eta, said",
    [
        (-0.8, 0.1, 0.5, "tends to the saddle."),
        (0.3, 0.8, 0.5, "tends to the minimum."),
        (0.3, 1.2, 1, "tends to the minimum."),
        (-1, 0.02, 1.5, "tends to the saddle, overshooting."),
        (1, 0.5, 2, "jumps to and fro."),
        (0.5, 0.5, 0, "stays where it is."),
        (0.5, 0.5, 2.5, "diverges."),
        (0, 0.3, 0.5, "tends to the nearest minimum."),
    ],
)
def test_newton_beside_gradient_descent(figure, flat, rate, eta, said):
    shown = figure("newton-step")
    shown.set(flat=flat, rate=rate, eta=eta)
    H, w = np.diag([flat, 1]), np.array([0.5, 0.3])
    newton = w
    for _ in range(5):
        newton = newton - eta * np.linalg.pinv(2 * H) @ (2 * H @ newton)
    end = descent(H, rate, w, 5)[-1]
    losses = [point @ H @ point for point in (w, end, newton)]
    factors = descent(H, rate, np.ones(2), 1)[1]
    agree(shown.numbers(), [*factors, 1 - eta, *losses])
    assert shown.said() == f"Newton’s method {said}"


class Target:
    """The mixture of the question with its modes at -a and a, by scipy."""

    def __init__(self, a: float):
        self.a = a

    def log(self, x):
        logs = [norm.logpdf(x, m, 0.6) for m in (-self.a, self.a)]
        return np.logaddexp(log(0.6) + logs[0], log(0.4) + logs[1])

    def kl(self, mu: float, s: float, forward: bool) -> float:
        def integrand(x):
            first, second = self.log(x), norm.logpdf(x, mu, s)
            first, second = (first, second) if forward else (second, first)
            return np.exp(first) * (first - second)

        # piecewise, or narrow peaks are missed
        ends = np.linspace(-45, 45, 91)
        x, w = np.polynomial.legendre.leggauss(16)
        centers, half = (ends[1:] + ends[:-1]) / 2, (ends[1] - ends[0]) / 2
        return float(half * integrand(centers[:, None] + half * x).sum(axis=0) @ w)

    def minima(self) -> list[tuple[float, float, float]]:
        """All minima of the reverse divergence that many starts lead to, by mean."""
        found = {}
        for mu in np.linspace(-1.2, 1.2, 5) * max(self.a, 0.5):
            for s in (0.6, 2):
                end = optimize.minimize(
                    lambda t: self.kl(t[0], np.exp(t[1]), False),
                    [mu, log(s)],
                    bounds=[(-5, 5), (log(0.3), log(4))],
                    options={"ftol": 1e-12},
                )
                found[round(end.x[0], 2)] = (end.fun, end.x[0], np.exp(end.x[1]))
        return [found[key] for key in sorted(found)]


@pytest.mark.parametrize(
    "a, mu, s, said",
    [
        (2, -0.4, 2, "three minima; the lowest is on the heavier mode."),
        (2, -2, 0.6, "three minima; the lowest is on the heavier mode."),
        (1, 3.3, 0.4, "one minimum; the lowest is broad."),
        (3.4, 4, 4, "two minima; the lowest is on the heavier mode."),
        (0, 0, 0.6, "The modes coincide: both divergences are smallest at Q = P."),
        (0, 1, 1.2, "The modes coincide: both divergences are smallest at Q = P."),
    ],
)
def test_the_two_divergences_and_their_minima(figure, a, mu, s, said):
    shown, target = figure("kl-fits"), Target(a)
    shown.set(a=a, mu=mu, s=s)
    texts = [*shown.texts().values()]
    agree([*map(float, texts[:2])], [target.kl(mu, s, True), target.kl(mu, s, False)])
    sd = sqrt(0.36 + 0.96 * a**2)  # the variance between the modes is 4 · 0.6 · 0.4 a²
    # height, mean and standard deviation of each minimum
    forward = [target.kl(-0.2 * a, sd, True), -0.2 * a, sd]
    expected = [forward, *target.minima()]
    rows = [re.findall(r"-?\d+\.\d+", text) for text in texts if " at " in text]
    found = [[float(number) for number in row] for row in rows]
    assert len(found) == len(expected)
    # two decimals of the place are shown
    off = np.abs(np.array(found) - expected)
    assert (off < [DIGIT, 0.0051, 0.0051]).all(), off
    assert shown.said().endswith(said)


X = np.array([-1.7, -1.2, -0.8, -0.3, 0.4, 0.9, 1.3, 1.8])
Y = np.array([-1.4, -1.6, -0.4, -0.7, 0.8, 0.5, 1.6, 1.5])


def drawn(figure: Figure, style: str) -> np.ndarray:
    """The points of the left plot, read back from where they are drawn."""
    d = figure.page.locator(f".panels svg path.{style}").first.get_attribute("d")
    pixels = np.array(re.findall(r"M(\S+) (\S+?)h0", d), dtype=float)
    return np.array([-4, 3]) + pixels * [8 / 286, -6 / 212]


@pytest.mark.parametrize(
    "sigma, power", [(0.6, 2), (0.6, 4), (0.5, 4), (1.5, 0), (1.5, 4), (0, 3)]
)
def test_noise_as_a_penalty(figure, sigma, power):
    shown = figure("noise-penalty")
    shown.set(sigma=sigma, power=power)
    copies, m = 4**power, len(X)
    ridge = optimize.minimize_scalar(
        lambda w: ((X * w - Y) ** 2).mean() + sigma**2 * w**2
    ).x
    clean, penalty = ((X * ridge - Y) ** 2).sum(), m * sigma**2 * ridge**2
    plain = np.linalg.lstsq(X[:, None], Y)[0][0]
    points, noisy = drawn(shown, "ink"), drawn(shown, "dust")
    np.testing.assert_allclose(points, np.stack([X, Y], axis=1), atol=0.02)
    assert len(noisy) == copies * m
    fitted = np.linalg.lstsq(noisy[:, :1], noisy[:, 1])[0][0]
    mean = ((noisy[:, 0] * ridge - noisy[:, 1]) ** 2).sum() / copies
    numbers = shown.numbers()
    # what is drawn is rounded to a tenth of a pixel
    np.testing.assert_allclose([numbers[2], numbers[6]], [fitted, mean], rtol=0.01)
    exact = [*numbers[:2], *numbers[3:6]]
    agree(exact, [plain, ridge, clean, penalty, clean + penalty])
    assert sigma or numbers[:3] == [numbers[0]] * 3
    without = "Without noise the three fits are one."
    said = "Noise shrinks the weight" if sigma else without
    assert shown.said().startswith(said)
    if (sigma, power) == (0.5, 4):  # independent, of mean zero, and of this deviation
        noise = noisy[:, 0].reshape(256, 8) - X
        n = noise.size
        assert abs(noise.mean()) < 3 * 0.5 / sqrt(n)
        assert abs((noise**2).mean() - 0.25) < 3 * 0.25 * sqrt(2 / n)
        neighbours = noise[:, :-1].ravel(), noise[:, 1:].ravel()
        assert abs(np.corrcoef(*neighbours)[0, 1]) < 0.08


# -------------------------------------------------------------------------- readers


def test_each_figure_has_a_place_and_a_current_picture(figure):
    names = Book().interactive_figures
    assert names == sorted(sum(NAMES.values(), ()))
    for name in names:
        page = figure(name).page
        file = ROOT / "book/figures" / f"{name}.svg"
        old = f"{file} is out of date: run `python -m tools pictures`"
        assert pictures.draw(page, name) == file.read_text("utf-8"), old


def in_page(page: Page, name: str):
    place = page.locator(f"figure.interactive.{name}")
    place.evaluate("""f => {
      for (let e = f; e; e = e.parentElement) if (e.matches("details")) e.open = true;
      f.scrollIntoView();
    }""")
    return place


def heights(page: Page, names: list[str], drawn: bool) -> list:
    """Of the two parts of each figure, on a narrow and on a wide page."""
    found = []
    for name in names:
        place = in_page(page, name)
        assert page.locator(f".{name} .panels").count() == drawn
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            sizes = """f => [...f.children].filter(c => !c.matches(".enlarge"))
              .slice(0, 2).map(c => c.offsetHeight)"""
            found.append(place.evaluate(sizes))
    return found


@pytest.mark.parametrize("address", NAMES)
def test_nothing_moves_when_drawn_figures_follow_the_keys_and_print(open_page, address):
    names = NAMES[address]
    page = open_page("book/about.html")
    page.route("**/figures.js*", lambda route: route.fulfill(body=""))
    page.goto(address)
    before = heights(page, names, drawn=False)
    page.unroute("**/figures.js*")
    page.goto(address)
    np.testing.assert_allclose(heights(page, names, drawn=True), before, atol=1)
    for name in names:
        place = in_page(page, name)
        for slider in place.get_by_role("slider").all():
            output = slider.locator("xpath=..").locator("output")
            plots = place.locator(".panels > [role=img]")
            before = output.text_content(), plots.last.get_attribute("aria-label")
            slider.focus()
            assert slider.evaluate("s => getComputedStyle(s).outlineStyle") == "solid"
            page.keyboard.press("ArrowRight")
            assert output.inner_text() != before[0]
            assert slider.get_attribute("aria-valuetext") == output.inner_text()
            assert plots.last.get_attribute("aria-label") != before[1]
            page.keyboard.press("ArrowLeft")
            assert output.inner_text() == before[0]
            assert slider.bounding_box()["height"] >= 24
        assert plots.count() == 2
        assert place.locator("[aria-live=polite]").count() == 1
        expect(place.locator("figcaption")).to_contain_text("To try:")
    page.emulate_media(media="print")
    expect(plots.first).to_be_visible()
    expect(place.locator("output").first).to_be_visible()
    expect(place.locator("input").first).to_be_hidden()


@pytest.mark.parametrize("address", NAMES)
def test_without_scripts_the_pictures_are_there_and_no_empty_box(open_page, address):
    page = open_page(address, java_script_enabled=False)
    for name in NAMES[address]:
        place = in_page(page, name)
        picture = place.locator("img")
        picture.scroll_into_view_if_needed()
        expect(picture).to_be_visible()
        assert picture.evaluate("i => i.complete && i.naturalWidth") == 680
        assert len(picture.get_attribute("alt")) > 80
        assert place.locator(".settings").bounding_box()["height"] == 0


def test_figures_fit_the_page_and_keep_their_height(open_page):
    page = open_page(REVIEW)
    place = in_page(page, "kl-fits")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        found = set()
        for value in ("0", "1", "2", "3.4"):
            place.locator("input[name=a]").fill(value)
            found.add(place.bounding_box()["height"])
            widest = "f => Math.max(...[...f.children].map(c => c.scrollWidth))"
            assert place.evaluate(widest) <= place.evaluate("f => f.clientWidth")
        assert len(found) == 1
