#!/usr/bin/env python3
"""Draws herd.png and herd.svg from herd.csv and herd.json: connected clients and attempts per second, on one time axis.

    plot.py DIRECTORY [NAME...]     NAME: only these of the fleets
"""

import csv
import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter  # noqa: E402

COLOURS = {"stock": "#c2410c", "ours": "#0f766e", "0.1.0": "#9ca3af"}
NAMES = {"stock": "Apache's library (Debian)", "ours": "Calmkeeper", "0.1.0": "Calmkeeper 0.1.0"}
_OTHERS = ("#6d28d9", "#1d4ed8", "#a16207", "#be185d")
_INK, _FAINT = "#1f2937", "#9ca3af"


def _series(path):
    """{(run, number): [row]} with the values as numbers."""
    found = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            key = (row.pop("run"), int(row.pop("number")))
            found.setdefault(key, []).append({name: float(value) for name, value in row.items() if value})
    return found


def _rate(rows, window=1.0):
    """[(t, attempts/s)] over a trailing window."""
    points, behind = [], 0
    for row in rows:
        while row["t"] - rows[behind]["t"] > window:
            behind += 1
        span = row["t"] - rows[behind]["t"]
        if span > window / 2:
            points.append((row["t"], (row["ActiveOpens"] - rows[behind]["ActiveOpens"]) / span))
    return points


def _connected(row):
    return sum(value for name, value in row.items() if name.startswith("connected:"))


def _middle_runs(document):
    """{run name: number of the run with the median t99}"""
    chosen = {}
    for name, runs in document["results"].items():
        def late(item, runs=runs):
            times = [fleet["t99"] for fleet in item[1]["fleets"].values()]
            return max(float("inf") if value is None else value for value in times)
        ordered = sorted(enumerate(runs), key=late)
        chosen[name] = ordered[(len(ordered) - 1) // 2][0]
    return chosen


def _style():
    plt.rcParams.update({
        "font.family": "DejaVu Sans", "font.size": 10, "axes.edgecolor": _FAINT, "axes.labelcolor": _INK,
        "text.color": _INK, "xtick.color": _INK, "ytick.color": _INK, "axes.spines.top": False,
        "axes.spines.right": False, "svg.hashsalt": "herd", "axes.grid": True, "grid.color": "#e5e7eb",
        "grid.linewidth": 0.8,
    })


def draw(directory, names=()):
    """Write both files into `directory`."""
    document = json.loads((directory / "herd.json").read_text())
    if names:
        document["results"] = {name: document["results"][name] for name in names}
    series = _series(directory / "herd.csv")
    middle = _middle_runs(document)
    end = document["plan"]["incident"]["seconds"]
    handles = document["plan"]["handles"]
    _style()
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 6.2), sharex=True, height_ratios=(1.15, 1))
    others = iter(_OTHERS)
    for name in document["results"]:
        colour = COLOURS.get(name) or next(others, _INK)
        for number in range(len(document["results"][name])):
            rows = series[name, number]
            chief = number == middle[name]
            look = {"color": colour, "linewidth": 2.2 if chief else 0.8, "alpha": 1 if chief else 0.35,
                    "solid_joinstyle": "round", "label": NAMES.get(name, name) if chief else None}
            above.plot([row["t"] for row in rows], [_connected(row) for row in rows], **look)
            below.plot(*zip(*_rate(rows)), **look)
    for axes in (above, below):
        axes.axvspan(0, end, color="#fde68a", alpha=0.45, linewidth=0)
        axes.set_axisbelow(True)
    above.set_ylim(0, handles * 1.08)
    above.set_ylabel("connected clients")
    above.annotate(document["incident"], (end / 2, handles * 0.5), ha="center", va="center", fontsize=9, color="#92400e")
    above.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.06, 0.05))
    below.set_yscale("symlog", linthresh=10)
    below.set_ylim(bottom=0)
    below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    below.set_ylabel("connection attempts per second\n(kernel counter, log scale)")
    below.set_xlabel("seconds since the outage began")
    drawn = [row["t"] for (name, _), rows in series.items() if name in document["results"] for row in rows]
    below.set_xlim(min(drawn), max(drawn))
    plan = document["plan"]
    limits = [f"{plan['share'] * 100:g} % of a core" if plan["share"] else "",
              f"{plan['nofile']:,} descriptors" if plan["nofile"] else ""]
    each = " and ".join(limit for limit in limits if limit)
    above.set_title(
        f"{handles:,} clients, three real ZooKeeper servers" + (f" with {each} each" if each else ""),
        loc="left", fontsize=11, fontweight="bold",
    )
    figure.tight_layout()
    figure.savefig(directory / "herd.png", dpi=150)
    figure.savefig(directory / "herd.svg", metadata={"Date": None})


if __name__ == "__main__":
    draw(pathlib.Path(sys.argv[1]), sys.argv[2:])
