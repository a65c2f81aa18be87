"""One tree of settings: raw JSON in, (settings, problems) out. Names on the wire are camelCase; here, snake_case."""

from stet.settings.parse import Problem, parse, schema
from stet.settings.paths import Paths, default_paths
from stet.settings.tree import Settings

__all__ = ["Paths", "Problem", "Settings", "default_paths", "parse", "schema"]
