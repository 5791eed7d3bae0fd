"""A worker that dies of the clip 0.mp4; in a file of its own, which a new process imports fast."""

import os
import signal


def begin(jobs):
    """Nothing to prepare."""


def work(job, batch):
    """Every other clip is done at once."""
    if job.clip.name == "0.mp4":
        os.kill(os.getpid(), signal.SIGKILL)
