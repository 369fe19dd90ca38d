"""The measurements: the modes, the figures by which each is judged, and the targets.

A figure is better when it is lower, except `ops_s`. A ratio is always formed so that a higher one is better for ours:
stock/ours for a cost, ours/stock for a rate.
"""

import dataclasses

UNITS = {
    "ops_s": "op/s", "p50_us": "µs", "p99_us": "µs", "cpu_us": "µs CPU/op", "syscalls": "syscalls/op",
    "allocs": "allocations/op", "instructions": "instructions/op", "all_ms": "ms", "total_ms": "ms",
    "after_accept_ms": "ms", "open_p50_us": "µs", "open_p99_us": "µs", "close_p50_us": "µs", "close_p99_us": "µs",
    "rss_kb": "kB/handle", "threads": "threads/handle", "descriptors": "descriptors/handle",
    "cpu_ms_per_minute": "ms CPU/min", "sleeps": "context switches/op",
}
HIGHER_IS_BETTER = {"ops_s"}


@dataclasses.dataclass(frozen=True)
class Target:
    """`figure` at least `value` times better than `against` ("stock", "tuned", "floor"), or at most `value` ("limit").

    Of the floor, 0.5 is twice its cost.
    """

    figure: str
    against: str
    value: float


@dataclasses.dataclass(frozen=True)
class Mode:
    """One group of rows in the table. `args` go to both bench and raw; `secs` is the measured time of one run."""

    name: str
    title: str
    args: tuple
    figures: tuple = ("ops_s", "p50_us", "p99_us", "cpu_us", "sleeps")
    secs: float = 1.0
    count_ops: int = 0           # operations of the pass that counts system calls and allocations; 0: no such pass
    instruction_ops: int = 0     # operations of the callgrind pass; 0: no such pass
    pairs: int = 0               # at most so many pairs; 0: as many as asked for
    raw: bool = True             # the raw-socket floor can do it
    others: bool = False         # kazoo and the Rust client do it too
    environment: tuple = ()      # (name, value) for every subject
    note: str = ""
    targets: tuple = ()


def _target(text):
    """`cpu_us 5 stock` or `syscalls 0.2 limit`, several separated by commas."""
    parts = (part.split() for part in text.split(",") if part.strip())
    return tuple(Target(figure, against, float(value)) for figure, value, against in parts)


def _sync(kind, threads, targets="", **more):
    options = {"count_ops": 4000, "instruction_ops": 1500, "others": True, **more}
    title = f"sync {kind}, {threads} thread{'s' if threads > 1 else ''}"
    return Mode(f"sync-{kind}-{threads}", title, ("--mode", f"sync-{kind}", "--threads", str(threads)),
                targets=_target(targets), **options)


def _async(kind, window, targets="", **more):
    options = {"count_ops": 20000, "instruction_ops": 20000 if window > 16 else 4000 if window > 1 else 1500, "others": True, **more}
    warm = max(200, 2 * window)
    return Mode(f"{kind}-{window}", f"{kind}, window {window}",
                ("--mode", kind, "--window", str(window), "--warm", str(warm)), targets=_target(targets), **options)


def _reconnect(count, targets="", **more):
    return Mode(f"reconnect-{count}", f"reconnect with {count:,} watches",
                ("--mode", "reconnect", "--count", str(count), "--limit", "60"),
                figures=("total_ms", "after_accept_ms", "cpu_us"), targets=_target(targets),
                environment=(("ZOO_RECONNECT_FIRST_JITTER_MS", "0"),),
                note="our policy's pause before the reconnect, at most a hundredth of the session timeout, is switched "
                     "off here; CPU is per watch", **more)


def _idle(count, targets="", **more):
    return Mode(f"idle-{count}", f"{count:,} idle handle{'s' if count > 1 else ''}",
                ("--mode", "idle", "--count", str(count), "--timeout", "10000"),
                figures=("rss_kb", "cpu_ms_per_minute", "threads", "descriptors"), secs=10, raw=False,
                targets=_target(targets), note="session timeout 10 s", **more)


STUB = [
    _sync("get", 1, "p50_us 3 stock, cpu_us 5 stock, p50_us 1.8 tuned, cpu_us 2 tuned, syscalls 5 limit, p50_us 0.95 floor, "
                    "cpu_us 0.95 floor"),
    _sync("get", 4),
    _sync("get", 16, "ops_s 3.5 stock, cpu_us 4 stock, ops_s 2 tuned, cpu_us 2 tuned"),
    Mode("sync-get-watched", "sync get, 1 thread, a watch armed", ("--mode", "sync-get", "--watched"), raw=False,
         count_ops=4000, instruction_ops=1500),
    _sync("set", 1, "syscalls 5 limit"),
    _sync("set", 4),
    _sync("set", 16),
    _async("aget", 1, "p50_us 2.5 stock, cpu_us 3 stock, p50_us 1.5 tuned, cpu_us 1.5 tuned, p50_us 0.78 floor, "
                      "cpu_us 0.67 floor, sleeps 2 limit"),
    _async("aget", 16, "ops_s 8 stock, cpu_us 12 stock, ops_s 4 tuned, cpu_us 4 tuned, cpu_us 0.43 floor"),
    _async("aget", 256, "ops_s 40 stock, cpu_us 80 stock, ops_s 15 tuned, cpu_us 15 tuned, syscalls 0.2 limit, "
                        "instructions 1200 limit, allocs 0.1 limit, cpu_us 0.23 floor"),
    _async("aget", 4096, "ops_s 60 stock, ops_s 25 tuned, cpu_us 0.26 floor"),
    _async("aset", 1),
    _async("aset", 16),
    _async("aset", 256, "ops_s 40 stock, cpu_us 80 stock, ops_s 15 tuned, cpu_us 15 tuned, allocs 0.1 limit"),
    _async("aset", 4096),
    _async("acreate", 1),
    _async("acreate", 16),
    _async("acreate", 256),
    _async("acreate", 4096),
    Mode("caller-16", "aget from a thread, window 16", ("--mode", "aget", "--window", "16", "--caller"), count_ops=20000),
    Mode("caller-256", "aget from a thread, window 256", ("--mode", "aget", "--window", "256", "--caller"), count_ops=20000,
         targets=_target("cpu_us 0.33 floor")),
    Mode("multi-1", "multi of 100", ("--mode", "sync-multi"), count_ops=1000, instruction_ops=100, others=True,
         targets=_target("ops_s 2.5 stock, cpu_us 5 stock, ops_s 1.5 tuned, cpu_us 1.5 tuned")),
    Mode("amulti-16", "amulti of 100, window 16", ("--mode", "amulti", "--window", "16"), count_ops=1000,
         instruction_ops=100, others=True,
         targets=_target("ops_s 2.5 stock, cpu_us 5 stock, ops_s 1.5 tuned, cpu_us 1.5 tuned, cpu_us 0.5 floor")),
    Mode("children", "get_children of 10,000", ("--mode", "sync-children"), count_ops=100, instruction_ops=20, others=True,
         targets=_target("cpu_us 1.25 stock, cpu_us 1.15 tuned, cpu_us 0.89 floor")),
    Mode("big", "get of 1 MB", ("--mode", "sync-big"), count_ops=200, instruction_ops=40, others=True,
         targets=_target("cpu_us 1.9 stock, cpu_us 1.5 tuned, cpu_us 0.9 floor")),
    Mode("delivery", "10,000 watches fire", ("--mode", "watch-delivery"), figures=("all_ms", "cpu_us"), count_ops=2,
         instruction_ops=1, targets=_target("cpu_us 25 stock, cpu_us 6 tuned, cpu_us 0.18 floor"), note="CPU is per watch"),
    Mode("latency", "one watch: change to callback", ("--mode", "watch-latency"), figures=("p50_us", "p99_us"),
         targets=_target("p50_us 0.9 floor")),
    _reconnect(1000),
    _reconnect(5000),
    _reconnect(20000, "total_ms 20 stock, total_ms 20 tuned"),
    _reconnect(100000, pairs=1),
    Mode("open-close", "init to connected, close", ("--mode", "open-close"),
         figures=("open_p50_us", "open_p99_us", "close_p50_us", "close_p99_us", "cpu_us"), count_ops=100,
         targets=_target("open_p50_us 1.5 stock, close_p50_us 1.5 stock, open_p50_us 0.52 floor, close_p50_us 0.78 floor, "
                         "cpu_us 0.48 floor"), others=True),
    _idle(1, pairs=2),
    _idle(100, pairs=2),
    _idle(1000, pairs=3, targets="rss_kb 20 limit, threads 2 limit, cpu_ms_per_minute 4 stock, cpu_ms_per_minute 0.6 limit"),
]

# The server is the limit here, so only the cost of the client is compared, and that it is never slower.
_REAL = {"secs": 2.0, "count_ops": 0, "instruction_ops": 0, "others": False}
_REAL_TARGETS = _target("cpu_us 4 stock, ops_s 1 stock")


def _real(name, title, *args, figures=Mode.figures, targets=_REAL_TARGETS, **more):
    return Mode(f"real-{name}", f"real server: {title}", ("--real", *args), figures=figures, targets=targets, **{**_REAL, **more})


REAL = [
    _real("sync-get-1", "sync get, 1 thread", "--mode", "sync-get"),
    _real("sync-get-16", "sync get, 16 threads", "--mode", "sync-get", "--threads", "16"),
    _real("sync-set-1", "sync set, 1 thread", "--mode", "sync-set"),
    _real("aget-256", "aget, window 256", "--mode", "aget", "--window", "256"),
    _real("aset-256", "aset, window 256", "--mode", "aset", "--window", "256"),
    _real("acreate-256", "acreate, window 256", "--mode", "acreate", "--window", "256", "--ops", "4000"),
    _real("multi-1", "multi of 100", "--mode", "sync-multi", targets=_target("ops_s 1 stock")),
    _real("children", "get_children of 10,000", "--mode", "sync-children", targets=_target("ops_s 1 stock")),
    _real("big", "get of 1 MB", "--mode", "sync-big", targets=_target("ops_s 1 stock")),
    _real("delivery", "10,000 watches fire", "--mode", "watch-delivery", figures=("all_ms", "cpu_us"), targets=()),
    _real("open-close", "init to connected, close", "--mode", "open-close",
          figures=("open_p50_us", "close_p50_us", "cpu_us"), targets=()),
]
