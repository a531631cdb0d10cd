"""The report of quality suites as one HTML page that fetches nothing, so it can be read offline."""

from collections.abc import Iterable, Iterator
from html import escape

from acci.flows.quality.reports import Report, Result

STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } td, th { border-bottom: 1px solid #ddd; padding: .3rem .5rem;
text-align: left; vertical-align: top } .passed { color: #1e7e34 } .failed { color: #b02a37 } .broken { color: #8a6d00 }
"""


def page(reports: Iterable[Report]) -> str:
    """One page for all `reports`."""
    parts = ['<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Quality of read models</title>']
    parts += [f"<style>{STYLE}</style></head><body><h1>Quality of read models</h1>"]
    for report in reports:
        failed = len(report.failures)
        said = f"{failed} of {len(report.results)} expectations do not hold" if failed else "every expectation holds"
        parts.append(f"<h2>{escape(report.projection)}: {said}</h2>")
        parts.append(f"<p>Generation {report.generation}, {escape(report.extent)}, {report.seconds:.1f} s</p>")
        parts.append("<table><tr><th>expectation</th><th>outcome</th><th>rows</th></tr>")
        parts += [_row(result) for result in report.results]
        parts.append("</table>")
        parts += [part for result in report.results if result.rows for part in _failing(result)]
    return "".join([*parts, "</body></html>"])


def outcome(result: Result) -> str:
    """passed, failed, or broken: it could not be checked."""
    return "passed" if result.passed else "failed" if result.error is None else "broken"


def _row(result: Result) -> str:
    said = outcome(result)
    what = result.error or ("" if result.failing is None else f"{result.failing:,} failing") or result.observed
    return f'<tr><td>{escape(str(result.expectation))}</td><td class="{said}">{said}</td><td>{escape(what)}</td></tr>'


def _failing(result: Result) -> Iterator[str]:
    """The failing rows, the key first."""
    names = list(dict.fromkeys(name for row in result.rows for name in row))
    yield f"<h3>{escape(str(result.expectation))}</h3><table><tr>"
    yield "".join(f"<th>{escape(name)}</th>" for name in names)
    for row in result.rows:
        yield "</tr><tr>" + "".join(f"<td>{escape(str(row.get(name)))}</td>" for name in names)
    yield "</tr></table>"
