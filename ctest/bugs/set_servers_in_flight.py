"""Two proxies on two addresses, because Debian's library does not notice a change of ports."""

WANTED = """default: session connected ""
default: session connecting ""
in flight: ZCONNECTIONLOSS(-4) stat=NULL
in flight: ZCONNECTIONLOSS(-4) stat=NULL
in flight: ZCONNECTIONLOSS(-4) stat=NULL
in flight: ZCONNECTIONLOSS(-4) stat=NULL
in flight: ZCONNECTIONLOSS(-4) stat=NULL
default: session connected ""
after: ZOK(0) """


def run(trial):
    member = trial.servers.get("server").members[0]
    trial.proxies = [trial.proxy(member), trial.proxy(member, host="127.0.0.2")]
    trial.hosts = ",".join(proxy.hostport for proxy in trial.proxies)
    outcome = trial.run()
    if outcome.failure:
        return outcome.failure
    if not outcome.stdout.startswith(WANTED):
        return "the records are: " + " | ".join(outcome.stdout.splitlines())
    return None
