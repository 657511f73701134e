"""Check the width of features before a matrix meets them: torch's own messages name the shapes of matrices alone."""

from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from seqlab.errors import ConfigError


def check_width(values: Float[Tensor, "*lead feature"], width: int, *, layer: str) -> None:
    """Raise ConfigError where `values` have other than `width` features; `layer` names what reads them."""
    if values.shape[-1] != width:
        found = f"a layer of {layer} with input_width={width} is given {values.shape[-1]} features a step"
        raise ConfigError(f"{found}; expected {width}: check output_width before it")


@final
class Linear(nn.Linear):
    """`torch.nn.Linear` that raises ConfigError for inputs of another width."""

    def forward(self, input: Float[Tensor, "*lead feature"]) -> Float[Tensor, "*lead unit"]:
        """Return the linear map of the last axis."""
        check_width(input, self.in_features, layer="Linear")
        return super().forward(input)
