"""The rule pack proves itself: samples and examples go through the real readers and the real pipeline."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, field

from pveforensics.bundle import Job, Left
from pveforensics.detect import BenignRule, Example, Rule
from pveforensics.errors import InputError
from pveforensics.events import Signature, SignatureIndex, make_matcher, recognize, scan_log
from pveforensics.events.scan.matcher import Matcher
from pveforensics.intake import Member, take_in
from pveforensics.model import BundleInfo, Case, Finding, NotRead, Options, Outcome
from pveforensics.pipeline import RulePack, examine
from pveforensics.readings import Record
from pveforensics.value import Value

EXAMPLE_OPTIONS = Options(timezone="UTC", year=2026)
"""Examples carry stamps without year and zone."""


class ExampleResult(Value, frozen=True):
    """Whether one example or sample holds; `message` says what came instead."""

    rule: str
    name: str
    ok: bool
    message: str = ""


class _Text(Struct):
    """A member of a bundle that exists only in memory."""

    path: str
    data: bytes
    mtime: float | None = None
    link_target: str = ""
    _stream: io.BytesIO = field(default_factory=io.BytesIO)

    def __post_init__(self) -> None:
        self._stream = io.BytesIO(self.data)

    @property
    def node_hint(self) -> str:
        """The folder that the example put the file in."""
        return self.path.partition("/")[0] if "/" in self.path else ""

    def head(self, n: int = 65_536) -> bytes:
        """The first bytes, without taking them."""
        return self.data[:n]

    @property
    def loose(self) -> int:
        """No file of the file system."""
        return 0

    def leave(self) -> tuple[Job, Left]:
        """Nobody asks for that. Raises ValueError."""
        raise ValueError(f"{self.path} lies in no file system")

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self.data)

    @property
    def sha256(self) -> str:
        """Its hash, which nobody looks at."""
        return ""

    def chunks(self, size: int = 1 << 20) -> Iterator[bytes]:
        """The rest of the content in pieces."""
        while chunk := self._stream.read(size):
            yield chunk

    def read(self, limit: int) -> bytes:
        """Up to `limit` bytes from where reading stands."""
        return self._stream.read(limit)


class MemoryBundle:
    """A bundle made of texts: what an example holds."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """`texts` maps paths to contents."""
        self._texts = dict(texts)
        self.infos: tuple[BundleInfo, ...] = (BundleInfo("example", sum(map(len, self._texts.values())), ""),)
        self.not_read: tuple[NotRead, ...] = ()

    def members(self) -> Iterator[Member]:
        """The texts as files, sorted by path."""
        for path, text in sorted(self._texts.items()):
            yield _Text(path, text.encode("utf-8", "surrogatepass"))


# --- examples --------------------------------------------------------------------------------


def run_examples(pack: RulePack, rule_ids: Sequence[str] | None = None, mine: RulePack | None = None) -> list[ExampleResult]:
    """Every sample of every signature and every example of every rule (or of the named ones, or of `mine`), with its result."""
    wanted, chosen_pack = frozenset(rule_ids or ()), mine or pack
    results: list[ExampleResult] = []
    chosen = [signature for signature in chosen_pack.signatures if not wanted or signature.id in wanted]
    if chosen:
        index = SignatureIndex(pack.signatures)
        matcher = make_matcher(index)
        for signature in chosen:
            results += _samples(signature, index, matcher)
    rules: tuple[Rule | BenignRule, ...] = (*chosen_pack.rules, *chosen_pack.benign)
    for rule in rules:
        if not wanted or rule.id in wanted:
            results += [_run(rule, example, pack) for example in rule.examples]
    return results


def texts_of(example: Example) -> dict[str, str]:
    """The files of an example's bundle by path."""
    texts = {f"{node}/var/log/syslog": text if text.endswith("\n") else text + "\n" for node, text in example.lines.items()}
    return {**texts, **example.files}


def case_of(example: Example, pack: RulePack) -> Case:
    """The case that the pipeline makes of an example. Raises InputError if nothing in it is recognized."""
    return examine(take_in(MemoryBundle(texts_of(example)), pack.signatures), pack, EXAMPLE_OPTIONS)


def _run(rule: Rule | BenignRule, example: Example, pack: RulePack) -> ExampleResult:
    try:
        case = case_of(example, pack)
    except InputError as error:
        message = "" if example.fires is None else f"nothing was read: {error}"
        return ExampleResult(rule.id, example.name, not message, message)
    except Exception as error:  # noqa: BLE001 - a failing stage is a failing example, told like the others
        return ExampleResult(rule.id, example.name, ok=False, message=f"{type(error).__name__}: {error}")
    message = _compare_benign(rule, example, case) if isinstance(rule, BenignRule) else _compare(rule, example, case)
    return ExampleResult(rule.id, example.name, not message, message)


def _compare_benign(rule: BenignRule, example: Example, case: Case) -> str:
    told = any(each.rule == rule.id for each in case.benign)
    return "" if told == bool(example.fires) else f"expected {'it' if example.fires else 'nothing'}; got {'it' if told else 'nothing'}"


def _compare(rule: Rule, example: Example, case: Case) -> str:
    """What is wrong with the case, or an empty string."""
    found = [finding for finding in case.findings if finding.rule == rule.id]
    checks = [check for check in case.checks if check.rule == rule.id]
    broken = next((note for note in case.notes if f"rule {rule.id} failed" in note), "")
    if broken:
        return broken
    if not example.fires:
        if found:
            return f"expected no finding; got {_told(found[0])}"
        if example.fires is None and not any(check.outcome is Outcome.COULD_NOT_CHECK for check in checks):
            return f"expected could_not_check; got {'; '.join(f'{check.outcome.value}: {check.reason}' for check in checks) or 'nothing'}"
        return ""
    if not found:
        return f"expected a finding; got {'; '.join(f'{check.outcome.value}: {check.reason}' for check in checks) or 'nothing'}"
    if example.count and len(found) != example.count:
        return f"expected {example.count} findings; got {len(found)}"
    wrong = [message for message in (_differs(finding, example) for finding in found) if message]
    return wrong[0] if len(wrong) == len(found) else ""


def _differs(finding: Finding, example: Example) -> str:
    """How a finding differs from what an example expects of it."""
    if example.nodes and set(example.nodes) != set(finding.nodes):
        return f"expected nodes {', '.join(example.nodes)}; got {', '.join(finding.nodes) or 'none'}"
    if example.cause and (not finding.causes or finding.causes[0].cause != example.cause):
        return f"expected cause {example.cause}; got {', '.join(f'{each.cause} {each.confidence}' for each in finding.causes) or 'none'}"
    if example.criticality and finding.criticality.value != example.criticality:
        return f"expected criticality {example.criticality}; got {finding.criticality.value}"
    if finding.confidence < example.at_least:
        return f"expected a confidence of at least {example.at_least}; got {finding.confidence}"
    return ""


def _told(finding: Finding) -> str:
    return f"'{finding.title}' ({finding.criticality.value}, {finding.confidence})"


# --- samples ---------------------------------------------------------------------------------


def _samples(signature: Signature, index: SignatureIndex, matcher: Matcher) -> Iterator[ExampleResult]:
    for sample in signature.samples:
        records = _scan(sample.line, index, matcher)
        record = next((each for each in records if each.signature == signature.id), None)
        wrong = record and {name: record.fields.get(name) for name, value in sample.fields.items() if record.fields.get(name) != value}
        if record is None:
            message = f"expected {signature.kind}; got {', '.join(each.signature for each in records) or 'nothing'}"
        else:
            message = f"expected fields {dict(sample.fields)}; got {wrong}" if wrong else ""
        yield ExampleResult(signature.id, sample.line[:80], not message, message)
    for line in signature.not_samples:
        hit = any(each.signature == signature.id for each in _scan(line, index, matcher))
        yield ExampleResult(signature.id, f"not: {line[:74]}", not hit, "it matches this signature" if hit else "")


def _scan(line: str, index: SignatureIndex, matcher: Matcher) -> tuple[Record, ...]:
    data = (line if line.endswith("\n") else line + "\n").encode("utf-8", "surrogatepass")
    return scan_log("sample", [data], index, recognition=recognize(data, "sample"), matcher=matcher).records
