"""Shapes are checked while these tests run, as they are in the tests of seqlab itself."""

from jaxtyping import install_import_hook

install_import_hook(["seqlab", "seqlab_recnn"], "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")
