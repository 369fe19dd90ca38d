#!/usr/bin/python3
"""A picture of dist/observe/dashboard.json: 200 clients on three real servers, all servers killed for 20 s.

    dashboard.py FILE.png

The clients publish their counters, Debian's node_exporter and Prometheus collect them, and that Prometheus answers each
panel's queries. Only the drawing is not done by Grafana.
"""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import matplotlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import rig  # noqa: E402
from fleet import NODES, STOCK, Fleet, Variant, build, run_client  # noqa: E402

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

_CLIENTS = 200
_BEFORE, _OUTAGE, _AFTER = 40.0, 20.0, 40.0  # s
_INTERVAL = 1  # s between two files, two collections, and two points of a line
_RATE = f"{_INTERVAL * 8}s"  # what Grafana puts in the place of $__rate_interval
_LINES = 6  # of a panel at most, as more do not fit
_INK, _FAINT = "#1f2937", "#e5e7eb"


def _get(port, path, **query):
    url = f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read()


@contextlib.contextmanager
def collected(stats, where):
    """The port of a Prometheus that collects the files in `stats`."""
    configuration = where / "prometheus.yml"
    with rig.node_exporter(stats) as exporter:
        configuration.write_text(json.dumps({
            "global": {"scrape_interval": f"{_INTERVAL}s", "scrape_timeout": f"{_INTERVAL}s"},
            "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}]}],
        }))
        port = rig.free_port()
        child = rig.spawn(["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={where / 'data'}",
                           f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            rig.await_http(port, "/-/ready")
            yield port
        finally:
            rig.terminate(child)


def outage(binary, stats):
    """Runs the outage; returns the times of the start, of the incident, of its end, and of the end."""
    variant = Variant("ours", "ours", (("ZOO_STATS_DIR", str(stats)), ("ZOO_STATS_INTERVAL_MS", str(_INTERVAL * 1000))))
    with rig.Ensemble(3, tick_time=2000) as ensemble:
        run_client(binary, STOCK, "setup", ensemble.hosts, NODES)
        with Fleet(binary, variant, ensemble.hosts, _CLIENTS, processes=4, timeout_ms=10_000, ramp_us=2000) as fleet:
            if fleet.wait_connected(60) != _CLIENTS:
                raise SystemExit("dashboard: not all clients connect at the start")
            marks = [time.time()]
            time.sleep(_BEFORE)
            marks.append(time.time())
            for member in ensemble.members:
                member.kill()
            time.sleep(_OUTAGE)
            marks.append(time.time())
            for member in ensemble.members:
                member.start()
            time.sleep(_AFTER)
            marks.append(time.time())
            return marks


def lines(port, panel, begin, end):
    """[(label, [(s, value)])] of a panel."""
    found = []
    for target in panel["targets"]:
        query = target["expr"].replace("$instance", ".*").replace("$program", ".*").replace("$__rate_interval", _RATE)
        answer = json.loads(_get(port, "/api/v1/query_range", query=query, start=begin, end=end, step=_INTERVAL))
        for series in answer["data"]["result"]:
            label = target.get("legendFormat", "")
            for name, value in series["metric"].items():
                label = label.replace("{{" + name + "}}", value)
            found.append((label, [(at - begin, float(value)) for at, value in series["values"]]))
    return found


def draw(port, marks, target):
    """One plot per panel, at its place in the dashboard."""
    panels = json.loads((rig.ROOT / "dist" / "observe" / "dashboard.json").read_text())["panels"]
    begin, hit, healed, end = marks
    plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 8, "axes.spines.top": False, "axes.spines.right": False,
                         "axes.edgecolor": "#9ca3af", "text.color": _INK})
    rows = max(panel["gridPos"]["y"] // panel["gridPos"]["h"] for panel in panels) + 1
    figure, grid = plt.subplots(rows, 3, figsize=(13, 2.3 * rows), sharex=True)
    empty = []
    for panel in panels:
        place = panel["gridPos"]
        axes = grid[place["y"] // place["h"]][place["x"] // place["w"]]
        found = lines(port, panel, begin, end)
        if not found:
            empty.append(panel["title"])
        for label, points in found[:_LINES]:
            axes.plot(*zip(*points), linewidth=1.3, label=label)
        axes.axvspan(hit - begin, healed - begin, color="#fde68a", alpha=0.45, linewidth=0)
        axes.set_title(panel["title"], loc="left", fontsize=9, fontweight="bold")
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
        axes.grid(color=_FAINT)
        if found:
            axes.legend(frameon=False, fontsize=7, loc="upper left")
    for axes in grid[-1]:
        axes.set_xlabel("s")
    figure.tight_layout()
    figure.savefig(target, dpi=100)
    return empty


def main():
    """The command."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    binary = build(HERE / "out" / "build")
    with tempfile.TemporaryDirectory(prefix="calmkeeper-dashboard-") as name:
        where = pathlib.Path(name)
        stats = where / "stats"
        stats.mkdir()
        with collected(stats, where) as port:
            marks = outage(binary, stats)
            empty = draw(port, marks, sys.argv[1])
    print("dashboard: no data for: " + ", ".join(empty) if empty else f"dashboard: {sys.argv[1]}")


if __name__ == "__main__":
    main()
