"""The site in a real browser: no errors, search filters, a card opens, pictures show something, it fits a phone."""

import io
import os
import shutil

import numpy as np
import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian and Ubuntu: apt-get install chromium)"),
    pytest.mark.skipif(DRIVER is None, reason="no chromedriver (Debian and Ubuntu: apt-get install chromium-driver)"),
]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP, PHONE = (1280, 900), (375, 812)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def show(browser, site):
    """Opens a page of the site at a size and in a colour scheme; fails the test when the console has an error."""

    def open_page(name="index.html", size=DESKTOP, scheme="light"):
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get((site / name).as_uri())
        return browser

    yield open_page
    browser.execute_script("localStorage.clear()")
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def elements(page, selector):
    return page.find_elements("css selector", selector)


def shown_systems(page):
    return [row.find_element("css selector", ".slug").text for row in elements(page, "tr[data-text]:not([hidden])")]


def test_search_filters_and_counts(show):
    page = show()
    field, count = elements(page, "#search")[0], elements(page, "#count")[0]
    assert len(shown_systems(page)) == 72
    field.send_keys("dpm solver")
    assert shown_systems(page) == ["dpm-solver", "dpm-solver-pp"]
    assert count.text == "2 of 72 systems"
    field.send_keys(" no such thing")
    assert shown_systems(page) == []
    assert "No system" in count.text


def test_the_state_filters(show):
    page = show()
    elements(page, "#state option[value=measured]")[0].click()
    assert shown_systems(page) == ["dpm-solver", "dpm-solver-pp"]


def test_slash_goes_to_the_search(show):
    page = show()
    elements(page, "body")[0].send_keys("/")
    focused = page.switch_to.active_element
    assert focused.get_attribute("id") == "search"
    assert focused.get_attribute("value") == ""


def test_a_card_opens_and_leads_back(show):
    page = show()
    elements(page, ".card h3 a")[0].click()
    assert page.current_url.endswith("/studies/dpm-solver.html")
    assert "Few evaluations do." in elements(page, ".lead")[0].text
    assert elements(page, ".facts a")[0].get_attribute("href") == "https://arxiv.org/abs/2206.00927"
    assert [bar.text.split() for bar in elements(page, ".bars .verdict")] == [["✓", "met"]] * 2
    assert len(elements(page, "[aria-label='Methods and baselines'] tbody tr")) == 9
    elements(page, ".trail a")[0].click()
    assert page.current_url.endswith("/index.html")


@pytest.mark.parametrize("name", ["index.html", "studies/dpm-solver.html"])
def test_pictures_are_not_blank(show, name):
    from matplotlib.image import imread

    page = show(name)
    pictures = elements(page, "main img")
    assert pictures
    for picture in pictures:
        page.execute_script("arguments[0].loading = 'eager'; arguments[0].scrollIntoView()", picture)
        page.execute_async_script("arguments[0].decode().then(arguments[1], arguments[1])", picture)
        assert page.execute_script("return arguments[0].naturalWidth", picture) > 0
        pixels = imread(io.BytesIO(picture.screenshot_as_png))[..., :3]
        assert pixels.std() > 0.02
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index.html", "studies/dpm-solver-pp.html"])
def test_nothing_sticks_out_on_a_phone(show, name, scheme):
    page = show(name, PHONE, scheme)
    assert page.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    outcome = elements(page, ".verdict")[0]
    assert outcome.location["x"] + outcome.size["width"] <= PHONE[0]


@pytest.mark.parametrize("name", ["index.html", "studies/dpm-solver-pp.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(show, name, scheme):
    page = show(name, DESKTOP, scheme)
    assert page.execute_script(WORST_CONTRAST) >= 4.5
    paper = luminance(page.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert paper > 0.8 if scheme == "light" else paper < 0.05


def test_the_button_switches_the_scheme_and_it_stays(show):
    page = show()
    before = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    elements(page, "#theme")[0].click()
    after = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert luminance(before) > 0.8 > 0.05 > luminance(after)
    page.refresh()
    assert page.execute_script("return getComputedStyle(document.body).backgroundColor") == after


def test_everything_can_be_reached_by_keyboard_and_has_a_name(show):
    page = show()
    nameless = page.execute_script(
        "return [...document.querySelectorAll('a, button, input, select')].filter((e) =>"
        " !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map((e) => e.outerHTML)"
    )
    assert nameless == []
    assert page.execute_script("return document.querySelectorAll('[tabindex]:not([tabindex=\"0\"])').length") == 1


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2) of `rgb(...)`."""
    channels = np.array([float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


# The least ratio (WCAG 2) of the colour of a text and the nearest opaque background, over all texts of the page.
WORST_CONTRAST = """
const parse = (c) => { const v = c.match(/[\\d.]+/g).map(Number); return v.length > 3 ? v : [...v, 1]; };
const light = (c) => c.slice(0, 3).map((v) => v / 255)
  .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
let worst = 21;
for (const e of document.querySelectorAll("body *")) {
  if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || e.closest("script, option")) continue;
  let behind = e;
  while (behind && parse(getComputedStyle(behind).backgroundColor)[3] < 1) behind = behind.parentElement;
  if (!behind) continue;
  const pair = [parse(getComputedStyle(e).color), parse(getComputedStyle(behind).backgroundColor)].map(light);
  worst = Math.min(worst, (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05));
}
return worst;
"""
