"""The `syncdeck` command's front door: makes sure that app, engine, config and widgets are ours, then starts.

Our users' own code is a package called ``app``, and they run with ``PYTHONPATH`` or the working folder
pointing at it. Whatever lies there must neither be imported in place of ours nor shadow a library.
"""

from __future__ import annotations

# Only what the interpreter has loaded by itself before this line: everything else, even of the standard library, may
# be shadowed until main() has cleaned the path.
import os
import site
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

HOME = os.path.dirname(os.path.realpath(__file__))
INTERRUPTED = 130
"""app.cli.exit_codes has it too; but Ctrl-C may come before that is loaded."""
ROOMS = ("app", "widgets", "engine", "config")


class _OurRooms:
    """Finds our four packages beside this file, before anybody else's finder is asked."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of one of our packages; None for every other name."""
        if fullname not in ROOMS:
            return None
        from importlib.machinery import PathFinder

        return PathFinder.find_spec(fullname, [HOME])


def _own_paths() -> set[str]:
    """Return the folders that stay on the path even where the user's settings name them too."""
    library = os.path.dirname(os.path.realpath(os.__file__))
    packages = {os.path.realpath(path) for path in site.getsitepackages()}
    return {HOME, library, os.path.join(library, "lib-dynload")} | packages


def _working_folder() -> set[str]:
    """Return the working folder; nothing when it was removed, which shadows nothing."""
    try:
        return {os.getcwd()}
    except FileNotFoundError:
        return set()


def _drop_foreign_paths() -> None:
    """Take the working folder and the entries of PYTHONPATH off the path."""
    foreign = {os.path.realpath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry}
    foreign |= _working_folder()
    foreign -= _own_paths()
    sys.path[:] = [entry for entry in sys.path if entry and os.path.realpath(entry) not in foreign]
    if HOME not in sys.path:
        sys.path.insert(0, HOME)


def _evict_foreign_modules() -> None:
    """Forget packages with our names that something imported from elsewhere before us (a .pth file, sitecustomize)."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in ROOMS:
            places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", ())]
            if not any(os.path.realpath(place).startswith(HOME + os.sep) for place in places if place):
                del sys.modules[name]


def _claim_imports() -> None:
    _drop_foreign_paths()
    _evict_foreign_modules()
    if not any(isinstance(finder, _OurRooms) for finder in sys.meta_path):
        sys.meta_path.insert(0, _OurRooms())


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return its exit code (see docs/command-line.md)."""
    try:
        _claim_imports()
        from app.cli.main import main as run

        return run(argv)
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
