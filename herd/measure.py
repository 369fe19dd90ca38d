"""Computes the figures of a run from its samples."""

import statistics

_LEVELS = (50, 90, 99, 100)


def _column(rows, name):
    return [row[name] for row in rows]


def reached(rows, column, handles, end, level):
    """(seconds after `end` until `level` % are connected for good, seconds until they first are); None: not in the
    observed time.

    "For good": from then on never below that level again in the observed time. A time during the incident would be
    negative, and is reported as 0.
    """
    need = handles * level / 100
    after = [row for row in rows if row["t"] >= end]
    first = next((row["t"] - end for row in after if row[column] >= need), None)
    for_good = 0.0
    for row, following in zip(after, after[1:] + [None]):
        if row[column] < need:
            for_good = following["t"] - end if following else None
    return (None if for_good is None else round(for_good, 2), None if first is None else round(first, 2))


def _at(rows, t):
    """The last row at or before t."""
    found = rows[0]
    for row in rows:
        if row["t"] > t:
            break
        found = row
    return found


def _between(rows, name, start, end):
    return _at(rows, end)[name] - _at(rows, start)[name]


def peak_rate(rows, name, window=1.0):
    """The largest growth of a cumulative column within `window` seconds, per second."""
    best, behind = 0.0, 0
    for row in rows:
        while row["t"] - rows[behind]["t"] > window:
            behind += 1
        span = row["t"] - rows[behind]["t"]
        if span > window / 2:
            best = max(best, (row[name] - rows[behind][name]) / span)
    return round(best, 1)


def fleet_summary(run, label):
    """One fleet's figures."""
    rows, end, last = run.rows, run.marks["end"], run.marks["watched"]
    handles = run.handles[label]
    figures = {"handles": handles}
    for level in _LEVELS:
        good, first = reached(rows, f"connected:{label}", handles, end, level)
        figures[f"t{level}"] = good
        figures[f"t{level}_first"] = first
    figures["connected_at_end"] = rows[-1][f"connected:{label}"]
    for name in ("lost", "drops", "inits", "init_errors", "watch_events", "log_lines", "log_bytes", "read_errors"):
        figures[name] = _between(rows, f"{name}:{label}", 0.0, last)
    figures["log_lines_per_client"] = round(figures["log_lines"] / handles, 2)
    return figures


def _fresh_summary(run):
    end = run.marks["end"]
    after = [(at, ms) for at, ms in run.fresh if at >= end]
    served = [ms for _, ms in after if ms >= 0]
    first = next((at + ms / 1000 - end for at, ms in run.fresh if ms >= 0 and at + ms / 1000 >= end), None)
    return {
        "tried": len(run.fresh),
        "tried_after_end": len(after),
        "served_after_end": len(served),
        "median_ms": round(statistics.median(served), 1) if served else None,
        "first_served_s": None if first is None else round(first, 2),
    }


def _words_summary(run):
    after = [took for at, _, _, took in run.words if at >= run.marks["end"]]
    served = [took for took in after if took is not None]
    return {
        "asked_after_end": len(after),
        "answered_after_end": len(served),
        "median_ms": round(statistics.median(served) * 1000, 1) if served else None,
    }


def _zktop_summary(run, members):
    """Since the incident's end: how many servers zktop's screen showed as serving, and when it first showed all."""
    end = run.marks["end"]
    after = [(at - end, serving) for at, serving in run.zktop if at >= end]
    if not after:
        return {"mean_serving": None, "all_serving_s": None}
    return {
        "mean_serving": round(statistics.fmean(serving for _, serving in after), 2),
        "all_serving_s": next((round(at, 2) for at, serving in after if serving == members), None),
    }


def summary(run):
    """The run's figures, JSON-ready."""
    rows, end, last = run.rows, run.marks["end"], run.marks["watched"]
    handles = sum(run.handles.values())
    incident = _between(rows, "ActiveOpens", 0.0, end)
    total = _between(rows, "ActiveOpens", 0.0, last)
    servers = sorted(name for name in rows[0] if name.startswith("fds"))
    figures = {
        "fleets": {label: fleet_summary(run, label) for label in run.handles},
        "attempts": {
            "outage": incident,
            "recovery": total - incident,
            "total": total,
            "per_client": round(total / handles, 2),
            "peak_per_s": peak_rate([row for row in rows if row["t"] >= 0], "ActiveOpens"),
        },
        "kernel": {
            name: _between(rows, name, 0.0, last)
            for name in ("ListenOverflows", "ListenDrops", "TCPTimeouts", "RetransSegs", "OutRsts", "EstabResets")
        },
        "server_sockets_max": {
            name: max(_column(rows, name)) for name in ("established", "syn_recv", "close_wait")
        },
        "server_descriptors_max": [max(_column(rows, name)) for name in servers],
        "server_descriptors_before": [_at(rows, 0.0)[name] for name in servers],
        "server_cpu_s": round(_between(rows, "server_cpu", 0.0, last), 2),
        "client_cpu_s": round(_between(rows, "client_cpu", 0.0, last), 2),
        "client_cpu_outage_s": round(_between(rows, "client_cpu", 0.0, end), 2),
        "mntr": {name: run.after[name] - run.before.get(name, 0) for name in run.after},
        "fresh_client": _fresh_summary(run),
        "four_letter_words": _words_summary(run),
        "zktop": _zktop_summary(run, len(servers)),
        "missed_watches": run.missed_watches,
        "dead_client_processes": run.dead_processes,
        "outage_s": round(end, 2),
        "watched_s": round(last - end, 2),
        "victims": run.marks["victims"],
        "throttle": run.throttle,
    }
    return figures


def median(values):
    """The median, where None ("not in the observed time") counts as larger than every number; may itself be None."""
    ordered = sorted(values, key=lambda value: (value is None, value or 0))
    middle = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if None in middle:
        return None
    return sum(middle) / 2


def ratio(ours, stock):
    """ours / stock; None where either is unknown or stock is 0."""
    if ours is None or not stock:
        return None
    return round(ours / stock, 3)
