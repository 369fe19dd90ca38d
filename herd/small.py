"""The rows about single handles: dead servers, queued calls, one server killed, a black-holed host, list lengths.

Stock and ours take turns within each row. Attempts are counted by the kernel (ActiveOpens, or SYNs on lo).
"""

import contextlib
import json
import socket
import statistics
import subprocess
import time

import kernel
import measure
import report
import rig
from fleet import NODES, OURS, STOCK, Fleet, run_client

ROWS = ("dead", "queued", "failover", "blackhole", "sweep")
_TIMEOUT_MS = 10_000
_PAIR = (STOCK, OURS)


def run(row, binary, directory, runs):
    """Measure one row, write small-ROW.json, print its figures; returns its targets."""
    print(f"-- {row}", flush=True)
    found, targets = {"dead": _dead, "queued": _queued, "failover": _failover, "blackhole": _blackhole,
                      "sweep": _sweep}[row](binary, runs)
    report.write_json(directory / f"small-{row}.json", {
        "machine": report.machine(), "runs": runs, "results": found,
        "targets": [vars(target) for target in targets],
    })
    return targets


class _Dead:
    """Addresses that refuse: ports that are reserved, so that nobody else listens there, but have no listener."""

    def __init__(self, count):
        self.ports = rig.free_ports(count)
        self._held = []
        for port in self.ports:
            sock = socket.socket()
            sock.bind(("127.0.0.1", port))
            self._held.append(sock)
        self.hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self._held:
            sock.close()


def _call(binary, variant, hosts, seconds, rate):
    """Run the caller; returns its figures and the number of connection attempts during the run."""
    before = kernel.counters()["ActiveOpens"]
    status, text = run_client(binary, variant, "caller", hosts, _TIMEOUT_MS, seconds, rate, timeout=seconds + 30)
    if status:
        raise RuntimeError(f"the caller ended with {status} on {variant.label}")
    return json.loads(text) | {"attempts": kernel.counters()["ActiveOpens"] - before}


def _medians(found, pick):
    """Median of pick(result) for each library."""
    return {label: measure.median([pick(result) for result in results]) for label, results in found.items()}


def _versus(values, digits=0):
    share = measure.ratio(values["ours"], values["stock"])
    text = f"{values['ours']:,.{digits}f} to {values['stock']:,.{digits}f}, {share}x"
    return share, text


def _dead(binary, runs, seconds=15.0):
    """Three dead servers: attempts while the application is idle, and while it makes 1,000 calls a second."""
    found, targets, rates = {}, [], {}
    with _Dead(3) as dead:
        for rate in (0, 1000):
            here = {variant.label: [] for variant in _PAIR}
            for _ in range(runs):
                for variant in _PAIR:
                    here[variant.label].append(_call(binary, variant, dead.hosts, seconds, rate))
            found[f"{rate} calls/s"] = here
            attempts = _medians(here, lambda result: result["attempts"])
            cpu = _medians(here, lambda result: result["cpu_s"] / seconds * 100)
            rates[rate] = attempts["ours"]
            share, text = _versus(attempts)
            print(f"  three dead servers, {rate} calls/s, {seconds:g} s: {text} attempts; "
                  f"CPU {cpu['ours']:.2f} % to {cpu['stock']:.2f} % of a core", flush=True)
            targets.append(report.Target(f"attempts, 3 dead servers, {rate} calls/s", "<= 0.2x stock's", text,
                                         share is not None and share <= 0.2))
    # "The same" within the spread of the jitter: the windows are random, and there are only a few attempts in 20 s.
    low, high = sorted(rates.values())
    targets.append(report.Target("attempts do not depend on the calls", "the same at 0 and 1,000 calls/s",
                                 f"{rates[0]:.0f} and {rates[1000]:.0f}", high <= 2 * max(low, 1)))
    return found, targets


def _queued(binary, runs, seconds=30.0, rate=20):
    """How long calls made during a pause take until they fail: with refusing and with black-holed servers."""
    found, targets = {}, []
    with contextlib.ExitStack() as stack:
        dead = stack.enter_context(_Dead(3))
        holes = [stack.enter_context(rig.Proxy(hostport)) for hostport in dead.hosts.split(",")]
        for hole in holes:
            hole.blackhole()
        for name, hosts in (("refused", dead.hosts), ("black-holed", ",".join(hole.hostport for hole in holes))):
            here = {variant.label: [] for variant in _PAIR}
            for _ in range(runs):
                for variant in _PAIR:
                    here[variant.label].append(_call(binary, variant, hosts, seconds, rate))
            found[name] = here
            for figure in ("p50_ms", "p99_ms", "max_ms"):
                share, text = _versus(_medians(here, lambda result, figure=figure: result[figure]), 1)
                print(f"  calls queued while {name}, {figure}: {text}", flush=True)
                if figure != "p50_ms":
                    targets.append(report.Target(f"calls queued while {name}, {figure}", "<= 1.1x stock's", text,
                                                 share is not None and share <= 1.1))
    return found, targets


def _blackhole(binary, runs, limit_ms=30_000):
    """Connecting when the first of three hosts does not answer SYNs."""
    found = {variant.label: [] for variant in _PAIR}
    with rig.Ensemble(3) as ensemble, rig.Proxy(ensemble.members[0]) as hole:
        hole.blackhole()
        hosts = ",".join([hole.hostport, *(member.hostport for member in ensemble.members[1:])])
        for _ in range(runs):
            for variant in _PAIR:
                status, text = run_client(binary, variant, "probe", hosts, _TIMEOUT_MS, limit_ms, 1, timeout=60)
                found[variant.label].append(float(text.split()[0]) if status == 0 else None)
    share, text = _versus({label: measure.median(times) or limit_ms for label, times in found.items()})
    print(f"  first host black-holed, ms until connected: {text}", flush=True)
    return found, [report.Target("first host black-holed", "connected in <= 0.25x stock's time", text + " (ms)",
                                 share is not None and share <= 0.25)]


def _percentile(values, level):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * level / 100))]


def _failover(binary, runs, handles=8):
    """One follower after the other is killed and restarted, with a few handles of each library connected to it.

    Downtime: from the kill until the application gets CONNECTED. Both libraries go through the same kills. Each kill
    uses new handles, because those of the previous kill have all moved to the servers that were not killed.
    """
    kills = 8 * runs
    found = {variant.label: [] for variant in _PAIR}
    with rig.Ensemble(3, tick_time=2000) as ensemble:
        run_client(binary, STOCK, "setup", ensemble.hosts, NODES)
        for _ in range(kills):
            with contextlib.ExitStack() as stack:
                fleets = {
                    variant.label: stack.enter_context(
                        Fleet(binary, variant, ensemble.hosts, handles, processes=1, timeout_ms=_TIMEOUT_MS, ramp_us=1000)
                    ) for variant in _PAIR
                }
                for fleet in fleets.values():
                    if fleet.wait_connected(30) != handles:
                        raise RuntimeError("the handles do not connect")
                    fleet.check_library()
                _kill_one(ensemble, fleets, found)
    figures = {
        label: {"samples": len(times), "p50_ms": statistics.median(times), "p99_ms": _percentile(times, 99),
                "mean_ms": statistics.fmean(times), "ms": times} for label, times in found.items()
    }
    for label, seen in figures.items():
        print(f"  one of three killed, {label}: p50 {seen['p50_ms']:.1f} ms, p99 {seen['p99_ms']:.1f} ms, "
              f"mean {seen['mean_ms']:.1f} ms of {seen['samples']}", flush=True)
    ours, stock = figures["ours"], figures["stock"]
    return figures, [
        report.Target("one of three killed, p99", "<= stock's", f"{ours['p99_ms']:.0f} to {stock['p99_ms']:.0f} ms",
                      ours["p99_ms"] <= stock["p99_ms"]),
        report.Target("one of three killed, p50", "<= T/100 + stock's",
                      f"{ours['p50_ms']:.0f} to {stock['p50_ms']:.0f} ms",
                      ours["p50_ms"] <= _TIMEOUT_MS / 100 + stock["p50_ms"]),
    ]


def _kill_one(ensemble, fleets, found):
    """Kill the follower with most handles; add each victim's downtime (ms) to `found`; bring the server back."""
    slots = {label: fleet.slots() for label, fleet in fleets.items()}
    victim = max(ensemble.followers(),
                 key=lambda member: sum(slot.port == member.port for seen in slots.values() for slot in seen))
    killed = time.monotonic()
    victim.kill()
    deadline = killed + 60
    for label, fleet in fleets.items():
        hit = [i for i, slot in enumerate(slots[label]) if slot.port == victim.port]
        while True:
            now = fleet.slots()
            if all(now[i].connected and now[i].connected_at > killed for i in hit):
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"{label} does not come back within a minute of one server's death")
            time.sleep(0.02)
        found[label] += [(now[i].connected_at - killed) * 1000 for i in hit]
    victim.start()
    ensemble.wait_ready()
    time.sleep(0.5)


def _sweeps(ports, seen):
    """(whole sweeps that tried every address, number of whole sweeps): each sweep is len(ports) attempts in a row."""
    chunks = [seen[at : at + len(ports)] for at in range(0, len(seen) - len(ports) + 1, len(ports))]
    return sum(set(chunk) == set(ports) for chunk in chunks), len(chunks)


def _busiest_second(times):
    most, behind = 0, 0
    for at, moment in enumerate(times):
        while moment - times[behind] > 1.0:
            behind += 1
        most = max(most, at - behind + 1)
    return most


def _sweep(binary, _runs, seconds=20.0):
    """Lists of 2, 4 and 6 dead addresses: is every address tried in each sweep, and how fast?"""
    found, targets = {}, []
    for length in (2, 4, 6):
        for variant in _PAIR:
            with _Dead(length) as dead:
                syns = kernel.Syns()
                child = rig.spawn([str(binary), "caller", dead.hosts, str(_TIMEOUT_MS), str(seconds), "0"],
                                  env=variant.environment(), stdout=subprocess.DEVNULL)
                # Stock makes thousands of attempts a second on even lists: a shorter time is enough.
                seen = syns.read(seconds if variant is OURS else 3.0)
                rig.terminate(child, grace=0)
                syns.close()
            times = [at for at, port, _ in seen if port in dead.ports]
            ports = [port for _, port, _ in seen if port in dead.ports]
            span = seconds if variant is OURS else 3.0
            whole, sweeps = _sweeps(dead.ports, ports)
            figures = {
                "attempts_per_s": round(len(ports) / span, 1), "tried": [ports.count(port) for port in dead.ports],
                "sweeps": sweeps, "whole_sweeps": whole, "busiest_second": _busiest_second(times),
                "smallest_gap_ms": round(min((b - a for a, b in zip(times, times[1:])), default=0) * 1000, 2),
            }
            found[f"{length} addresses, {variant.label}"] = figures
            print(f"  {length} addresses, {variant.label}: {figures}", flush=True)
        mine, theirs = found[f"{length} addresses, ours"], found[f"{length} addresses, stock"]
        targets.append(report.Target(
            f"{length} addresses", "each tried in each sweep", f"{mine['whole_sweeps']} of {mine['sweeps']} sweeps whole "
            f"(stock tried {sum(count > 0 for count in theirs['tried'])} of {length})",
            mine["sweeps"] > 0 and mine["whole_sweeps"] == mine["sweeps"] and min(mine["tried"]) > 0))
    return found, targets
