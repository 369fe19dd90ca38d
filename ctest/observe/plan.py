"""`calmkeeper plan`: simulated outages, and the measurement of a server."""

import pathlib
import re
import socket
import subprocess
import tempfile
import unittest

import rig
from command import LIMIT, cli, target, wait_for


class Plan(unittest.TestCase):
    def test_an_outage_with_stock_with_ours_and_with_a_part(self):
        with tempfile.TemporaryDirectory() as folder:
            picture = pathlib.Path(folder) / "outage.svg"
            out, _ = cli("plan", "--clients", 300, "--timeout", 4, "--capacity", 100, "--share", 0.3, "--outage", 8, "--seeds", 1,
                         "--svg", picture)
            for wanted in ("stock", "30 % ours", "99 % back", "sessions lost", "Clients connected"):
                self.assertIn(wanted, out)
            self.assertTrue("What would help" in out or "No setting" in out)
            self.assertIn("<svg", picture.read_text())

    def test_clients_that_never_come_back_have_lost_their_sessions(self):
        out, _ = cli("plan", "--clients", 2000, "--timeout", 4, "--capacity", 200, "--seeds", 1)
        stock = re.search(r"^stock +never +never +never +([\d.]+) %", out, re.M)
        self.assertGreater(float(stock[1]), 50, out)
        self.assertIn("Lost are the sessions that expired", out)

    def test_a_small_share_has_a_row(self):
        out, _ = cli("plan", "--clients", 300, "--timeout", 4, "--capacity", 300, "--share", 0.01, "--outage", 1, "--seeds", 1)
        self.assertRegex(out, r"(?m)^1 % ours ")

    def test_a_server_that_is_silent_is_said_to_be(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            _, err = cli("plan", "--measure", f"127.0.0.1:{listener.getsockname()[1]}", status=1)
            self.assertIn("no answer within 5 s", err)

    def test_measuring_is_bounded_and_leaves_no_session(self):
        with rig.Ensemble() as ensemble:
            out, _ = cli("plan", "--measure", ensemble.hosts)
            self.assertRegex(out, r"100 sessions .* at \d+ a second")
            wait_for("no session is left", lambda: re.search(r"zk_ephemerals_count\t0\b", ensemble.four_letter("mntr")))
            sessions = ensemble.four_letter("dump")
            self.assertNotRegex(sessions, r"0x[0-9a-f]{8,}", sessions)

    def test_what_is_no_zookeeper_costs_one_connection(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            child = subprocess.Popen([target() / "release" / "calmkeeper-cli", "plan", "--measure", f"127.0.0.1:{port}"],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            listener.settimeout(LIMIT)
            link, _ = listener.accept()
            link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            _, err = child.communicate(timeout=LIMIT)
            link.close()
            self.assertEqual((child.returncode, err.count("\n")), (1, 1))
            listener.settimeout(0.2)
            self.assertRaises(TimeoutError, listener.accept)
