"""Grants a session and never says another word."""


def script(link):
    link.accept_session()
    link.until_eof(30)
