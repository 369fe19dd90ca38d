"""Each entry in its own process."""

from entries import run_each as run  # noqa: F401
