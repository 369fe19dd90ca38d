"""Programs that end with open sessions: they must end, with the status that they asked for."""

import os
import signal
import subprocess
import sys
import unittest

from case import PATIENCE
from server import shared

PRELUDE = """
import os, sys, threading, time
import zookeeper
zookeeper.set_debug_level(0)
hosts = sys.argv[1]
OPEN = [{"perms": 31, "scheme": "world", "id": "anyone"}]
def nothing(*_):
    pass
"""


class Exit(unittest.TestCase):
    def run_program(self, body, status=0, times=1):
        for _ in range(times):
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-c", PRELUDE + body, shared().hosts],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=3 * PATIENCE,
            )
            self.assertEqual((done.returncode, done.stderr.decode()), (status, ""))
        return done.stdout.decode()

    def test_open_sessions(self):
        self.run_program("h = zookeeper.init(hosts, nothing); zookeeper.exists(h, '/')", times=5)

    def test_sessions_that_never_connected(self):
        self.run_program("h = zookeeper.init('127.0.0.1:1', nothing)", times=5)

    def test_completions_that_are_still_coming(self):
        self.run_program("""
h = zookeeper.init(hosts, nothing)
for number in range(3000):
    zookeeper.aget(h, '/', None, nothing)
""", times=10)

    def test_a_callback_that_blocks(self):
        self.run_program("""
started = threading.Event()
def block(*_):
    started.set()
    time.sleep(3600)
h = zookeeper.init(hosts, block)
started.wait()
""", times=3)

    def test_a_callback_that_never_stops(self):
        self.run_program("""
started = threading.Event()
def spin(*_):
    started.set()
    while True:
        pass
h = zookeeper.init(hosts, spin)
started.wait()
""", times=3)

    def test_close_at_exit(self):
        output = self.run_program("""
import atexit
h = zookeeper.init(hosts, nothing)
atexit.register(lambda: print(zookeeper.close(h)))
zookeeper.exists(h, '/')
""")
        self.assertEqual(output, "0\n")

    def test_sys_exit_in_a_callback_ends_the_program(self):
        # Programs leave this way when their session expires.
        for argument, status in (("7", 7), ("", 0), ("None", 0), ("'because'", 1)):
            output = self.run_program("""
import atexit
atexit.register(print, 'left in order')
def leave(*_):
    print('leaving')
    sys.exit(%s)
if %r:
    sys.stderr = sys.stdout
h = zookeeper.init(hosts, leave)
time.sleep(3600)
""" % (argument, status == 1), status=status)
            reason = "because\n" if status == 1 else ""
            self.assertEqual(output, "leaving\n" + reason + "left in order\n")

    def test_a_fork_leaves_the_parents_session_alone(self):
        output = self.run_program("""
h = zookeeper.init(hosts, nothing)
zookeeper.exists(h, '/')
if os.fork() == 0:
    os._exit(0)
os.wait()
print(zookeeper.exists(h, '/') is not None, zookeeper.close(h))
""")
        self.assertEqual(output, "True 0\n")

    def test_the_session_outlives_a_program_that_does_not_close_it(self):
        # zkpython does not close at exit, and programs rely on it to go on with their session after a restart.
        identity = self.run_program("""
h = zookeeper.init(hosts, nothing, 30000)
zookeeper.create(h, '/left-%d' % os.getpid(), '', OPEN, zookeeper.EPHEMERAL)
print(repr(zookeeper.client_id(h)))
print('/left-%d' % os.getpid())
""").splitlines()
        output = self.run_program("""
h = zookeeper.init(hosts, nothing, 30000, %s)
print(zookeeper.exists(h, %r)['ephemeralOwner'] == zookeeper.client_id(h)[0] == %s[0])
zookeeper.close(h)
""" % (identity[0], identity[1], identity[0]))
        self.assertEqual(output, "True\n")

    def test_a_program_without_the_module_may_end_while_callbacks_come_in(self):
        # ctypes, as other bindings do, lets Python end the library's thread in the middle of a callback.
        for _ in range(5):
            done = subprocess.run([sys.executable, "-c", """
import ctypes, sys, time
library = ctypes.CDLL("libzookeeper_mt.so.2")
WATCHER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
COMPLETION = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
library.zookeeper_init.restype = ctypes.c_void_p
library.zoo_set_debug_level(0)
class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.3)
_slow = Slow()  # Python deletes it first at its end: time for a callback, which would crash once the interpreter is freed
states = []
watcher = WATCHER(lambda handle, type, state, path, context: states.append(state))
completion = COMPLETION(lambda *_: None)
handle = ctypes.c_void_p(library.zookeeper_init(sys.argv[1].encode(), watcher, 10000, None, None, 0))
while 3 not in states:
    time.sleep(0.01)
for _ in range(5000):
    library.zoo_aget(handle, b"/", 0, completion, None)
""", shared().hosts], stderr=subprocess.PIPE, timeout=3 * PATIENCE)
            self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_interrupt(self):
        program = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background has it ignored
h = zookeeper.init(hosts, nothing)
zookeeper.exists(h, '/')
try:
    print('ready', flush=True)
    while True:
        time.sleep(0.05)  # a signal just before a long sleep would wait for its end
except KeyboardInterrupt:
    sys.exit(zookeeper.close(h) + 5)
""", shared().hosts], stdout=subprocess.PIPE, env=os.environ)
        self.assertEqual(program.stdout.readline(), b"ready\n")
        program.send_signal(signal.SIGINT)
        self.assertEqual(program.wait(PATIENCE), 5)
        program.stdout.close()


if __name__ == "__main__":
    unittest.main()
