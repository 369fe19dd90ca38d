#!/usr/bin/python3
"""The single-threaded library where there is no stock to compare with, or no fixed output: TLS, SASL, silent servers, a
read-only server, connections that are cut at random. client.c does the checks; it ends with status 0 or prints the
failure.

The programs that compare with Debian's library are in ctest/cases and ctest/bugs; their names begin with st_.

usage: run.py [--only PATTERN ...] [--list]
"""
import argparse
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

import rig  # noqa: E402
from fake_server import FakeServer  # noqa: E402

WAIT = 150


def build():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or rig.ROOT / "target") / "ctest"
    target.mkdir(parents=True, exist_ok=True)
    program = target / "st-client"
    subprocess.run(["gcc", "-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-I", rig.ROOT / "include",
                    "-I", rig.ROOT / "include" / "zookeeper", "-o", program, HERE / "client.c", "-L", rig.link_directory("ours"),
                    "-l:libzookeeper_st.so.2"], check=True)
    leaves = target / "st-leaves"
    subprocess.run(["g++", "-std=gnu++17", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-I", rig.ROOT / "include",
                    "-I", rig.ROOT / "include" / "zookeeper", "-o", leaves, HERE / "leaves.cpp", "-L", rig.link_directory("ours"),
                    "-l:libzookeeper_st.so.2"], check=True)
    return program, leaves


def start(*arguments, program=None, **environment):
    return rig.spawn([str(program or build.program), *map(str, arguments)], env=rig.library_env("ours", **environment), cwd="/",
                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(child):
    """The client's output; it must have ended with status 0."""
    try:
        out, err = child.communicate(timeout=WAIT)
    except subprocess.TimeoutExpired:
        rig.terminate(child, grace=0)
        raise AssertionError(f"the client did not end:\n{child.communicate()[1].decode()[-2000:]}") from None
    if child.returncode != 0 or not out.endswith(b"ok\n"):
        raise AssertionError(f"status {child.returncode}\n{out.decode()}{err.decode()[-3000:]}")
    return out.decode(), err.decode()


def file(name):
    return rig.certificates() / name


def tls(_):
    """A server with a secure port, and TLS by the environment: large values and many requests in few records."""
    with rig.Ensemble(tls=rig.Tls()) as ensemble:
        finish(start(ensemble.secure_hosts, 10000, "traffic", "/tls", ZOO_TLS_CA=file("ca.crt")))


def sasl(scratch):
    """DIGEST-MD5 on TLS, without a thread for the mechanism; and a wrong password."""
    secret = "a secret of the tests"
    password = scratch / "password"
    password.write_text(secret)
    password.chmod(0o600)
    wrong = scratch / "wrong"
    wrong.write_text("another")
    wrong.chmod(0o600)
    with rig.Ensemble(tls=rig.Tls(port_unification=True), sasl=rig.DigestMd5({"bob": secret})) as ensemble:
        settings = {"ZOO_SASL_MECHANISM": "DIGEST-MD5", "ZOO_SASL_USER": "bob", "ZOO_SASL_PASSWORD_FILE": password}
        for extra in ({}, {"ZOO_TLS": "on", "ZOO_TLS_CA": file("ca.crt")}):
            log = finish(start(ensemble.hosts, 10000, "traffic", "/sasl", **settings, **extra))[1]
            assert "SASL authentication succeeded" in log, log
            assert secret not in log
        log = finish(start(ensemble.hosts, 3000, "silent", 3000, **settings | {"ZOO_SASL_PASSWORD_FILE": wrong}))[1]
        assert "the server refused the credentials" in log, log


def statistics(scratch):
    """The file of counters is written by the loop, and by a child that continues with the handle, and is removed at the
    end."""
    with rig.Ensemble() as ensemble:
        for command in ("idle", "daemon"):
            path = scratch / command
            child = start(ensemble.hosts, 60000, command, 3000, ZOO_STATS_FILE=path, ZOO_STATS_INTERVAL_MS=100)
            said = {}
            while child.poll() is None:
                if path.exists():
                    lines = [line.rsplit(" ", 1) for line in path.read_text().splitlines() if line.startswith("zookeeper_client_handles_connected{")]
                    said |= {float(value): names for names, value in lines}
                time.sleep(0.01)
            finish(child)
            assert 1.0 in said, said
            assert not path.exists()


def silent(_):
    """Servers that accept and send nothing, without and with TLS; an address without a server; a server that closes."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        hosts = f"127.0.0.1:{listener.getsockname()[1]}"
        finish(start(hosts, 3000, "silent", 5000))
        finish(start(hosts, 3000, "silent", 5000, ZOO_TLS="on", ZOO_TLS_CA=file("ca.crt")))
    finish(start(f"127.0.0.1:{rig.free_port()}", 3000, "silent", 3000))
    with rig.Ensemble() as ensemble, rig.Proxy(ensemble.members[0]) as proxy:
        proxy.accept_then_close()
        finish(start(rig.Ensemble.hosts_of([proxy]), 3000, "silent", 3000))


def probe(_):
    """A server that stays read-only, and one that says that it takes writes: the client moves only because of the
    second one's answer."""
    def script(answer, is_read_only):
        def serve(link):
            word = link.read(4)
            if word == b"isro":
                link.raw(answer)
                return
            link._pending[:0] = word
            link.accept_session(read_only=is_read_only)
            link.serve()
        return serve

    with FakeServer(script(b"ro", True)) as first, FakeServer(script(b"rw", False)) as second:
        finish(start(f"{first.hostport},{second.hostport}", 10000, "move"))
        for server in (first, second):
            assert not server.failures, server.failures


def readonly(_):
    """A session with a read-only server finds the read-write ones once they are there."""
    ensemble = rig.Ensemble(3, read_only=True, tick_time=200, min_session_timeout=400)
    try:
        ensemble.members[0].start()
        child = start(ensemble.hosts, 10000, "move")
        if child.stdout.readline() != b"read-only\n":
            rig.terminate(child, grace=0)
            raise AssertionError(child.communicate()[1].decode()[-2000:])
        for member in ensemble.members[1:]:
            member.start()
        finish(child)
    finally:
        ensemble.close()


def churn(_):
    """Connections cut, reset, held and refused at random for some seconds, with 50 requests in flight: each must be
    answered once."""
    with rig.Ensemble() as ensemble, rig.Proxy(ensemble.members[0]) as proxy, rig.Proxy(ensemble.members[0]) as other:
        child = start(rig.Ensemble.hosts_of([proxy, other]), 6000, "churn", 12000, "/churn")
        chance = random.Random(1)
        over = threading.Event()

        def disturb():
            while not over.wait(chance.uniform(0.05, 0.6)):
                victim = chance.choice((proxy, other))
                fault = chance.choice(("cut", "reset", "hold", "refuse"))
                if fault in ("cut", "reset"):
                    victim.cut(reset=fault == "reset")
                elif fault == "hold":
                    victim.hold()
                    time.sleep(chance.uniform(0.05, 0.5))
                    victim.release()
                else:
                    victim.refuse()
                    time.sleep(chance.uniform(0.05, 0.5))
                    victim.listen()

        disturber = threading.Thread(target=disturb)
        disturber.start()
        threading.Timer(10, over.set).start()
        try:
            out, _ = finish(child)
        finally:
            over.set()
            disturber.join()
        lost = int(out.split(" failed, ")[1].split()[0])
        assert lost > 0, out
        print(f"     {out.splitlines()[0]}")


def leaves(_):
    """Callbacks that leave by an exception or by longjmp."""
    with rig.Ensemble() as ensemble:
        finish(start(ensemble.hosts, program=build.leaves))


TESTS = (leaves, tls, sasl, statistics, silent, probe, readonly, churn)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", action="append", metavar="PATTERN", help="part of a name")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    chosen = [test for test in TESTS if not options.only or any(word in test.__name__ for word in options.only)]
    if options.list:
        for test in chosen:
            print(f"{test.__name__}: {test.__doc__.splitlines()[0]}")
        return 0
    build.program, build.leaves = build()
    failed = []
    for test in chosen:
        begun = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as scratch:
                test(pathlib.Path(scratch))
            print(f"ok   {test.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        except Exception:
            failed.append(test.__name__)
            print(f"FAIL {test.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
