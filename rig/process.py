"""Children that end with this process: by a parent-death signal in any case, in order (by pid) at a normal exit."""

import atexit
import os
import shutil
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

_children = set()
_lock = threading.Lock()
_spawner = None
_owner = None


def _reap_all():
    if os.getpid() != _owner:
        return  # a fork of us (multiprocessing) leaves: the children are not its own
    for child in list(_children):
        terminate(child, grace=0)


def _exit_on_signal(number, _frame):
    raise SystemExit(128 + number)


def _prepare():
    global _spawner, _owner
    if _owner == os.getpid():
        return
    _owner = os.getpid()
    _children.clear()
    # The parent-death signal is bound to the thread that started the child, so a single thread, which lives to the end,
    # starts all children.
    _spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rig-spawn")
    atexit.register(_reap_all)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                # Without this, `with` blocks and atexit functions would not run, and temporary directories would stay.
                signal.signal(number, _exit_on_signal)


def spawn(command, **options):
    """`subprocess.Popen` whose child dies with this process, even if this process is killed.

    The child gets its own process group: Ctrl-C reaches the test, which then ends its servers in order.
    """
    with _lock:
        _prepare()
        setpriv = shutil.which("setpriv")
        if setpriv:
            # Cheaper and safer than a preexec_fn, which would run after a fork of a process with threads; setpriv keeps
            # the pid.
            command = [setpriv, "--pdeathsig", "KILL", "--", *map(str, command)]
        options.setdefault("process_group", 0)
        child = _spawner.submit(subprocess.Popen, command, **options).result()
        _children.add(child)
        return child


def terminate(child, grace=5.0):
    """End a child of `spawn` (SIGTERM, after `grace` seconds SIGKILL; grace 0: at once) and return its exit status."""
    if child.poll() is None:
        if grace > 0:
            child.terminate()
            child.send_signal(signal.SIGCONT)
            try:
                child.wait(grace)
            except subprocess.TimeoutExpired:
                pass
        if child.poll() is None:
            child.kill()
    status = child.wait()
    _children.discard(child)
    return status
