"""Sentences of a comparison: who is ahead and by how much, who cannot be told apart, and what that
would take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from harness.report.answer.findings import Finding, HeadIs, head_is
from harness.report.answer.sentences import LONGEST, Kind, Sentence, clauses
from harness.report.tables.verdicts import figure_words
from harness.results.judge.emulators import NOT_JUDGED
from harness.results.judge.own_figures import changed
from harness.results.judge.phrases import effect_words, figure_name, percent_words, size_words
from harness.results.record.comparison import Comparison
from harness.scenario.files.wording import listed, printable

_MOST_PAIRS = 3
"""Two sides that have a sentence of their own; of more, those of one verdict share one."""
_POSSIBLE: tuple[HeadIs, ...] = ("slower", "faster", "alike", "open")
_IN_WORDS: dict[HeadIs, str] = {
    "slower": "slower",
    "faster": "faster",
    "alike": "no difference found",
    "open": "cannot be told apart",
}


def verdict_sentences(found: Sequence[Finding], *, change: bool) -> Iterator[Sentence]:
    """Of every two sides that were compared; `change`: the head is a change of the base."""
    by_sides: dict[tuple[str, str], list[Finding]] = {}
    for one in found:
        by_sides.setdefault((one.names.base, one.names.head), []).append(one)
    if len(by_sides) <= _MOST_PAIRS:
        for ones in by_sides.values():
            yield _of_sides(ones, change=change)
        return
    for base in dict.fromkeys(base for base, _ in by_sides):
        of_base = [one for one in found if one.names.base == base]
        for what in _POSSIBLE:
            ones = sorted(
                (one for one in of_base if one.head_is == what), key=lambda one: -one.size
            )
            if ones:
                yield _together(ones, what, change=change)


def _of_sides(ones: Sequence[Finding], *, change: bool) -> Sentence:
    """One sentence of two sides, whatever the works are in which they meet."""
    base, head = ones[0].names.base, ones[0].names.head
    if len(ones) == 1:
        return _single(ones[0], change=change)
    if all(one.leading.reason == NOT_JUDGED for one in ones):
        return _sentence(f"{head} against {base}: not judged, on an emulator", ones, "open")
    by_what = {
        what: [one for one in ones if one.head_is == what]
        for what in _POSSIBLE
        if any(one.head_is == what for one in ones)
    }
    parts = []
    for what, of in by_what.items():
        ordered = sorted(of, key=lambda one: -one.size)
        room = LONGEST // len(by_what) - 20
        said = clauses((_where_and_how(one) for one in ordered), room)
        parts.append(f"{_in_words(what, of, change=change)} in {len(of)} of {len(ones)} ({said})")
    kind = _kind(ones, change=change)
    begin = "REGRESSION: " if kind == "change" else ""
    return _sentence(f"{begin}{head} against {base}: {'; '.join(parts)}", ones, kind)


def _in_words(what: HeadIs, ones: Sequence[Finding], *, change: bool) -> str:
    """`throughput cannot be told apart`: the figure, where it is the same one of all."""
    if what == "alike" and change:
        return f"{_no_worse(ones)} ({', '.join(_held_by_all(ones))})"
    metrics = {one.leading.metric for one in ones}
    if what != "open" or len(metrics) > 1:
        return _IN_WORDS[what]
    return f"{figure_name(metrics.pop())} {_IN_WORDS[what]}"


def _where_and_how(one: Finding) -> str:
    where = one.names.where.strip().removeprefix("in ").removeprefix("on ")
    effect = effect_words(one.leading)
    return f"{where}: {effect}" if one.head_is in ("slower", "faster") else where


def _single(one: Finding, *, change: bool) -> Sentence:
    names, effect = one.names, effect_words(one.leading)
    kind = _kind([one], change=change)
    where = names.where
    if one.head_is == "alike" and change:
        others = [effect, *_held_by_all([one])[1:]]
        text = f"{names.head} against {names.base}{where}: {_no_worse([one])}: {listed(others)}"
    elif one.head_is == "alike":
        text = f"No difference found between {names.head} and {names.base}{where}: {effect}"
    elif one.head_is == "open":
        text = f"{_open_words(one)}: {effect}" if effect else _open_words(one)
        if change and effect and (held := _held_by_all([one])):
            text += f"; {_no_worse([one])}: {listed(held)}"
    elif kind == "change":
        text = f"REGRESSION: {names.head} is slower than {names.base}{where}: {effect}"
    else:
        text = f"{names.head} is {one.head_is} than {names.base}{where}: {effect}"
    if change and one.head_is in ("alike", "faster") and (left := _open_of(one)):
        text += f"; {listed(left)} cannot be told"
    return _sentence(text, [one], kind)


def _no_worse(ones: Sequence[Finding]) -> str:
    """What `no change` says: it may well be better, or worse by less than the margin."""
    return f"not worse by more than {percent_words(ones[0].leading.margin)}"


def _held_by_all(ones: Sequence[Finding]) -> list[str]:
    """Figures that became worse by no more than the margin in all of these; the leading one of them
    stands first."""
    each = [_named(finding, ("alike", "faster")) for finding in ones]
    first, *others = each
    return [name for name in first if all(name in names for names in others)]


def _open_of(one: Finding) -> list[str]:
    """Judged figures beside the leading one of which nothing can be told."""
    return _named(one, ("open",))


def _named(finding: Finding, found: Sequence[HeadIs]) -> list[str]:
    """The judged figures that were found so, with the word of where, if that is elsewhere."""
    names: list[str] = []
    for one in finding.judged:
        if head_is(one) in found:
            elsewhere = "at equal rates " if one in finding.elsewhere else ""
            first = not any(name.startswith(elsewhere or "-") for name in names)
            names.append(f"{elsewhere if first else ''}{figure_name(one.metric)}")
    return names


def _open_words(one: Finding) -> str:
    names, reason = one.names, one.leading.reason
    if reason == NOT_JUDGED:
        return f"{names.head} against {names.base}{names.where}: not judged, on an emulator"
    words = f"{names.head} and {names.base}{names.where} cannot be told apart"
    return f"{words} ({printable(reason)})" if reason else words


def _together(ones: Sequence[Finding], what: HeadIs, *, change: bool) -> Sentence:
    """Several heads of one verdict against one base."""
    base = ones[0].names.base
    begin = {
        "slower": f"Slower than {base}: ",
        "faster": f"Faster than {base}: ",
        "alike": f"{_no_worse(ones).capitalize()} than {base} ({', '.join(_held_by_all(ones))}): "
        if change
        else f"No difference from {base} found: ",
        "open": f"Not told apart from {base}: ",
    }[what]
    decided = what in ("slower", "faster")
    named = (
        f"{one.names.head}{one.names.where}" + (f" {effect_words(one.leading)}" if decided else "")
        for one in ones
    )
    kind = _kind(ones, change=change)
    begin = f"REGRESSION: {begin}" if kind == "change" else begin
    return _sentence(begin + clauses(named, LONGEST - len(begin)), ones, kind)


def _kind(ones: Iterable[Finding], *, change: bool) -> Kind:
    found = {one.head_is for one in ones}
    if "slower" in found:
        return "change" if change else "ahead"
    return "ahead" if "faster" in found else "alike" if "alike" in found else "open"


def _sentence(text: str, ones: Sequence[Finding], kind: Kind) -> Sentence:
    return Sentence(
        kind,
        f"{text}.",
        tuple(dict.fromkeys(name for one in ones for name in one.cells)),
        tuple(dict.fromkeys(one.leading.metric for one in ones)),
        flagged=kind == "change",
    )


# --- single tasks ---------------------------------------------------------------------------------


def task_sentences(found: Sequence[Finding]) -> Iterator[Sentence]:
    """Of a change: the tasks whose functions became slower or faster, what each was and is. One
    that changed at several loads is told once, as it was at the first."""
    by_figure: dict[tuple[str, str, str, str, bool], list[tuple[Finding, Comparison]]] = {}
    for finding in found:
        for one in filter(changed, finding.others):
            sides = (finding.names.base, finding.names.head)
            key = (*sides, one.metric, one.task, one.behind)
            by_figure.setdefault(key, []).append((finding, one))
    together: dict[tuple[object, ...], list[list[tuple[Finding, Comparison]]]] = {}
    for (base, head, *_, worse), ones in by_figure.items():
        cells = tuple(finding.cells for finding, _ in ones)
        together.setdefault((not worse, base, head, cells), []).append(ones)
    for (fine, *_), figures in sorted(together.items(), key=lambda each: bool(each[0][0])):
        leading = [ones[0][1] for ones in figures]
        findings = [finding for finding, _ in figures[0]]
        where = " and".join(finding.names.where for finding in findings)
        begin = "Faster: " if fine else "REGRESSION: "
        yield Sentence(
            "ahead" if fine else "change",
            f"{begin}{clauses(map(figure_words, leading), LONGEST)}{where}.",
            tuple(dict.fromkeys(name for finding in findings for name in finding.cells)),
            tuple(one.metric for one in leading),
            flagged=not fine,
        )


# --- beside the leading figure --------------------------------------------------------------------


def cost_sentences(found: Sequence[Finding], *, change: bool) -> Iterator[Sentence]:
    """CPU per task, where it is decided, one for two sides wherever they meet; of a change each
    further figure that became worse, and none of them is left out."""
    alike: dict[tuple[str, str, str, str], list[tuple[Finding, Comparison]]] = {}
    for finding in sorted(found, key=lambda one: -one.size):
        leads = finding.base.record.at_equal_rate  # where nothing but costs is compared
        for one in (*([finding.leading] if leads else []), *finding.others):
            if one.own:  # see `task_sentences`
                continue
            what = head_is(one)
            worse = change and what == "slower"
            if worse or (one.metric == "worker_cpu" and what in ("slower", "faster")):
                names = finding.names
                key = (names.base, names.head, one.metric, names.where if worse else "")
                alike.setdefault(key, []).append((finding, one))
    for ones in alike.values():
        yield _further(ones, worse=change and head_is(ones[0][1]) == "slower")


def _further(ones: Sequence[tuple[Finding, Comparison]], *, worse: bool) -> Sentence:
    (first, leading), *_ = ones
    sides = f"{first.names.head} against {first.names.base}"
    if len(ones) == 1:
        text = f"{sides}{first.names.where}: {effect_words(leading)}"
    else:
        said = (
            size_words(one.metric, one.ratio, one.low, one.high) + found.names.where
            for found, one in ones
        )
        text = f"{sides}: {figure_name(leading.metric)} {clauses(said, LONGEST - len(sides))}"
    return Sentence(
        "change" if worse else "cost",
        f"REGRESSION: {text}." if worse else f"{text}.",
        tuple(dict.fromkeys(name for found, _ in ones for name in found.cells)),
        (leading.metric,),
        flagged=worse,
    )
