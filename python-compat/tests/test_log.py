"""The library's log: its levels, and files as its destination."""

import io
import os
import tempfile
import unittest

import zookeeper

from case import Case, eventually, log_to_file

LINE = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}:\d+\(0x[0-9a-f]+\):ZOO_(ERROR|WARN|INFO|DEBUG)@\w+@\d+: "


class Log(Case):
    def setUp(self):
        super().setUp()
        self.directory = tempfile.TemporaryDirectory()
        self.name = os.path.join(self.directory.name, "log")
        self.addCleanup(self.directory.cleanup)
        self.addCleanup(log_to_file)

    def text(self):
        with open(self.name) as log:
            return log.read()

    def make_it_talk(self):
        self.close(self.connect())

    def test_levels(self):
        with open(self.name, "w") as log:
            self.assertIsNone(zookeeper.set_log_stream(log))
            self.assertIsNone(zookeeper.set_debug_level(zookeeper.LOG_LEVEL_INFO))
            self.make_it_talk()
            self.assertRegex(self.text(), LINE)
            self.assertIn("Client environment:", self.text())
            self.assertNotIn("ZOO_DEBUG", self.text())
            zookeeper.set_debug_level(zookeeper.LOG_LEVEL_WARN)
            quiet = self.text()
            self.make_it_talk()
            self.assertEqual(self.text(), quiet)
            zookeeper.set_debug_level(0)
            self.connect(hosts="127.0.0.1:1", wait=False)
            self.assertEqual(self.text(), quiet)

    def test_every_line_has_the_librarys_form(self):
        with open(self.name, "w") as log:
            zookeeper.set_log_stream(log)
            zookeeper.set_debug_level(zookeeper.LOG_LEVEL_INFO)
            self.connect()
            for line in self.text().splitlines():
                self.assertRegex(line, LINE)

    def test_lines_come_after_what_the_program_wrote_before(self):
        with open(self.name, "w") as log:
            log.write("before\n")
            zookeeper.set_log_stream(log)
            zookeeper.set_debug_level(zookeeper.LOG_LEVEL_INFO)
            self.make_it_talk()
            self.assertTrue(self.text().startswith("before\n2"))

    def test_the_file_may_be_closed_and_another_one_set(self):
        first = open(self.name, "w")
        zookeeper.set_log_stream(first)
        first.close()
        zookeeper.set_debug_level(zookeeper.LOG_LEVEL_INFO)
        self.make_it_talk()
        before = self.text()
        self.assertIn("Client environment:", before)
        second = self.name + "2"
        with open(second, "wb", buffering=0) as log:
            zookeeper.set_log_stream(log)
        self.make_it_talk()
        self.assertEqual(self.text(), before)
        with open(second) as log:
            self.assertIn("Client environment:", log.read())

    def test_descriptors_do_not_pile_up(self):
        def descriptors():
            return len(os.listdir("/proc/self/fd"))

        with open(self.name, "w") as log:
            zookeeper.set_log_stream(log)
            before = descriptors()
            for _ in range(100):
                zookeeper.set_log_stream(log)
            self.assertEqual(descriptors(), before)

    def test_a_pipe(self):
        reader, writer = os.pipe()
        with os.fdopen(reader) as lines, os.fdopen(writer, "w") as log:
            zookeeper.set_log_stream(log)
            zookeeper.set_debug_level(zookeeper.LOG_LEVEL_INFO)
            self.connect(hosts="127.0.0.1:1", wait=False)
            self.assertRegex(lines.readline(), LINE)
            log_to_file()

    def test_none_means_stderr(self):
        with open(self.name, "w") as log:
            zookeeper.set_log_stream(log)
        zookeeper.set_debug_level(0)
        self.assertIsNone(zookeeper.set_log_stream(None))
        self.make_it_talk()
        self.assertEqual(self.text(), "")

    def test_what_is_not_a_file(self):
        with open(self.name, "w") as closed:
            pass
        with open(self.name) as readable:
            for bad in (5, "log", [], io.StringIO(), io.BytesIO(), object(), closed, readable):
                with self.subTest(repr(bad)), self.assertRaises(ValueError):
                    zookeeper.set_log_stream(bad)
        with self.assertRaises(TypeError):
            zookeeper.set_log_stream()

    def test_errors_are_logged_too(self):
        with open(self.name, "w") as log:
            zookeeper.set_log_stream(log)
            zookeeper.set_debug_level(zookeeper.LOG_LEVEL_ERROR)
            self.connect(hosts="127.0.0.1:1", wait=False)
            eventually(lambda: "ZOO_ERROR" in self.text(), "the refused connection is logged")
            self.assertRegex(self.text(), r"Socket 127\.0\.0\.1:1 zk retcode=-4, errno=111")


if __name__ == "__main__":
    unittest.main()
