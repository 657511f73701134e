"""Find the head child of a phrase with the rules of Collins (1999, appendix A) for the Penn Treebank."""

from collections.abc import Sequence

_LEFT = {
    "ADJP": "NNS QP NN $ ADVP JJ VBN VBG ADJP JJR NP JJS DT FW RBR RBS SBAR RB",
    "NAC": "NN NNS NNP NNPS NP NAC EX $ CD QP PRP VBG JJ JJS JJR ADJP FW",
    "QP": "$ IN NNS NN JJ RB DT CD NCD QP JJR JJS",
    "S": "TO IN VP S SBAR ADJP UCP NP",
    "SBAR": "WHNP WHPP WHADVP WHADJP IN DT S SQ SINV SBAR FRAG",
    "SBARQ": "SQ S SINV SBARQ FRAG",
    "SINV": "VBZ VBD VBP VB MD VP S SINV ADJP NP",
    "SQ": "VBZ VBD VBP VB MD VP SQ",
    "VP": "TO VBD VBN MD VBZ VB VBG VBP VP ADJP NN NNS NP",
    "WHADJP": "CC WRB JJ ADJP",
    "WHNP": "WDT WP WP$ WHADJP WHPP WHNP",
}
_RIGHT = {
    "ADVP": "RB RBR RBS FW ADVP TO CD JJR JJ IN NP JJS NN",
    "CONJP": "CC RB IN",
    "FRAG": "",
    "LST": "LS :",
    "NP": "NN NNS NNP NNPS NX POS JJR NP $ ADJP PRN CD JJ JJS RB QP",
    "PP": "IN TO VBG VBN RP FW",
    "PRT": "RP",
    "RRC": "VP NP ADVP ADJP PP",
    "UCP": "",
    "WHADVP": "CC WRB",
    "WHPP": "IN TO FW",
}
HEAD = "head"
"""The label of a word's own leaf below its constituent, in converted dependency trees."""


def find_head(label: str, children: Sequence[str]) -> int:
    """Return the index of the head among `children`, given their labels and that of their parent.

    A child labelled `head` is the head. Otherwise the table lists labels in order of priority and the side to search from.
    Labels are cut at the first `+` or dash. The rule for NP is simplified: Collins searches in four passes.
    """
    plain = [child.partition("+")[0].partition("-")[0] or child for child in children]
    if HEAD in plain:
        return plain.index(HEAD)
    kind = label.rpartition("+")[2].partition("-")[0]
    places = range(len(plain))[::-1] if kind in _RIGHT else range(len(plain))
    for wanted in (_RIGHT.get(kind) or _LEFT.get(kind) or "").split():
        for place in places:
            if plain[place] == wanted:
                return place
    return places[0]
