"""The report as a person meets it, in a headless Chromium: filters, search, copying, drawings, keyboard, dark mode."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from bindwatch.access.graph import AccessGraph
from bindwatch.adapters.inputs import InputReader
from bindwatch.cli.page.contents import Ended, Gap, Minter, Muted, Report
from bindwatch.cli.page.drawn import draw
from bindwatch.cli.page.render import PAGE, render
from bindwatch.knowledge.roles import RoleCatalogue
from browsers import HOW_TO_GET_ONE, Heard, chromium, find_chromium, listen
from sample_reports import NOW, report, row

ROOT = Path(__file__).parents[2]
MANY = 10_000
PATIENCE = 20_000
"""Milliseconds; a busy machine is no reason to fail."""
expect.set_options(timeout=PATIENCE)
Opened: TypeAlias = Callable[..., tuple[Page, Heard]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        pytest.skip(HOW_TO_GET_ONE)
    with chromium(executable) as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages that are opened more than once, as files."""
    folder = tmp_path_factory.mktemp("reports")
    few = report([row(number) for number in range(150)])
    drawn = replace(few, drawn=draw_sample_company(), not_drawn="")
    many = report([row(number) for number in range(MANY)])
    written = {}
    handful = replace(report([row(number) for number in range(11)]), drawn=drawn.drawn)
    for name, made in (("few", drawn), ("handful", handful), ("many", many), ("none", report([]))):
        written[name] = folder / f"{name}.html"
        written[name].write_text(render(made), encoding="utf-8")
    return written


def draw_sample_company() -> Any:
    inventory = InputReader((str(ROOT / "docs/demo/assets"), str(ROOT / "docs/demo/projects"))).inventory()
    assert inventory is not None
    return draw(
        inventory,
        AccessGraph(inventory, RoleCatalogue.built_in(), NOW),
        ["terraform@example-automation.iam.gserviceaccount.com"],
    )


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path]) -> Iterator[Opened]:
    """Opens a page in a context of its own."""
    contexts = []

    def open_page(name: str | Path, address: str = "", **options: Any) -> tuple[Page, Heard]:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        heard = listen(page)
        path = pages[name] if isinstance(name, str) else name
        page.goto(f"{path.as_uri()}{address}")
        return page, heard

    yield open_page
    for context in contexts:
        context.close()


def cards(page: Page) -> Any:
    return page.locator("#list > .card")


def severities(page: Page) -> set[str]:
    return {one.get_attribute("data-severity") or "" for one in cards(page).all()}


def those(chosen: Callable[[Any], bool], category: str = "") -> list[Any]:
    """The findings of the page of 150 for which that holds."""
    found = report([row(number) for number in range(150)]).cards
    return [card for card in found if chosen(card) and category in ("", card["category"])]


def test_it_fetches_nothing_and_complains_of_nothing(opened: Opened) -> None:
    page, heard = opened("few")
    expect(cards(page)).to_have_count(PAGE)
    page.get_by_role("button", name="Show 50 more").click()
    expect(cards(page)).to_have_count(150)
    assert len(heard.requests) == 1
    assert heard.complaints == []


def test_the_filters_work_together_and_are_taken_back(opened: Opened) -> None:
    page, heard = opened("few")
    page.get_by_role("button", name=re.compile("^Critical")).click()
    page.get_by_role("button", name=re.compile("^Low")).click()
    expect(page.locator("#count")).to_contain_text("of 150 findings")
    assert severities(page) == {"CRITICAL", "LOW"}
    page.get_by_label("Category", exact=True).select_option("threat")
    page.get_by_label("Team", exact=True).select_option("team-0")
    for card in cards(page).all():
        expect(card.locator(".meta")).to_contain_text("Threat")
        expect(card.locator(".meta")).to_contain_text("team-0")
    expected = those(lambda card: card["severity"] in ("CRITICAL", "LOW") and card["team"] == "team-0", "threat")
    assert cards(page).count() == len(expected) > 1
    page.get_by_label("Project", exact=True).select_option("example-project-40")
    expect(cards(page)).to_have_count(1)
    page.get_by_label("Changed", exact=True).select_option("new")
    page.locator("#clear").click()
    expect(page.locator("#count")).to_have_text("The first 100 of 150 findings")
    assert heard.complaints == []


def test_search_finds_every_text_of_a_finding(opened: Opened) -> None:
    page, _ = opened("few")
    search = page.get_by_role("searchbox")
    search.fill("WORKER-149 gserviceaccount")
    expect(cards(page)).to_have_count(1)
    expect(cards(page).first.locator(".title")).to_contain_text("worker-149")
    search.fill("bw8f" + sha256(b"143").hexdigest()[20:28])  # in the evidence alone
    expect(cards(page).first.locator(".title")).to_contain_text("worker-143")
    expect(cards(page)).to_have_count(1)
    search.fill("nothing like it")
    expect(page.get_by_text("No finding matches.")).to_be_visible()
    page.locator("#clear-too").click()
    expect(cards(page)).to_have_count(PAGE)


def test_sorting(opened: Opened) -> None:
    page, _ = opened("few")
    assert cards(page).first.get_attribute("data-severity") == "CRITICAL"
    page.get_by_label("Sort").select_option("project")
    projects = [card.locator(".meta span[data-f=project]").inner_text() for card in cards(page).all()]
    assert projects == sorted(projects)
    page.get_by_label("Sort").select_option("oldest")
    oldest = cards(page).first.locator("[data-f=age]").text_content()
    page.get_by_label("Sort").select_option("newest")
    assert cards(page).first.locator("[data-f=age]").text_content() != oldest


def test_a_link_shows_what_its_sender_saw(opened: Opened) -> None:
    page, _ = opened("few")
    page.get_by_role("button", name=re.compile("^High")).click()
    page.get_by_role("searchbox").fill("worker-14")
    expected = those(lambda card: card["severity"] == "HIGH" and "worker-14" in card["title"])
    expect(cards(page)).to_have_count(len(expected))
    address = page.evaluate("location.hash")
    other, _ = opened("few", address)
    expect(other.locator("#count")).to_have_text(page.locator("#count").inner_text())
    assert other.get_by_role("searchbox").input_value() == "worker-14"
    assert severities(other) == {"HIGH"}


def test_a_finding_that_is_not_written_out_can_be_linked_to(opened: Opened) -> None:
    last = report([row(number) for number in range(150)]).cards[-1]
    page, _ = opened("few", f"#f-{last['id']}")
    card = page.locator(f"[id='f-{last['id']}']")
    expect(card.locator(".body")).to_be_visible()
    expect(card.locator(".title")).to_have_text(last["title"])


def test_cards_that_the_script_adds_are_those_that_are_written_out(opened: Opened) -> None:
    page, _ = opened("few")
    before = [card.evaluate("e => e.innerText") for card in cards(page).all()[:12]]
    shape = "e => [...e.querySelectorAll('*')].map(x => `${x.tagName}.${x.className}`).join()"
    shapes = [card.evaluate(shape) for card in cards(page).all()[:12]]
    page.get_by_label("Sort").select_option("rule")
    page.get_by_label("Sort").select_option("")
    expect(page.locator("#count")).to_have_text("The first 100 of 150 findings")
    assert [card.evaluate("e => e.innerText") for card in cards(page).all()[:12]] == before
    assert [card.evaluate(shape) for card in cards(page).all()[:12]] == shapes


def test_what_one_fix_settles_stands_together(opened: Opened, tmp_path: Path) -> None:
    rows = [row(number) for number in range(30)]
    same = rows[0]["remediation"]
    rows += [row(number, remediation=same, rule_id=f"beside-{number}") for number in (100, 101)]
    file = tmp_path / "together.html"
    file.write_text(render(report(rows)))
    page, heard = opened(file)
    worst = page.locator(f"#f-{rows[0]['finding_id']}")
    expect(worst.locator(".meta")).to_contain_text("its fix settles 2 more")
    worst.locator("summary").first.click()
    expect(worst.locator(".fix")).to_contain_text("beside-101")

    def after_the_worst() -> list[str]:
        listed = [one.get_attribute("id") or "" for one in cards(page).all()]
        start = listed.index(f"f-{rows[0]['finding_id']}")
        return listed[start + 1 : start + 3]

    expected = {f"f-{found['finding_id']}" for found in rows[-2:]}
    assert set(after_the_worst()) == expected
    expect(page.locator(".card.follows")).to_have_count(2)
    page.get_by_label("Sort").select_option("rule")
    page.get_by_label("Sort").select_option("")
    assert set(after_the_worst()) == expected
    expect(page.locator(".card.follows")).to_have_count(2)
    assert heard.complaints == []


def test_copying_a_command_and_a_finding(opened: Opened) -> None:
    page, heard = opened("few", permissions=["clipboard-read", "clipboard-write"])
    card = cards(page).first
    card.locator("summary").first.click()
    command = card.locator(".commands code").first.inner_text()
    button = card.locator(".commands button").first
    button.click()
    expect(button).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == command
    expect(button).to_have_text("Copy")
    card.get_by_role("button", name="Copy finding as text").click()
    expect(page.locator("#said")).to_have_text("Copied")
    text = page.evaluate("navigator.clipboard.readText()")
    assert card.locator(".title").inner_text() in text
    assert command in text
    assert "undo: " in text
    assert heard.complaints == []


def test_the_drawing_of_the_chosen_principal(opened: Opened) -> None:
    page, heard = opened("few")
    drawings = page.locator("[data-drawn]")
    assert drawings.count() > 2
    expect(drawings.nth(0)).to_be_visible()
    expect(drawings.nth(1)).to_be_hidden()
    assert "terraform@example-automation" in drawings.nth(0).locator("svg").text_content()
    page.get_by_label("Principal", exact=True).select_option(index=1)
    expect(drawings.nth(0)).to_be_hidden()
    expect(drawings.nth(1).locator("svg")).to_be_visible()
    assert drawings.nth(1).locator("svg .node").count() > 1
    assert drawings.nth(1).locator("svg .edge").count() > 0
    assert drawings.nth(0).get_by_text("remove-iam-policy-binding").count() >= 1
    assert heard.complaints == []


def test_ten_thousand_findings(opened: Opened, pages: dict[str, Path]) -> None:
    page, heard = opened("many")
    assert pages["many"].stat().st_size <= 5_000_000
    expect(page.locator("#count")).to_have_text("The 100 worst of 10,000 findings")
    expect(cards(page)).to_have_count(PAGE)
    page.get_by_role("searchbox").fill("worker-9999@")
    expect(cards(page)).to_have_count(1)
    page.locator("#clear").click()
    page.get_by_label("Project", exact=True).select_option("example-project-7")
    expect(page.locator("#count")).to_have_text("50 of 10,000 findings")
    assert heard.complaints == []
    assert len(heard.requests) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["handful", "none"])
def test_nothing_keeps_a_person_out(opened: Opened, name: str, scheme: str) -> None:
    page, _ = opened(name, color_scheme=scheme)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["impact"], [node["html"][:90] for node in one["nodes"]][:3]) for one in found] == []


def test_dark_mode(opened: Opened) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page, _ = opened("few", color_scheme=scheme)
        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
        grounds.append(sum(int(part) for part in re.findall(r"\d+", color)[:3]))
        fill = page.locator(".drawing .node").first.evaluate("e => getComputedStyle(e).fill")
        assert fill != "rgb(238, 243, 251)", "the drawing follows"
    light, dark = grounds
    assert light > 600 > 200 > dark


def test_the_keyboard_alone(opened: Opened) -> None:
    page, _ = opened("few", permissions=["clipboard-read", "clipboard-write"])
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the findings")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("worker-149 ")
    expect(cards(page)).to_have_count(1)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.card summary')"):
            break
    page.keyboard.press("Enter")
    expect(cards(page).first.locator(".body")).to_be_visible()
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.copy')"):
            break
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("Copied")
    assert "worker-149" in page.evaluate("navigator.clipboard.readText()")


def test_on_paper(opened: Opened) -> None:
    page, _ = opened("few", color_scheme="dark")
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    expect(cards(page).first.locator(".commands code").first).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_hidden()
    expect(cards(page).first.locator(".copy").first).to_be_hidden()
    expect(page.locator("[data-drawn]").nth(1)).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    expect(cards(page).first.locator(".body")).to_be_hidden()


def test_without_its_script_it_can_be_read(opened: Opened) -> None:
    page, _ = opened("few", java_script_enabled=False)
    expect(cards(page)).to_have_count(PAGE)
    expect(page.get_by_role("searchbox")).to_be_hidden()
    expect(page.locator("noscript p")).to_contain_text("the 50 findings below the 100 worst")
    cards(page).first.locator("summary").first.click()
    expect(cards(page).first.locator(".commands code").first).to_be_visible()
    expect(page.locator("[data-drawn]").nth(1)).to_be_visible()


def test_a_page_with_nothing_to_say(opened: Opened) -> None:
    page, heard = opened("none")
    expect(page.get_by_text("Nothing was found in what could be seen")).to_be_visible()
    assert heard.complaints == []


HOSTILE = (
    "</script></style></title></template></textarea><img src=x onerror=alert(1)><svg onload=alert(2)>"
    "<script>alert(3)</script>{{7*7}}${7*7}\"'`><a href='javascript:alert(4)'>=cmd|'/C calc'!A0 "
    "\x1b[31mred\x1b]0;title\x07 \u202egpj.exe\u2066 \u200b\x00\ud800 &lt;b&gt; --> <!--"
)


def hostile(value: Any) -> Any:
    match value:
        case str():
            return HOSTILE + value
        case dict():
            return {name: hostile(item) for name, item in value.items()}
        case list():
            return [hostile(item) for item in value] or [HOSTILE]
        case _:
            return value


def a_hostile_row(number: int) -> dict[str, Any]:
    found = hostile(row(number))
    kept = ("finding_id", "severity", "first_seen", "last_seen", "opened_at")
    found |= {name: row(number)[name] for name in kept}
    found["category"] = hostile("x") if number % 2 else "threat"
    found["remediation"]["terraform"] = HOSTILE
    for source in found["evidence"]:
        source["url"] = "javascript:alert(5)"
    return found


def hostile_report(count: int) -> Report:
    made = report([a_hostile_row(number) for number in range(count)])
    from bindwatch.cli.page.contents import fit

    shown = fit(HOSTILE)
    return replace(
        made,
        heading=shown,
        changes=replace(made.changes, since=shown, ended=(Ended(shown, "HIGH", shown, shown, shown),)),
        coverage=replace(
            made.coverage,
            gaps=(Gap(shown, shown, shown, (shown,)),),
            failures=((shown, shown, shown),),
            problems=(shown,),
            notes=(shown,),
        ),
        muted=(Muted("0", shown, "HIGH", shown, shown, shown),),
        minters=(Minter(shown, shown, 3, 1, 1),),
    )


def test_text_from_logs_is_inert(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(render(hostile_report(PAGE + 20)), encoding="utf-8")
    page, heard = opened(path)
    page.get_by_role("button", name="Show 20 more").click()
    expect(cards(page)).to_have_count(PAGE + 20)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    for of in (cards(page).first, cards(page).last):
        text = of.inner_text()
        assert "<script>alert(3)</script>" in text
        assert "\\u202egpj.exe" in text
    everything = page.content()
    for hidden in ("\x1b", "\u202e", "\u2066", "\u200b", "\x07"):
        assert hidden not in everything
    assert page.locator("body img, svg[onload], [onerror], a[href^='javascript']").count() == 0
    assert page.locator("script").count() == 2
    assert page.locator("a[href^=http]").count() == 0
    assert "49" not in page.title()
    assert heard.dialogs == []
    assert heard.complaints == []
    assert len(heard.requests) == 1
