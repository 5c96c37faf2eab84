"""A JupyterLab server of our own, notebooks for it, and the few gestures that every use of it needs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat.v4 import new_notebook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nbformat import NotebookNode
    from playwright.sync_api import Page

ROOT = Path(__file__).parent.parent.parent
QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
PATIENCE = 120  # seconds; the first kernel of a busy machine takes its time


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback interface, with settings of its own; gives the server's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {f"JUPYTER_{kind}_DIR": str(folder / ".jupyter" / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    overrides = folder / ".jupyter" / "config" / "labconfig" / "default_setting_overrides.json"
    overrides.parent.mkdir(parents=True, exist_ok=True)
    overrides.write_text(json.dumps(QUIET))
    options = [
        *("--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--allow-root"),
        *("--IdentityProvider.token=", "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True"),
        *("--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}"),
    ]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options], env=environment(**own), stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: urllib.request.urlopen(f"{address}/api/status", timeout=2).status == 200)  # noqa: S310 (our own)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def environment(**extra: str) -> dict[str, str]:
    """Give an environment in which kernels find the package that is being tested."""
    return {**os.environ, **extra, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


def wait_for(check: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until a check holds; an OSError or a file half written counts as not yet."""
    end = time.monotonic() + seconds
    while True:
        try:
            if check():
                return
        except (OSError, ValueError):
            pass
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s")
        time.sleep(0.1)


def write_notebook(path: Path, cells: list[NotebookNode]) -> None:
    """Write a notebook for Python."""
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


def go_to(page: Page, address: str, name: str) -> None:
    """Open a notebook."""
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(f"{address}/lab/tree/{name}?reset")
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell")


def use_theme(page: Page, name: str) -> None:
    """Change the theme, such as "JupyterLab Dark"."""
    page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", name)


def run_all(page: Page) -> None:
    """Run all cells."""
    page.locator(".jp-NotebookPanel .jp-Cell").first.click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
