"""Turns runs into a summary, a printed table, Markdown, and a plot. Measures nothing."""

import statistics

from modes import HIGHER_IS_BETTER, UNITS

# The columns with which the table compares ours.
BASES = ("stock", "tuned", "0.1.0", "floor")


def ratio(figure, base, ours):
    """How many times better ours is; None if one of the figures is missing or zero."""
    if not base or not ours:
        return None
    return ours / base if figure in HIGHER_IS_BETTER else base / ours


def _paired_ratio(figure, base, ours):
    """The median of the ratios of paired runs."""
    ratios = [ratio(figure, b.get(figure), o.get(figure)) for b, o in zip(base, ours)]
    ratios = [r for r in ratios if r is not None]
    return statistics.median(ratios) if ratios else None


def summarise(mode, runs):
    """`runs`: {subject: {"timed": [figures, ...], "calls": figures, "instructions": figures}} of one mode."""
    figures = [*mode.figures, *(f for f in ("syscalls", "allocs", "instructions") if any(
        f in r.get("calls", {}) or f in r.get("instructions", {}) for r in runs.values()))]
    rows = []
    for figure in figures:
        medians, ratios = {}, {}
        for name, run in runs.items():
            values = [t[figure] for t in run["timed"] if figure in t]
            counted = {**run.get("calls", {}), **run.get("instructions", {})}.get(figure)
            if values or counted is not None:
                medians[name] = statistics.median(values) if values else counted
        floor = {base: ratio(figure, medians.get(base), medians.get("floor")) for base in ("stock", "tuned")}
        for base in ("stock", "tuned", "0.1.0", "floor", "kazoo", "rust"):
            if base in runs and "ours" in runs and base in medians and "ours" in medians:
                paired = _paired_ratio(figure, runs[base]["timed"], runs["ours"]["timed"])
                ratios[base] = paired if paired is not None else ratio(figure, medians[base], medians["ours"])
        rows.append({"figure": figure, "unit": UNITS[figure], "medians": medians, "ratios": ratios,
                     "targets": [_judge(t, medians, ratios, floor) for t in mode.targets if t.figure == figure]})
    cut = {name: f"{t['cut_off']}, cut off after {t['limit_s']:g} s"
           for name, run in runs.items() for t in run["timed"] if "cut_off" in t}
    return {"mode": mode.name, "title": mode.title, "note": mode.note, "rows": rows, "cut_off": cut,
            "pairs": max((len(r["timed"]) for r in runs.values()), default=0)}


def _judge(target, medians, ratios, floor):
    value = medians.get("ours") if target.against == "limit" else ratios.get(target.against)
    if value is None:
        met = None
    else:
        met = value <= target.value if target.against == "limit" else value >= target.value
    beyond = floor.get(target.against) if met is False else None  # a target that no library can meet on this machine
    return {"against": target.against, "wanted": target.value, "got": value, "met": met,
            "floor": beyond if beyond and beyond < target.value else None}


# ---- the table ----


def number(value):
    """Three digits, thousands separated."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def times(value):
    """A ratio."""
    return "" if value is None else f"{value:.3g}x" if value < 100 else f"{value:,.0f}x"


def _target_text(row):
    texts = []
    for t in row["targets"]:
        sign, unit = ("<= ", "") if t["against"] == "limit" else (">= ", "x")
        what = "" if t["against"] == "limit" else f" {t['against']}"
        verdict = {True: "met", False: "MISSED", None: "not measured"}[t["met"]]
        beyond = f" (the floor is at {times(t['floor'])})" if t["floor"] else ""
        texts.append(f"{sign}{t['wanted']:g}{unit}{what}: {verdict}{beyond}")
    return "; ".join(texts)


def _cells(summary, subjects):
    for row in summary["rows"]:
        yield [row["unit"] if row["figure"] not in ("p50_us", "p99_us", "open_p50_us", "open_p99_us", "close_p50_us",
                                                    "close_p99_us", "all_ms", "total_ms", "after_accept_ms")
               else row["figure"].rsplit("_", 1)[0].replace("_", " ") + ", " + row["unit"],
               *(number(row["medians"].get(s)) for s in subjects),
               *(times(row["ratios"].get(base)) for base in BASES), _target_text(row)]


def print_mode(summary, subjects, file):
    """One mode's rows, as soon as it is measured."""
    print(f"\n{summary['title']}" + (f"   ({summary['note']})" if summary["note"] else ""), file=file)
    for cells in _cells(summary, subjects):
        print("  " + cells[0].ljust(20) + "".join(c.rjust(11) for c in cells[1:-1]) + "   " + cells[-1], file=file)
    for name, text in summary["cut_off"].items():
        print(f"  {name}: {text}", file=file)
    file.flush()


def print_heading(subjects, file):
    """The columns of print_mode."""
    print("".ljust(22) + "".join(s.rjust(11) for s in [*subjects, *(f"vs {base}" for base in BASES)]) + "   target", file=file)


# The markers around the handwritten part of docs/BENCH.md.
NOTES = ("<!-- notes:begin -->", "<!-- notes:end -->")


def notes_of(document):
    """The handwritten part of docs/BENCH.md with its markers; only the markers if there is none."""
    begin, end = NOTES
    if begin not in document or end not in document:
        return f"{begin}\n{end}"
    return document[document.index(begin):document.index(end) + len(end)]


def markdown(report, notes):
    """docs/BENCH.md with the notes of the previous version."""
    subjects = report["subjects"]
    lines = [
        "# Benchmark",
        "",
        "Written by `make bench ARGS=--readme`, but for the notes. One program, linked dynamically against whichever "
        "`libzookeeper_mt.so.2` the loader finds, so that the very same binary measures all columns; every callback checks "
        "data, order and count. Runs are interleaved; a figure is the median of the runs, a ratio the median of the "
        "ratios of neighbouring runs, and more is better for us.",
        "",
        f"{report['machine']}. Calmkeeper {report['commit']}, stock {report['stock']}.",
        "",
        "- **floor**: the same requests on a plain socket, one thread, no library. \"vs floor\" is what is left to gain: 0.5x is "
        "twice the floor's cost.",
        "- **stock**: Debian's libzookeeper-mt2. **tuned**: the same after "
        "`zoo_set_servers_resolution_delay(zh, -1)`, which stops a name resolution per loop pass.",
        "- **0.1.0**: this library before its rooms were rebuilt, from its commit.",
        "- **kazoo**, **rust**: Python's client and the crate zookeeper-client, where they can do the same work.",
        "",
        "![Throughput and CPU per operation of stock and ours](img/bench.svg)",
        "",
        notes,
    ]
    for heading, key in (("Against a responder that is never the limit", False), ("Against Apache ZooKeeper 3.8.0", True)):
        chosen = [s for s in report["modes"] if s["mode"].startswith("real-") == key]
        if not chosen:
            continue
        lines += ["", f"## {heading}", "", "| mode | " + " | ".join([*subjects, *(f"vs {base}" for base in BASES)]) + " | target |",
                  "|---" * (len(subjects) + len(BASES) + 2) + "|"]
        notes = []
        for summary in chosen:
            for i, cells in enumerate(_cells(summary, subjects)):
                title = f"**{summary['title']}**<br>" if i == 0 else ""
                lines.append("| " + " | ".join([title + cells[0], *cells[1:]]) + " |")
            if summary["note"]:
                notes.append(f"- {summary['title']}: {summary['note']}.")
            notes += [f"- {summary['title']}: {name}: {text}." for name, text in summary["cut_off"].items()]
        lines += ["", *sorted(set(notes), key=notes.index)] if notes else []
    if report["skipped"]:
        lines += ["", "Not measured: " + "; ".join(f"{n}: {why}" for n, why in report["skipped"].items()) + "."]
    return "\n".join(lines) + "\n"


# ---- the plot ----

_COLOURS = {"floor": "#b0b0b0", "stock": "#c0504d", "tuned": "#e0a060", "ours": "#2e75b6", "0.1.0": "#9dc3e6", "kazoo": "#7f9f3f", "rust": "#7b5ea7"}


def plot(report, targets):
    """Bars of throughput and of CPU per operation, on a logarithmic scale, into each file of `targets`."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "calmkeeper"  # the same picture for the same figures
    from matplotlib import pyplot

    wanted = ["sync-get-1", "sync-get-16", "aget-1", "aget-16", "aget-256", "aget-4096", "aset-256", "acreate-256",
              "amulti-16", "children", "big", "delivery"]
    by_name = {s["mode"]: s for s in report["modes"]}
    modes = [by_name[name] for name in wanted if name in by_name]
    panels = [("ops_s", "operations per second (more is better)"), ("cpu_us", "client CPU per operation, µs (less is better)")]
    figure, axes = pyplot.subplots(len(panels), 1, figsize=(12, 8.5), layout="constrained")
    for axis, (key, label) in zip(axes, panels):
        rows = [(m["title"], next((r for r in m["rows"] if r["figure"] == key), None)) for m in modes]
        rows = [(title, row) for title, row in rows if row]
        width = 0.8 / max(1, len(report["subjects"]))
        for i, subject in enumerate(report["subjects"]):
            at = [x for x, (_, row) in enumerate(rows) if row["medians"].get(subject)]
            axis.bar([x + (i + 0.5) * width - 0.4 for x in at], [rows[x][1]["medians"][subject] for x in at], width,
                     color=_COLOURS[subject], label=subject)
        axis.set_yscale("log")
        axis.set_ylabel(label)
        axis.set_xticks(range(len(rows)), [t.replace(", ", ",\n") for t, _ in rows], fontsize=8)
        axis.grid(axis="y", which="major", alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        for x, (_, row) in enumerate(rows):
            if row["ratios"].get("stock"):
                top = max(v for v in row["medians"].values() if v)
                axis.annotate(times(row["ratios"]["stock"]), (x, top), ha="center", va="bottom", fontsize=8,
                              color=_COLOURS["ours"], xytext=(0, 2), textcoords="offset points")
    axes[0].legend(ncols=6, fontsize=8, loc="upper left", frameon=False)
    axes[0].set_title(f"The same program on stock and on Calmkeeper; blue figures: times better than stock\n"
                      f"{report['machine']}", fontsize=10)
    for target in targets:
        figure.savefig(target, dpi=110, metadata={"Date": None} if target.suffix == ".svg" else None)
    pyplot.close(figure)
