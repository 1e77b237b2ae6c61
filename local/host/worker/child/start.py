"""Starts the worker: run as a file, with `-P`, so that nothing of this repository is on its `sys.path`."""

import importlib.util
import sys
from pathlib import Path
from typing import Final

PACKAGE: Final = "_local_host_worker"


def load_package() -> None:
    """Load the directory of this file as a package that no app has a name for."""
    directory = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        PACKAGE, directory / "__init__.py", submodule_search_locations=[str(directory)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(directory)
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    load_package()
    importlib.import_module(f"{PACKAGE}.process").main()
