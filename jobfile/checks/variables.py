"""Rules about variables: scripts that read unset variables, and values that are not expanded."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from jobfile.checks.finding import finding, located
from jobfile.checks.keys import pass_variable, use_bash
from jobfile.checks.plain_secrets import sounds_secret
from jobfile.checks.shells import ShellScript, script_of, variables_of
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.expressions.expression import Problem
from jobfile.expressions.template import find_slots
from jobfile.files.fileset import JobText, Payload
from jobfile.files.merged_settings import Setting
from jobfile.model.environment import PARAM_PREFIX, SET_FOR_EACH_RUN, param_variable
from jobfile.model.regex import regex
from jobfile.shell.places import Read
from jobfile.shell.variables import is_set_by_bash, unknown_variables

_OWN_PREFIX: Final = "JOBFILE_"
_NAMED: Final = regex(r"(?<![\\$])\$(?:\{([A-Za-z_]\w*)[^}]*\}|([A-Z_][A-Z0-9_]+)\b)", re.ASCII)
"""A variable in a text, in shell notation: in braces, or in capital letters."""
_AS_A_PATH: Final = regex(r"(?:^|(?<=[:/ ,=]))\$([A-Za-z_]\w*)(?=[:/ ,]|$)", re.ASCII)
"""A variable in small letters in place of a folder or a word."""
_COMMAND: Final = regex(r"(?<![\\$])\$\([A-Za-z/][^)]*\)|`[a-z/][^`]*`")
_READ_BY_A_SHELL: Final = frozenset({"PS0", "PS1", "PS2", "PS3", "PS4", "PROMPT_COMMAND", "ENV", "BASH_ENV"})
"""Variables whose values a shell itself expands."""
_EXPANDERS: Final = regex(r"\b(?:envsubst|eval)\b")
"""Words of a script that could expand a value later."""


def check_variables_are_given(payload: Payload) -> Iterator[Diagnostic]:
    """JF430: a script reads a variable that neither the file nor the script sets."""
    if "run" not in payload.settings or "$" not in payload.settings["run"].text:
        return
    if "container" in payload.settings or payload.is_unsure("container"):
        return  # the image may set any variable
    job = payload if isinstance(payload, JobText) else payload.job
    if payload.is_unsure("env", "secrets", "env_file") or job.is_unsure("pass_env", "params"):
        return
    if "env_file" in payload.settings:
        return  # only a start reads the file
    read = script_of(payload)
    if read is None:
        return
    given = variables_of(payload)
    for one in unknown_variables(
        read.script, given=given, dialect=read.dialect, has_nounset=read.has_nounset
    ):
        yield _nothing_gives(payload, read, one, given)


def _nothing_gives(payload: Payload, read: ShellScript, one: Read, given: frozenset[str]) -> Diagnostic:
    is_own = one.name.startswith(_OWN_PREFIX)
    problem = Problem(
        code="JF430",
        message=f"this script reads `${one.name}`, but nothing sets it",
        start=one.start,
        end=one.end,
        label=_without_value(read, one),
        help=_own_ways(one.name, given) if is_own else tuple(_ways(payload, one.name, given)),
    )
    fixes = () if is_own else pass_variable(payload, "run", one.name)
    if read.dialect == "sh" and is_set_by_bash(one.name):
        fixes = (*fixes, *use_bash(payload))
    return replace(located(read.setting, problem), fixes=fixes)


def _without_value(read: ShellScript, one: Read) -> str:
    if one.is_arithmetic and read.dialect == "sh":
        return "sh uses 0"
    return "the script ends here" if read.has_nounset else "it is empty"


def _own_ways(name: str, given: frozenset[str]) -> tuple[str, ...]:
    known = sorted(one for one in given if one.startswith(_OWN_PREFIX))
    near = suggest(name, known)
    if near:
        return (did_you_mean(near),)
    if name.startswith(PARAM_PREFIX):
        return ("declare the param:  params: {NAME: {type: string}}",)
    return ("known variables: " + ", ".join(f"`{one}`" for one in known),)


def _ways(payload: Payload, name: str, given: frozenset[str]) -> Iterator[str]:
    job = payload if isinstance(payload, JobText) else payload.job
    names = {param.name.lower(): param.name for param in job.params}
    if name.lower() in names:
        yield f"the param is  ${param_variable(name)}  or  {{{{ params.{names[name.lower()]} }}}}"
        return
    if name in job.files.vars:
        yield f"the constant is  {{{{ vars.{name} }}}}"
        return
    near = suggest(name, sorted(one for one in given if not one.startswith(_OWN_PREFIX)))
    if near:
        yield did_you_mean(near)
    if sounds_secret(name):
        yield f"add it to secrets:  secrets: {{{name}: env:{name}}}"
    else:
        yield f"add it to pass_env, env or secrets:  pass_env: [{name}]"
    if is_set_by_bash(name):
        yield "or  shell: bash, which sets it"
    yield f"or allow it to be missing:  ${{{name}:-}}"


def check_env_is_not_expanded(payload: Payload) -> Iterator[Diagnostic]:
    """JF431, JF432: a value of `env` or `working_dir` is not expanded; it is passed as written."""
    run = payload.settings.get("run")
    is_expanded_later = payload.is_unsure("run") or (
        run is not None and _EXPANDERS.search(run.text) is not None
    )
    for name, setting in payload.env.items():
        is_own = isinstance(payload, JobText) or setting.is_below(payload.path)
        if is_own and name not in _READ_BY_A_SHELL and isinstance(setting.value, str):
            yield from _unexpanded(setting, name, is_expanded_later=is_expanded_later)
    folder = payload.settings.get("working_dir")
    if folder is not None and (isinstance(payload, JobText) or folder.is_below(payload.path)):
        yield from _unexpanded(folder, "working_dir", is_expanded_later=False)
    command = payload.settings.get("command")
    for word in () if command is None else command.texts():
        yield from _dollar_before_template(word)


def _dollar_before_template(setting: Setting) -> Iterator[Diagnostic]:
    """JF431: the whole value is written as in GitHub Actions, with a `$` that would be part of it."""
    text = setting.text
    slots = find_slots(text)[0] if text.startswith("${{") else ()
    if len(slots) == 1 and (slots[0].start, slots[0].end) == (1, len(text)):
        problem = Problem(
            code="JF431",
            message="the `$` before this template stays in the value",
            start=0,
            end=1,
            label="`${{ … }}` is how GitHub Actions writes it",
            help=("remove the $",),
        )
        yield located(setting, problem)


def _unexpanded(setting: Setting, name: str, *, is_expanded_later: bool) -> Iterator[Diagnostic]:
    text = setting.text
    yield from _dollar_before_template(setting)
    found = _variable_in(text, name) if "$" in text or "`" in text else None
    if found is None or (is_expanded_later and name != "PATH"):
        return
    start, end = found
    shown = text[start:end]
    is_path = name == "PATH"
    if is_path:
        label = "no program would be found there"
        help_: tuple[str, ...] = ("write all folders:  PATH: /opt/x/bin:/usr/local/bin:/usr/bin:/bin",)
        help_ += ("or set it in the script:  PATH=/opt/x/bin:$PATH",)
    elif name == "working_dir":
        label = "no folder has this name"
        help_ = ("write the full path, or use a constant of the file:  {{ vars.NAME }}",)
    else:
        label = "no shell reads this"
        help_ = ("write the value, or use a constant of the file:  {{ vars.NAME }}",)
        help_ += (f"or set it in the script:  export {name}=…",)
    where = "a working_dir" if name == "working_dir" else "a value of env"
    problem = Problem(
        code="JF432" if is_path else "JF431",
        message=f"`{shown[:40]}` in {where} is not expanded",
        start=start,
        end=end,
        label=label,
        help=help_,
    )
    yield located(setting, problem)


def _variable_in(text: str, name: str) -> tuple[int, int] | None:
    """The first part of a value that only a shell would expand; a dollar in a password does not count."""
    slots, _ = find_slots(text)
    whole = _NAMED.fullmatch(text) or _AS_A_PATH.fullmatch(text)
    if sounds_secret(name) and not whole:
        return None
    found = [match for form in (_NAMED, _AS_A_PATH, _COMMAND) for match in form.finditer(text)]
    free = [one for one in found if not any(slot.start <= one.start() < slot.end for slot in slots)]
    first = min(free, key=lambda one: one.start(), default=None)
    return None if first is None else first.span()


def check_passed_variables(payload: Payload) -> Iterator[Diagnostic]:
    """JF434: a variable that jobfile sets itself cannot be in `pass_env`."""
    passed = payload.settings.get("pass_env")
    if passed is None or not isinstance(payload, JobText):
        return
    for one in passed.parts():
        name = one.text
        if name in SET_FOR_EACH_RUN:
            value = (
                "the job's time zone" if name == "TZ" else "a folder of the run, emptied after each attempt"
            )
            way = "set `timezone`, or  env: {TZ: …}" if name == "TZ" else "set it:  env: {TMPDIR: /var/big}"
            yield finding(
                one,
                "JF434",
                f"`{name}` in pass_env has no effect: jobfile sets it itself",
                label=f"it is {value}",
                help=(way,),
            )
