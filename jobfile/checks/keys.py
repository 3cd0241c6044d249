"""Fixes that add a key to a job, where the text allows it; an editor offers them."""

from jobfile.diagnostics.diagnostic import Edit, Fix
from jobfile.diagnostics.source import Span
from jobfile.files.fileset import JobText, Payload
from jobfile.files.merged_settings import Setting, map_at


def key_before(payload: Payload, action: str, key: str, value: str) -> Fix | None:
    """A fix that writes `key: value` before the key `action` of a job or step."""
    setting = payload.settings[action]
    if not setting.is_below(payload.path):
        return None
    source = payload.document.source
    start = payload.document.key_span(setting.path).start
    before = source.line(start.line)[: start.column - 1]
    if before.strip() == "":
        text = f"{key}: {value}\n{before}"
    elif before.rstrip().endswith(("{", ",")):
        text = f"{key}: {value}, "
    else:
        return None
    return Fix(title=f"add `{key}: {value}`", edits=(Edit(span=Span(start, start), text=text),), safe=False)


def use_bash(payload: Payload) -> tuple[Fix, ...]:
    """A fix that runs the script of a job or step in bash."""
    if "run" not in payload.settings:
        return ()
    shell = payload.settings.get("shell")
    if shell is None or not shell.is_below(payload.path):
        fix = key_before(payload, "run", "shell", "bash")
    elif isinstance(shell.value, str):
        span = shell.document.span(shell.path)
        fix = Fix(title="use `shell: bash`", edits=(Edit(span=span, text="bash"),), safe=False)
    else:
        fix = None
    return () if fix is None else (fix,)


def pass_variable(payload: Payload, action: str, name: str) -> tuple[Fix, ...]:
    """A fix that adds a variable to `pass_env` of a job."""
    if not isinstance(payload, JobText):
        return ()
    own = map_at(payload.document, payload.path).get("pass_env")
    passed = payload.settings.get("pass_env")
    if isinstance(own, list) and own and passed is not None:
        return _one_more(passed, name)
    if passed is not None or own is not None:
        return ()  # a list in the job would replace the list in the defaults
    fix = key_before(payload, action, "pass_env", f"[{name}]")
    return () if fix is None else (fix,)


def _one_more(passed: Setting, name: str) -> tuple[Fix, ...]:
    """Add an item at the end of a list, in the style of the list."""
    last = passed.document.span((*passed.path, len(passed.value) - 1))
    before = passed.document.source.line(last.start.line)[: last.start.column - 1]
    text = f"\n{before}{name}" if before.strip() == "-" else f", {name}"
    edit = Edit(span=Span(last.end, last.end), text=text)
    return (Fix(title=f"add `{name}` to `pass_env`", edits=(edit,), safe=False),)
