"""The pages of changes: they show what `plan` and `check` show, and apply as `jobfile apply` does."""

import html
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.asking.plan import planned
from engine.core.access import Role
from engine.planning.sides import engine_side
from engine.web.access import Who
from jobfile.plan.table import table_rows
from tests.web.site import JOBS, Browser, Web

FASTER = JOBS.replace('"*/10 * * * *", run: exit 3', '"*/5 * * * *", run: exit 3')
BROKEN = JOBS.replace("run: exit 3", "runs: exit 3")
OWNER = Who(name="anna", role=Role.ADMIN)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A site with two generations; its tests only read, and put the files back."""
    made = two_generations(tmp_path_factory.mktemp("site"))
    yield made
    made.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Web]:
    """The same for a test that applies something."""
    made = two_generations(tmp_path)
    yield made
    made.close()


def two_generations(folder: Path) -> Web:
    made = Web(folder)
    made.world.step()
    made.live()
    edit(made, FASTER)
    browser = made.sign_in(made.token)
    made.ask("/changes/waiting", "POST", browser=browser, form=seen(made, browser) | {"why": "<b>peak</b>"})
    made.world.step()
    return made


def edit(web: Web, text: str) -> None:
    (web.place.main_file).write_text(text)
    web.site.memory.forget()


def seen(web: Web, browser: Browser) -> dict[str, str]:
    """The fields of the form that applies, as the page has them."""
    text = web.ask("/changes/waiting", browser=browser).text
    return {
        name: text.partition(f'name="{name}" value="')[2].partition('"')[0] for name in ("digest", "base")
    }


def shown(web: Web, path: str) -> str:
    got = web.owner(path, accept="text/html")
    assert got.status == 200, got.text
    return html.unescape(got.text)


def test_the_list_has_each_generation_with_who_and_why(web: Web) -> None:
    text = shown(web, "/changes")
    for one in web.world.view.generations(limit=9):
        generation = one.generation
        assert f'<a href="/changes/{generation.number}">' in text
        assert f"{generation.applied_by}</td>" in text
    assert "<b>peak</b>" in text
    assert "<b>peak</b>" not in web.owner("/changes", accept="text/html").text
    assert "1 changed" in text
    assert "The files and what is in force are the same" in text


def test_a_generation_has_the_rows_of_the_plan_from_the_one_before(web: Web) -> None:
    view = web.world.view
    found = view.generation(2)
    assert found is not None
    plan = planned(
        engine_side(view, 1), engine_side(view, 2), view=None, place=web.place, now=found.applied_at
    )
    (row,) = table_rows(plan, width=100, is_full=True)
    text = shown(web, "/changes/2")
    for part in (row.name, row.change, row.next_run, *row.notes, *row.details):
        assert part.strip() in text
    assert f"{row.runs_before:,} → {row.runs_after:,}" in text
    assert "3 to add" in shown(web, "/changes/1")
    assert web.owner("/changes/3").status == 404


def test_refused_files_are_shown_as_check_shows_them(web: Web) -> None:
    edit(web, BROKEN)
    web.world.edit(BROKEN)
    for path in ("/changes", "/changes/waiting"):
        text = shown(web, path)
        assert "unknown key `runs`" in text or "runs" in text
        assert "did you mean" in text or "JF" in text
        assert "--> " in text or "jobs.yaml:5" in text
    assert "generation 2 stays in force" in shown(web, "/changes")
    assert 'name="digest"' not in shown(web, "/changes/waiting")
    web.world.edit(FASTER)
    edit(web, FASTER)
    assert "refused" not in shown(web, "/changes")


def test_a_change_that_waits_is_looked_at_and_applied(own: Web) -> None:
    web = own
    browser = web.sign_in(web.token)
    edit(web, FASTER.replace("run: exit 3", "run: exit 4"))
    assert "1 job of the files differs" in shown(web, "/changes")
    form = seen(web, browser)
    edit(web, FASTER.replace("run: exit 3", "run: exit 5"))
    late = web.ask("/changes/waiting", "POST", browser=browser, form=form)
    assert (late.status, "changed since you looked" in late.text) == (409, True)
    assert "exit 5" in late.text
    edit(web, FASTER.replace("run: exit 3", "run: exit 4"))
    got = web.ask("/changes/waiting", "POST", browser=browser, form=form | {"why": "a fix"})
    assert (got.status, got.headers["location"]) == (303, "/changes")
    current = web.world.view.current_generation()
    assert current is not None
    assert (current.number, current.applied_by, current.note) == (3, "owner", "a fix")
    again = web.ask("/changes/waiting", "POST", browser=browser, form=form)
    assert again.status == 409
    audit = web.world.view.recent_audit(limit=1)[0][1]
    assert (audit.actor, audit.action) == ("owner", "apply")
    assert "a fix" in audit.detail


def test_removing_most_jobs_asks_once_more(own: Web) -> None:
    web = own
    many = "".join(f"  job-{number}: {{run: echo}}\n" for number in range(9))
    browser = web.sign_in(web.token)
    edit(web, FASTER + many)
    assert web.ask("/changes/waiting", "POST", browser=browser, form=seen(web, browser)).status == 303
    edit(web, "version: 1\njobs:\n  good: {run: echo}\n")
    form = seen(web, browser)
    page = web.ask("/changes/waiting", browser=browser).text
    assert "remove these many jobs at once" in page
    assert "would be removed at once" in web.ask("/changes/waiting", "POST", browser=browser, form=form).text
    form["remove_many"] = "1"
    assert web.ask("/changes/waiting", "POST", browser=browser, form=form).status == 303


def test_files_that_others_can_change_are_not_applied(own: Web) -> None:
    edit(own, JOBS)
    browser = own.sign_in(own.token)
    form = seen(own, browser)
    own.place.main_file.chmod(0o666)
    got = own.ask("/changes/waiting", "POST", browser=browser, form=form)
    assert (got.status, "chmod" in got.text) == (409, True)
    current = own.world.view.current_generation()
    assert current is not None
    assert current.number == 2


def test_a_viewer_looks_and_a_token_for_some_jobs_does_not(web: Web) -> None:
    viewer = web.add_token("looks", Role.VIEWER)
    edit(web, JOBS)
    got = web.ask("/changes/waiting", token=viewer, accept="text/html")
    assert (got.status, 'name="digest"' in got.text) == (200, False)
    some = web.add_token("some", Role.ADMIN, jobs="good")
    for path in ("/changes", "/changes/waiting", "/changes/1", "/system", "/system/doctor"):
        assert web.ask(path, token=some).status == 403
    edit(web, FASTER)
    page = web.ask("/jobs", token=some, accept="text/html").text
    assert 'href="/changes"' not in page
    assert 'href="/changes/1"' not in web.ask("/jobs/good", token=some, accept="text/html").text


def test_without_a_ledger_there_is_nothing_to_show(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.lose_ledger()
    got = web.owner("/changes", accept="text/html")
    assert (got.status, "nothing is recorded yet" in got.text) == (404, True)
    web.app.close()
