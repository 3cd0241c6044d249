"""Every page in a real browser: nothing that axe-core finds, nothing wider than a phone, and its picture.

`pytest --update` rewrites tests/web/looks/*.png; look at each with your own eyes.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page, sync_playwright

from tests.known import known_files
from tests.npm import installed
from tests.web.tour import PAGES, Tour, tour

LOOKS = Path(__file__).parent / "looks"
AXE = Path(__file__).parent / "axe"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
HAS_NO_PICTURE = {"doctor"}
"""What it finds depends on the machine."""
COLORS = 64
"""Colours of a kept picture: they keep it small."""
CLEARLY = 60
"""How far a channel of a pixel may be from the kept picture."""
MAX_DIFFERENT = 0.002
"""Which part of the pixels may be further: browsers of the same kind differ in the edges of letters."""
MAX_BYTES = 1_500_000
"""Size of all pictures: each clone has them."""
FIND = """async (options) => {
  const found = await axe.run({exclude: [".squares rect"]}, options);
  const shown = (nodes) => nodes.map((node) => node.html.slice(0, 120)).join(" ;; ");
  return found.violations.map((one) => `${one.id}: ${shown(one.nodes)}`);
}"""
ALL: dict[str, object] = {}
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
WIDTHS = {"rules": {"color-contrast": {"enabled": False}, "link-in-text-block": {"enabled": False}}}
SAME_EVERYWHERE = """(folder) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`* { font-family: "DejaVu Sans" !important; animation: none !important; }
    code, pre, pre *, .mono, kbd { font-family: "DejaVu Sans Mono" !important; }`);
  document.adoptedStyleSheets.push(sheet);
  const doctor = document.querySelector("section#doctor"); if (doctor) doctor.innerHTML = "";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const text = node.data.replaceAll(folder, "/srv/shop").replace(/[\\d.]+ GB free/, "80.0 GB free")
      .replace(/^(yes|no), according to the system|^the system cannot tell/, "yes, according to the system");
    if (text !== node.data) node.data = text;
  }
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--font-render-hinting=none"]
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    with tour(tmp_path_factory.mktemp("shop")) as found:
        yield found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", [0, 1])
def test_each_page_is_accessible_fits_a_phone_and_looks_as_before(
    shop: Tour, browser: Browser, tmp_path: Path, part: int, request: pytest.FixtureRequest
) -> None:
    is_update = request.config.getoption("--update")
    axe = (installed(AXE) / "axe-core" / "axe.min.js").read_text()
    context = shop.open(browser)
    page, troubles = context.new_page(), []
    for name in PAGES[part::2]:
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light")
        shop.show(page, name)
        page.evaluate(axe)
        page.evaluate(SAME_EVERYWHERE, str(shop.web.place.main_file.parent))
        troubles += look(page, f"{name}-light", ALL, tmp_path, is_update=is_update)
        page.emulate_media(color_scheme="dark")
        troubles += look(page, f"{name}-dark", COLOURS, tmp_path, is_update=is_update)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(PHONE)
        troubles += look(page, f"{name}-phone", WIDTHS, tmp_path, is_update=is_update)
        width = page.evaluate("document.documentElement.scrollWidth")
        troubles += [f"{name}: {width} px wide on a phone"] if width > PHONE["width"] else []
    context.close()
    assert not troubles, "\n".join(troubles)


def test_each_picture_is_of_a_page() -> None:
    expected = {
        f"{name}-{how}.png"
        for name in PAGES
        if name not in HAS_NO_PICTURE
        for how in ("light", "dark", "phone")
    }
    pictures = known_files("tests/web/looks", "*")
    assert {one.name for one in pictures} == expected
    assert sum(one.stat().st_size for one in pictures) < MAX_BYTES


def look(page: Page, name: str, rules: dict[str, object], folder: Path, *, is_update: bool) -> list[str]:
    """What is wrong with a page as it is shown now."""
    found = [f"{name}: {one}" for one in page.evaluate(FIND, rules)]
    if name.rpartition("-")[0] in HAS_NO_PICTURE:
        return found
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    kept = LOOKS / f"{name}.png"
    if is_update:
        LOOKS.mkdir(exist_ok=True)
        small = shot.quantize(COLORS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        small.save(kept, optimize=True)
    if not kept.exists():
        return [*found, f"{name}: there is no picture of it; make it with  pytest --update"]
    part = different(shot, Image.open(kept).convert("RGB"))
    if part > MAX_DIFFERENT:
        shot.save(folder / kept.name)
        found.append(f"{name}: {part:.2%} looks different: {folder / kept.name}; if it should, --update")
    return found


def different(first: Image.Image, second: Image.Image) -> float:
    """Which part of the pixels of two pictures is clearly different."""
    if first.size != second.size:
        return 1.0
    most = ImageChops.difference(first, second)
    bands = [band.point(lambda value: 255 * (value > CLEARLY)) for band in most.split()]
    either = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
    return either.histogram()[255] / (first.width * first.height)


def test_a_missing_button_is_a_difference() -> None:
    kept = Image.open(LOOKS / "run-light.png").convert("RGB")
    painted = kept.copy()
    painted.paste((0, 0, 0), (10, 200, 90, 240))
    assert different(kept, kept) == 0
    assert different(kept, painted) > MAX_DIFFERENT
