"""Which servers are alive: each holds a lock on a file of its own, which ends with the process however that ends.

Two windows may have the same document open. Only one of them follows a journalled span: the one that made it, or, when
that one is gone, the first to take it over (`stet.store.spans.take_over`).
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from filelock import FileLock, Timeout


class Presence:
    """This server's lock, and a look at the others'."""

    def __init__(self, folder: Path, name: str) -> None:
        """`folder` holds one file for each server; `name` is this one's, never used before."""
        self.name = name
        self._folder = folder
        self._lock = self._lock_of(name)

    def hold(self) -> None:
        """Be alive from here on. Clears away what dead servers have left. Raises OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            self._lock.acquire(timeout=0)
            if self._path(self.name).exists():
                break
            self._lock.release()  # another server took the fresh file for a dead one's
        for path in self._folder.glob("*.lock"):
            self.is_alive(path.stem)

    def is_alive(self, name: str) -> bool:
        """Whether the server `name` still runs; the file of a dead one is removed."""
        if name == self.name:
            return self._lock.is_locked
        if not name or not self._path(name).exists():
            return False
        try:
            with self._lock_of(name).acquire(timeout=0):
                self._path(name).unlink(missing_ok=True)
        except (Timeout, OSError):
            return True
        return False

    def end(self) -> None:
        """Be gone."""
        with contextlib.suppress(OSError):
            self._path(self.name).unlink(missing_ok=True)
        self._lock.release(force=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def _lock_of(self, name: str) -> FileLock:
        return FileLock(self._path(name), mode=0o600, thread_local=False)
