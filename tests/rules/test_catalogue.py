"""The whole catalogue of known messages: each is a signature, is served by a reader, or is left out with a reason."""

import re
from pathlib import Path

from pveforensics import yamlfile
from pveforensics.review import kinds_of, kinds_read, lint_pack
from pveforensics.rulepack import load_pack

HERE = Path(__file__).resolve()
CHECKOUT = HERE.parents[2]
CATALOGUE = (HERE.parents[1] / "fixtures" / "catalogue-ids.txt").read_text(encoding="utf-8").split()
LEFT_OUT = {entry["id"]: entry for entry in yamlfile.load(CHECKOUT / "rules" / "events" / "left_out.yaml")}
PACK = load_pack()


def test_every_entry_of_the_catalogue_has_its_place():
    assert len(CATALOGUE) == len(set(CATALOGUE))
    assert len(CATALOGUE) > 600
    signatures = {signature.id for signature in PACK.signatures}
    assert [each for each in CATALOGUE if each not in signatures and each not in LEFT_OUT] == []


def test_what_serves_an_entry_instead_is_there():
    for name, entry in LEFT_OUT.items():
        assert entry["reason"].strip(), name
        for path in re.findall(r"(?:pveforensics|rules)/[\w./-]+", entry["served_by"]):
            assert (CHECKOUT / path.rstrip(".")).exists(), (name, path)


def test_the_shipped_pack_has_no_problem():
    assert list(map(str, lint_pack())) == []


def test_every_signature_has_a_sample_and_somebody_who_needs_it():
    used = kinds_read()
    for signature in PACK.signatures:
        assert signature.samples, signature.id
    assert {"corosync_quorum_lost", "watchdog_expired", "lrm_status_changed"} <= used & set(kinds_of(PACK.signatures))
