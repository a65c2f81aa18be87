"""Which models there are, bringing them here, and knowing that they are whole."""

from stet.models.catalogue import CATALOGUE, ModelEntry, resolve
from stet.models.installed import (
    Model,
    ensure,
    fetch_model,
    from_settings,
    installed,
    list_installed,
    remove,
    verify,
)

__all__ = [
    "CATALOGUE",
    "Model",
    "ModelEntry",
    "ensure",
    "fetch_model",
    "from_settings",
    "installed",
    "list_installed",
    "remove",
    "resolve",
    "verify",
]
