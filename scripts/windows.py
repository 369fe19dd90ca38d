#!/usr/bin/env python3
"""Makes docs/img/windows.svg: the longest pause before the next attempt, for each behaviour of the servers, with a
session timeout of 10 s and three servers. The formulas are those of docs/BACKOFF.md, with the constants of
core/src/backoff. --check only says whether the file is current."""
import math
import pathlib
import re
import sys

from generated import finish

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs/img/windows.svg"
SOURCE = "".join((ROOT / "core/src/backoff" / name).read_text() for name in ("windows.rs", "rank.rs"))
T, SERVERS = 10.0, 3
WIDTH, HEIGHT = 940, 400
TOP, BOTTOM = 62, 340
LOWEST, HIGHEST = 0.1, 100.0
COLOURS = {"none": "#b91c1c", "refused": "#c2410c", "middle": "#7c3aed", "low": "#0369a1", "first": "#047857"}


def constant(name):
    """A constant of the policy; durations are in seconds."""
    found = re.search(rf"const {name}: \w+ = (?:Duration::from_(secs|millis)\()?([\d_.]+)", SOURCE)
    if found is None:
        sys.exit(f"scripts/windows.py: core/src/backoff has no constant {name}")
    return float(found[2].replace("_", "")) / (1000 if found[1] == "millis" else 1)


def availability(passes):
    """The window after `passes` passes over the list without an answer."""
    return min(T / 10 * constant("GROWTH") ** (passes - 1), 0.4 * T)


def congestion(timeouts):
    """The window after `timeouts` handshakes in a row that have timed out."""
    doublings = max(0, timeouts - constant("CONGESTION_FLAT"))
    return min(T / 2 * 2.0**doublings, constant("CONGESTION_CAP_TIMEOUTS") * T, constant("CONGESTION_CAP"))


def ranked(effective_rank):
    spread = effective_rank / constant("ATTEMPTS_PER_SECOND") * (1 + effective_rank / constant("QUADRATIC_FROM"))
    return max(constant("INFORMED_FLOOR"), spread)


def floor(age):
    return min(age * T / (constant("AGE_SLOPE") * SERVERS), T / (5 * SERVERS))


def refused(age):
    return max(constant("REFUSED_FLOOR"), age / constant("REFUSED_AGE"), floor(age))


def steps():
    """(start, window) of the availability window, if each pause has its full length."""
    at, passes = 0.0, 1
    while at < 60:
        yield at, availability(passes)
        at += availability(passes)
        passes += 1


def unranked(age):
    return [window for start, window in steps() if start <= age][-1]


def y(seconds):
    share = math.log10(seconds / LOWEST) / math.log10(HIGHEST / LOWEST)
    return BOTTOM - share * (BOTTOM - TOP)


def label(x, at, text, colour="#374151", size=13, anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{at:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{text}</text>\n')


def line(points, colour):
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>\n'


def panel(left, right, title, ticks, caption, place):
    made = label(left, 26, title, "#111827", 15, weight="bold")
    for seconds in (0.1, 0.5, 1, 5, 10, 50, 100):
        made += f'<line x1="{left}" y1="{y(seconds):.1f}" x2="{right}" y2="{y(seconds):.1f}" stroke="#e5e7eb"/>\n'
        made += label(left - 6, y(seconds) + 4, f"{seconds:g} s", size=12, anchor="end")
    for tick in ticks:
        made += label(place(tick), BOTTOM + 18, f"{tick:g}", size=12, anchor="middle")
    made += label(left, 46, "longest pause before the next attempt", size=12)
    return made + label((left + right) / 2, BOTTOM + 40, caption, anchor="middle")


def picture():
    made = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="DejaVu Sans, Arial, sans-serif">\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n')
    left, right = 60, 420

    def place(age):
        return left + age / 60 * (right - left)

    made += panel(left, right, "Servers refuse or close", range(0, 61, 10), "seconds without a session", place)
    ages = [tenth / 4 for tenth in range(241)]
    curves = (
        ("none", "no rank, or a high one; servers close", lambda age: unranked(age), 58, -9),
        ("refused", "the same; servers refuse", lambda age: min(unranked(age), refused(age)), 13.5, 34),
        ("middle", "rank 49", lambda age: min(unranked(age), max(ranked(50), floor(age))), 58, -8),
        ("first", "rank 0 to 19", lambda age: min(unranked(age), max(ranked(20), floor(age))), 58, 18),
    )
    for name, text, curve, age, shift in curves:
        made += line([(place(at), y(curve(at))) for at in ages], COLOURS[name])
        made += label(place(age), y(curve(age)) + shift, text, COLOURS[name], anchor="start" if name == "refused" else "end")
    start, end = 540, 910

    def count(timeouts):
        return start + (timeouts - 0.5) / 8 * (end - start)

    made += panel(start, end, "Servers accept and do not answer", range(1, 9), "handshakes in a row that timed out",
                  count)
    for name, text, curve, at, shift in (
        ("none", "rank 16 and more, or none", congestion, 8, -10),
        ("low", "rank 15", lambda timeouts: min(congestion(timeouts), 16 / 5), 8, -10),
        ("first", "rank 0", lambda timeouts: min(congestion(timeouts), 1 / 5), 8, -10),
    ):
        made += line([(count(timeouts), y(curve(timeouts))) for timeouts in range(1, 9)], COLOURS[name])
        made += "".join(f'<circle cx="{count(timeouts):.1f}" cy="{y(curve(timeouts)):.1f}" r="3.5" fill="{COLOURS[name]}"/>\n'
                        for timeouts in range(1, 9))
        made += label(count(at), y(curve(at)) + shift, text, COLOURS[name], anchor="end")
    return made + "</svg>\n"


def main():
    finish(TARGET, picture(), "docs/img/windows.svg", "windows.py")


main()
