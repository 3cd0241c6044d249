"""Saved plans on the page: those that wait are listed, looked at, and applied exactly as reviewed."""

import html
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.asking.plan import planned
from engine.core.access import Role
from engine.host.keys import make_key
from engine.planning.saved import write_plan_file
from engine.planning.sides import engine_side, worktree_side
from tests.web.site import JOBS, Web

SAVED = JOBS.replace("run: exit 3", "run: exit 4")
NAME = "monday.jfplan"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    made.world.step()
    yield made
    made.close()


def save(web: Web, text: str, name: str = NAME) -> str:
    """Save the plan of a file, as `jobfile plan --out` does; its id."""
    place = web.place
    place.main_file.write_text(text)
    view = place.view()
    plan = planned(engine_side(view), worktree_side(place.main_file), view=view, place=place)
    path = place.main_file.parent / name
    web.site.memory.forget()
    return write_plan_file(path, plan, key=make_key(place.state_dir), main_file=place.main_file, text="")


def shown(web: Web, path: str) -> str:
    got = web.owner(path, accept="text/html")
    assert got.status == 200, got.text
    return html.unescape(got.text)


def in_force(web: Web) -> int:
    found = web.world.view.current_generation()
    assert found is not None
    return found.number


def test_a_plan_that_waits_is_looked_at_and_applied_as_it_was_saved(own: Web) -> None:
    plan = save(own, SAVED)
    own.place.main_file.write_text(SAVED.replace("run: exit 4", "run: exit 5"))
    assert f'<a href="/changes/plans/{plan}">{NAME}</a>' in shown(own, "/changes")
    text = shown(own, f"/changes/plans/{plan}")
    assert "exit 4" in text
    assert "exit 5" not in text
    assert "jobs.yaml was changed; the plan is applied as it was saved" in text
    browser = own.sign_in(own.token)
    form = {"csrf": browser.csrf, "why": "reviewed <b>on Friday</b>"}
    got = own.ask(f"/changes/plans/{plan}", "POST", browser=browser, form=form)
    assert (got.status, got.headers["location"]) == (303, "/changes")
    current = own.world.view.current_generation()
    assert current is not None
    assert (current.number, current.applied_by, current.plan_id) == (2, "owner", plan)
    assert "reviewed <b>on Friday</b>" in current.note
    view = own.world.view
    bad = view.job_in_force("bad")
    assert bad is not None
    assert "exit 4" in (view.definition_text(bad.digest) or "")
    assert own.ask(f"/changes/plans/{plan}", "POST", browser=browser, form=form).status == 404
    assert NAME not in shown(own, "/changes")
    assert in_force(own) == 2


def test_its_risks_are_those_of_now_and_its_warnings_those_of_its_files(own: Web) -> None:
    own.world.run_by_hand("bad")
    own.world.step()
    plan = save(
        own, SAVED.replace("run: exit 4", "params: {unused: {type: integer, default: 1}}, run: exit 4")
    )
    for path in ("/changes", f"/changes/plans/{plan}"):
        assert "1 to change. 1 risk now, 1 warning when it was saved." in shown(own, path)
    assert "RISK03" in shown(own, f"/changes/plans/{plan}")


def test_a_changed_or_outdated_plan_is_not_listed(own: Web) -> None:
    folder = own.place.main_file.parent
    edited, old = save(own, SAVED, "edited.jfplan"), save(own, SAVED, "old.jfplan")
    (folder / "edited.jfplan").write_text((folder / "edited.jfplan").read_text().replace("exit 4", "exit 9"))
    (folder / "none.jfplan").write_text("{}")
    (folder / "link.jfplan").symlink_to("/etc/passwd")
    text = shown(own, "/changes")
    assert [name for name in ("edited", "old", "none", "link") if f"{name}.jfplan" in text] == ["old"]
    assert own.owner(f"/changes/plans/{edited}").status == 404
    own.world.edit(SAVED)
    own.world.step()
    own.site.memory.forget()
    assert in_force(own) == 2
    assert own.owner(f"/changes/plans/{old}").status == 404
    assert "old.jfplan" not in shown(own, "/changes")


def test_removing_most_jobs_asks_once_more(own: Web) -> None:
    own.world.edit(JOBS + "".join(f"  job-{number}: {{run: echo}}\n" for number in range(9)))
    own.world.step()
    plan, browser = save(own, JOBS), own.sign_in(own.token)
    form = {"csrf": browser.csrf, "why": ""}
    path = f"/changes/plans/{plan}"
    assert "remove these many jobs at once" in own.ask(path, browser=browser).text
    refused = own.ask(path, "POST", browser=browser, form=form)
    assert (refused.status, "would be removed at once" in refused.text) == (409, True)
    assert in_force(own) == 2
    assert own.ask(path, "POST", browser=browser, form=form | {"remove_many": "1"}).status == 303
    assert in_force(own) == 3


def test_a_viewer_looks_and_only_an_admin_applies(own: Web) -> None:
    plan = save(own, SAVED)
    path = f"/changes/plans/{plan}"
    for role in (Role.VIEWER, Role.OPERATOR):
        secret = own.add_token(role.value, role)
        assert own.ask(path, token=secret).status == 200
        assert "Apply it" not in own.ask(path, token=secret).text
        assert own.ask(path, "POST", token=secret, form={}).status == 403
    assert in_force(own) == 1
