"""The workbench in JupyterLab and Notebook 7, with a keyboard alone; exported to HTML; and without anywidget."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import nbformat
import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

import leadscore as ls
from tests.support.chromium import AXE, chromium, requests, sized

pytestmark = pytest.mark.slow

CODE = """
import leadscore as ls
made = ls.datasets.make_funnel(8000, random_state=5)
rulebook = ls.Rulebook.read("rulebook.yaml")
tables = ls.load_tables(made.leads, made.events, made.outcomes, rulebook=rulebook, columns=["source"])
workbench = ls.explore(tables, rulebook, end="2026-03-29", stage="opportunity", within_days=45,
                       capacity_per_week=60, by=["source", "owner"], rules=["Pricing page"])
workbench
"""


def notebook(folder):
    """A notebook with the workbench, and the rulebook beside it."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE.strip())])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, folder / "try.ipynb")
    (folder / "rulebook.yaml").write_text(ls.datasets.make_funnel(10).rulebook.to_yaml(), encoding="utf-8")


JUPYTER = [
    *("--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", "--ServerApp.password="),
    *("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"),
]


@contextmanager
def server(program, folder, options=JUPYTER, *files, packages=None):
    """A notebook server of the folder, which asks for no password and opens no browser; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", program, *options, "--port", str(port), *files]
    homes = {name: str(folder / ".jupyter") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    places = [str(Path(ls.__file__).parents[1]), str(packages or ""), os.environ.get("PYTHONPATH", "")]
    python = {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(
        command, env=os.environ | homes | python, stdout=log, stderr=log, cwd=folder, start_new_session=True
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urlopen(address).close()
                break
            except OSError:
                time.sleep(0.25)
        yield address
    finally:
        # With its kernels: a server that is asked to end waits for them.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def found(browser, selector, wait=60):
    return WebDriverWait(browser, wait).until(lambda driver: driver.find_element(By.CSS_SELECTOR, selector))


def told(browser, text, wait=30):
    """Waits until the page has a text."""
    here = "return document.querySelector('.lw')?.innerText ?? ''"
    try:
        WebDriverWait(browser, wait).until(lambda driver: text in driver.execute_script(here))
    except TimeoutException:
        pytest.fail(f"{text!r} is not in: {browser.execute_script(here)}")


def press(browser, selector, *keys):
    """Puts the focus on what a selector finds, and presses keys there, one after another."""
    focus = """
        const found = document.querySelector(arguments[0]);
        if (!found || found.disabled) return false;
        found.focus();
        return document.activeElement === found;
    """
    WebDriverWait(browser, 60).until(lambda driver: driver.execute_script(focus, selector))
    for key in keys:
        ActionChains(browser).send_keys(key).perform()


@pytest.mark.parametrize(("program", "place"), [("jupyterlab", "lab/tree"), ("notebook", "notebooks")])
def test_move_open_a_lead_keep_and_write_with_the_keyboard_alone(tmp_path, program, place):
    notebook(tmp_path)
    before = (tmp_path / "rulebook.yaml").read_text().splitlines()
    expected = expected_answers(tmp_path)
    with (
        server(program, tmp_path) as address,
        chromium(tmp_path / "chromium", "~NOTFOUND , EXCLUDE 127.0.0.1") as browser,
    ):
        sized(browser, 1400)
        browser.get(f"{address}/{place}/try.ipynb")
        found(browser, ".jp-CodeCell .cm-content")
        # The front end is there before its kernel is.
        time.sleep(3)
        press(browser, ".jp-CodeCell .cm-content")
        ActionChains(browser).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
        found(browser, ".lw input[type=range]", 120)
        told(browser, expected["now"])
        press(browser, ".lw input[aria-label='All others']", *[Keys.ARROW_LEFT] * 4)
        told(browser, expected["tried"])
        told(browser, f"Come in: {expected['entered']:,}")
        assert float(found(browser, ".lw").get_attribute("data-ms")) < 100

        press(browser, "[data-key='lead 0']", Keys.ENTER)
        told(browser, "Where the points come from")
        press(browser, ".lw-controls details summary", Keys.ENTER)
        press(browser, ".lw input[aria-label='Pricing page points']", Keys.ARROW_RIGHT)
        told(browser, expected["both"])
        ActionChains(browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
        told(browser, expected["tried"])
        press(browser, "[data-key='keep']", Keys.ENTER)
        told(browser, "Go back to it")
        told(browser, "+  threshold: 56")
        axe(browser)
        press(browser, "[data-key='write']", Keys.ENTER)
        told(browser, "Written: rulebook.yaml and rulebook.summary.md. Next: git diff, git commit.")
        # What was tried outlasts the page.
        ActionChains(browser).key_down(Keys.CONTROL).send_keys("s").key_up(Keys.CONTROL).perform()
        saved = tmp_path / "try.ipynb"
        WebDriverWait(browser, 20).until(lambda _: "srcdoc" in saved.read_text(encoding="utf-8"))
        browser.refresh()
        found(browser, ".lw input[type=range]", 60)
        told(browser, expected["tried"])
        told(browser, "Go back to it")
        beyond = [
            one for one in requests(browser) if not one.startswith((address, "data:", "blob:", "about:", "chrome"))
        ]
        assert beyond == []
    after = (tmp_path / "rulebook.yaml").read_text().splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [new.split("#")[0].split() for _, new in changed] == [["threshold:", "56"]]
    assert "All others 60 → 56" in (tmp_path / "rulebook.summary.md").read_text()


def expected_answers(folder):
    """What Python says of the same tries."""
    space = {}
    here = Path.cwd()
    os.chdir(folder)
    try:
        exec(CODE, space)
    finally:
        os.chdir(here)
    workbench = space["workbench"]
    tried = workbench.at(threshold=56)
    both = workbench.at(threshold=56, rules={"Pricing page": {"points": 11}})
    answers = {"now": workbench.now.headline, "tried": tried.headline, "both": both.headline}
    return answers | {"entered": len(tried.entered)}


def axe(browser):
    """Axe finds nothing serious in the workbench."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm install --prefix build/axe axe-core@4")
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    result = browser.execute_async_script("axe.run('.lw').then(arguments[0])")
    serious = [one["id"] for one in result["violations"] if one["impact"] in {"serious", "critical"}]
    assert serious == []


MARIMO = """
import marimo
app = marimo.App()

@app.cell
def _():
    import marimo as mo
    {code}
    mo.ui.anywidget(workbench.widget)
    return
"""


def test_it_runs_in_marimo(tmp_path):
    notebook(tmp_path)
    expected = expected_answers(tmp_path)
    lines = CODE.strip().rsplit("\n", 1)[0].replace("\n", "\n    ")
    (tmp_path / "try.py").write_text(MARIMO.format(code=lines), encoding="utf-8")
    # In a folder of its own: the rest of the environment is not marimo's.
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(tmp_path / "marimo"), "marimo"]
    subprocess.run(pip, check=True, capture_output=True)
    more = ["run", "--headless", "--no-token"]
    with (
        server("marimo", tmp_path, more, "try.py", packages=tmp_path / "marimo") as address,
        chromium(tmp_path / "chromium", "~NOTFOUND , EXCLUDE 127.0.0.1") as browser,
    ):
        browser.get(address)
        inside = """
            const search = (place) => place.querySelector(".lw") ?? [...place.querySelectorAll("*")]
                .map((one) => one.shadowRoot && search(one.shadowRoot)).find(Boolean);
            return search(document) ?? null;
        """
        root = WebDriverWait(browser, 90).until(lambda driver: driver.execute_script(inside))
        text = "return arguments[0].innerText"
        assert expected["now"] in browser.execute_script(text, root)
        browser.execute_script("arguments[0].querySelector(\"input[aria-label='All others']\").focus()", root)
        for _ in range(4):
            ActionChains(browser).send_keys(Keys.ARROW_LEFT).perform()
        WebDriverWait(browser, 30).until(
            lambda driver: f"Come in: {expected['entered']:,}" in driver.execute_script(text, root)
        )
        assert expected["tried"] in browser.execute_script(text, root)


def test_an_export_to_html_still_moves(tmp_path):
    """The widget is blank in an export without a network; the page beside it is not."""
    notebook(tmp_path)
    run = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--inplace", "try.ipynb"]
    python = os.pathsep.join([str(Path(ls.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    kept = {"cwd": tmp_path, "capture_output": True, "env": os.environ | {"PYTHONPATH": python}}
    subprocess.run(run, check=True, **kept)
    outputs = json.loads((tmp_path / "try.ipynb").read_text())["cells"][0]["outputs"]
    assert any("text/html" in one.get("data", {}) for one in outputs)
    # As for those who have no widgets: what the exporter would load from elsewhere is not there.
    for one in outputs:
        one.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    book = json.loads((tmp_path / "try.ipynb").read_text())
    book["cells"][0]["outputs"] = outputs
    (tmp_path / "try.ipynb").write_text(json.dumps(book))
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", "try.ipynb"], check=True, **kept)
    with chromium(tmp_path / "chromium") as browser:
        browser.get((tmp_path / "try.html").as_uri())
        browser.switch_to.frame(found(browser, "iframe[title='Threshold workbench']"))
        bar = found(browser, ".lw input[aria-label='All others']")
        for _ in range(4):
            bar.send_keys(Keys.ARROW_LEFT)
        told(browser, expected_answers(tmp_path)["tried"])
