"""Bugs with a list of entries: each entry of the program runs in a separate process."""


def run_each(trial):
    """Run every entry; on stock each of them must fail, or it is not a bug."""
    trial.hosts = trial.servers.get("server").hosts
    wrong, right = [], []
    for number, name in enumerate(trial.run().stdout.split()):
        outcome = trial.run(number)
        if outcome.failure:
            wrong.append(f"{name} {outcome.failure}")
        else:
            right.append(name)
    if trial.which == "stock" and wrong and right:
        raise AssertionError(f"stock survives {', '.join(right)}: those belong into the cases")
    return f"{len(wrong)} entries: {'; '.join(wrong)}" if wrong else None
