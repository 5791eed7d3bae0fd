"""`python -m deepaudio_cli`."""

from deepaudio_cli.main import run

if __name__ == "__main__":
    run()
