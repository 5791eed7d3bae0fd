"""`deepaudio dub -`: jobs come as JSON lines on standard input, results go as JSON lines to standard output."""

import sys
from pathlib import Path

import typer

from deepaudio.dubbing.jobs import BatchJob, DubJob
from deepaudio.errors import BatchError
from deepaudio_cli.console import Console

STREAM = Path("-")


def dub_stream(console: Console, batch: BatchJob, base: DubJob) -> None:
    """Dub until the input ends; exit code 7 when a job failed."""
    from deepaudio.dubbing.batch import run_stream

    failed = 0
    with console.progress() as progress:
        for row in run_stream(sys.stdin.buffer, batch, base, progress):
            console.row(row)
            failed += not row["ok"]
    if failed:
        console.say(f"{failed} jobs failed")
        raise typer.Exit(BatchError.exit_code)
