"""The output: the progress line, CSV, JSON, the table of targets."""

import csv
import dataclasses
import json
import os
import pathlib
import platform
import sys
import time

import measure


@dataclasses.dataclass(frozen=True)
class Target:
    """One target and its result. `met` is None if it could not be judged; `text` has the reason."""

    what: str
    promise: str
    text: str
    met: bool | None

    def line(self):
        """For the terminal."""
        verdict = {True: "met", False: "MISSED", None: "not judged"}[self.met]
        return f"  {verdict:<11}{self.what}: {self.text} (target: {self.promise})"


class Progress:
    """One line on stderr: rewritten in place on a terminal, otherwise a new line every few seconds."""

    def __init__(self, title, handles):
        self._title, self._handles = title, handles
        self._terminal = sys.stderr.isatty()
        self._pause = 0.5 if self._terminal else 5.0
        self._shown = 0.0
        self._last = None
        self._phase = None

    def __call__(self, phase, row):
        now = time.monotonic()
        if phase == self._phase and now - self._shown < self._pause:
            return
        rate = ""
        attempts = row.get("ActiveOpens")
        if attempts is not None:
            if self._last and now > self._last[0]:
                rate = f"  {(attempts - self._last[1]) / (now - self._last[0]):7.0f} attempts/s"
            self._last = (now, attempts)
        connected = "  ".join(f"{row[key]:5d}" for key in row if key.startswith("connected:"))
        lost = sum(row[key] for key in row if key.startswith("lost:"))
        text = f"{self._title:<14} {phase:<10} connected {connected} of {self._handles}  lost {lost:5d}{rate}"
        if self._terminal:
            sys.stderr.write("\r\x1b[K" + text)
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()
        self._shown, self._phase = now, phase

    def done(self):
        """Leave the line."""
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def machine():
    """Where it ran."""
    model = next(
        (line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), platform.machine(),
    )
    return {
        "cpu": model, "cores": os.cpu_count(), "kernel": platform.release(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20,
    }


def write_json(path, document):
    """Writes indented JSON, and replaces the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(document, indent=1) + "\n")
    fresh.replace(path)


def write_csv(path, runs):
    """All samples of [(run name, number, Run)] in one file; columns that a run lacks stay empty."""
    columns = ["run", "number"]
    for _, _, run in runs:
        columns += [name for name in run.rows[0] if name not in columns]
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        for name, number, run in runs:
            for row in run.rows:
                writer.writerow({"run": name, "number": number, **row})


def seconds(value, watched=None):
    """A time as text, or a text that the event did not come."""
    if value is None:
        return "never" if watched is None else f"not within {watched:.0f} s"
    return f"{value:.1f} s"


def with_range(values, form):
    """The median and, in brackets, the range of values of which some may be None, which is "never" and longer than all others."""
    known = [value for value in values if value is not None]
    middle = measure.median(values)
    shown = "never" if middle is None else form.format(middle)
    if not known:
        return shown
    most = "never" if None in values else form.format(max(known))
    return f"{shown} ({form.format(min(known))} to {most})"


def outage_table(results):
    """The terminal's table: one column per fleet, one row per figure. `results`: {name: [summary, ...]}."""
    columns = [(name, label) for name, found in results.items() for label in found[0]["fleets"]]

    def column(name, label):
        runs = results[name]

        def middle(pick):
            return measure.median([pick(run) for run in runs])

        def count(pick):
            value = middle(pick)
            return "-" if value is None else f"{value:,.0f}"

        watched = max(run["watched_s"] for run in runs)
        fresh = any(run["fresh_client"]["tried"] for run in runs)
        topped = any(run["zktop"]["mean_serving"] is not None for run in runs)
        times = [
            seconds(middle(lambda run, level=level: run["fleets"][label][f"t{level}"]), watched)
            for level in (50, 90, 99, 100)
        ]
        return [
            *times,
            count(lambda run: run["fleets"][label]["lost"]),
            count(lambda run: run["attempts"]["outage"]),
            count(lambda run: run["attempts"]["total"]),
            count(lambda run: run["attempts"]["peak_per_s"]),
            f"{middle(lambda run: run['fleets'][label]['log_lines_per_client']):.1f}",
            count(lambda run: run["kernel"]["ListenOverflows"]),
            count(lambda run: run["server_sockets_max"]["close_wait"]),
            count(lambda run: max(run["server_descriptors_max"])),
            count(lambda run: run["mntr"]["zk_connection_request_count"]),
            count(lambda run: run["mntr"]["zk_connection_revalidate_count"]),
            seconds(middle(lambda run: run["fresh_client"]["first_served_s"]), watched) if fresh else "-",
            seconds(middle(lambda run: run["zktop"]["all_serving_s"]), watched) if topped else "-",
            f"{middle(lambda run: run['client_cpu_outage_s']):.1f} s",
        ]

    head = [f"{name}/{label}" if name != label else name for name, label in columns]
    labels = [
        "50 % connected after", "90 %", "99 %", "100 %", "sessions lost", "attempts in the outage", "attempts in all",
        "most attempts/s", "log lines a client", "listen overflows", "CLOSE_WAIT, most", "descriptors, most",
        "connection requests", "revalidations", "a fresh client got in", "zktop showed all servers", "client CPU in the outage",
    ]
    cells = [column(*which) for which in columns]
    width = [max(len(head[i]), *map(len, cells[i])) + 2 for i in range(len(columns))]
    lines = [" " * 26 + "".join(f"{head[i]:>{width[i]}}" for i in range(len(columns)))]
    for number, label in enumerate(labels):
        lines.append(f"  {label:<24}" + "".join(f"{cells[i][number]:>{width[i]}}" for i in range(len(columns))))
    return "\n".join(lines)


def rounds_table(results):
    """Markdown for several rounds: medians and, in brackets, ranges. `results` as in outage_table, with one fleet per
    case."""
    def after_fresh(run, label):
        back, fresh = run["fleets"][label]["t99"], run["fresh_client"]["first_served_s"]
        return None if back is None or fresh is None else max(0.0, back - fresh)

    rows = {
        "connection attempts during the outage": (lambda run, _: run["attempts"]["outage"], "{:,.0f}"),
        "connection attempts in all": (lambda run, _: run["attempts"]["total"], "{:,.0f}"),
        "listen overflows at the servers": (lambda run, _: run["kernel"]["ListenOverflows"], "{:,.0f}"),
        "CPU of all clients during the outage, s": (lambda run, _: run["client_cpu_outage_s"], "{:.1f}"),
        "log lines a client": (lambda run, label: run["fleets"][label]["log_lines_per_client"], "{:.0f}"),
        "sessions lost": (lambda run, label: run["fleets"][label]["lost"], "{:,.0f}"),
        "99 % back, s after a fresh client's first session": (after_fresh, "{:.1f}"),
        "the same, s after the outage": (lambda run, label: run["fleets"][label]["t99"], "{:.1f}"),
    }

    def cell(label, pick, form):
        return with_range([pick(run, label) for run in results[label]], form)

    lines = [f"| | {' | '.join(results)} |", "|---" * (len(results) + 1) + "|"]
    lines += [f"| {what} | {' | '.join(cell(label, *row) for label in results)} |" for what, row in rows.items()]
    return "\n".join(lines)


def outage_targets(results, timed=True):
    """The targets that issue 3 sets for an outage of a real ensemble, compared with the medians of the runs. `results`:
    {"stock": [...], "ours": [...]}; `timed`: with the targets about time."""
    if "stock" not in results or "ours" not in results:
        return []

    def middle(name, pick):
        return measure.median([pick(run) for run in results[name]])

    stock_at, our_at = (middle(name, lambda run: run["fleets"][name]["t99"]) for name in ("stock", "ours"))
    whole = middle("ours", lambda run: run["fleets"]["ours"]["t100"])
    attempts = [middle(name, lambda run: run["attempts"]["total"]) for name in ("ours", "stock")]
    lost = [middle(name, lambda run: run["fleets"][name]["lost"]) for name in ("ours", "stock")]
    watched = max(run["watched_s"] for run in results["stock"])
    share = measure.ratio(*attempts)
    found = [
        Target("attempts", "<= 0.3x stock's", f"{attempts[0]:,.0f} to {attempts[1]:,.0f}, {share}x",
               share is not None and share <= 0.3),
        Target("sessions lost", "<= stock's", f"{lost[0]:,.0f} to {lost[1]:,.0f}", lost[0] <= lost[1]),
    ]
    back = [run["fleets"]["ours"]["connected_at_end"] for run in results["ours"]]
    whole_fleet = results["ours"][0]["fleets"]["ours"]["handles"]
    found.append(Target("connected at the end", f"all {whole_fleet:,}", str(back),
                        all(count == whole_fleet for count in back)))
    times = f"{seconds(our_at)} to {seconds(stock_at, watched)}"
    if not timed:
        pass
    elif stock_at is None or stock_at > 60:
        bound = 0.5 * (watched if stock_at is None else stock_at)
        found.append(Target("everybody back where stock takes over a minute", "100 %, 99 % in <= 0.5x stock's time",
                            f"{times}; 100 % after {seconds(whole)}",
                            whole is not None and our_at is not None and our_at <= bound))
    else:
        found.append(Target("time to 99 %", "<= stock's", times, our_at is not None and our_at <= stock_at))
    missed = [run["missed_watches"] for run in results["ours"]]
    found.append(Target("watches missed", "none", str(missed), all(count == 0 for count in missed)))
    dead = sum(run["dead_client_processes"] for run in results["ours"])
    found.append(Target("client processes that died", "none", str(dead), dead == 0))
    return found
