"""The pages of the rules are what the rule files say; `make fresh` writes them."""

from pathlib import Path

from pveforensics.ruledocs import MARK, pages, write_pages
from pveforensics.rulepack import load_pack

PACK = load_pack()
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "rules"


def test_the_pages_are_fresh():
    stale = sorted(
        name for name, text in pages(PACK).items() if not (FOLDER / name).is_file() or (FOLDER / name).read_text("utf-8") != text
    )
    gone = sorted(path.name for path in FOLDER.glob("*.md") if path.name not in pages(PACK))
    assert (stale, gone) == ([], []), "run: make fresh"


def test_each_rule_has_a_page_that_answers_what_a_reader_asks():
    made = pages(PACK)
    for rule in PACK.rules:
        text = made[f"{rule.id}.md"]
        for part in ("## What it means", "## How it is proven", "## What to do", "## Examples"):
            assert part in text, (rule.id, part)
        assert f"({rule.id}.md)" in made["README.md"]
        assert "{" not in text.split("## Examples")[0].replace("${", ""), rule.id
        for example in rule.examples:
            assert example.name in text


def test_links_between_pages_lead_somewhere():
    made = pages(PACK)
    for name, text in made.items():
        for target in (part.partition(")")[0] for part in text.split("](")[1:]):
            assert target.startswith("http") or target in made, (name, target)


def test_a_page_of_a_rule_that_is_gone_is_removed_and_others_files_stay(tmp_path):
    (tmp_path / "old-rule.md").write_text(f"{MARK}\n# old\n")
    (tmp_path / "notes.md").write_text("# mine\n")
    changed = write_pages(PACK, tmp_path)
    assert "old-rule.md" in changed
    assert not (tmp_path / "old-rule.md").exists()
    assert (tmp_path / "notes.md").exists()
    assert write_pages(PACK, tmp_path) == ()
