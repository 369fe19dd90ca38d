#!/usr/bin/python3
"""How costs grow with the number of handles in a process, and of watches on a handle: stock and ours.

    growth.py [--readme]     writes bench/out/growth.json, .svg; with --readme docs/img/growth.svg too
    growth.py loss [--handles N ...] [--idle SECONDS] [--subjects stock,ours]
                             all handles of a process lose their server together: writes bench/out/loss.json

The cost of a handle or a watch must not grow with their number: nothing may be worse than linear. Memory and CPU time
are measured; times are not asserted.
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess

import build
import subjects as who
from modes import STUB, Mode
from servers import responder

HANDLES = (1, 10, 100, 1000, 4000)
WATCHES = (1_000, 10_000, 100_000, 1_000_000)
_COLOURS = {"stock": "#c2410c", "ours": "#0f766e"}
_PANELS = {
    "rss_kb": "memory of an idle handle, kB",
    "cpu_ms_per_minute": "CPU of an idle handle, ms a minute",
    "cpu_us": "CPU of a watch that fires, us",
}


def _with_count(name, count):
    """The mode with another count: the last one of a command line counts."""
    mode = next(mode for mode in STUB if mode.name == name)
    return dataclasses.replace(mode, args=(*mode.args, "--count", str(count)))


def _peak_kb(subject, mode, port):
    """(figures, peak kB) of one run in a separate process."""
    command = [*subject.command(mode, port), "--ops", "1", "--limit", "900"]
    child = subprocess.Popen(command, env=subject.environment(), stdout=subprocess.PIPE, text=True)
    text = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"growth: {subject.name}, {mode.args}: exit {child.returncode}")
    return json.loads(text.splitlines()[-1]), usage.ru_maxrss


def measure(subject):
    """{panel: [(count, value)]}, and the bytes that a watch takes in the process."""
    found = {panel: [] for panel in _PANELS}
    for count in HANDLES:
        with responder() as port:
            figures = subject.run(_with_count("idle-1", count), port, ["--secs", "5", "--limit", "900"])
        for panel in ("rss_kb", "cpu_ms_per_minute"):
            found[panel].append((count, figures[panel]))
        print(f"{subject.name}: {count:,} handles: {figures['rss_kb']:.1f} kB, {figures['cpu_ms_per_minute']:.2f} ms/min", flush=True)
    peaks = []
    for count in WATCHES:
        with responder() as port:
            figures, peak = _peak_kb(subject, _with_count("delivery", count), port)
        peaks.append(peak)
        found["cpu_us"].append((count, figures["cpu_us"]))
        print(f"{subject.name}: {count:,} watches: {peak} kB at most, {figures['cpu_us']:.2f} us", flush=True)
    # Computed from the two largest counts: the memory of fewer watches fits into memory that the process has anyway.
    found["watch_bytes"] = (peaks[-1] - peaks[-2]) * 1024 / (WATCHES[-1] - WATCHES[-2])
    return found


def draw(results, target):
    """One plot per panel, with a logarithmic count."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "growth"
    figure, grid = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for axes, (panel, title) in zip(grid.flat, _PANELS.items()):
        for name, found in results.items():
            axes.plot(*zip(*found[panel]), "o-", color=_COLOURS[name], label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("handles in the process" if "handle" in title else "watches on the handle")
        axes.grid(color="#e5e7eb")
        axes.legend(frameon=False)
    figure.savefig(target, metadata={"Date": None})


def lose(subject, counts, idle):
    """All handles of a process lose their server after `idle` seconds; returns the figures of each number of handles, per
    handle."""
    rows = []
    for count in counts:
        mode = Mode("loss", "", ("--mode", "loss", "--count", str(count), "--timeout", "10000"))
        with responder() as port:
            figures = subject.run(mode, port, ["--secs", str(idle), "--limit", str(idle + 900)], limit=idle + 1000)
        rows.append({"subject": subject.name, "handles": count, "idle": idle, **figures})
        pairs = [("kB", "rss_kb", "peak_rss_kb"), ("threads", "threads", "peak_threads"), ("fds", "descriptors", "peak_descriptors")]
        growth = ", ".join(f"{figures[first]:.1f} to {figures[most]:.1f} {unit}" for unit, first, most in pairs)
        print(f"{subject.name}, {count:,} handles: {growth}; idle {figures['cpu_ms_per_minute']:.2f} ms/min; "
              f"outage {figures['outage_cpu_ms']:.2f} ms; back {figures['back_half_ms']:.0f}, {figures['back_all_ms']:.0f} ms", flush=True)
    return rows


def main():
    """The command."""
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("what", nargs="?", choices=["loss"])
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--handles", nargs="+", type=int, default=HANDLES[1:])
    parser.add_argument("--idle", type=int, default=5)
    parser.add_argument("--subjects", default="stock,ours")
    options = parser.parse_args()
    build.build(who.rig.link_directory("stock"))
    if options.what == "loss":
        rows = [row for name in options.subjects.split(",") for row in lose(who.MAKERS[name](), options.handles, options.idle)]
        (build.OUT / "loss.json").write_text(json.dumps(rows, indent=1) + "\n")
        return
    results = {name: measure(who.MAKERS[name]()) for name in ("stock", "ours")}
    build.OUT.mkdir(exist_ok=True)
    (build.OUT / "growth.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(results, build.OUT / "growth.svg")
    if options.readme:
        shutil.copy(build.OUT / "growth.svg", build.HERE.parent / "docs" / "img" / "growth.svg")
    for name, found in results.items():
        figures = [", ".join(f"{value:.3g}" for _, value in found[panel]) for panel in _PANELS]
        print(f"| {name} | " + " | ".join([*figures, f"{found['watch_bytes']:.0f}"]) + " |")


if __name__ == "__main__":
    main()
