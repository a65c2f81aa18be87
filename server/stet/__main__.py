"""`python -m stet` is the `stet` command."""

from stet.cli import main

if __name__ == "__main__":
    main()
