"""The incident: some servers get SIGSTOP, or SIGKILL and a restart, for a time."""

import dataclasses
import time

ACTIONS = ("stop", "kill")
VICTIMS = ("all", "leader", "quorum", "follower")


@dataclasses.dataclass(frozen=True)
class Incident:
    """`action` of `victims` for `seconds`."""

    action: str
    victims: str
    seconds: float

    def __str__(self):
        verb = "SIGSTOP of" if self.action == "stop" else "SIGKILL of"
        what = {"all": "all servers", "leader": "the leader", "quorum": "a quorum", "follower": "one follower"}
        return f"{verb} {what[self.victims]} for {self.seconds:g} s"

    def choose(self, ensemble):
        """The members that it hits. "quorum" means the leader and as many followers as leave only a minority."""
        members = ensemble.members
        if self.victims == "all":
            return list(members)
        leader = ensemble.leader()
        if leader is None:
            raise RuntimeError("no leader to hit")
        followers = [member for member in members if member is not leader]
        if self.victims == "leader":
            return [leader]
        if self.victims == "follower":
            return followers[:1]
        return [leader, *followers][: len(members) // 2 + 1]

    def begin(self, victims, throttle):
        """Hit them."""
        for member in victims:
            throttle.hold(member.pid, True)
            if self.action == "stop":
                member.stop()
            else:
                member.kill()

    def end(self, victims, throttle):
        """Continue the victims, or restart them (under the same limits). Returns the monotonic time."""
        for member in victims:
            if self.action == "stop":
                member.cont()
                throttle.hold(member.pid, False)
            else:
                member.start()
                throttle.add(member.pid)
        return time.monotonic()
