"""The open questions, decided on the real ensemble: RST, process memory, half of the fleet on stock.

All cases take turns, with the same incident; docs/BACKOFF.md has the answers.
"""

import dataclasses

import fleet
import measure

CASES = {
    "stock": [fleet.STOCK],
    "ours": [fleet.OURS],
    "no-rst": [fleet.Variant("ours", "ours", (("ZOO_RECONNECT_RST", "0"),))],
    "no-memory": [fleet.Variant("ours", "ours", (("ZOO_RECONNECT_MEMORY", "0"),))],
    "half": [fleet.STOCK, fleet.OURS],
}

_FIGURES = (
    ("99 % back, s", lambda run, label: run["fleets"][label]["t99"]),
    ("100 % back, s", lambda run, label: run["fleets"][label]["t100"]),
    ("connected at the end", lambda run, label: run["fleets"][label]["connected_at_end"]),
    ("sessions lost", lambda run, label: run["fleets"][label]["lost"]),
    ("attempts (all fleets)", lambda run, label: run["attempts"]["total"]),
    ("connection requests", lambda run, label: run["mntr"]["zk_connection_request_count"]),
    ("revalidations", lambda run, label: run["mntr"]["zk_connection_revalidate_count"]),
    ("listen overflows", lambda run, label: run["kernel"]["ListenOverflows"]),
    ("CLOSE_WAIT, most", lambda run, label: run["server_sockets_max"]["close_wait"]),
    ("server CPU, s", lambda run, label: run["server_cpu_s"]),
    ("log lines a client", lambda run, label: run["fleets"][label]["log_lines_per_client"]),
)


def _cell(values):
    """Median and range; "never" if the event did not come."""
    def show(value):
        return "never" if value is None else f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"

    middle = measure.median(values)
    text = show(None if middle is None else round(middle, 1))
    if len(values) > 1:
        ordered = sorted(values, key=lambda value: (value is None, value or 0))
        text += f" ({show(ordered[0])} - {show(ordered[-1])})"
    return text


def table(results):
    """Markdown: one row per fleet of a case, one column per figure; median (smallest - largest)."""
    lines = ["| case | fleet | " + " | ".join(name for name, _ in _FIGURES) + " |", "|---|---" * 1 + "|---" * len(_FIGURES) + "|"]
    for case, runs in results.items():
        for label in runs[0]["fleets"]:
            cells = [_cell([pick(run, label) for run in runs]) for _, pick in _FIGURES]
            lines.append(f"| {case} | {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def run(options, plan, binary, where, compare):
    """Run all cases `options.runs` times each; writes questions.{json,csv,md}."""
    cases = CASES
    if options.cases:
        unknown = set(options.cases) - set(CASES)
        if unknown:
            raise SystemExit(f"herd: no case {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
        cases = {name: CASES[name] for name in CASES if name in options.cases}
    plan = dataclasses.replace(plan, fresh_clients=False)
    print(f"herd: {plan.handles:,} handles, {plan.incident}, share {plan.share}, {plan.nofile} descriptors; {where}",
          flush=True)
    results = compare(options, plan, cases, binary, where, "questions")
    text = table(results)
    (options.out / "questions.md").write_text(text + "\n")
    print(text)
    return 0
