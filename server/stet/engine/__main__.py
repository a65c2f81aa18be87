"""`python -m stet.engine`: the engine's process."""

import sys

from stet.engine.child import run_engine

if __name__ == "__main__":
    run_engine(sys.stdin, sys.stdout)
