"""Stet: a writing assistant that runs on the writer's machine and learns from their corrections."""

__version__ = "0.1.0"
