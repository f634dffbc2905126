"""One style for all figures."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from helpers.results import mean_and_half_width

__all__ = ["COLOURS", "STYLE", "plot_band", "use_style"]

# Okabe and Ito's palette, which colour-blind readers can tell apart
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
STYLE = {
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS),
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "figure.figsize": (6.4, 3.6),
    "font.size": 11,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.hashsalt": "figures",
}


def use_style() -> None:
    """Set colours and sizes for this session; inside a notebook draw as SVG."""
    matplotlib.rcParams.update(STYLE)
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("svg", metadata={"Date": None})


def plot_band(ax: Axes, x, rows: np.ndarray, **style) -> Axes:
    """Draw the mean of `rows`, shape (seeds, len(x)), with its 95 % t-interval."""
    mean, half = mean_and_half_width(rows)
    (line,) = ax.plot(x, mean, **style)
    shade = {"color": line.get_color(), "alpha": 0.2, "linewidth": 0}
    ax.fill_between(x, mean - half, mean + half, **shade)
    return ax
