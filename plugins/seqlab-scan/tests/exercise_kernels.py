"""Run the kernels of seqlab-scan, forward and backward, for every form and at sizes that fill one, some and many vectors."""

import itertools

import torch
from seqlab_scan import compiled, scalar_memory
from seqlab_scan.form import MIXES, OUTPUTS, GatedForm
from seqlab_scan.gated import scan_gated
from torch import Tensor


def random(*shape: int) -> Tensor:
    return torch.randn(*shape).requires_grad_()


def run(form: GatedForm, lead: tuple[int, int, int], *, zone: Tensor | float | None, has_extras: bool) -> None:
    has_skip = form.output == "highway"
    n_columns = (form.n_blocks + (has_skip and not has_extras)) * form.width
    found = scan_gated(
        random(*lead, n_columns) * 1,
        random(lead[0], lead[2], form.width),
        bias=random(lead[0], n_columns),
        form=form,
        algorithm="auto",
        zone=zone,
        skip=random(*lead, form.width) if has_skip and has_extras else None,
        peepholes=random(lead[0], 2, form.width) if form.mix == "forget" and has_skip else None,
    )
    (found[0].sum() + found[1].sum()).backward()


for n_threads, (*lead, width) in itertools.product((1, 3), ((1, 1, 1, 1), (2, 3, 9, 5), (1, 2, 2, 33))):
    torch.set_num_threads(n_threads)
    for mix, output, has_extras in itertools.product(MIXES, OUTPUTS, (True, False)):
        for zone in (None, 0.1, torch.rand(*lead, width)):
            run(
                GatedForm(width, mix, "positive", output, "tanh"), (lead[0], lead[1], lead[2]), zone=zone, has_extras=has_extras
            )
    for forget_gate, mask in itertools.product(("sigmoid", "exponential"), (None, torch.rand(lead[0], lead[2], width))):
        states = [random(lead[0], lead[2], width) for _ in range(3)]
        recurrent = random(lead[0], 4 * width, width)
        made = scalar_memory.scan_scalar(random(*lead, 4 * width) * 1, *states, recurrent, mask=mask, forget_gate=forget_gate)
        sum(part.sum() for part in made[n_threads // 3 :]).backward()
assert compiled.LIBRARY.has_run
assert scalar_memory.LIBRARY.has_run
