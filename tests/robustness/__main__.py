"""`python -m tests.robustness [page|kills|faults|fuzz] ...`: the page, or one of the long runs (`--help` of each)."""

import sys
from importlib import import_module

RUNS = ("kills", "faults", "fuzz")

if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else "page"
    if what in RUNS:
        sys.exit(import_module(f"tests.robustness.{what}").main(sys.argv[2:]))
    if what != "page":
        sys.exit(f"{what!r} is none of page, {', '.join(RUNS)}")
    from tests.robustness.page import write_page

    sys.exit(write_page())
