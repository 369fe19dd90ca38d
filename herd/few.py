"""Small fleets: 1, 20 and 200 clients under three outages of a whole ensemble, with the libraries taking turns.

The measure is the time from the moment when the servers answer again until the clients have their sessions. To find
that moment, a plain socket tries to open a session every few milliseconds at each server. Starts and elections of
servers take seconds and differ from run to run.
"""

import contextlib
import datetime
import socket
import struct
import threading
import time

import kernel
import measure
import report
import rig
from fleet import NODES, OLDER, OURS, STOCK, Fleet, run_client

CLIENTS = (1, 20, 200)
CASES = {
    "killed": "all servers killed for 8 s",
    "stopped": "all servers stopped for 90 s",
    "no-quorum": "two of three servers killed for 8 s",
}
_SECONDS = {"killed": 8.0, "stopped": 90.0, "no-quorum": 8.0}
_PATIENCE = 60.0
_ANSWER = 1.0  # s that a fresh client waits for one server
_PAUSE = 0.02  # s between two attempts of a fresh client


def _is_served(port, timeout_ms=10_000):
    """Whether the server opens a session for a new client; closes the session again."""
    request = struct.pack(">iiqiqi16sB", 45, 0, 0, timeout_ms, 0, 16, bytes(16), 0)
    try:
        with socket.create_connection(("127.0.0.1", port), _ANSWER) as sock:
            sock.settimeout(_ANSWER)
            sock.sendall(request)
            answer = sock.recv(64)
            if len(answer) < 20 or not struct.unpack_from(">q", answer, 12)[0]:
                return False
            sock.sendall(struct.pack(">iii", 8, 1, -11))
            return True
    except OSError:
        return False


class _Fresh:
    """Finds the moment at which a new client first gets a session again; counts its own connection attempts."""

    def __init__(self, ports):
        self.served_at = None
        self.attempts = 0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._watch, args=(port,), daemon=True) for port in ports]
        for thread in self._threads:
            thread.start()

    def _watch(self, port):
        while not self._over.is_set():
            with self._lock:
                self.attempts += 1
            if _is_served(port):
                now = time.monotonic()
                with self._lock:
                    self.served_at = min(now, self.served_at or now)
                self._over.set()
            time.sleep(_PAUSE)

    def wait(self, deadline):
        """Wait until a new client has been served: on a busy machine the fleet may be back before that."""
        self._over.wait(max(0.0, deadline - time.monotonic()))

    def stop(self):
        self._over.set()
        for thread in self._threads:
            thread.join()


def _victims(case, ensemble):
    if case != "no-quorum":
        return list(ensemble.members)
    leader = ensemble.leader()
    followers = [member for member in ensemble.members if member is not leader]
    return [leader, followers[0]]


def _once(binary, variant, clients, case, timeout_ms):
    """One outage; returns its figures. Times are seconds after a new client's first session."""
    processes = min(clients, 4)
    with rig.Ensemble(3, tick_time=2000, min_session_timeout=1000) as ensemble:
        run_client(binary, STOCK, "setup", ensemble.hosts, NODES)
        with Fleet(binary, variant, ensemble.hosts, clients, processes=processes, timeout_ms=timeout_ms, ramp_us=2000) as fleet:
            if fleet.wait_connected(60) != clients:
                raise RuntimeError(f"{variant.label}: not all clients connect at the start")
            fleet.check_library()
            time.sleep(2)
            before = kernel.counters()["ActiveOpens"]
            lost = fleet.sample()["lost"]
            victims = _victims(case, ensemble)
            begun = time.monotonic()
            for member in victims:
                member.stop() if case == "stopped" else member.kill()
            time.sleep(max(0.0, begun + _SECONDS[case] - time.monotonic()))
            fresh = _Fresh([member.port for member in ensemble.members])
            ended = time.monotonic()
            for member in victims:
                member.cont() if case == "stopped" else member.start()
            slots = _wait_back(fleet, begun, ended + _PATIENCE)
            fresh.wait(ended + _PATIENCE)
            fresh.stop()
            attempts = kernel.counters()["ActiveOpens"] - before - fresh.attempts
            sessions = fleet.sample()["lost"] - lost
    back = [slot.connected_at for slot in slots if slot.connected and slot.connected_at > begun]
    if fresh.served_at is None:
        raise RuntimeError("no fresh client was served")
    # Leaves out clients whose server never failed.
    times = sorted(max(0.0, at - fresh.served_at) for at in back)
    stayed = sum(slot.connected and slot.connected_at <= begun for slot in slots)
    missing = clients - len(times) - stayed
    return {
        "clients": clients, "case": case, "back": len(times), "missing": missing,
        "p50_s": _quantile(times, 0.5), "p99_s": None if missing else _quantile(times, 0.99),
        "last_s": None if missing else times[-1] if times else None,
        "fresh_s": round(fresh.served_at - ended, 3), "attempts": attempts, "sessions_lost": sessions,
    }


def _quantile(ordered, share):
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3) if ordered else None


def _wait_back(fleet, begun, deadline):
    """The slots, once every client that lost its session is back and nothing has changed for a second."""
    calm = None
    while True:
        slots = fleet.slots()
        away = [slot for slot in slots if not slot.connected]
        hit = any(slot.dropped_at > begun or slot.connected_at > begun for slot in slots)
        now = time.monotonic()
        if away or not hit:
            calm = None
        elif calm is None:
            calm = now
        if now > deadline or (calm is not None and now - calm > 1.0):
            return slots
        time.sleep(0.02)


def table(results):
    """Markdown: one row per case, fleet and library. `results`: {(case, clients): {label: [figures]}}."""
    lines = ["| outage | clients | library | 50 % back | last back | attempts | sessions lost |", "|---|---|---|---|---|---|---|"]
    for (case, clients), found in results.items():
        for label, runs in found.items():
            attempts = measure.median([run["attempts"] for run in runs])
            lost = measure.median([run["sessions_lost"] for run in runs])
            half, last = (report.with_range([run[name] for run in runs], "{:.2f}") for name in ("p50_s", "last_s"))
            lines.append(f"| {CASES[case]} | {clients} | {label} | {half} | {last} | {attempts:.0f} | {lost:.0f} |")
    return "\n".join(lines)


def run(binary, options):
    """Runs every requested case, with the libraries taking turns; writes few.json after each run and prints the
    table."""
    variants = [STOCK, OURS, OLDER]
    results = {}
    for case in options.few_cases or CASES:
        for clients in options.few_clients or CLIENTS:
            found = results.setdefault((case, clients), {variant.label: [] for variant in variants})
            for number in range(options.runs or 3):
                for variant in variants:
                    with contextlib.suppress(BrokenPipeError):
                        print(f"-- {CASES[case]}, {clients} clients, {variant.label}, {number + 1}", flush=True)
                    figures = _once(binary, variant, clients, case, options.timeout)
                    print(f"   {figures}", flush=True)
                    found[variant.label].append(figures)
                    _write(options, results)
    print(table(results))


def _write(options, results):
    report.write_json(options.out / "few.json", {
        "date": datetime.date.today().isoformat(), "machine": report.machine(), "timeout_ms": options.timeout,
        "results": [{"case": case, "clients": clients, "libraries": found} for (case, clients), found in results.items()],
    })
