"""The commands, each a thin shell: read arguments, call, print. Heavy imports happen inside the command."""

from stet.cli.app import main

__all__ = ["main"]
