"""The Lightning module and the data of a config, for `seqlab.train` and for a `Trainer` of the user's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from omegaconf import DictConfig

from seqlab.config.build import build
from seqlab.config.compose import compose, plain, raw
from seqlab.config.environment import check_environment, shareable
from seqlab.config.mistakes import explaining
from seqlab.config.overrides import Overrides
from seqlab.config.settings import check_shape
from seqlab.config.user_classes import admit
from seqlab.data.multitask.data_sets import turns_of
from seqlab.data.multitask.joined import Split
from seqlab.errors import ConfigError
from seqlab.runs.writer import save_model
from seqlab.training.checkpoints import origin_of
from seqlab.training.datamodule import LabelingData
from seqlab.training.module import LabelerModule
from seqlab.training.setup import Start, prepare


@final
@dataclass(frozen=True)
class TrainingParts:
    """What a `pytorch_lightning.Trainer` fits: `trainer.fit(parts.module, parts.data)`."""

    module: LabelerModule
    """The model with its losses, scores and optimiser."""
    data: LabelingData
    """The encoded records in batches."""
    start: Start
    """The untrained model with its fields, and the records that they were fitted on."""
    config: DictConfig

    def save(self, folder: str | Path) -> Path:
        """Write the model as it is to `folder`, which `seqlab.load` reads, and return its path.

        Confidences are not calibrated, as `seqlab.train` does it after training.

        Raises:
            BundleError: a weight is not finite.
        """
        made = self.start
        save_model(Path(folder), made.labeler, fields=made.fields, config=shareable(self.config), metrics={}, precision={})
        return Path(folder)


def training_parts(overrides: Sequence[str]) -> TrainingParts:
    """Return the module and the data that `seqlab train` would train with these overrides.

    The keys `trainer`, `callbacks` and `logger` are not used: they are the caller's own.

    Raises:
        SeqlabError: there is a mistake in the overrides or the data.

    Example:
        >>> parts = training_parts(["data.reader.n_train=20", "data.reader.n_val=5", "encoder=gru", "encoder.width=8"])
        >>> type(parts.module).__name__, type(parts.data).__name__
        ('LabelerModule', 'LabelingData')
    """
    typed = Overrides.parse(overrides)
    with explaining(overrides):
        config = compose(typed.words)
        check_shape(raw(config))
        check_environment(config, typed)
        targets = admit(config, typed)
        start = prepare(config, targets=targets)
        encoded = start.encoded()
        start.check_records(encoded, is_trained=True)
        return TrainingParts(*module_and_data(plain(config), start, encoded, targets=targets), start, config)


def module_and_data(
    settings: Mapping[str, Any], start: Start, encoded: Mapping[str, Split], *, targets: frozenset[str]
) -> tuple[LabelerModule, LabelingData]:
    """Return the module of a labeler, with its regularizers attached, and the batches of its encoded records."""
    regularizers = parts_of(settings, "regularizers", targets=targets, group="regularizer")
    for regularizer in regularizers:
        regularizer.attach(start.labeler)
    module = LabelerModule(
        start.labeler,
        splits=encoded,
        optimizer=build(settings["optimizer"], targets=targets, path="optimizer"),
        scheduler=build(settings["scheduler"], targets=targets, path="scheduler"),
        loss_weights=settings["loss_weights"],
        seed=settings["seed"],
        regularizers=regularizers,
        parameter_groups=settings["parameter_groups"],
        heads=start.claims.heads,
        origin=origin_of(settings, start.fields),
    )
    batching = {name: settings[name] for name in ("max_tokens", "max_eval_tokens", "seed")}
    return module, LabelingData(encoded, turns=turns_of(settings["data"]), **batching)


def parts_of(settings: Mapping[str, Any], key: str, *, targets: frozenset[str], group: str) -> list[Any]:
    """Return the objects that the entries of a mapping of the config describe.

    Raises: ConfigError for an entry without a class: options of a part that is not chosen, as an experiment may leave.
    """
    built = build(settings.get(key) or {}, targets=targets, path=key)
    for name, part in built.items():
        if isinstance(part, Mapping):
            reason = f"it is not among those chosen by {group}=…; choose it too, or remove its options with ~{key}.{name}"
            raise ConfigError(f"{key}.{name} has options ({', '.join(part)}) but no class: {reason}")
    return list(built.values())
