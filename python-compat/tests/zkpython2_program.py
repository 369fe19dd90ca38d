"""A program like those of zkpython's users, for Python 2.7 and the published module. Run by published.py.

It prints its progress; published.py restarts the server when asked to.
"""

import sys
import threading

import zookeeper

OPEN = [{"perms": 0x1f, "scheme": "world", "id": "anyone"}]
changed = threading.Condition()
events = []
results = []


def watcher(handle, type, state, path):
    with changed:
        events.append((type, state, path))
        changed.notifyAll()


def completion(*arguments):
    with changed:
        results.append(arguments)
        changed.notifyAll()


def wait_until(condition, what):
    with changed:
        for _ in range(600):
            if condition():
                return
            changed.wait(0.1)
    sys.exit("%s: never came; events %r, results %r" % (what, events, results[-5:]))


def check(got, expected):
    if got != expected:
        sys.exit("got %r, expected %r" % (got, expected))


def main():
    zookeeper.set_log_stream(sys.stderr)
    zookeeper.set_debug_level(zookeeper.LOG_LEVEL_WARN)
    zookeeper.deterministic_conn_order(1)
    zh = zookeeper.init(sys.argv[1], watcher, 10000)
    connected = (zookeeper.SESSION_EVENT, zookeeper.CONNECTED_STATE, "")
    wait_until(lambda: connected in events, "the connection")
    print("connected")
    sys.stdin.readline()

    check(zookeeper.create(zh, "/node", "one", OPEN), "/node")
    check(zookeeper.get(zh, "/node", watcher)[0], "one")
    check(zookeeper.set(zh, "/node", "two\0\xff"), zookeeper.OK)
    wait_until(lambda: (zookeeper.CHANGED_EVENT, zookeeper.CONNECTED_STATE, "/node") in events, "the watch")
    data, stat = zookeeper.get(zh, "/node")
    check((data, stat["version"], stat["dataLength"]), ("two\0\xff", 1, 5))
    check(zookeeper.set2(zh, "/node", "three", 1)["version"], 2)
    check(zookeeper.get_acl(zh, "/node")[1], OPEN)
    check(zookeeper.set_acl(zh, "/node", 0, OPEN), zookeeper.OK)
    check(sorted(zookeeper.get_children(zh, "/")), ["node", "zookeeper"])
    check(zookeeper.exists(zh, "/none"), None)
    try:
        zookeeper.get(zh, "/none")
        sys.exit("no exception")
    except zookeeper.NoNodeException:
        pass

    check(zookeeper.acreate(zh, "/node/s-", "", OPEN, zookeeper.SEQUENCE, completion), zookeeper.OK)
    check(zookeeper.aget(zh, "/node", None, completion), zookeeper.OK)
    check(zookeeper.aexists(zh, "/node", None, completion), zookeeper.OK)
    check(zookeeper.aget_children(zh, "/node", None, completion), zookeeper.OK)
    check(zookeeper.aset(zh, "/node", "four", -1, completion), zookeeper.OK)
    check(zookeeper.aget_acl(zh, "/node", completion), zookeeper.OK)
    check(zookeeper.aset_acl(zh, "/node", -1, OPEN, completion), zookeeper.OK)
    check(zookeeper.async(zh, "/node", completion), zookeeper.OK)  # a keyword from Python 3.7 on
    check(zookeeper.adelete(zh, "/node/s-0000000000", -1, completion), zookeeper.OK)
    wait_until(lambda: len(results) == 9, "the completions")
    check([result[1] for result in results], [zookeeper.OK] * 9)
    check((results[0][2], results[1][2], results[3][2]), ("/node/s-0000000000", "three", ["s-0000000000"]))
    check(zookeeper.add_auth(zh, "digest", "user:secret", completion), zookeeper.OK)
    wait_until(lambda: len(results) == 10, "the authentication")

    identity = zookeeper.client_id(zh)
    check(zookeeper.create(zh, "/mine", "", OPEN, zookeeper.EPHEMERAL), "/mine")
    print("ready for the restart")
    # zkpython 0.4.2 calls each watcher once only, the default watcher included, so there is no event for this.
    wait_until(lambda: zookeeper.state(zh) != zookeeper.CONNECTED_STATE, "the loss")
    print("connection lost")
    wait_until(lambda: zookeeper.state(zh) == zookeeper.CONNECTED_STATE, "the new connection")
    # 0.4.2 reads the password up to the next NUL, wherever that is: only its first 16 bytes are meaningful.
    number, password = zookeeper.client_id(zh)
    check((number, password[:16]), (identity[0], identity[1][:16]))
    check(zookeeper.exists(zh, "/mine")["ephemeralOwner"], identity[0])
    check((zookeeper.state(zh), zookeeper.is_unrecoverable(zh)), (zookeeper.CONNECTED_STATE, False))
    check(zookeeper.close(zh), zookeeper.OK)
    try:
        zookeeper.get(zh, "/node")
        sys.exit("no exception after close")
    except zookeeper.ZooKeeperException:
        pass
    print("all is well")


if __name__ == "__main__":
    main()
