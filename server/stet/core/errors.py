"""The few errors raised on purpose. Each message is one sentence with the offending value and what mends it."""


class StetError(Exception):
    """Base of every error Stet raises on purpose; its text is shown to the writer as it is."""


class ModelError(StetError):
    """A model file is missing, damaged, of another architecture, or cannot be fetched."""


class EngineError(StetError):
    """The engine could not be started, was lost, or gave an answer that cannot be used."""


class StoreError(StetError):
    """The store cannot be opened or written: read-only, full, corrupt, or of a newer version."""


class TrainingError(StetError):
    """A training run cannot start or go on: packages missing, too few records, lock held."""


class Halted(StetError):
    """Work was stopped because the writer asked for it."""
