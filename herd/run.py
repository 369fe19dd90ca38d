#!/usr/bin/env python3
"""`make herd`: the outage of 2010 on a real three-server ZooKeeper, with stock and with ours, measured from outside.

    run.py [outage]      the outage, back to back with each library (default)
    run.py --quick       200 handles, all servers killed for 8 s; asserts counts only (for CI, a minute and a half)
    run.py --questions   the open questions: RST, process memory, half of the fleet on stock
    run.py small         the single-handle rows: dead, queued, failover, blackhole, sweep (also one by one)
    run.py few           small fleets: 1, 20 and 200 clients, with stock, ours and 0.1.0
    run.py targets       the leader stopped, all stopped, the default outage and all small rows; all targets in one table

herd/README.md explains the options and the files in herd/out/.
"""

import argparse
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import few  # noqa: E402
import fleet  # noqa: E402
import measure  # noqa: E402
import netns  # noqa: E402
import outage  # noqa: E402
import questions  # noqa: E402
import report  # noqa: E402
import rig  # noqa: E402
import small  # noqa: E402
import zktop  # noqa: E402
from incident import ACTIONS, VICTIMS, Incident  # noqa: E402

# With these values stock visibly fails on the machines seen so far; herd/README.md says how to choose them elsewhere.
DEFAULT_HANDLES = 2000
DEFAULT_SHARE = 0.15
# Servers that were stopped keep their sessions and their compiled code: they must be throttled more to be overloaded.
STOPPED_SHARE = 0.025
MODES = ("outage", "small", "few", "targets", *small.ROWS)


def arguments(words=None):
    """The command line; N and RUNS also come from the environment (make herd N=4000 RUNS=3)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("mode", nargs="?", default="outage", choices=MODES)
    add("-N", "--handles", type=int, default=int(os.environ.get("N") or DEFAULT_HANDLES), help="clients (%(default)s)")
    add("--runs", type=int, default=int(os.environ.get("RUNS") or 0),
        help="interleaved repetitions (1 of an outage, 3 of a small row)")
    add("--action", choices=ACTIONS, default="kill", help="SIGSTOP, or SIGKILL and restart (%(default)s)")
    add("--victims", choices=VICTIMS, default="all", help="which servers (%(default)s)")
    add("--seconds", type=float, default=60.0, help="length of the incident (%(default)s)")
    add("--share", type=float, default=DEFAULT_SHARE, help="CPU of each server, cores; 0 = no limit (%(default)s)")
    add("--nofile", type=int, default=-1, help="descriptors of each server; 0 = no limit (half of the handles; three quarters unless all are hit)")
    add("--patience", type=float, default=150.0, help="s to wait for everybody after the incident (%(default)s)")
    add("--processes", type=int, default=8, help="client processes (%(default)s)")
    add("--timeout", type=int, default=10_000, help="session timeout, ms (%(default)s)")
    add("--backlog", type=int, default=0, help="the servers' clientPortListenBacklog; 0 = their default, 50")
    add("--variant", action="append", metavar="LABEL=stock|ours|0.1.0[,VAR=VALUE...]",
        help="compare these instead of stock and ours (repeatable)")
    add("--tls", action="store_true", help="compare ours with and without TLS, which stock does not have")
    add("--handshakes", type=int, default=0,
        help="the servers' netty.server.outstandingHandshake.limit; 0 = their default, none")
    add("--no-fresh-clients", action="store_true", help="do not try fresh clients meanwhile")
    add("--force", action="store_true", help="run although the machine seems too small for that many handles")
    add("--quick", action="store_true", help="the short form for CI")
    add("--questions", action="store_true", help="decide the open questions")
    add("--cases", nargs="+", default=[], help="only these cases of --questions")
    add("--few-cases", nargs="+", default=[], choices=sorted(few.CASES), help="only these outages of `few`")
    add("--few-clients", nargs="+", type=int, default=[], help="only these fleets of `few`")
    add("--readme", action="store_true", help="also copy the plot to docs/img/")
    add("--out", type=pathlib.Path, default=HERE / "out", help="directory of the results (herd/out)")
    return parser.parse_args(words)


def plan_of(options, incident=None):
    """The outage.Plan that the options describe, with another incident if one is given."""
    incident = incident or Incident(options.action, options.victims, options.seconds)
    nofile = options.nofile if options.nofile >= 0 else enough_descriptors(options.handles, incident.victims)
    return outage.Plan(
        handles=options.handles, incident=incident,
        processes=options.processes, timeout_ms=options.timeout, share=options.share, nofile=nofile,
        patience=options.patience, backlog=options.backlog, fresh_clients=not options.no_fresh_clients,
        handshakes=options.handshakes,
    )


def enough_descriptors(handles, victims):
    """Per server: 1.5 times its share of the clients, counted over the servers that continue."""
    return max(300, handles // 2 if victims == "all" else handles * 3 // 4)


def variants_of(options):
    """What to compare."""
    if options.tls:
        return [fleet.OURS, fleet.with_tls()]
    if not options.variant:
        return [fleet.STOCK, fleet.OURS]
    found = []
    for text in options.variant:
        label, _, rest = text.partition("=")
        library, *settings = rest.split(",")
        if library not in (*rig.LIBRARIES, *rig.OLDER):
            raise SystemExit(f"herd: --variant {text}: the library is one of {', '.join((*rig.LIBRARIES, *rig.OLDER))}")
        found.append(fleet.Variant(label, library, tuple(tuple(item.split("=", 1)) for item in settings)))
    return found


def check_size(options):
    """Refuse a fleet that the machine cannot hold; say what size it can hold."""
    most, why = netns.bears(options.processes)
    print(f"herd: this machine bears about {most:,} handles ({why})", file=sys.stderr)
    if options.handles > most and not options.force:
        raise SystemExit(f"herd: {options.handles:,} handles are too many (--force runs them anyway)")


def compare(options, plan, cases, binary, where, name="herd"):
    """Run `plan` for each case {name: [variants]} `options.runs` times, interleaved; write CSV and JSON, return results.

    A case with several variants is one ensemble with a mixed fleet.
    """
    runs, results = [], {case: [] for case in cases}
    count = options.runs or 1
    for number in range(count):
        for case, variants in cases.items():
            progress = report.Progress(f"{case} {number + 1}/{count}", plan.handles)
            seen = outage.run(plan, variants, binary, progress, log=options.out / f"{name}-{case}.log")
            progress.done()
            runs.append((case, number, seen))
            results[case].append(measure.summary(seen))
            document = {
                "incident": str(plan.incident), "where": where, "machine": report.machine(),
                "plan": dataclasses.asdict(plan), "results": {key: value for key, value in results.items() if value},
            }
            report.write_csv(options.out / f"{name}.csv", runs)
            report.write_json(options.out / f"{name}.json", document)
    return results


def draw(options, name="herd", script="plot.py"):
    """NAME.png and NAME.svg, made by a Python that has matplotlib."""
    for python in dict.fromkeys((sys.executable, "/usr/bin/python3")):
        if subprocess.run([python, "-c", "import matplotlib"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            subprocess.run([python, HERE / script, options.out], check=True)
            break
    else:
        print("herd: no plot, matplotlib is missing (make setup)", file=sys.stderr)
        return
    if options.readme:
        images = HERE.parent / "docs" / "img"
        images.mkdir(parents=True, exist_ok=True)
        for kind in ("png", "svg"):
            shutil.copyfile(options.out / f"{name}.{kind}", images / f"{name}.{kind}")


def print_targets(targets):
    """Prints the verdicts; returns whether no target was missed."""
    targets = list(targets)
    for target in targets:
        print(target.line())
    return all(target.met is not False for target in targets)


def run_outage(options, plan, binary, where, name="herd", timed=True):
    """The main experiment; returns its targets, those about time only if `timed`."""
    cases = {variant.label: [variant] for variant in variants_of(options)}
    limits = (f"{plan.share * 100:g} % of a core" if plan.share else "all the CPU they want",
              f"{plan.nofile:,} descriptors" if plan.nofile else "no descriptor limit")
    print(f"herd: {plan.handles:,} handles, {plan.incident}, {plan.members} servers with {' and '.join(limits)} each; "
          f"{where}", flush=True)
    if zktop.missing():
        print(f"herd: without zktop: {zktop.missing()}", file=sys.stderr)
    results = compare(options, plan, cases, binary, where, name)
    print(report.outage_table(results))
    if (options.runs or 1) > 1:
        print(report.rounds_table(results))
    return report.outage_targets(results, timed)


def quick(options, binary, where):
    """The form for CI: asserts counts, but no times."""
    options.handles, options.runs = 200, 1
    plan = outage.Plan(handles=200, incident=Incident("kill", "all", 8.0), processes=4, share=0, fresh_clients=False)
    return 0 if print_targets(run_outage(options, plan, binary, where, "quick", timed=False)) else 1


def all_targets(options, binary, where):
    """Measures every row of the table that needs real servers."""
    print("-- the leader stopped for 30 s")
    targets = run_outage(options, plan_of(options, Incident("stop", "leader", 30.0)), binary, where, "leader")
    print("-- all servers stopped for 30 s, and squeezed")
    stopped = dataclasses.replace(plan_of(options, Incident("stop", "all", 30.0)), share=STOPPED_SHARE)
    targets += run_outage(options, stopped, binary, where, "stopped")
    print("-- the default outage")
    targets += run_outage(options, plan_of(options), binary, where)
    draw(options)
    for row in small.ROWS:
        targets += small.run(row, binary, options.out, options.runs or 3)
    print("-- targets")
    print_targets(targets)
    return 0


def main():
    """The command."""
    options = arguments()
    own, where = netns.enter()  # before any thread or child
    if not own:
        print(f"herd: {where}; the kernel's counters then count the whole machine", file=sys.stderr)
    netns.raise_descriptor_limit()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        for library in rig.LIBRARIES:
            rig.library(library)
        binary = fleet.build(options.out / "build")
    except (rig.LibraryMissing, subprocess.CalledProcessError) as error:
        raise SystemExit(f"herd: {error}") from error
    if options.quick:
        return quick(options, binary, where)
    if options.mode in small.ROWS or options.mode == "small":
        rows = small.ROWS if options.mode == "small" else (options.mode,)
        targets = [target for row in rows for target in small.run(row, binary, options.out, options.runs or 3)]
        print_targets(targets)
        return 0
    if options.mode == "few":
        few.run(binary, options)
        draw(options, "few", "plot_few.py")
        return 0
    check_size(options)
    if options.questions:
        return questions.run(options, plan_of(options), binary, where, compare)
    if options.mode == "targets":
        return all_targets(options, binary, where)
    # With file names of their own, because other plots are drawn from those of stock and ours.
    name = "herd-tls" if options.tls else "herd"
    targets = run_outage(options, plan_of(options), binary, where, name)
    if not options.tls:
        draw(options)
    print_targets(targets)
    print(f"herd: {options.out}/{name}.json, .csv" + ("" if options.tls else ", .png, .svg"))
    hard = [target for target in targets if target.what in ("watches missed", "client processes that died")]
    return 0 if all(target.met for target in hard) else 1


if __name__ == "__main__":
    sys.exit(main())
