"""The page of an estimate in a real browser: it loads without complaint, and its parts answer to each other.

Needs selenium and Debian's packages chromium and chromium-driver, or the like of other systems.
"""

import json
import shutil
from itertools import pairwise

import pytest

from annette import estimate, sweep
from annette.estimation.comparison import compare_platforms
from annette.network.builder import NetworkBuilder
from annette.network.zoo import build
from annette.report.estimate_page import estimate_page
from annette.report.estimates import estimate_document
from annette.report.sweeps import sweep_document, sweep_page

REASON = "selenium is not installed"
webdriver = pytest.importorskip("selenium.webdriver", reason=REASON)
ActionChains, Keys = webdriver.ActionChains, webdriver.Keys
By = pytest.importorskip("selenium.webdriver.common.by", reason=REASON).By
Select = pytest.importorskip("selenium.webdriver.support.select", reason=REASON).Select
WebDriverWait = pytest.importorskip("selenium.webdriver.support.ui", reason=REASON).WebDriverWait

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

SIZES = {"phone": (500, 844), "laptop": (1280, 800), "wide": (1920, 1080)}  # headless windows are at least 500 wide
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
BLOCKS = 420


def deep_network():
    """A transformer of 5,040 kernels."""
    net = NetworkBuilder("deep")
    x = net.input("tokens", (1, 16, 64))
    for block in range(BLOCKS):
        with net.scope(f"blocks/{block}"):
            with net.scope("attention"):
                query, key, value = (net.fully_connected(x, 64, name=name) for name in ("query", "key", "value"))
                scores = net.matmul(query, net.transpose(key, (0, 2, 1), name="turned"), name="scores")
                mixed = net.matmul(net.softmax(scores, name="weights"), value, name="mixed")
                y = net.fully_connected(mixed, 64, name="out")
            x = net.layer_norm(net.add(x, y, name="sum1"), name="norm1")
            with net.scope("mlp"):
                y = net.fully_connected(net.relu(net.fully_connected(x, 128, name="up"), name="act"), 64, name="down")
            x = net.layer_norm(net.add(x, y, name="sum2"), name="norm2")
    return net.build(x)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    yield found
    found.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    documents = {
        "small": [estimate_document(estimate("resnet18", "zcu102-dnndk"))],
        "deep": [estimate_document(estimate(deep_network(), "epyc-onnxruntime"))],
        "compared": [
            estimate_document(each)
            for each in compare_platforms(build("squeezenet1_1"), ["zcu102-dnndk", "ncs2-openvino"]).ranked
        ],
    }
    unplanned = {"alive_bytes": [], "peak_activation_bytes": None, "peak_kernel": None, "reason": "nobody planned it"}
    (known,) = documents["small"]
    documents["unknown"] = [{**known, "memory": {**known["memory"], **unplanned}}]
    for name, each in documents.items():
        (folder / f"{name}.html").write_text(estimate_page(each), encoding="utf-8")
    swept = sweep("squeezenet1_1", "zcu102-dnndk", batch=(1, 2), inputs={"image": "{batch}x3x{side=96..160:32}x{side}"})
    (folder / "swept.html").write_text(sweep_page(sweep_document(swept)), encoding="utf-8")
    return folder


@pytest.fixture
def opened(browser, pages):
    def open_page(name, size="laptop", scheme="light"):
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        browser.set_window_size(*SIZES[size])
        browser.get((pages / f"{name}.html").as_uri())
        return browser

    yield open_page
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    requests = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in requests if each["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("file:", "data:", "chrome:"))] == []


def texts(browser, selector):
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)", selector
    )


def wait(browser, condition):
    return WebDriverWait(browser, 20).until(lambda _: condition())


def selected(browser):
    """Name of the selected kernel by the details, and by the table."""
    return texts(browser, ".kernel-name"), texts(browser, "#kernel-rows tr[aria-current=true] td:nth-child(2)")


def press(browser, figure, *keys):
    browser.find_element(By.CSS_SELECTOR, f"{figure} .plot").send_keys(*keys)


def column(browser, number):
    return texts(browser, f"#kernel-rows td:nth-child({number})")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", list(SIZES))
@pytest.mark.parametrize("name", ["small", "compared", "swept"])
def test_pages_fit_every_size(opened, name, size, scheme):
    browser = opened(name, size, scheme)
    wide, room = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert wide <= room
    for figure in ("curves",) if name == "swept" else ("timeline", "memory", "roofline"):
        across = browser.execute_script(f"return document.querySelector('#{figure} canvas').clientWidth")
        assert 240 <= across <= room
        assert len(texts(browser, f"#{figure} .words")[0]) > 80


def test_what_is_drawn_goes_by_the_colours_of_the_scheme(opened):
    shades = []
    for scheme in ("light", "dark"):
        browser = opened("small", scheme=scheme)
        shades.append(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert shades == ["rgb(255, 255, 255)", "rgb(20, 23, 28)"]


def test_a_click_on_the_timeline_selects_everywhere(opened):
    browser = opened("small")
    area = browser.find_element(By.CSS_SELECTOR, "#timeline .u-over")
    ActionChains(browser).move_to_element_with_offset(
        area, -area.size["width"] // 2 + 5, area.size["height"] // 2 - 6
    ).click().perform()
    assert selected(browser) == (["stem"], ["stem"])
    assert "max-pool" in " ".join(texts(browser, "#details li"))


def test_a_click_on_the_roofline_selects_everywhere(opened):
    browser = opened("small")
    area = browser.find_element(By.CSS_SELECTOR, "#roofline .u-over")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", area)
    # Kernels of convolutions lie along the roof, which ends at the upper right: so does a path of clicks.
    right, top = area.size["width"] // 2, -area.size["height"] // 2
    for across in range(right - 60, 0, -14):
        for down in range(14, 60, 14):
            ActionChains(browser, duration=0).move_to_element_with_offset(area, across, top + down).click().perform()
        if selected(browser)[0]:
            break
    details, rows = selected(browser)
    assert details == rows != []


def test_the_peak_of_the_memory_is_selected_everywhere(opened):
    browser = opened("small")
    memory = browser.execute_script(
        "return JSON.parse(document.getElementById('data').textContent).estimates[0].memory"
    )
    browser.find_element(By.ID, "peak").click()
    assert selected(browser) == ([memory["peak_kernel"]], [memory["peak_kernel"]])
    assert "100.0 % of the peak" in " ".join(texts(browser, "#details dd"))
    assert memory["peak_kernel"] in texts(browser, "#memory .words")[0]


def test_timeline_and_memory_show_the_same_stretch_of_time(opened):
    browser = opened("small")
    canvases = "return ['timeline', 'memory'].map((id) => document.querySelector(`#${id} canvas`).toDataURL())"
    press(browser, "#memory", Keys.HOME)
    before = browser.execute_script(canvases)
    press(browser, "#memory", "+")
    wait(browser, lambda: all(old != new for old, new in zip(before, browser.execute_script(canvases), strict=True)))
    press(browser, "#timeline", "0")
    wait(browser, lambda: browser.execute_script(canvases) == before)


def test_a_click_on_the_memory_selects_everywhere(opened):
    browser = opened("small")
    area = browser.find_element(By.CSS_SELECTOR, "#memory .u-over")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", area)
    ActionChains(browser).move_to_element_with_offset(area, -area.size["width"] // 2 + 5, 0).click().perform()
    assert selected(browser) == (["stem"], ["stem"])


def test_memory_that_is_not_known_says_why_and_draws_nothing(opened):
    browser = opened("unknown")
    assert texts(browser, "#memory .words")[0].startswith("Not known: nobody planned it.")
    hidden = "return [...document.querySelectorAll('#memory .plot, #memory button')].every((each) => each.hidden)"
    assert browser.execute_script(hidden)


def test_a_row_of_the_table_selects_everywhere(opened):
    browser = opened("small")
    browser.execute_script("document.querySelectorAll('#kernel-rows tr')[3].querySelector('button').click()")
    details, rows = selected(browser)
    assert details == rows == column(browser, 2)[3:4]


def test_columns_sort_both_ways(opened):
    browser = opened("small")
    heads = browser.find_elements(By.CSS_SELECTOR, "#kernel-head th")
    assert [head.get_attribute("aria-sort") for head in heads[:3]] == [None, None, "descending"]
    button = heads[0].find_element(By.TAG_NAME, "button")
    for state, descending in (("ascending", False), ("descending", True)):
        browser.execute_script("arguments[0].click()", button)
        assert heads[0].get_attribute("aria-sort") == state
        numbers = [int(text) for text in column(browser, 1)]
        assert len(numbers) == 23
        assert all((first > second) == descending for first, second in pairwise(numbers))


def test_filters_work_together_and_can_be_cleared(opened):
    browser = opened("small")
    browser.find_element(By.ID, "search").send_keys("STAGE4")
    wait(browser, lambda: "of 23" in browser.find_element(By.ID, "shown").text)
    assert all("stage4" in name for name in column(browser, 2))
    Select(browser.find_element(By.ID, "bound")).select_by_visible_text("memory")
    assert set(column(browser, 7)) == {"memory"}
    browser.execute_script("document.getElementById('clear').click()")
    assert len(column(browser, 2)) == 23
    assert browser.find_element(By.ID, "search").get_attribute("value") == ""


def test_bars_of_kinds_and_modules_filter(opened):
    browser = opened("small")
    kinds = browser.find_elements(By.CSS_SELECTOR, "#kinds .row")
    browser.execute_script("arguments[0].click()", kinds[1])
    assert kinds[1].get_attribute("aria-pressed") == "true"
    assert set(column(browser, 5)) == {"fully connected"}
    browser.execute_script("arguments[0].click()", kinds[1])
    module = browser.find_element(By.CSS_SELECTOR, "#modules .row")
    browser.execute_script("arguments[0].click()", module)
    assert {name.split("/")[0] for name in column(browser, 2)} == {"stage4"}
    toggle = browser.find_element(By.CSS_SELECTOR, "#modules .toggle")
    browser.execute_script("arguments[0].click()", toggle)
    assert toggle.get_attribute("aria-expanded") == "true"
    assert {"block0", "block1"} <= set(texts(browser, "#modules ul .name"))


def test_shares_of_modules_add_up(opened):
    browser = opened("small")
    assert texts(browser, "#modules > .branch .name") == ["in no module"]
    shares = texts(
        browser, "#modules > li > .branch .figure:nth-last-child(2), #modules > .branch .figure:nth-last-child(2)"
    )
    assert abs(sum(float(share.removesuffix(" %")) for share in shares) - 100) < 1


def test_plots_and_table_answer_to_keys(opened):
    browser = opened("small")
    press(browser, "#timeline", Keys.ARROW_RIGHT)
    assert selected(browser) == (["stem"], ["stem"])
    press(browser, "#timeline", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert selected(browser)[0] == ["stage1/block0/conv1"]
    press(browser, "#roofline", Keys.END)
    assert selected(browser)[0] == ["classifier"]
    row = browser.find_element(By.CSS_SELECTOR, "#kernel-rows tr button")
    row.send_keys(Keys.ENTER)
    row.send_keys(Keys.ARROW_DOWN)
    assert selected(browser)[0] == column(browser, 2)[1:2]
    press(browser, "#timeline", Keys.ESCAPE)
    assert selected(browser) == ([], [])


def test_zooming_keeps_the_selected_kernel_in_sight_and_can_be_undone(opened):
    browser = opened("small")
    canvas = "return document.querySelector('#timeline canvas').toDataURL()"
    press(browser, "#timeline", Keys.HOME)
    before = browser.execute_script(canvas)
    shown = "return document.querySelector('#timeline .reset').disabled"
    assert browser.execute_script(shown)
    press(browser, "#timeline", "+")
    assert not browser.execute_script(shown)
    assert wait(browser, lambda: browser.execute_script(canvas) != before)
    press(browser, "#timeline", "0")
    assert wait(browser, lambda: browser.execute_script(canvas) == before)


def test_five_thousand_kernels_are_turned_over_page_by_page(opened):
    browser = opened("deep")
    kernels = browser.execute_script(
        "return JSON.parse(document.getElementById('data').textContent).estimates[0].kernels"
    )
    assert len(kernels) >= 5000
    assert len(column(browser, 1)) == 100
    browser.execute_script("document.getElementById('rows-behind').click()")
    assert texts(browser, "#rows-shown") == ["rows 101 to 200"]
    press(browser, "#timeline", Keys.END)
    assert selected(browser)[0] == selected(browser)[1] == [f"blocks/{BLOCKS - 1}/norm2"]


def test_platforms_are_looked_at_one_after_the_other(opened):
    browser = opened("compared")
    shown = "return [...document.querySelectorAll('section.estimate')].map((each) => !each.hidden)"
    assert browser.execute_script(shown) == [True, False]
    before = texts(browser, "#timeline .words")
    browser.find_element(By.CSS_SELECTOR, "input[name=estimate][value='1']").click()
    assert browser.execute_script(shown) == [False, True]
    assert texts(browser, "#timeline .words") != before


def test_everything_that_acts_has_a_name_and_can_be_reached_by_keys(opened):
    browser = opened("compared")
    nameless = browser.execute_script(
        "return [...document.querySelectorAll('button, input, select, [tabindex]')].filter((each) => "
        "!each.textContent.trim() && !each.getAttribute('aria-label') && !each.getAttribute('aria-labelledby') && "
        "!(each.labels && each.labels.length)).map((each) => each.outerHTML)"
    )
    assert nameless == []
    assert browser.execute_script("return document.querySelectorAll('[tabindex]:not([tabindex=\"0\"])').length") == 0
    assert browser.execute_script("return document.documentElement.lang") == "en"


def test_a_sweep_is_read_point_by_point(opened):
    browser = opened("swept")
    rows = texts(browser, "table tbody tr td:first-child")
    assert rows == ["1", "1", "1", "2", "2", "2"]
    for keys, begins in (
        ((Keys.ARROW_RIGHT,), "batch 1, side 96: "),
        ((Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT), "batch 1, side 160: "),
        ((Keys.ARROW_DOWN,), "batch 2, side 160: "),
        ((Keys.ARROW_LEFT,), "batch 2, side 128: "),
    ):
        press(browser, "#curves", *keys)
        wait(browser, lambda begins=begins: texts(browser, "#curves-point")[0].startswith(begins))
    latency = texts(browser, "table tbody tr:nth-child(5) td:nth-child(3)")[0]
    assert latency in texts(browser, "#curves-point")[0]
    browser.find_element(By.ID, "logarithmic").click()
    assert latency in texts(browser, "#curves-point")[0]
    press(browser, "#curves", Keys.ESCAPE)
    assert texts(browser, "#curves-point") == [""]


def test_a_point_of_a_sweep_answers_to_the_pointer(opened):
    browser = opened("swept")
    area = browser.find_element(By.CSS_SELECTOR, "#curves .u-over")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", area)
    width, height = area.size["width"], area.size["height"]
    first = int(width * (0.03 / 1.06 - 0.5))
    for up in range(-height // 2 + 8, height // 2 - 8, 24):
        ActionChains(browser, duration=0).move_to_element_with_offset(area, first, up).perform()
        if texts(browser, "#curves-point") != [""]:
            assert texts(browser, "#curves-point")[0].startswith("batch 2, side 96: ")
            assert not browser.find_element(By.CSS_SELECTOR, "#curves .tip").get_property("hidden")
            return
    pytest.fail("no point of the plot answered")
