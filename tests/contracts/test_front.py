"""What people are told to type exists: make targets, verbs, options, keys, error ids, files."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from mainstay.base.schema import read
from mainstay.cli.app import app
from mainstay.ops.prove.faults.catalogue import CATALOGUE
from mainstay.ops.prove.judging import rules
from mainstay.ops.prove.loading import journey
from mainstay.ops.topology.declaration import Declaration
from scripts.reference import errors

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
PIPELINES = [ROOT / ".ci/run", ROOT / "Jenkinsfile", ROOT / ".github/workflows/ci.yml"]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(?<![\w.-])(?<!from )mainstay (?:--file \S+ )?([a-z]+)((?: +--?[a-z][\w-]*)*)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def _spellings(parameter: Any) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]


def code(page: Path) -> str:
    """Everything on a page that is set as code."""
    text = page.read_text()
    blocks = [match[2] for match in FENCE.finditer(text)]
    return "\n".join(blocks + re.findall(r"`([^`\n]+)`", FENCE.sub("", text)))


@pytest.mark.parametrize("path", [*PAGES, *PIPELINES], ids=name)
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = code(path) if path in PAGES else re.sub(r"^\s*(#|//).*", "", path.read_text(), flags=re.MULTILINE)
    named = re.findall(r"(?:^|[\s`'])make ([a-z]+)\b", text, re.MULTILINE)

    assert set(named) <= targets


def anchors(page: Path) -> set[str]:
    """What a link into a page may name where the page is shown as a code host does: no extension of Markdown there."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    found = set(re.findall(r'<a id="([^"]+)"></a>', text))
    for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).lower()
        found.add(re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_an_anchor_that_is_there(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)\s#:]*)#([^)\s]+)\)", page.read_text()):
        other = (page.parent / target).resolve() if target else page
        if other.suffix == ".md":
            assert anchor in anchors(other), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_heading_needs_an_extension(page: Path) -> None:
    assert not re.search(r"^#.*\{ *#", page.read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_verbs_and_their_options_exist(page: Path) -> None:
    known = commands()
    for verb, options in COMMAND.findall(code(page)):
        assert verb in known, verb
        spelled = {each for parameter in known[verb].params for each in _spellings(parameter)}
        assert set(options.split()) <= spelled | {"--help"}, (verb, options)


def declarations() -> list[Any]:
    found = []
    for page in PAGES:
        for language, text in FENCE.findall(page.read_text()):
            if language == "toml":
                found.append(pytest.param(text, id=f"{name(page)}:{text.splitlines()[0]}"))
    return found


@pytest.mark.parametrize("text", declarations())
def test_every_example_of_the_file_can_be_read(text: str) -> None:
    """Excerpts may leave tables out, so only what is written is judged."""
    content = tomllib.loads(text)
    content = content.get("tool", {}).get("mainstay", content)
    reading = read(Declaration, content, where="example", area="topology")
    problems = [problem for problem in reading.problems if problem.id != "topology.missing-key"]

    assert problems == []


def test_every_rule_of_the_table_can_be_read() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \|", (ROOT / "docs/how-to/claims.md").read_text(), re.MULTILINE)
    shown = [text for row in rows for text in re.findall(r"`([^`]+ (?:=|<=|>=) [^`]+)`", row)]

    assert len(shown) > 15
    assert [rules.check([text]) for text in shown] == [()] * len(shown)


def claims() -> list[Any]:
    return [
        pytest.param(claim, id=claim["name"])
        for example in declarations()
        for claim in tomllib.loads(example.values[0]).get("prove", {}).get("claim", [])
    ]


@pytest.mark.parametrize("claim", claims())
def test_every_claim_shown_can_be_judged(claim: dict[str, Any]) -> None:
    assert rules.check(claim["holds"]) == ()
    for fault in claim.get("faults", []):
        assert list(CATALOGUE[fault["fault"]].problems(fault.get("settings", {}))) == []


def journeys() -> list[Any]:
    return [
        pytest.param(text, id=name(page))
        for page in PAGES
        for language, text in FENCE.findall(page.read_text())
        if language == "python" and "(Journey)" in text
    ]


@pytest.mark.parametrize("text", journeys())
def test_every_journey_shown_can_be_loaded(text: str, tmp_path: Path) -> None:
    file = tmp_path / "proof.py"
    file.write_text(text)
    found = journey.load(file)

    assert [rules.check(each.rules) for each in found] == [()] * len(found)


def test_troubleshooting_speaks_of_ids_that_exist() -> None:
    headings = re.findall(r"^## `(.+?)`", (ROOT / "docs/troubleshooting.md").read_text(), re.MULTILINE)

    assert headings
    assert set(headings) <= set(errors.found())


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_named_in_architecture_and_readme_exist(page: Path) -> None:
    named = re.findall(r"`((?:src|tests|scripts|docs|bench|boxoffice)/[\w./-]+)`", page.read_text())

    assert [each for each in named if not (ROOT / each).exists()] == []


CAPABILITIES = [
    "concepts/fast-handler.md",
    "concepts/deadlines.md",
    "concepts/admission.md",
    "concepts/criticality.md",
    "concepts/problem-details.md",
    "concepts/observability.md",
    "concepts/security.md",
    "how-to/health.md",
    "how-to/rate-limits.md",
    "how-to/prometheus-grafana.md",
    "how-to/sentry-logrocket.md",
    "how-to/websockets.md",
]
HEADINGS = (
    "Guarantee",
    "When",
    "When not",
    "Example",
    "What goes wrong",
    "Settings",
    "Metrics",
    "Proof",
)


@pytest.mark.parametrize("page", CAPABILITIES)
def test_a_page_on_a_capability_answers_the_same_questions(page: str) -> None:
    """Who has read one finds things in all, in the same order; and the proof says what to type."""
    text = (ROOT / "docs" / page).read_text()
    assert [each for each in re.findall(r"^## (.+)$", text, re.MULTILINE) if each in HEADINGS] == [*HEADINGS]

    proof = FENCE.findall(text.partition("## Proof")[2])
    typed = "".join(shown for language, shown in proof if language == "console")
    assert "make test" in typed


def test_each_page_that_the_front_promises_this_of_is_held_to_it() -> None:
    front = (ROOT / "docs/index.md").read_text()
    promised = (
        front.partition("## What each request gets")[2].partition("\n## ")[0].partition("Not there yet")[0]
    )
    assert set(re.findall(r"\]\(([\w/-]+\.md)\)", promised)) == set(CAPABILITIES)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_tests_that_a_page_says_to_run_exist(page: Path) -> None:
    named = re.findall(r"make test ARGS=\"([^\"]+)\"", page.read_text())
    paths = [each for text in named for each in text.split() if each.startswith("tests/")]

    assert [each for each in paths if not (ROOT / each).exists()] == []


def samples() -> list[Any]:
    return [
        pytest.param(text, id=f"{name(page)}:{number}")
        for page in PAGES
        if page.parent.name != "reference"  # signatures, written from the code
        for number, (language, text) in enumerate(FENCE.findall(page.read_text()))
        if language == "python"
    ]


@pytest.mark.parametrize("text", samples())
def test_python_shown_can_be_read_and_what_it_imports_from_here_exists(text: str) -> None:
    tree = ast.parse(text)
    imports = [each for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)]
    wanted = [(str(each.module), alias.name) for each in imports for alias in each.names]
    wanted = [pair for pair in wanted if pair[0].split(".")[0] == "mainstay"]
    used = {
        ("mainstay.settings", each.attr)
        for each in ast.walk(tree)
        if isinstance(each, ast.Attribute)
        and isinstance(each.value, ast.Name)
        and each.value.id == "mainstay"
    }

    assert [pair for pair in [*wanted, *used] if not exists(*pair)] == []


def exists(module: str, attribute: str) -> bool:
    """Whether this can be imported from there; a module below it counts."""
    if hasattr(importlib.import_module(module), attribute):
        return True
    return importlib.util.find_spec(f"{module}.{attribute}") is not None


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_metrics_that_a_page_names_exist(page: Path) -> None:
    known = set(re.findall(r"`(mainstay_\w+)`", (ROOT / "docs/reference/metrics.md").read_text()))
    known |= {"mainstay_middleware", "mainstay_prepare"}  # commands of manage.py
    named = re.findall(r"\b(mainstay_[a-z_]*[a-z])(?![\w…])", code(page))

    assert [each for each in named if each not in known] == []
