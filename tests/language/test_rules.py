"""Rules whose limits one pair of case files cannot show: tables of what is reported and what is not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from jobfile.fixing.edits import apply_fixes
from jobfile.pipeline import check_files, compile_files
from jobfile.render.redact import without_secrets
from jobfile.render.text import render_text, to_json
from jobfile.schedule.zones import load_zone
from tests.together import together

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def codes(text: str) -> list[str]:
    looked = check_files([("jobs.yaml", f"version: 1\n{text}".encode())], now=NOW)
    return [one.code for one in looked.diagnostics if one.severity != "info" and one.suppressed is None]


def job(keys: str) -> list[str]:
    return codes(f"jobs:\n  a: {{{keys}}}\n")


@pytest.mark.parametrize(
    "value",
    [
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "AKIAIOSFODNN7EXAMPL1",
        "https://user:hunter2hunter@example.com/x",
        "sk_live_0123456789abcdefgh",
    ],
)
def test_a_known_form_of_secret_is_reported_everywhere(value: str) -> None:
    assert job(f"run: 'curl {value}'") == ["JF605"]
    assert job(f"env: {{X: '{value}'}}, run: echo") == ["JF605"]
    assert job(f"command: [tool, '{value}']") == ["JF605"]
    assert codes(f"vars: {{x: '{value}'}}\njobs: {{a: {{run: 'echo {{{{ vars.x }}}}'}}}}\n") == ["JF605"]


@together(
    ("name", "value", "is_reported"),
    [
        ("PASSWORD", "Xk39fj2LQz", True),
        ("DB_PASSWORD", "correct-Horse7battery", True),
        ("API_TOKEN", "9f8e7d6c5b4a3f2e", True),
        ("PASSWORD", "changeme", False),
        ("PASSWORD_FILE", "/run/secrets/pg", False),
        ("TOKEN", "{{ run.id }}", False),
        ("KEYBOARD", "Xk39fj2LQz", False),
        ("MONKEY", "Xk39fj2LQz", False),
        ("SECRET", "aaaaaaaaaaaa", False),
        ("PRIMARY_KEY", "customer_id", False),
        ("AUTHOR", "Xk39fj2LQz", False),
        ("PASSPORT", "Xk39fj2LQz", False),
        ("TOKEN_URL", "https://auth.example.com/oauth2/token", False),
        ("API_KEY_HEADER", "X-Api-Key", False),
        ("PASSWORD_RESET_URL", "https://x.example.com/reset/p4ssW0rd", False),
        ("SECRET_NAME", "prod/db/Password1", False),
        ("AUTH_SERVER", "auth01.example.com:8443", False),
        ("PGPASSWORD", "hunter2", True),
        ("MYSQL_ROOT_PASSWORD", "root", True),
        ("PGPASSWORD", "changeme", False),
        ("PGPASSWORD", "{{ run.id }}", False),
    ],
)
def test_a_generated_value_under_a_name_for_secrets_is_reported(
    name: str, value: str, is_reported: bool
) -> None:
    assert job(f"env: {{{name}: '{value}'}}, run: echo") == (["JF605"] if is_reported else [])


@pytest.mark.parametrize(
    ("command", "secret"),
    [
        ("mysqldump -u likebike -phunter2 shop", "hunter2"),
        ("mariadb -phunter2 -e x", "hunter2"),
        ("mysql --password=hunter2 shop", "hunter2"),
        ("curl -u admin:hunter2 https://x.example.com", "hunter2"),
        ("curl -fsS -uadmin:hunter2 https://x.example.com", "hunter2"),
        ("curl https://x.example.com --user admin:hunter2", "hunter2"),
        ("sshpass -p hunter2 ssh web ls", "hunter2"),
        ("sshpass -v -phunter2 rsync -a x web:", "hunter2"),
        ("docker login -u me -p hunter2 registry.example.com", "hunter2"),
        ("redis-cli -h cache -a hunter2 ping", "hunter2"),
        ("openssl enc -aes256 -pass pass:hunter2 -in x", "hunter2"),
        ("wget --http-password=hunter2 https://x.example.com", "hunter2"),
        ("curl https://x.example.com/q?api_key=ab12cd34ef", "ab12cd34ef"),
        ("curl https://x.example.com/q?a=1&token=ab12cd34ef", "ab12cd34ef"),
        ("curl -H x-api-key:Ab12cd34ef https://x", "Ab12cd34ef"),
        (
            "curl https://hooks.slack.com/services/T0AB12CD3/B0EF45GH6/abcDEF123ghiJKL456mnoPQR",
            "hooks.slack.com/services/T0AB12CD3/B0EF45GH6/abcDEF123ghiJKL456mnoPQR",
        ),
        (
            "curl https://api.telegram.org/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0/getMe",
            "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0",
        ),
    ],
)
def test_a_secret_given_to_a_program_is_reported_in_scripts_and_lists(command: str, secret: str) -> None:
    words = command.split()
    texts = [
        f"jobs:\n  a:\n    run: |\n      {command}\n",
        f"jobs: {{a: {{command: {words}}}}}\n",
        f"jobs: {{a: {{command: [sh, -c, '{command}']}}}}\n",
    ]
    for text in texts:
        found = [
            one
            for one in check_files([("jobs.yaml", f"version: 1\n{text}".encode())]).diagnostics
            if one.code == "JF605"
        ]
        assert [f"version: 1\n{text}"[one.span.start.offset : one.span.end.offset] for one in found] == [
            secret
        ]


@together(
    "command",
    [
        'mysqldump -u likebike -p"$PW" shop',
        "mysql -p shop",
        "mysql -P3306 -h db",
        "docker run --name mysql -p3306:3306 mysql:8",
        'curl -u "$USER_NAME:$PW" https://x.example.com',
        "curl -u admin: https://x.example.com",
        "curl --user-agent bot:1 https://x.example.com",
        "sudo -u www-data:www-data true; curl https://x",
        "docker run -u 1000:1000 curlimages/curl",
        "sshpass -e ssh -p 2222 web ls",
        "sshpass -f /run/secrets/pw ssh -p 2222 web",
        "mkdir -p /srv/mysql",
        "redis-cli -h cache ping",
        "openssl enc -pass env:PW -in x",
        "openssl enc -pass file:/run/secrets/pw -in x",
        "curl https://x.example.com/q?api_key=$KEY",
        "curl https://x.example.com/q?token=YOUR_TOKEN",
        'curl -H "Authorization: Bearer $TOKEN" https://x',
        "curl -H 'Authorization: Bearer token' https://x",
        "wget --password=$PW https://x",
        "restic --password-file /run/secrets/restic backup /srv",
        "PGPASSWORD=$PW psql",
        'PGPASSWORD="$(cat /run/secrets/pg)" psql',
        "unset PGPASSWORD",
    ],
)
def test_a_command_without_a_secret_is_not_reported(command: str) -> None:
    assert "JF605" not in codes(
        f"jobs:\n  a:\n    pass_env: [PW, KEY, TOKEN, USER_NAME]\n    run: |\n      {command}\n"
    )


def test_a_secret_in_plain_text_is_shown_nowhere() -> None:
    secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
    text = (
        f"version: 1\njobs:\n  a:\n    env:\n      T: {secret}\n      Tt: 5\n    timeout: 5\n    run: echo\n"
    )
    looked = check_files([("jobs.yaml", text.encode())])
    assert {one.code for one in looked.diagnostics} >= {"JF605", "JF110"}
    sources = without_secrets(looked.diagnostics, looked.sources)
    shown = render_text(looked.diagnostics, sources=sources)
    assert secret not in shown
    assert "T: ****" in shown
    assert secret not in str(to_json(looked.diagnostics, sources=sources, files=["jobs.yaml"]))


@pytest.mark.parametrize(
    ("schedules", "told"),
    [
        (["0 4 * * *"] * 3, 0),
        (["0 4 * * *"] * 4, 1),
        (["0 4 * * *"] * 6, 1),
        (["0 4 * * *"] * 3 + ["1 4 * * *"] * 3, 0),
        (["0 4 * * mon", "0 4 * * tue", "0 4 * * wed", "0 4 * * thu"], 0),
        (["0 4 * * *", "0 4 1 * *", "0 4 1-7 * *", "0 4 * jan *"], 1),
        (["0 4 1 * *", "0 4 2 * *", "0 4 3 * *", "0 4 4 * *"], 0),
        (["0 * * * *", "0 4 * * *", "0 4 * * *", "0 4 * * *"], 1),
        (["* * * * *"] * 6, 0),
        (["0 4 * * *"] * 45, 1),
        (["0 * * * *"] * 6, 1),
        (["*/5 * * * *"] * 6, 1),
        (["*/30 * * * *"] * 6, 1),
        (["*/30 * * * *", "*/5 * * * *", "0 * * * *", "0 4 * * *"], 1),
        (["0 4 * * *"] * 4 + ["0 5 * * *"] * 4, 2),
        (["0 4 * * *"] * 4 + ["0 * * * *"] * 4, 1),
        (["0 4,5 * * *"] * 3 + ["0 4 * * *", "0 5 * * *"], 2),
        (["0 4 1-15 * *", "0 4 16-31 * *"] * 2 + ["0 4 * * *"], 0),
        (["0 4 1-15 * *", "0 4 16-31 * *"] * 3 + ["0 4 * * *"], 1),
    ],
)
def test_a_crowd_begins_with_the_fourth_on_one_day(schedules: list[str], told: int) -> None:
    text = "jobs:\n" + "".join(
        f'  j{number}: {{schedule: "{cron}", catchup: none, run: echo}}\n'
        for number, cron in enumerate(schedules)
    )
    assert codes(text).count("JF606") == told


@pytest.mark.parametrize(
    ("schedules", "told"),
    [
        (["every: 1h"] * 3, 0),
        (["every: 1h"] * 4, 1),
        (["every: 1h, spread: 5m"] * 4, 0),
        (["every: 1m"] * 6, 0),
        (["every: 90s"] * 6, 0),
        (["every: 7h"] * 6, 0),
        (["every: 2d"] * 4, 1),
        (["every: 2d", "every: 3d", "every: 1d", "cron: 0 0 * * *"], 1),
        (["every: 1h", "every: 30m", "cron: 0 4 * * *", "cron: 0 * * * *"], 1),
        (["every: 1h", "every: 30m", "cron: 1 4 * * *", "cron: 1 * * * *"], 0),
        (["every: 1h, timezone: Europe/Oslo"] * 2 + ["cron: 0 4 * * *, timezone: Europe/Oslo"] * 2, 1),
        (["every: 1h, timezone: Asia/Kolkata"] * 2 + ["cron: 0 4 * * *, timezone: Asia/Kolkata"] * 2, 0),
        (["every: 6h, timezone: Europe/Oslo"] * 2 + ["every: 6h, timezone: Asia/Kolkata"] * 2, 1),
    ],
)
def test_a_period_is_part_of_a_crowd_too(schedules: list[str], told: int) -> None:
    text = "jobs:\n" + "".join(
        f"  j{number}: {{schedule: {{{entry}}}, catchup: none, run: echo}}\n"
        for number, entry in enumerate(schedules)
    )
    assert codes(text).count("JF606") == told


@pytest.mark.parametrize(
    ("cron", "message", "spread"),
    [
        ("0 4 * * *", "6 jobs start at 04:00 on the same day", "20m"),
        ("*/30 * * * *", "6 jobs start in the same minute, 48 times a day", "20m"),
        ("*/5 * * * *", "6 jobs start in the same minute, 288 times a day", "5m"),
        ("55,5 * * * *", "6 jobs start in the same minute, 48 times a day", "10m"),
    ],
)
def test_the_fix_for_a_crowd_gives_a_spread_that_fits(cron: str, message: str, spread: str) -> None:
    jobs = "".join(f'  j{number}: {{schedule: "{cron}", catchup: none, run: echo}}\n' for number in range(6))
    text = "version: 1\njobs:\n" + jobs
    looked = check_files([("jobs.yaml", text.encode())])
    (found,) = (one for one in looked.diagnostics if one.code == "JF606")
    assert (found.message, found.path[:2]) == (message, ("jobs", "j3"))
    assert f"spread: {spread}}}" in found.help[0]
    fixed, _, _ = apply_fixes(looked.sources["jobs.yaml"], [found], unsafe=True)
    assert f"spread: {spread}" in fixed
    assert not [one.code for one in check_files([("jobs.yaml", fixed.encode())]).diagnostics if one.is_error]


@together(
    ("script", "is_reported"),
    [
        ("report --day $(date +%F)", True),
        ("x=$(date); report $x", True),
        ("report `date`", True),
        ("x=$(/bin/date -u +%F)", True),
        ('x=$(date -d "$X" +%F)', False),
        ("x=$(date --date=yesterday +%F)", True),
        ("x=$(date -d 'last monday' +%F)", True),
        ("x=$(date -ud 2026-01-01 +%F)", False),
        ("x=$(date -r file)", False),
        ('[ "$(date +%d)" = 01 ] && report', True),
        ("tar cf backup-$(date +%F).tar .", True),
        ("make > build-$(date +%F).txt", True),
        ("make > build-$(date +%F).log", False),
        ('make 2>&1 | tee -a "build-$(date +%F).log"', False),
        ('LOG=/var/log/x-$(date +%F).log; make >> "$LOG"', False),
        ('OUT=/srv/x-$(date +%F).csv; make >> "$OUT"', True),
        ("echo \"delete from t where d = '$(date +%F)'\" | psql", True),
        ("echo $(date +%F) | tee -a log", False),
        ('echo "$(date) start"; ./sync', False),
        ("date; ./sync", False),
        ("date -u +%F", False),
        ("./sync; date >> /var/log/sync", False),
        ("date | mail -s done a@example.com", False),
        ("date | python3 report.py", True),
        ("start=$(date +%s); ./sync; echo $(( $(date +%s) - start ))", False),
        ("tar cf backup-$(date +%Y%m%d-%H%M%S).tar .", False),
        ("now=$(date +'%F %R'); ./sync; echo \"$now done\"", False),
        ('now=$(date +%F); ./sync $now; echo "$now done"', True),
        ('log() { printf \'%s %s\' "$(date +%F)" "$*"; }; log start; ./sync', False),
        ('log() { echo "$*"; }; log "$(date +%F) start"; ./sync', False),
        ('x=$(echo "$(date +%F)"); report $x', True),
        ("echo date", False),
        ("update now", False),
        ("psql -c 'select now()'", True),
        ("psql -c \"delete from s where seen < now() - interval '30 days'\"", False),
        ("psql -c \"select * from s where seen > now() - interval '1 day'\"", True),
        ("psql -c 'update s set seen = now()'", False),
        ("psql -c 'insert into s values (1, now())'", False),
        ("psql -c 'select x from s where day = now()::date'", True),
        ("echo {{ run.scheduled_at | date('%F') }}", False),
        ("# date", False),
    ],
)
def test_reading_the_clock_is_reported_where_runs_are_caught_up(script: str, is_reported: bool) -> None:
    text = f"jobs:\n  a:\n    schedule: '0 4 * * *'\n    run: |\n      {script}\n"
    assert ("JF610" in codes(text)) is is_reported
    assert "JF610" not in codes(text.replace("run: |", "catchup: none\n    run: |"))
    assert "JF610" not in codes(text.replace("    schedule: '0 4 * * *'\n", ""))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("schedule: '0 4 * * *', expect: {success_every: 26h}", []),
        ("schedule: '0 4 * * *', expect: {success_every: 23h}", ["JF615"]),
        ("schedule: '0 4 * * mon-fri', expect: {success_every: 26h}", ["JF615"]),
        ("schedule: '0 4 * * mon-fri', expect: {success_every: 73h}", []),
        ("schedule: '0 4 1 * *', expect: {success_every: 26d}", ["JF615"]),
        ("schedule: '0 4,16 * * *', expect: {done_by: '10:00'}", []),
        ("schedule: '0 4 * * *', expect: {done_by: '04:00'}", ["JF615"]),
        ("schedule: {every: 1h}, expect: {success_every: 30m}", ["JF615"]),
        ("schedule: {every: 1h}, expect: {done_by: 25:00}", ["JF308"]),
    ],
)
def test_an_expectation_can_hold(keys: str, told: list[str]) -> None:
    assert job(f"{keys}, run: echo") == told


@together(
    ("schedule", "told"),
    [
        ("{at: '2026-11-27T00:00'}", []),
        ("{at: ['2026-11-20T00:00', '2026-11-27T00:00']}", []),
        ("{at: '2026-11-24T00:00Z'}", ["JF309"]),
        ("{at: '2026-11-27'}", ["JF308"]),
        ("{at: '2026-03-29T02:30', timezone: Europe/Oslo}", ["JF308"]),
        ("{at: '2026-11-27T00:00', time: '10:00'}", ["JF109"]),
        ("{cron: '0 4 * * *', every: 5m}", ["JF109"]),
        ("{timezone: UTC}", ["JF109"]),
        ("{every: 1h, calendar: bank}", ["JF109", "JF203"]),
        ("{cron: '0 4 * * *', on_closed: next}", ["JF102"]),
        ("{business_day: 1}", ["JF102", "JF102"]),
        ("{business_day: 1, time: 25:00, calendar: c}", ["JF308"]),
        ("{business_day: -24, time: '10:00', calendar: c}", ["JF311"]),
        ("{business_day: 23, time: '10:00', calendar: c}", []),
        ("{cron: '0 4 * * sat', calendar: c}", ["JF304"]),
        ("{cron: '0 4 * * sat', calendar: c, on_closed: previous}", []),
        ("{cron: '0 4 29 2 *', from: 2029-03-01, until: 2031-01-01}", ["JF304", "JF616"]),
        ("{every: 1h, until: 2026-11-24}", []),
        ("{every: 1h, until: 2026-11-23}", ["JF628"]),
        ("{every: 1h, spread: 59m}", []),
        ("{every: 1h, spread: 1h}", []),
        ("{every: 1h, spread: 1h1s}", ["JF314"]),
        ("{cron: '0,30 4 * * *', spread: 30m}", []),
        ("{cron: '0,30 4 * * *', spread: 31m}", ["JF314"]),
        ("{cron: '0 */12 * * *', spread: 12h}", []),
        ("'0 4 31 1,3,5 *'", []),
        ("'0 4 31 1,4 *'", ["JF616"]),
        ("'0 4 L,31 * *'", []),
        ("'0 4 28-31 * *'", []),
    ],
)
def test_a_schedule_fires_and_when_its_author_thinks(schedule: str, told: list[str]) -> None:
    use = "  b: {schedule: {cron: '5 4 * * *', calendar: c}, catchup: none, run: echo}\n"
    text = "calendars: {c: {weekdays: [mon, tue, wed, thu, fri]}}\njobs:\n"
    text += f"  a: {{schedule: {schedule}, run: echo}}\n"
    assert sorted(codes(text + use)) == sorted(told)


@pytest.mark.parametrize(
    ("comment", "told"),
    [
        ("# jobfile: allow JF617 the job is watched", []),
        ("# jobfile: allow JF617 - the job is watched", []),
        ("# jobfile: allow JF617, JF623 both are meant", ["JF621"]),
        ("# jobfile: allow JF617", ["JF620"]),
        ("# jobfile: allow JF110 no", ["JF617", "JF621"]),
        ("# jobfile: allow JF999 no", ["JF617", "JF621"]),
        ("# jobfile allow JF617 no colon", ["JF617"]),
    ],
)
def test_a_comment_allows_a_lint_on_its_line_or_the_next(comment: str, told: list[str]) -> None:
    behind = f"jobs:\n  a:\n    timeout: none {comment}\n    run: echo\n"
    above = f"jobs:\n  a:\n    {comment}\n\n    # another\n    timeout: none\n    run: echo\n"
    assert sorted(codes(behind)) == sorted(told)
    assert sorted(codes(above)) == sorted(told)


def test_an_error_is_never_allowed() -> None:
    assert codes("jobs:\n  a:\n    timeout: 5 # jobfile: allow JF110 really\n    run: echo\n") == [
        "JF110",
        "JF621",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"s": "x"}, "x"),
        ({"n": "7"}, 7),
        ({"n": "7.5"}, None),
        ({"x": "7"}, 7),
        ({"b": "false"}, False),
        ({"b": "no"}, None),
        ({"l": "a, b"}, ("a", "b")),
        ({"sz": "x"}, None),
    ],
)
def test_a_var_can_be_set_to_a_value_of_its_type(given: dict[str, str], expected: object) -> None:
    script = "echo {{ vars.s }} {{ vars.n }} {{ vars.x }} {{ vars.l | join(',') }}"
    top = "version: 1\nvars: {s: a, n: 1, x: 1.5, b: true, l: [z]}\n"
    text = top + f'jobs: {{a: {{run: "{script}", if: vars.b}}}}\n'
    compiled = compile_files([("jobs.yaml", text.encode())], overrides=given)
    if expected is None:
        assert compiled.catalog is None
        assert next(one.code for one in compiled.diagnostics if one.is_error) in ("JF103", "JF402")
    else:
        assert compiled.catalog is not None, compiled.diagnostics
        assert compiled.catalog.jobs[0].spec.vars[next(iter(given))] == expected


def test_jobs_without_mistakes_are_looked_at_beside_broken_ones() -> None:
    text = "jobs:\n  a: {rum: x}\n  b: {timeout: 5, run: echo}\n"
    text += "  c: {triggers: [{after: a}], run: 'echo {{ trigger.outputs.x }}'}\n"
    assert codes(text) == ["JF101", "JF110", "JF424"]
    assert codes(text.replace("rum: x", "rum: x, outputs: [x]")) == ["JF101", "JF103", "JF110"]


@pytest.mark.parametrize(
    ("script", "is_asked"),
    [
        ("echo hi", False),
        ("pg_dump --file=x.dump orders > log 2>> err", False),
        (
            'echo "hello, {{ run.id }}" {{ run.job }}\n# done\n\nmake all && make test || echo bad | tee x',
            False,
        ),
        ("if true; then echo; fi", True),
        ("echo $(date)", True),
        ("for x", True),
        ("case", True),
        ("echo 'never closed", True),
        ("a | | b", True),
        ("echo >", True),
        ("&& echo", True),
        ("x() { echo; }", True),
    ],
)
def test_only_scripts_that_can_be_wrong_are_shown_to_a_shell(script: str, is_asked: bool) -> None:
    asked: list[str] = []

    def ask(scripts: Sequence[tuple[str, Literal["sh", "bash"]]]) -> list[None]:
        asked.extend(text for text, _ in scripts)
        return [None] * len(scripts)

    lines = "".join(f"      {line}\n" for line in script.split("\n"))
    check_files([("jobs.yaml", f"version: 1\njobs:\n  a:\n    run: |\n{lines}".encode())], ask_shells=ask)
    assert bool(asked) is is_asked


@together("zero", ["0s", "0m", "0h0m0s", "0d"])
@together(
    ("key", "told"),
    [
        ("timeout: {}", ["JF106"]),
        ("catchup: {{mode: all, window: {}}}", ["JF106"]),
        ("expect: {{success_every: {}}}", ["JF106"]),
        ("expect: {{max_duration: {}}}", ["JF106"]),
        ("start_deadline: {}", ["JF106"]),
        ("schedule: {{every: {}}}", ["JF106"]),
        ("kill_grace: {}", []),
        ("retry: {{attempts: 3, delay: {}}}", []),
        ("retry: {{attempts: 3, max_delay: {}}}", []),
        ("schedule: {{every: 1h, spread: {}}}", []),
        ("triggers: [{{file: {{path: /in, settle: {}}}}}]", []),
    ],
)
def test_a_length_of_zero_is_refused_where_it_could_mean_nothing_good(
    key: str, zero: str, told: list[str]
) -> None:
    assert job(f"{key.format(zero)}, run: echo") == told


def test_a_timeout_of_zero_is_never_proposed() -> None:
    looked = check_files([("jobs.yaml", b"version: 1\njobs: {a: {run: echo, timeout: 0}}\n")])
    (one,) = [one for one in looked.diagnostics if one.code == "JF110"]
    assert "none" in one.help[0]
    assert not one.fixes


@pytest.mark.parametrize("text", ["3661d", "36500d", "99999999999s", "100000000000000000000h", "3660d1s"])
@pytest.mark.parametrize("key", ["timeout: {}", "kill_grace: {}", "schedule: {{every: {}}}"])
def test_a_length_that_is_too_long_is_called_that(key: str, text: str) -> None:
    content = f"version: 1\njobs: {{a: {{run: echo, {key.format(text)}}}}}\n"
    (one,) = [one for one in check_files([("jobs.yaml", content.encode())]).diagnostics if one.is_error]
    assert (one.code, one.message) == ("JF110", f"`{text}` is too long")
    assert "3660d" in one.label


@pytest.mark.parametrize(
    ("retry", "is_reported"),
    [
        ("{attempts: 1000, delay: 0s}", True),
        ("{attempts: 10, delay: 0s}", True),
        ("{attempts: 9, delay: 0s}", False),
        ("{attempts: 1000, delay: 1s, backoff: fixed}", False),
        ("{attempts: 1000, delay: 10s, max_delay: 0s}", True),
        ("{attempts: 1000, delay: 0s, backoff: linear}", True),
        ("{attempts: 10, delay: 1s}", False),
        ("100", False),
    ],
)
def test_many_tries_without_a_pause_are_reported(retry: str, is_reported: bool) -> None:
    assert ("JF629" in job(f"retry: {retry}, run: echo")) == is_reported
    steps = f"jobs: {{a: {{steps: {{one: {{run: echo, retry: {retry}}}}}}}}}\n"
    assert ("JF629" in codes(steps)) == is_reported


@together("hours", range(1, 15))
@together("sign", ["+", "-"])
def test_a_zone_with_a_turned_sign_is_explained(sign: str, hours: int) -> None:
    name = f"Etc/GMT{sign}{hours}"
    looked = check_files([("jobs.yaml", f"version: 1\njobs: {{a: {{run: x, timezone: {name}}}}}\n".encode())])
    found = [one for one in looked.diagnostics if one.code in ("JF626", "JF305")]
    if sign == "+" and hours > 12:
        assert [one.code for one in found] == ["JF305"]
        return
    (one,) = found
    zone = load_zone(name)
    assert zone is not None
    offset = NOW.astimezone(zone).utcoffset()
    assert offset is not None
    is_behind = offset < timedelta(0)
    assert ("behind" if is_behind else "ahead") in one.message
    assert one.label.endswith(f"UTC{'-' if is_behind else '+'}{hours}")


@pytest.mark.parametrize("name", ["UTC", "Etc/UTC", "GMT", "Etc/GMT", "Etc/GMT0", "Etc/GMT+0", "Etc/GMT-0"])
def test_a_name_of_utc_is_fine(name: str) -> None:
    assert job(f"run: echo, timezone: {name}") == []


@pytest.mark.parametrize(
    ("words", "is_reported"),
    [
        ("find, /var/log, -name, '*.log', -delete", False),
        ("find, /var/log, '*.log'", True),
        ("rsync, -a, --exclude, '*.tmp', a/, b/", False),
        ("rsync, -a, '*.tmp', b/", True),
        ("docker, exec, c, sh, -c, 'exec mysqldump -p\"$PW\"'", False),
        ("docker, run, -e, 'A=$HOME', image", True),
        ("docker, exec, -e, '$HOME', c, ls", True),
        ("perl, -e, 'print $ARGV[0] | 1'", False),
        ("/usr/bin/awk, '-F:', '{print $NF}', file", False),
        ("awk, '{print $NF}', file", False),
        ("grep, -r, '$HOME', /etc", False),
        ("grep, -r, x, '/etc/*'", True),
        ("ls, '*.log'", True),
        ("'$HOME/bin/x'", True),
        ("echo, a, '|', wc", True),
    ],
)
def test_a_word_that_the_program_reads_itself_needs_no_shell(words: str, is_reported: bool) -> None:
    assert ("JF623" in codes(f"jobs:\n  a:\n    command: [{words}]\n")) is is_reported
