"""Servers of our own (JupyterLab, Notebook 7, others), notebooks for them, and the few gestures every use needs."""

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
def jupyterlab(folder: Path, server: str = "jupyterlab") -> Iterator[str]:
    """Serve a folder by JupyterLab or Notebook 7 (`server="notebook"`), with settings of its own; gives the address."""
    own = {f"JUPYTER_{kind}_DIR": str(folder / ".jupyter" / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    if server == "jupyterlab":
        overrides = folder / ".jupyter" / "config" / "labconfig" / "default_setting_overrides.json"
        overrides.parent.mkdir(parents=True, exist_ok=True)
        overrides.write_text(json.dumps(QUIET))
    application = {"jupyterlab": "LabApp", "notebook": "JupyterNotebookApp"}[server]
    options = [
        *("--no-browser", "--ip=127.0.0.1", "--ServerApp.port_retries=0", "--allow-root"),
        *("--IdentityProvider.token=", "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True"),
        *(f"--{application}.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}"),
    ]
    with serving([server, *options, "--port={port}"], folder, "/api/status", **own) as address:
        yield address


@contextmanager
def serving(command: list[str], folder: Path, ready: str, **variables: str) -> Iterator[str]:
    """Run a Python module as a server on a free port ("{port}" in its arguments); gives its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [each.format(port=port) for each in command]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=folder, env=environment(**variables), stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: answers(server, address + ready, folder / "server.log"))
        yield address
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def answers(server: subprocess.Popen[bytes], address: str, log: Path) -> bool:
    """Ask a server whether it is there; one that has ended is told with what it said."""
    if server.poll() is not None:
        raise RuntimeError(f"the server ended with {server.returncode}: {log.read_text()[-2000:]}")
    return bool(urllib.request.urlopen(address, timeout=5).status == 200)  # noqa: S310 (our own)


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
    """Run all cells, once there is a kernel to run them: JupyterLab drops what is asked of a session still starting."""
    page.wait_for_function(
        """() => {
            const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
            return session?.isReady && session.session?.kernel?.status === "idle";
        }"""
    )
    page.locator(".jp-NotebookPanel .jp-Cell").first.click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def type_and_run(page: Page, source: str) -> None:
    """Write Python into the last cell, over what is there, and run it."""
    page.locator(".jp-NotebookPanel .jp-Cell .cm-content").last.click()
    page.keyboard.press("Control+A")
    page.keyboard.type(source)
    page.keyboard.press("Control+Enter")
