"""What the case holds once all stages have spoken."""

from pveforensics.casefile import compile_case
from pveforensics.intake import Intake
from pveforensics.model import Cluster, Criticality, Finding, History, Options, Timeline, Verdicts
from pveforensics.readings import Naming


def test_a_node_that_only_a_finding_speaks_of_is_a_node_of_the_case_without_logs():
    naming = Naming(("alpha",), frozenset({"alpha"}), {}, ids={4: "node4"})
    told = Finding("flapping-link", "network_failure", Criticality.MEDIUM, 0.9, "title", "summary", nodes=("node4", "alpha"))
    case = compile_case(Intake((), (), (), (), ()), naming, Timeline(()), History(Cluster()), Verdicts((told,)), (), Options(), "")
    assert [(node.name, node.nodeid, node.in_bundle) for node in case.nodes] == [("alpha", None, True), ("node4", 4, False)]
