#!/usr/bin/python3
"""The operators' tools: published counters, `calmkeeper top` and `plan`, alert rules and the dashboard.

Usage: run.py [TEST...]      unittest's arguments
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]

import rig  # noqa: E402
from command import LIMIT, cli, target, wait_for  # noqa: E402
from plan import Plan  # noqa: E402, F401: its tests run too
from run import FLAGS, headers  # noqa: E402
from terminal import OnTerminal  # noqa: E402

OBSERVE = rig.ROOT / "dist" / "observe"


class Observed(unittest.TestCase):
    maxDiff = 3000

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        include = headers()
        cls.program = cls.folder / "client"
        subprocess.run(["gcc", *FLAGS, "-I", include, "-I", include / "zookeeper", "-o", cls.program, HERE / "client.c",
                        "-L", rig.link_directory("stock"), "-l:libzookeeper_mt.so.2"], check=True)
        rig.link_directory("ours")

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.stats = self.scratch / "stats"
        self.stats.mkdir()
        # Switched on by a settings file, as an operator would do.
        self.settings = self.scratch / "calmkeeper.conf"
        self.settings.write_text(f"# for the host\nZOO_STATS_DIR={self.stats}\nZOO_STATS_INTERVAL_MS=200\n")
        self.settings.chmod(0o644)

    def start(self, hosts, program=None, **environment):
        """Starts a client that is connected and publishes."""
        child = rig.spawn([str(program or self.program), hosts],
                          env=rig.library_env("ours", ZOO_CONFIG_FILE=str(self.settings), **environment),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.end, child)
        self.assertEqual(child.stdout.readline(), "ready\n")
        return child

    @staticmethod
    def end(child):
        """Ends a client in order."""
        with contextlib.suppress(OSError):
            child.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=LIMIT)
        rig.terminate(child, grace=0)
        child.stdout.close()

    def top(self, *arguments):
        return cli("top", *arguments, "--dir", self.stats)[0]

    def rows(self):
        return {row["pid"]: row for row in json.loads(self.top("--json"))["processes"]}

    def state(self, pid):
        row = self.rows().get(pid)
        return row and ("stale" if row["stale"] else ",".join(row["states"]))


class Publishing(Observed):
    def answered(self, pid):
        row = self.rows()[pid]
        return row if row["replies"] and row["latency_seconds"] else None

    def test_processes_side_by_side_through_an_outage(self):
        with rig.Ensemble() as ensemble:
            children = [self.start(ensemble.hosts) for _ in range(3)]
            pids = {child.pid for child in children}
            wait_for("three connected rows", lambda: {self.state(pid) for pid in pids} == {"connected"})
            row = wait_for("an answered request", lambda: self.answered(children[0].pid))
            self.assertEqual((row["program"], row["servers"], row["handles"]), ("client", ensemble.hosts, 1))
            self.check_collector(pids)
            ensemble.kill()
            wait_for("an outage", lambda: all(self.state(pid) in ("pausing", "connecting") for pid in pids))
            row = self.rows()[children[0].pid]
            self.assertGreaterEqual(row["losses"], 1)
            self.assertIsNotNone(row["last_loss_seconds"])
            text = self.top("--once")
            self.assertRegex(text.splitlines()[0], r"^PID +PROGRAM +SERVERS +STATE +LOSS +ATTEMPTS +PAUSE +LEVELS +LATENCY")
            self.assertEqual(len(text.splitlines()), 4)
            # One client ends, and its file is removed; one is killed, and its file is stale.
            self.end(children[0])
            self.assertNotIn(children[0].pid, self.rows())
            children[1].kill()
            children[1].wait()
            self.assertEqual(self.state(children[1].pid), "stale")
            self.assertIn("stale", self.top("--once"))

    def test_a_process_that_has_closed_its_last_handle_is_not_stale(self):
        with rig.Ensemble() as ensemble:
            child = self.start(ensemble.hosts)
        child.stdin.write("close\n")
        child.stdin.flush()
        self.assertEqual(child.stdout.readline(), "closed\n")
        # It writes no more; more than three intervals pass.
        row = wait_for("an old file", lambda: next((row for row in self.rows().values() if row["age_seconds"] > 1), None))
        self.assertEqual((row["pid"], row["handles"], row["states"], row["stale"]), (child.pid, 0, {}, False))
        self.assertIn(" closed ", self.top("--once"))

    def check_collector(self, pids):
        """Debian's node_exporter accepts the files of all processes without complaint."""
        with rig.node_exporter(self.stats, LIMIT) as port:
            text = rig.await_http(port, "/metrics", LIMIT)
        found = {int(pid) for pid in re.findall(r'^zookeeper_client_handles\{pid="(\d+)"', text, re.M)}
        self.assertEqual(found, pids)
        self.assertIn("node_textfile_scrape_error 0\n", text)

    def test_a_process_keeps_its_file_if_asked_to(self):
        with rig.Ensemble() as ensemble:
            child = self.start(ensemble.hosts, ZOO_STATS_KEEP="1")
            self.end(child)
            self.assertEqual([path.name for path in self.stats.iterdir()], [f"zookeeper-client.client.{child.pid}.prom"])

    def test_the_environment_wins_over_the_file(self):
        other = self.scratch / "other"
        other.mkdir()
        with rig.Ensemble() as ensemble:
            child = self.start(ensemble.hosts, ZOO_STATS_DIR=str(other))
            wait_for("a file", lambda: list(other.glob("*.prom")))
            self.assertEqual(list(self.stats.iterdir()), [])
            self.end(child)

    def test_programs_and_top_read_the_settings_alike(self):
        """`top` shows the program in the folder that the library has chosen from the same file."""
        first = self.scratch / "first"
        first.mkdir()
        environment = {"ZOO_CONFIG_FILE": str(self.settings)}
        with rig.Ensemble() as ensemble:
            for lines in (f"ZOO_STATS_DIR={first}\nZOO_STATS_DIR = {self.stats} \n",
                          f"#ZOO_STATS_DIR={first}\nZOO_STATS_DIRECTORY={first}\nZOO_STATS_DIR=\nZOO_STATS_DIR={self.stats}\n"):
                with self.subTest(lines):
                    self.settings.write_text(lines + "ZOO_STATS_INTERVAL_MS=200\n")
                    child = self.start(ensemble.hosts)
                    wait_for("a file", lambda: list(self.scratch.glob("*/*.prom")))
                    shown = json.loads(cli("top", "--json", environment=environment)[0])["processes"]
                    self.assertEqual([row["pid"] for row in shown], [child.pid])
                    self.assertEqual(list(first.iterdir()), [])
                    self.end(child)
            # Both take an empty last value as no setting, and both ignore a file that is not trusted.
            for lines, mode in ((f"ZOO_STATS_DIR={self.stats}\nZOO_STATS_DIR=\n", 0o644), (f"ZOO_STATS_DIR={self.stats}\n", 0o666)):
                with self.subTest(lines, mode=mode):
                    self.settings.write_text(lines)
                    self.settings.chmod(mode)
                    self.end(self.start(ensemble.hosts, ZOO_STATS_KEEP="1"))
                    self.assertEqual(list(self.stats.iterdir()), [])
                    (self.stats / "x.prom").write_text(
                        f'zookeeper_client_info{{program="p",pid="{os.getpid()}",version="1"}} 1\n'
                        f'zookeeper_client_handles{{servers="a:1",program="p",pid="{os.getpid()}"}} 1\n')
                    clean = {name: value for name, value in os.environ.items() if not name.startswith("ZOO_")}
                    done = subprocess.run([target() / "release" / "calmkeeper-cli", "top", "--json"], capture_output=True, text=True,
                                          env=clean | environment, check=False)
                    self.assertNotIn(str(os.getpid()), done.stdout)
                    self.assertNotIn("cannot read :", done.stderr)
                    (self.stats / "x.prom").unlink()

    def test_a_file_of_settings_that_others_may_write_is_ignored(self):
        self.settings.chmod(0o666)
        with rig.Ensemble() as ensemble:
            child = self.start(ensemble.hosts)
            self.end(child)
        self.assertEqual(list(self.stats.iterdir()), [])


    def test_a_name_that_is_no_setting_has_a_line_in_the_log(self):
        self.settings.write_text("# for the host\nZOO_RECONNECT_CAPP_MS=5\nZOO_OWN=1\n")
        names = {"ZOO_TLS_MINIMUM": "1.3", "ZOO_RECONECT_POLICY": "stock", "ZOO_MY_ID": "1"}
        child = rig.spawn([str(self.program), f"127.0.0.1:{rig.free_port()}"],
                          env=rig.library_env("ours", ZOO_CONFIG_FILE=str(self.settings), **names),
                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(child.stderr.close)
        self.addCleanup(rig.terminate, child, grace=0)
        _, log = child.communicate("close\n", timeout=LIMIT)
        found = [line.split(": ", 1)[1] for line in log.splitlines() if "is not a setting of this library and has no effect" in line]
        unknown = "{} is not a setting of this library and has no effect".format
        wanted = [f"{self.settings} line 2: {unknown('ZOO_RECONNECT_CAPP_MS')}; is ZOO_RECONNECT_CAP_MS meant?",
                  f"{self.settings} line 3: {unknown('ZOO_OWN')}",
                  unknown("ZOO_TLS_MINIMUM"), f"{unknown('ZOO_RECONECT_POLICY')}; is ZOO_RECONNECT_POLICY meant?"]
        self.assertEqual(sorted(found), sorted(wanted), log)


class Top(Observed, OnTerminal):
    def test_the_live_view_in_a_terminal(self):
        socket_name = f"calmkeeper-{os.getpid()}"
        tmux = ["tmux", "-L", socket_name, "-f", "/dev/null"]
        with rig.Ensemble() as ensemble:
            child = self.start(ensemble.hosts)
            wait_for("a connected row", lambda: self.state(child.pid) == "connected")
            command = f"{target() / 'release' / 'calmkeeper-cli'} top --dir {self.stats} --interval 0.2; echo ended with $?; cat"
            subprocess.run([*tmux, "new-session", "-d", "-x", "120", "-y", "12", command], check=True)
            try:
                def screen():
                    return subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True).stdout

                wait_for("the row", lambda: str(child.pid) in screen() and "connected" in screen())
                self.assertIn("handles 1, connected 1", screen())
                ensemble.kill()
                wait_for("the outage", lambda: re.search(r"connected 0\b", screen()))
                subprocess.run([*tmux, "send-keys", "q"], check=True)
                wait_for("the end", lambda: "ended with 0" in screen())
            finally:
                subprocess.run([*tmux, "kill-server"], check=False, stderr=subprocess.DEVNULL)

    def test_what_is_not_to_be_believed_is_not_shown(self):
        good = ('zookeeper_client_info{{program="{0}",pid="{1}",version="1"}} 1\n'
                'zookeeper_client_handles{{servers="a:1",program="{0}",pid="{1}"}} 1\n')
        foreign = self.stats / "foreign.prom"
        foreign.write_text(good.format("foreign", os.getpid()))
        if os.geteuid() == 0:
            os.chown(foreign, 65534, 65534)
        (self.stats / "link.prom").symlink_to("/etc/passwd")
        os.mkfifo(self.stats / "pipe.prom")
        (self.stats / "node.prom").write_text("node_load1 0.5\n")
        (self.stats / "escape.prom").write_text(good.format("\x1b[2Jx", os.getpid()) if os.geteuid() == 0 else "")
        text = self.top("--once")
        self.assertNotIn("\x1b", text)
        self.assertIn("not shown: link.prom", text)
        self.assertIn("not shown: pipe.prom", text)
        if os.geteuid() == 0:
            self.assertIn("not shown: foreign.prom: it belongs to user 65534", text)
            self.assertIn("?[2Jx", text)

    def test_one_file_neither_stops_nor_floods_top(self):
        head = f'zookeeper_client_info{{program="p",pid="{os.getpid()}",version="1"}} 1\n'
        line = 'zookeeper_client_{}{{servers="{}",program="p",state="connected"}} {}\n'.format
        for what, lines in (
                ("a long list", [line("handles", "a" * 72_000, 1)]),
                ("a long list and many rows", [line("handles", "a" * 65_000, 1), *(line("handles", n, 1) for n in range(3_000))]),
                ("huge values", [line(name, n, "1e300") for n in range(3) for name in (
                    "handles", "handles_in_state", "last_loss_timestamp_seconds", "next_attempt_timestamp_seconds",
                    "connection_attempts_total", "request_duration_seconds_count", "request_duration_seconds_sum")])):
            with self.subTest(what):
                (self.stats / "x.prom").write_text(head + "".join(lines))
                text = self.top("--once")
                self.assertLess(len(text), 10_000)
                self.assertLess(max(map(len, text.splitlines())), 500)
                self.assertLess(len(self.top("--json")), 200_000)

    def test_bad_input_is_one_line_and_changes_nothing(self):
        missing = self.scratch / "missing"
        for arguments, status, what in (
                (["top", "--dir", missing, "--once"], 1, "ZOO_STATS_DIR"),
                (["top", "--dir", self.stats], 2, "--once or --json"),
                (["top", "--sort"], 2, "--sort"), (["top", "--sort"], 2, "'calmkeeper top --help'"), (["top", "--dir"], 2, "--dir"), (["top", "--interval", "never"], 2, "seconds"),
                (["plan"], 2, "--clients"), (["plan", "--clients", "many"], 2, "--clients many"),
                (["plan", "--clients", "10", "--timeout", "4"], 2, "--capacity"),
                (["plan", "--measure", "nonsense"], 2, "HOST:PORT"),
                (["plan", "--measure", f"127.0.0.1:{rig.free_port()}"], 1, "is it a ZooKeeper server"),
                (["plan", "--clients", "30", "--timeout", "4", "--capacity", "30", "--outage", "1", "--seeds", "1", "--svg",
                  missing / "x.svg"], 1, "--svg"),
                *((["plan", "--clients", "30", "--timeout", "4", "--capacity", "30", "--outage", "1", "--seeds", "1", option, value], 2, what)
                  for option, value, what in (
                      ("--servers", "2.5", "--servers 2.5: not a whole number"), ("--clients", "10.9", "not a whole number"),
                      ("--seeds", "1.9", "not a whole number"), ("--share", "0.011", "not a multiple of 0.01"),
                      ("--share", "0.01", "of 30 clients it makes 0 on ours"), ("--outage", "0", "not a number from 0.1"),
                      ("--measure", "127.0.0.1:1", "takes no other option"))),
                (["plan", "extra"], 2, "extra"), (["bottom"], 2, "bottom"), ([], 2, "no command")):
            with self.subTest(arguments=arguments):
                out, err = cli(*arguments, status=status)
                self.assertEqual((out, err.count("\n")), ("", 1))
                self.assertIn(what, err)
        _, err = cli("top", "--once", "--dir", missing, status=1, environment={"ZOO_CONFIG_FILE": str(self.settings)})
        self.assertIn(f"ZOO_STATS_DIR in {self.settings} says", err)
        self.assertFalse(missing.exists())
        self.assertEqual(list(self.stats.iterdir()), [])

    def test_a_picture_that_cannot_be_written_leaves_the_old_one(self):
        picture = self.scratch / "outage.svg"
        picture.write_text("old")
        command = [target() / "release" / "calmkeeper-cli", "plan", "--clients", "30", "--timeout", "4", "--capacity", "30", "--outage", "1",
                   "--seeds", "1", "--svg"]
        # A file may have 100 bytes, as if the file system were full after them.
        for place, limit in ((picture, ["--fsize=100"]), ("/dev/full", [])):
            done = subprocess.run(["prlimit", *limit, "--", "env", "--ignore-signal=XFSZ", *map(str, command), str(place)],
                                  capture_output=True, text=True, timeout=600, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (1, "", 1), done.stderr)
            self.assertIn("--svg names another file", done.stderr)
        self.assertEqual((picture.read_text(), [path.name for path in self.scratch.glob("*.svg*")]), ("old", ["outage.svg"]))

    def test_a_picture_replaces_no_other_file(self):
        command = ["plan", "--clients", "30", "--timeout", "4", "--capacity", "30", "--outage", "1", "--seeds", "1", "--svg"]
        picture, other, link = (self.scratch / name for name in ("outage.svg", "outage.svg.new", "link.svg"))
        other.write_text("untouched")
        cli(*command, picture)
        self.assertIn("<svg", picture.read_text())
        link.symlink_to(other)
        _, err = cli(*command, link, status=1)
        self.assertIn("it is a link", err)
        self.assertTrue(link.is_symlink())
        self.assertEqual((other.read_text(), len(list(self.scratch.glob("*.svg*")))), ("untouched", 3))


class Rules(Observed):
    def published(self):
        """The names of all metrics, and their labels, from a real file."""
        with rig.Ensemble() as ensemble:
            child = self.start(ensemble.hosts)
            text = wait_for("a file", lambda: "".join(path.read_text() for path in self.stats.glob("*.prom")))
            self.end(child)
        return {line[len("# TYPE "):].split()[0] for line in text.splitlines() if line.startswith("# TYPE ")}

    def test_the_rules_hold_their_tests(self):
        scratch = self.scratch / "rules"
        shutil.copytree(OBSERVE, scratch)
        for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]):
            subprocess.run(["promtool", *command], cwd=scratch, check=True, capture_output=True)
        rules = scratch / "alerts.yml"
        text = rules.read_text()
        # Checks that the test can fail: each rule is broken once, which must be detected.
        for alert in re.findall(r"alert: (\w+)", text):
            rules.write_text(re.sub(rf"(alert: {alert}\n +expr:(?: >\n)?)", r"\1 vector(0) > 1 and ", text, count=1))
            done = subprocess.run(["promtool", "test", "rules", "alerts.test.yml"], cwd=scratch, capture_output=True, check=False)
            self.assertNotEqual(done.returncode, 0, alert)

    def test_rules_and_dashboard_use_what_is_published(self):
        names = self.published()
        dashboard = json.loads((OBSERVE / "dashboard.json").read_text())
        expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        used = set(re.findall(r"zookeeper_client_\w+", " ".join(expressions)))
        rules = set(re.findall(r"zookeeper_client_\w+", (OBSERVE / "alerts.yml").read_text()))
        self.assertEqual((used | rules) - names, set(), "not published")
        self.assertEqual(names - used, set(), "not on the dashboard")
        # Prometheus itself reads each expression.
        groups = [{"record": f"panel:{number}", "expr": re.sub(r"\$__rate_interval", "5m", expression)}
                  for number, expression in enumerate(expressions)]
        path = self.scratch / "panels.yml"
        path.write_text(json.dumps({"groups": [{"name": "panels", "rules": groups}]}))
        subprocess.run(["promtool", "check", "rules", str(path)], check=True, capture_output=True)

    def test_the_dashboard_shows_no_gauge_of_a_killed_process(self):
        """Its file stays, here with 5 for nearly every figure, and was last written at 10 s."""
        panels = json.loads((OBSERVE / "dashboard.json").read_text())["panels"]
        expressions = {}
        for panel, target in ((panel, target) for panel in panels for target in panel["targets"]):
            expression = re.sub(r"\$(instance|program)", ".*", target["expr"]).replace("$__rate_interval", "5m")
            names = set(re.findall(r"zookeeper_client_\w+", expression))
            if not all(re.search("_(total|sum|count)$", name) for name in names) and not panel["title"].startswith("Age"):
                expressions[expression] = names
        self.assertGreater(len(expressions), 10)
        values = {"zookeeper_client_written_timestamp_seconds": "10x200", "zookeeper_client_write_interval_seconds": "10x200",
                  "zookeeper_client_handles_connected": "1x200"}
        series = [{"series": f'{name}{{instance="h",program="p",pid="1",servers="a",state="pausing",version="1"}}',
                   "values": values.get(name, "5x200")} for name in sorted(set().union(*expressions.values()))]
        for moment, is_shown in (("20s", True), ("600s", False)):
            for expression in expressions:
                # The time of the next attempt is past at 20 s.
                wanted = "count" if is_shown and "next_attempt" not in expression else "absent"
                test = {"expr": f"{wanted}({expression}) > 0", "eval_time": moment, "exp_samples": [{"labels": "{}", "value": 1}]}
                path = self.scratch / "dead.yml"
                path.write_text(json.dumps({"evaluation_interval": "10s", "tests": [
                    {"interval": "10s", "input_series": series, "promql_expr_test": [test]}]}))
                done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
