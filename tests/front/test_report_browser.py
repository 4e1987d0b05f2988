"""The report in a real browser: quiet console, a table that sorts and filters, no sideways scrolling, contrast."""

from __future__ import annotations

import base64
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
CONTRAST = """
const lum = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map(v => v / 255)
  .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
  if (!/, 0\\)$/.test(c) && c !== 'transparent') return c; } return 'rgb(255, 255, 255)'; };
return Array.from(document.querySelectorAll('h1,h2,p,dt,dd,small,figcaption,.how,td,th,button,a,.soft,.verdict,.star'))
  .filter(e => e.textContent.trim() && !e.classList.contains('skip')).map(e => {
    const a = lum(getComputedStyle(e).color), b = lum(ground(e));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); });
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("no Chromium with its driver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    yield window
    window.quit()


@pytest.fixture
def page(browser, tmp_path, documents):
    from muxcast.report import write_report

    write_report(tmp_path / "report.html", **documents)

    def show(width: int = 1400, scheme: str = "light"):
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get(Path(tmp_path / "report.html").as_uri())
        return browser

    return show


def column(browser, number: int) -> list[str]:
    script = (
        "return Array.from(document.querySelectorAll('#plans tbody tr')).filter(r => !r.hidden)"
        ".map(r => r.cells[arguments[0]].textContent)"
    )
    return browser.execute_script(script, number)


def press(browser, number: int) -> None:
    browser.execute_script(
        "document.querySelectorAll('#plans thead th')[arguments[0]].querySelector('button').click()", number
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_is_logged_and_nothing_sticks_out(page, width, scheme):
    window = page(width, scheme)
    assert window.get_log("browser") == []
    assert window.execute_script("return document.documentElement.scrollWidth") <= width


def test_no_name_has_become_a_script(page):
    window = page()
    assert window.execute_script("return document.scripts.length") == 1
    assert window.execute_script("return document.querySelectorAll('header b, main i').length") == 0


def test_pressing_a_head_sorts_and_pressing_again_turns_it_round(page):
    window = page()
    press(window, 3)
    first = [float(text) for text in column(window, 3)]
    press(window, 3)
    second = [float(text) for text in column(window, 3)]
    assert first == sorted(first, reverse=True) and second == sorted(second)
    press(window, 2)
    counts = [int(text) for text in column(window, 2)]
    assert counts == sorted(counts)
    sorted_heads = window.execute_script("return document.querySelectorAll('#plans th[aria-sort]').length")
    assert sorted_heads == 1


def test_a_head_can_be_pressed_from_the_keyboard(page):
    from selenium.webdriver.common.keys import Keys

    window = page()
    head = window.find_element("css selector", "#plans thead th:nth-child(3) button")
    window.execute_script("arguments[0].focus()", head)
    head.send_keys(Keys.ENTER)
    counts = [int(text) for text in column(window, 2)]
    assert counts == sorted(counts)


def test_filters_leave_the_rows_that_match_and_say_how_many(page, documents):
    window = page()
    script = "const f = document.querySelector('form.filters'); f.elements[arguments[0]].value = arguments[1];"
    script += "f.dispatchEvent(new Event('input'))"
    window.execute_script(script, "rule", "mux")
    window.execute_script(script, "words", "ANT")
    cells = documents["forecast"]["cells"]
    wanted = [c for c in cells if c["rule"] == "mux" and any("ant" in name for name in c["models"])]
    assert len(column(window, 0)) == len(wanted)
    count = window.execute_script("return document.getElementById('plans-count').textContent")
    assert count == f"{len(wanted)} of {len(cells)} plans shown"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page, scheme):
    """At least 4.5 to 1, WCAG 2.2 level AA."""
    ratios = page(1400, scheme).execute_script(CONTRAST)
    assert len(ratios) > 100 and min(ratios) >= 4.5


def test_drawings_follow_the_colour_scheme(page):
    script = "return getComputedStyle(document.querySelector('figure svg')).color"
    light = page(1400, "light").execute_script(script)
    dark = page(1400, "dark").execute_script(script)
    assert light != dark


def _picture(window, width: int) -> bytes:
    """The whole page, not only what the window shows."""
    height = window.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]["height"]
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    asked = {"format": "png", "captureBeyondViewport": True, "clip": clip}
    return base64.b64decode(window.execute_cdp_cmd("Page.captureScreenshot", asked)["data"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_pictures_for_people_to_look_at(page, tmp_path, width, scheme):
    """Written to the folder MUXCAST_SCREENSHOTS, where it is set; the ground has the scheme's colour everywhere."""
    from matplotlib.image import imread

    taken = _picture(page(width, scheme), width)
    folder = Path(os.environ.get("MUXCAST_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"report-{width}-{scheme}.png").write_bytes(taken)
    pixels = imread(io.BytesIO(taken), format="png")[..., :3]
    assert pixels.shape[1] == width and pixels.shape[0] > 2000
    bright = pixels.mean(axis=(1, 2))
    ground = bright > 0.6 if scheme == "light" else bright < 0.4
    assert ground.mean() > 0.98
    assert (np.ptp(pixels.reshape(len(pixels), -1), axis=1) > 0.2).mean() > 0.5  # most lines hold something


def test_a_dark_page_prints_in_the_colours_of_paper(page):
    """And with every column named: browsers leave buttons out of heads that are repeated on each sheet."""
    window = page(1400, "dark")
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})
    try:
        ink = window.execute_script("return getComputedStyle(document.body).color")
        accent = window.execute_script("return getComputedStyle(document.documentElement).getPropertyValue('--accent')")
        heads = window.execute_script(
            "return Array.from(document.querySelectorAll('#plans thead th')).map(h => h.innerText.trim())"
        )
    finally:
        window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": dark})
    assert ink == "rgb(0, 0, 0)" and accent.strip() == "#0a5d9c"
    assert heads[:4] == ["pool", "rule", "k", "accuracy %"]


def test_a_phone_shows_pool_and_accuracy_together(page):
    window = page(400)
    edge = window.execute_script(
        "const c = document.querySelector('#plans tbody tr').cells; return c[3].getBoundingClientRect().right"
    )
    assert edge <= 400
