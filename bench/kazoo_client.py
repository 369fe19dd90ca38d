#!/usr/bin/env python3
"""The benchmark's work done by kazoo: same modes, same checks of data, same line of JSON.

A window of asynchronous requests is refilled from the callback, as in the C program.
"""

import argparse
import itertools
import json
import logging
import os
import statistics
import threading
import time

from kazoo.client import KazooClient

NODES, VALUE_BYTES, PARTS, CHILDREN, BIG_BYTES = 64, 100, 100, 10000, 1000000
CREATED = itertools.count()
VALUES = [bytes(ord("!") + (node * 31 + i * 7) % 90 for i in range(VALUE_BYTES)) for node in range(NODES)]


def check_get(node, result):
    data, stat = result
    if data != VALUES[node] or stat.dataLength != VALUE_BYTES:
        raise SystemExit(f"node {node}: wrong data")


def check_set(node, stat):
    if stat.dataLength != VALUE_BYTES:
        raise SystemExit(f"node {node}: wrong stat")


def check_multi(_node, results):
    if len(results) != PARTS or any(isinstance(r, Exception) for r in results):
        raise SystemExit("a part of the multi failed")


def check_children(_node, names):
    if len(names) != CHILDREN or len(set(names)) != CHILDREN:
        raise SystemExit("wrong children")


def check_big(_node, result):
    if len(result[0]) != BIG_BYTES:
        raise SystemExit("wrong length")


def start_create(client, _node):
    return client.create_async(f"/bench/sink/k{os.getpid():08x}-{next(CREATED):010}", VALUES[0], ephemeral=True)


def check_create(_node, path):
    if not path.startswith(f"/bench/sink/k{os.getpid():08x}-"):
        raise SystemExit(f"created {path}")


def start_multi(client, _node):
    transaction = client.transaction()
    for part in range(PARTS):
        transaction.set_data(f"/bench/set/node-{part:05}", VALUES[0])
    return transaction.commit_async()


KINDS = {
    "get": (lambda c, node: c.get_async(f"/bench/get/node-{node:05}"), check_get),
    "set": (lambda c, node: c.set_async(f"/bench/set/node-{node:05}", VALUES[node]), check_set),
    "create": (start_create, check_create),
    "multi": (start_multi, check_multi),
    "children": (lambda c, _: c.get_children_async("/bench/children"), check_children),
    "big": (lambda c, _: c.get_async("/bench/big"), check_big),
}


class Measurement:
    """The operations between `begin` and `end`."""

    def __init__(self):
        self.latencies, self.ops, self.running = [], 0, False

    def begin(self):
        self.start, self.cpu, self.running = time.monotonic(), time.process_time(), True

    def done(self, started):
        if self.running:
            self.ops += 1
            self.latencies.append(time.monotonic() - started)

    def end(self, **more):
        self.running = False
        wall, cpu = time.monotonic() - self.start, time.process_time() - self.cpu
        ordered = sorted(self.latencies)
        ops = max(1, self.ops)
        return {"ops": self.ops, "ops_s": ops / wall, "cpu_us": cpu * 1e6 / ops,
                "p50_us": statistics.median(ordered) * 1e6 if ordered else 0,
                "p99_us": ordered[int(len(ordered) * 0.99)] * 1e6 if ordered else 0, **more}


def connect(port):
    client = KazooClient(f"127.0.0.1:{port}", timeout=30)
    client.start(30)
    return client


def run_sync(client, kind, threads, secs):
    start, check = KINDS[kind]
    measurement, stop = Measurement(), threading.Event()

    def loop(thread):
        n = 0
        while not stop.is_set():
            node = (thread * 4 + n % 4) % NODES
            begin = time.monotonic()
            check(node, start(client, node).get())
            measurement.done(begin)
            n += 1

    workers = [threading.Thread(target=loop, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    return measurement, stop, lambda: [worker.join() for worker in workers], secs


def run_async(client, kind, window, secs):
    start, check = KINDS[kind]
    measurement, stop = Measurement(), threading.Event()
    pending = threading.Semaphore(0)

    def submit(node):
        begin = time.monotonic()

        def done(result):
            check(node, result.get())
            measurement.done(begin)
            if stop.is_set():
                pending.release()
            else:
                submit((node + 1) % NODES)

        start(client, node).rawlink(done)

    for slot in range(window):
        submit(slot % NODES)
    return measurement, stop, lambda: [pending.acquire() for _ in range(window)], secs


def run_open_close(port, secs):
    measurement, opened, closed = Measurement(), [], []
    measurement.begin()
    while time.monotonic() - measurement.start < secs:
        t0 = time.monotonic()
        client = connect(port)
        t1 = time.monotonic()
        client.stop()
        client.close()
        opened.append(t1 - t0)
        closed.append(time.monotonic() - t1)
        measurement.done(t0)
    return measurement.end(open_p50_us=statistics.median(opened) * 1e6, close_p50_us=statistics.median(closed) * 1e6)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--window", type=int, default=1)
    parser.add_argument("--secs", type=float, default=1)
    options, _ = parser.parse_known_args()
    logging.disable(logging.CRITICAL)
    if options.mode == "open-close":
        figures = run_open_close(options.port, options.secs)
    else:
        client = connect(options.port)
        run, kind, size = ((run_sync, options.mode[5:], options.threads) if options.mode.startswith("sync-")
                           else (run_async, options.mode[1:], options.window))
        measurement, stop, join, secs = run(client, kind, size, options.secs)
        time.sleep(0.2)  # warm-up
        measurement.begin()
        time.sleep(secs)
        figures = measurement.end()
        stop.set()
        join()
        client.stop()
        client.close()
    print(json.dumps({"mode": options.mode, **figures}))


if __name__ == "__main__":
    main()
