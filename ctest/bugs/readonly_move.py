"""A read-only server that never answers, and one that says that it takes writes."""


def _read_only(link):
    if _is_probe(link, b"ro"):
        return
    link.accept_session(read_only=True)
    while True:
        request = link.request()
        if request.path != "/hold":
            link.answer(request)


def _writable(link):
    if _is_probe(link, b"rw"):
        return
    link.accept_session(read_only=False)
    link.serve()


def _is_probe(link, answer):
    word = link.read(4)
    if word == b"isro":
        link.raw(answer)
        return True
    link._pending[:0] = word
    return False


def run(trial):
    servers = [trial.serve(_read_only), trial.serve(_writable)]
    trial.hosts = ",".join(server.hostport for server in servers)
    outcome = trial.run()
    if outcome.failure:
        return outcome.failure
    lines = [line for line in outcome.stdout.splitlines() if line.startswith("in flight")]
    return None if lines and "ZCONNECTIONLOSS" in lines[0] else f"what was in flight: {lines}"
