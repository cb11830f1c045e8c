"""The generated pages of the documentation, and what the other pages refer to."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from annette.cli.main import cli
from annette.report.schema import DOCUMENTS, schema

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "tests" / "README.md"])


def reference(name="reference"):
    spec = importlib.util.spec_from_file_location(f"annette_tools_{name}", ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_made_from_the_code_are_up_to_date():
    for page, make in reference().PAGES.items():
        assert page.read_text(encoding="utf-8") == make(), f"{page.name} is stale: run 'make docs'"


def test_the_papers_experiment_has_the_present_figures():
    tool = reference("paper_page")
    assert tool.PAGE.read_text(encoding="utf-8") == tool.page(), f"{tool.PAGE.name} is stale: run 'make docs'"


def test_each_platform_has_its_page_as_it_is_now():
    tool = reference("platform_pages")
    pages = tool.pages()
    assert set(tool.FOLDER.glob("*.md")) == set(pages)
    stale = [page.name for page, text in pages.items() if page.read_text(encoding="utf-8") != text]
    assert stale == [], "run 'make docs'"


def test_the_site_knows_every_page_once():
    hooks = reference("site_hooks")
    lines = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    entries = re.findall(r"[\w./-]+(?:\.md|/\*)", lines)
    filled = hooks.on_config({"docs_dir": str(ROOT / "docs"), "nav": entries})["nav"]
    assert len(filled) == len(set(filled))
    assert set(filled) == {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_field_of_a_document_is_described(name):
    assert [path for path, _, meaning in reference().fields(schema(name)) if not meaning] == []


def linked(page):
    return re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page):
    assert [link for link in linked(page) if not (page.parent / link).exists()] == []


def test_the_readme_states_the_figures_of_the_results():
    assert reference().accuracy_table() in (ROOT / "README.md").read_text(encoding="utf-8"), "run 'make docs'"


def test_every_page_is_reached_from_the_readme():
    reached, new = set(), {ROOT / "README.md"}
    while new:
        page = new.pop()
        reached.add(page)
        links = {(page.parent / link).resolve() for link in linked(page)}
        new |= {link for link in links if link.suffix == ".md" and link.exists()} - reached
    assert [page.name for page in (ROOT / "docs").rglob("*.md") if page not in reached] == []


def test_the_commands_that_the_readme_shows_work():
    commands = re.findall(r"^\$ annette (.+)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert commands
    for command in commands:
        result = CliRunner().invoke(cli, shlex.split(command))
        assert result.exit_code == 0, f"annette {command}: {result.exception}"
