"""Grants a session and never sends anything else."""


def script(link):
    link.accept_session()
    link.until_eof(30)
