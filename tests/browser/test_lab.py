"""What a learner sees in JupyterLab, as `make lab` starts it: `make test-browser`."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from gnnrec_helpers.course import checks, my_copy

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

ROOT = Path(__file__).resolve().parents[2]
FIRST = "01_recommender_systems.ipynb"
ANSWER = 'answer = [0, 0, 0, 0.5, 0]\nchecks.exercise("1.1", answer)'
COUNT = sum(number.startswith("1.") for number in checks.exercises())  # exercises of notebook 01
PATIENCE = 90_000  # milliseconds


def options(course):
    """The options of JupyterLab in the Makefile."""
    recipe = re.search(r"-m jupyterlab(.*?)\$\(ALLOW_ROOT\)", (ROOT / "Makefile").read_text(), re.S)
    given = recipe[1].replace("\\\n", " ").replace("$(CURDIR)", str(course)).replace('"', "")
    return given.split()


@pytest.fixture
def course(tmp_path):
    """A course of one short notebook, and the learner's copy of it."""
    setup = nbformat.v4.new_code_cell("from gnnrec_helpers.course import checks")
    prediction = nbformat.v4.new_code_cell(
        "print('the answer')",
        metadata={"jupyter": {"outputs_hidden": True}},
        outputs=[nbformat.v4.new_output("stream", text="one\nthe stored answer")],
    )
    starter = nbformat.v4.new_code_cell('answer = ...\nchecks.exercise("1.1", answer)')
    starter.metadata["tags"] = ["exercise"]
    (tmp_path / "notebooks").mkdir()
    notebook = nbformat.v4.new_notebook(cells=[setup, prediction, starter])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, tmp_path / "notebooks" / FIRST)
    shutil.copytree(ROOT / ".jupyterlab", tmp_path / ".jupyterlab")
    my_copy.copy_missing(tmp_path)
    return tmp_path


@pytest.fixture
def address(course):
    """Where JupyterLab answers, with nothing of this machine's settings."""
    own = {f"JUPYTER_{kind}_DIR": str(course / "jupyter" / kind) for kind in ("CONFIG", "DATA")}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyterlab", *options(course), "--allow-root", "--no-browser",
        f"--ServerApp.port={port}",
    ]  # fmt: skip
    log = course / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            command, cwd=course, env={**os.environ, "PYTHONPATH": str(ROOT), **own}, stderr=file
        )
    try:
        until = time.monotonic() + PATIENCE / 1000
        while not (found := re.findall(r"http://127.*", log.read_text())):
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.5)
        assert len(log.read_text().splitlines()) < 10  # the address is not lost among others
        yield found[0]
    finally:
        server.terminate()
        server.wait(30)


def test_a_learner_answers_an_exercise(course, address):
    hosts = set()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: hosts.add(request.url.split("/")[2].partition(":")[0]))
        page.goto(address)

        cells = page.locator(".jp-Notebook .jp-CodeCell")
        cells.nth(2).wait_for()
        assert f"/my/{FIRST}" in page.url
        assert page.get_by_text("the stored answer").count() == 0  # it is collapsed
        time.sleep(5)  # for what JupyterLab shows when all is there
        assert page.get_by_text("Jupyter news").count() == 0

        def run(place):
            cells.nth(place).locator(".cm-content").click()
            page.keyboard.press("Shift+Enter")

        run(0)
        run(1)
        page.get_by_text("the answer", exact=True).wait_for()
        cells.nth(2).locator(".cm-content").click()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(ANSWER)
        page.keyboard.press("Shift+Enter")
        page.get_by_text("✔ Exercise 1.1: right!").wait_for()
        page.get_by_text(f"Notebook 01: ✔{'·' * (COUNT - 1)} 1 of {COUNT}").wait_for()
        browser.close()
    kept = (course / "my/answers/1.1.py").read_text("utf-8")
    assert kept == ANSWER
    assert hosts <= {"127.0.0.1", "localhost"}


def test_news_and_updates_are_switched_off(address):
    host, token = address.partition("/lab")[0], address.partition("?")[2]
    url = f"{host}/lab/api/settings/@jupyterlab/apputils-extension:notification?{token}"
    with urllib.request.urlopen(url) as reply:
        setting = json.load(reply)["schema"]["properties"]
    assert setting["fetchNews"]["default"] == "false"
    assert setting["checkForUpdates"]["default"] is False
