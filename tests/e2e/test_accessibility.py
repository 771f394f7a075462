"""An automatic check of the page against WCAG 2.2 (IBM's Equal Access engine): nothing it is sure of may be wrong."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tests.e2e.conftest import until

ENGINE = ROOT / "explorer" / "node_modules" / "accessibility-checker-engine" / "ace.js"

CHECK = """async () => {
  const report = await new ace.Checker().check(document, ["WCAG_2_2"]);
  return report.results
    .filter((found) => found.value[0] === "VIOLATION" && found.value[1] === "FAIL")
    .map((found) => `${found.ruleId}: ${found.message} ${found.snippet}`);
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("modality", ["image", "table", "signal"])
def test_nothing_serious_is_found_in_any_panel(walk, built, modality, theme):
    """With something under the cursor, pinned, filtered and searched for, layers shown, every drawer panel in turn."""
    _, page = walk(
        modality, f"#theme={theme}&pin=3&path=row:3;row:20;at:0.5,0.5&show=contours,uncertainty", bypass_csp=True
    )
    page.page.add_script_tag(path=str(ENGINE))
    page.wait("pinned", "the pin")
    page.wait("ways", "the paths")
    page.page.mouse.move(620, 420)
    page.wait("detail", "what is under the cursor")
    page.page.get_by_test_id("column").first.locator(".name").click()
    page.page.get_by_label("Legend").get_by_role("button").first.click()
    tabs = page.page.get_by_role("group", name="Panels").get_by_role("button")
    found: set[str] = set()
    for i in range(tabs.count()):
        tabs.nth(i).click()
        page.page.wait_for_timeout(700)
        found |= set(page.page.evaluate(CHECK))
    page.page.get_by_test_id("layers").click()
    until(lambda: page.page.get_by_test_id("uncertainty-key").count(), "the key to suppressed colours")
    found |= set(page.page.evaluate(CHECK))
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("/")
    page.page.keyboard.type("1")
    until(lambda: page.page.get_by_test_id("found").count(), "what was found")
    found |= set(page.page.evaluate(CHECK))
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("?")
    found |= set(page.page.evaluate(CHECK))
    assert not found, "\n".join(sorted(found))


def test_the_check_finds_what_is_wrong(walk, built):
    _, page = walk("table", bypass_csp=True)
    page.page.add_script_tag(path=str(ENGINE))
    page.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"x.png\"><input id=\"nameless\">')")
    assert len(page.page.evaluate(CHECK)) >= 2
