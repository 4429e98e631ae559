"""Style sheets, icons and scripts: our own and those of installed packages, none from afar.

Tabler and Font Awesome come with starlette-admin, htmx with django-js-lib-htmx; neither package is
imported. Only what is listed here can be asked for, and the paths are no public interface of those
packages: a missing file stops the start, and a test.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from models.errors import UsageError

OWN_FOLDER: Final = Path(__file__).with_name("static")
STATIC_PATH: Final = "/static"
#: Folder below /static -> the package, the folder in it, and a file that must be there.
_OF_PACKAGES: Final = {
    "vendor/tabler": ("starlette_admin", "static/css/vendor", "tabler.min.css"),
    # where the style sheet of the icons looks for them: two folders up from its own
    "webfonts": ("starlette_admin", "static/webfonts", "fa-solid-900.woff2"),
    "htmx": ("js_lib_htmx", "static/htmx", "htmx.min.js"),
}


def mount_assets(app: FastAPI) -> None:
    """Let the application serve its assets.

    Raises:
        UsageError: a package lacks a file that the pages need.
    """
    for name, (package, folder, needed) in _OF_PACKAGES.items():
        place = _folder_of(package) / folder
        if not (place / needed).is_file():
            raise UsageError(
                f"{package} has no {folder}/{needed}: install the versions of "
                "requirements/runtime.lock"
            )
        app.mount(f"{STATIC_PATH}/{name}", StaticFiles(directory=place))
    app.mount(STATIC_PATH, StaticFiles(directory=OWN_FOLDER))


def _folder_of(package: str) -> Path:
    """Where a package is, without importing it."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise UsageError(f"{package} is not installed: install requirements/runtime.lock")
    return Path(found.submodule_search_locations[0])
