"""Configurations that are statements, set and deleted by their path, in a candidate that is committed as a whole."""

from collections.abc import Callable, Iterable

Path = tuple[str, ...]


class Statements:
    """A set of paths. `leaf` says how much of a path names a leaf that has one value, and 0 for what may be many."""

    def __init__(self, paths: Iterable[Path], leaf: Callable[[Path], int]) -> None:
        self.paths = list(dict.fromkeys(paths))
        self._leaf = leaf

    def copy(self) -> "Statements":
        return Statements(self.paths, self._leaf)

    def set(self, path: Path) -> None:
        """Set a statement; a leaf's other value goes."""
        if size := self._leaf(path):
            self.delete(path[:size])
        if path not in self.paths:
            self.paths.append(path)

    def delete(self, prefix: Path) -> bool:
        """Delete all below a path. Whether there was something."""
        kept = [path for path in self.paths if path[: len(prefix)] != prefix]
        found = len(kept) < len(self.paths)
        self.paths = kept
        return found

    def below(self, *prefix: str) -> list[Path]:
        """What is below a path, without it."""
        return [path[len(prefix) :] for path in self.paths if path[: len(prefix)] == prefix]

    def value(self, *prefix: str) -> str:
        """A leaf's value, or nothing."""
        return next((path[0] for path in self.below(*prefix) if path), "")
