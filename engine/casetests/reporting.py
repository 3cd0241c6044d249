"""The results of cases as a test runner shows them: text, JUnit XML, JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from engine.casetests.cases import CaseFile
from engine.casetests.judging import Failure, Judged
from jobfile.diagnostics.escapes import printable
from jobfile.render.style import PLAIN, Style

Results = Sequence[tuple[CaseFile, Sequence[Judged]]]


def is_well(results: Results) -> bool:
    """Whether every case passed."""
    return all(one.is_good for _, judged in results for one in judged)


def text_lines(results: Results, *, style: Style = PLAIN) -> Iterator[str]:
    """One line for each case, grouped by file, and below each that did not pass, why."""
    for index, (file, judged) in enumerate(results):
        if index:
            yield ""
        yield printable(file.source.name)
        for one in judged:
            word = "ok" if one.is_good else "ERROR" if one.error else "FAIL"
            yield f"  {style.state(word)}{' ' * (5 - len(word))}  {printable(one.case.name)}"
            if one.error:
                yield printable(f"         {_place(file, one)}: {one.error}")
            for failure in one.failures:
                yield printable(f"         {_failed_at(file, failure)}: {failure.key}")
                yield from (printable(f"           {line}") for line in failure.lines)


def summary_line(results: Results, seconds: float) -> str:
    """The numbers of results, and the time."""
    every = [one for _, judged in results for one in judged]
    errors = sum(bool(one.error) for one in every)
    failed = sum(bool(one.failures) for one in every)
    parts = [f"{len(every) - errors - failed} passed", f"{failed} failed"]
    if errors:
        parts.append(f"{errors} could not be tested")
    return f"{', '.join(parts)} in {seconds:.1f}s"


def junit(results: Results) -> str:
    """JUnit XML, as CI services read it."""
    top = ElementTree.Element("testsuites", name="jobfile test")
    for file, judged in results:
        suite = ElementTree.SubElement(
            top,
            "testsuite",
            name=_xml_text(file.source.name),
            tests=str(len(judged)),
            failures=str(sum(bool(one.failures) for one in judged)),
            errors=str(sum(bool(one.error) for one in judged)),
            time=f"{sum(one.seconds for one in judged):.3f}",
        )
        for one in judged:
            _add_case(suite, file, one)
    ElementTree.indent(top)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(top, encoding="unicode") + "\n"


def _add_case(suite: ElementTree.Element, file: CaseFile, one: Judged) -> None:
    element = ElementTree.SubElement(
        suite,
        "testcase",
        name=_xml_text(one.case.name),
        classname=_xml_text(one.case.job),
        file=_xml_text(file.source.name),
        line=str(one.case.span.start.line),
        time=f"{one.seconds:.3f}",
    )
    if one.error:
        error = ElementTree.SubElement(element, "error", message=_xml_text(one.error))
        error.text = _xml_text(f"{_place(file, one)}: {one.error}")
    for failure in one.failures:
        place = _failed_at(file, failure)
        found = ElementTree.SubElement(
            element, "failure", message=_xml_text(f"{failure.key}: not as expected")
        )
        found.text = _xml_text("\n".join([f"{place}: {failure.key}", *failure.lines]))


def to_json(results: Results) -> dict[str, object]:
    """The results as plain data."""
    every = [one for _, judged in results for one in judged]
    return {
        "format": 1,
        "passed": sum(one.is_good for one in every),
        "failed": sum(bool(one.failures) for one in every),
        "errors": sum(bool(one.error) for one in every),
        "cases": [
            {
                "file": file.source.name,
                "line": one.case.span.start.line,
                "name": one.case.name,
                "job": one.case.job,
                "result": "passed" if one.is_good else "error" if one.error else "failed",
                "error": one.error or None,
                "failures": [
                    {"key": failure.key, "line": failure.span.start.line, "lines": list(failure.lines)}
                    for failure in one.failures
                ],
            }
            for file, judged in results
            for one in judged
        ],
    }


def _place(file: CaseFile, one: Judged) -> str:
    return f"{file.source.name}:{one.case.span.start.line}:{one.case.span.start.column}"


def _failed_at(file: CaseFile, failure: Failure) -> str:
    return f"{file.source.name}:{failure.span.start.line}:{failure.span.start.column}"


def _xml_text(text: str) -> str:
    """Text without the characters that XML 1.0 does not allow."""
    return "".join(one if _is_in_xml(ord(one)) else "\N{REPLACEMENT CHARACTER}" for one in text)


def _is_in_xml(code: int) -> bool:
    is_low = code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF
    return is_low or 0xE000 <= code <= 0xFFFD or code >= 0x10000


def shown_name(path: Path) -> str:
    """A file's name in messages: relative, if it is below the current folder."""
    here = Path.cwd()
    whole = path.absolute()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(path)
