"""Rules as text: what every rule needs, and how a text becomes a rule."""

from pveforensics import yamlfile
from pveforensics.detect.fields import Place

HEAD = """
id: a-rule
class: quorum_loss
title: "{node} lost it"
summary: "It was so at {x.start}."
criticality: high
why: "It matters."
"""


def parsed(text, make):
    return make(yamlfile.loads(text, "a-rule.yaml"), Place("a-rule.yaml", 1))
