"""Items for workers: one that dies of the clip 0.mp4, one that takes long; in a file of its own, which a new process imports fast."""

import os
import signal
import time


def begin(jobs):
    """Nothing to prepare."""


def work(job, batch):
    """Every other clip is done at once."""
    if job.clip.name == "0.mp4":
        os.kill(os.getpid(), signal.SIGKILL)


def long(begun, batch):
    """It says that it has begun, and that it cleaned up."""
    begun.touch()
    try:
        time.sleep(600)
    finally:
        begun.with_name(f"{begun.name}.cleaned").touch()
