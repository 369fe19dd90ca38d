#!/usr/bin/env python3
"""Draws few.png and few.svg from few.json: for each outage and fleet, when the last client was back, with one dot per
run.

    plot_few.py DIRECTORY

If the directory also has herd.json of the large fleet, its time until 99 % are back is shown beside them.
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from plot import COLOURS, NAMES  # noqa: E402

_CASES = {"killed": "killed for 8 s", "stopped": "stopped for 90 s", "no-quorum": "no quorum for 8 s"}
_LIMIT = 60.0  # s; what is not back by then is drawn here


def _small(document):
    """[(label on the axis, {library: [seconds]})]"""
    return [
        (f"{found['clients']:,} client{'' if found['clients'] == 1 else 's'},\n{_CASES[found['case']]}",
         {label: [_LIMIT if run["last_s"] is None else run["last_s"] for run in runs]
          for label, runs in found["libraries"].items()})
        for found in sorted(document["results"], key=lambda found: (list(_CASES).index(found["case"]), found["clients"]))
    ]


def _large(document):
    plan, times = document["plan"], {}
    for label, runs in document["results"].items():
        found = []
        for run in runs:
            after, fresh = run["fleets"][label]["t99"], run["fresh_client"]["first_served_s"]
            found.append(_LIMIT if after is None else max(0.01, after - (fresh or 0.0)))
        times[label] = found
    return [(f"{plan['handles']:,} clients (99 %),\n{plan['incident']['action']}ed for {plan['incident']['seconds']:g} s", times)]


def draw(directory):
    """Write both files into `directory`."""
    places = _small(json.loads((directory / "few.json").read_text()))
    if (directory / "herd.json").exists():
        places += _large(json.loads((directory / "herd.json").read_text()))
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 10, "axes.spines.top": False,
                         "axes.spines.right": False, "svg.hashsalt": "few"})
    figure, axes = plt.subplots(figsize=(max(4.5, 1.9 * len(places) + 2), 4.2))
    labels = [label for label in COLOURS if any(label in times for _, times in places)]
    for at, (_, times) in enumerate(places):
        for number, label in enumerate(labels):
            runs = times.get(label, [])
            place = at + (number - (len(labels) - 1) / 2) * 0.22
            axes.plot([place] * len(runs), [max(0.01, value) for value in runs], "o", color=COLOURS[label], alpha=0.75,
                      label=NAMES[label] if at == 0 else None)
    axes.set_yscale("log")
    axes.set_ylim(0.008, _LIMIT * 1.2)
    axes.set_xticks(range(len(places)), [name for name, _ in places])
    axes.set_ylabel("the last client is back,\ns after a fresh client's first session")
    axes.grid(axis="y", color="#e5e7eb")
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 1.2), ncols=len(labels))
    figure.tight_layout()
    figure.savefig(directory / "few.png", dpi=150)
    figure.savefig(directory / "few.svg", metadata={"Date": None})


if __name__ == "__main__":
    draw(pathlib.Path(sys.argv[1]))
