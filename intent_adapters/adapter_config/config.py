"""`AdapterConfig`: an adapter's shape and head, with blocks of what else adapter_config.json says."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

from intent_adapters.adapter_config.calibration import Calibration
from intent_adapters.adapter_config.peft_type import INTENT_BOTTLENECK
from intent_adapters.adapter_config.provenance import Provenance
from intent_adapters.adapter_config.tagger import TaggerConfig
from intent_adapters.adapter_config.validation import (
    check_among_labels,
    check_descriptions,
    check_flag,
    check_labels,
    check_module_names,
    check_text,
)
from intent_adapters.choices import NonLinearity, Sites
from intent_adapters.errors import ConfigError, IntentAdaptersWarning, shorten
from intent_adapters.inputs import check_choice, check_number, check_range

HeadKind = Literal["cosine", "linear", "normalized_linear"]

DEFAULT_SIZE = 16
MAXIMUM_SIZE = 4096
DEFAULT_HEAD_SCALE = 20.0
MINIMUM_SCALE = 1e-2
"""A cosine head's learnable scale never acts below this: a scale of zero or less would turn the ranking over."""

Block = TypeVar("Block", Calibration, Provenance, TaggerConfig)
# Where version 0.1 wrote what has blocks of its own now.
_CALIBRATION_0_1 = ("temperature", "scope_location", "scope_spread", "threshold")
_TRAINING_0_1 = ("circle_weight", "circle_gamma", "circle_margin", "label_smoothing")


@dataclass(eq=False)
class AdapterConfig:
    """A bottleneck adapter and the intent classifier on top of it.

    Each adapter is `hidden + scaling * up(act(down(hidden)))` (Houlsby et al., 2019), and the head reads the sentence
    embedding. Every field is checked when the config is made, also when it is read from a file.

    Args:
        task_type: A type of task that PEFT knows, such as `"SEQ_CLS"`.
        peft_type: Always `"INTENT_BOTTLENECK"`.
        auto_mapping: PEFT's note of the class of a model of one's own.
        peft_version: Of the PEFT that it was made with, if any.
        base_model_name_or_path: Hub id or folder of the base.
        revision: Branch, tag or commit of the base on the Hub.
        inference_mode: Whether PEFT loads it without training it.
        bottleneck_size: Rows of the down-projection, 1 to 4096. Default: 16, unless `reduction_factor` is given.
        reduction_factor: Hidden size divided by the bottleneck size, 1 to 4096; instead of `bottleneck_size`.
        sites: Where the adapters are. `"houlsby"`: after the attention and after the feed-forward sub-layer, before
            residual and LayerNorm. `"pfeiffer"`: after the feed-forward sub-layer only (Pfeiffer et al., 2020).
            `"parallel"`: beside the feed-forward sub-layer, reading its input (He et al., 2022). `"none"`: nowhere,
            only the head is trained.
        non_linearity: A key of `NON_LINEARITIES`.
        scaling: Factor on what the adapter adds.
        dropout: Probability, during training, that an element of what the adapter adds is dropped; below 1.
        init_weights: True: the adapter starts as the identity (up-projection zero). False: random, for tests.
        target_modules: Overrides the table of architectures: the names of modules, or the endings of their names from
            a dot on, such as `["output.dense"]`; no regular expressions. They are `torch.nn.Linear` modules whose
            output is adapted; with `sites="parallel"`, whole feed-forward modules whose first argument is the hidden
            states and which return hidden states of the same shape, alone or as the first of a tuple.
        modules_to_save: The names, or their endings, of modules of the model that are trained whole and saved with the
            adapter, such as a classifier on top. PEFT adds that classifier by itself for the task types `"SEQ_CLS"`,
            `"TOKEN_CLS"` and `"QUESTION_ANS"`. `IntentModel` does not load adapters that have such modules.
        labels: The names of the intents, in the order of the logits; 1 to 100,000, distinct. None: no head.
        head: `"cosine"`: learnable scale times the cosine with one vector per intent. `"linear"`: an affine map.
            `"normalized_linear"`: an affine map of the embedding scaled to length 1.
        head_scale: Initial scale of the cosine head, and of the logits of an imprinted linear head. None: 20, or in
            `train_agent` what fits the encoder and the data.
        embedding_dim: Dimension of the sentence embedding. Default: the encoder's hidden size.
        prompt: Prefix put before each text, such as `"query: "`.
        catch_all: Those of the labels that stand for what has no intent: an answer with one of them is out of scope.
        descriptions: What intents are about, by their names. They are there to read: no answer depends on them.
        calibration: What makes probabilities and a decision of the logits.
        provenance: What it was trained on, and how.
        tagger: The token head that marks entities; None: there is none.

    Raises:
        ConfigError: A field has a wrong type or a value out of its range, or fields contradict each other.
    """

    # The first seven are PEFT's.
    task_type: str | None = None
    peft_type: str = INTENT_BOTTLENECK
    auto_mapping: dict[str, Any] | None = None
    peft_version: str | None = None
    base_model_name_or_path: str | None = None
    revision: str | None = None
    inference_mode: bool = False
    bottleneck_size: int | None = None
    reduction_factor: float | None = None
    sites: Sites = "houlsby"
    non_linearity: NonLinearity = "gelu"
    scaling: float = 1.0
    dropout: float = 0.0
    init_weights: bool = True
    target_modules: list[str] | None = None
    modules_to_save: list[str] | None = None
    labels: list[str] | None = None
    head: HeadKind = "cosine"
    head_scale: float | None = None
    embedding_dim: int | None = None
    prompt: str | None = None
    catch_all: list[str] | None = None
    descriptions: dict[str, list[str]] | None = None
    calibration: Calibration = field(default_factory=Calibration)
    provenance: Provenance = field(default_factory=Provenance)
    tagger: TaggerConfig | None = None

    def __post_init__(self) -> None:
        self._check_plain()
        self.peft_type = INTENT_BOTTLENECK
        self._check_adapter()
        self._check_head()
        self._check_blocks()

    def __eq__(self, other: object) -> bool:
        # A config of PEFT is equal to one that was read without PEFT.
        return vars(self) == vars(other) if isinstance(other, AdapterConfig) else NotImplemented

    def _check_plain(self) -> None:
        for name in ("base_model_name_or_path", "revision", "peft_version", "task_type"):
            setattr(self, name, check_text(name, getattr(self, name)))
        check_flag("inference_mode", self.inference_mode)
        if self.auto_mapping is not None and not isinstance(self.auto_mapping, dict):
            raise ConfigError(f"auto_mapping must be an object or absent, got {self.auto_mapping!r}")

    def _check_adapter(self) -> None:
        if self.bottleneck_size is not None and self.reduction_factor is not None:
            raise ConfigError(
                f"bottleneck_size={self.bottleneck_size!r} and reduction_factor={self.reduction_factor!r} "
                "exclude each other; give one of them"
            )
        if self.reduction_factor is not None:
            self.reduction_factor = check_number("reduction_factor", self.reduction_factor, 1, MAXIMUM_SIZE)
        else:
            size = DEFAULT_SIZE if self.bottleneck_size is None else self.bottleneck_size
            self.bottleneck_size = check_range("bottleneck_size", size, 1, MAXIMUM_SIZE)
        check_choice("sites", self.sites, get_args(Sites))
        check_choice("non_linearity", self.non_linearity, get_args(NonLinearity))
        self.scaling = check_number("scaling", self.scaling, -1e4, 1e4)
        self.dropout = check_number("dropout", self.dropout, 0, 1, below=True)
        check_flag("init_weights", self.init_weights)
        self.target_modules = check_module_names("target_modules", self.target_modules)
        self.modules_to_save = check_module_names("modules_to_save", self.modules_to_save)
        if self.sites == "none" and self.target_modules is not None:
            raise ConfigError(
                'sites="none" has no adapters, so target_modules must be left out; '
                'for adapters on modules of your choice take sites="houlsby"'
            )

    def _check_head(self) -> None:
        if self.labels is not None:
            self.labels = check_labels("labels", self.labels)
        elif self.sites == "none":
            raise ConfigError('sites="none" and no labels leaves nothing to train; give labels or other sites')
        check_choice("head", self.head, get_args(HeadKind))
        if self.head_scale is not None:
            self.head_scale = check_number("head_scale", self.head_scale, 0.01, 1e4)
        if self.embedding_dim is not None:
            check_range("embedding_dim", self.embedding_dim, 1, 65536)

    def _check_blocks(self) -> None:
        labels = frozenset(self.labels or ())
        self.prompt = check_text("prompt", self.prompt)
        if self.catch_all is not None:
            self.catch_all = check_labels("catch_all", self.catch_all)
            for label in self.catch_all:
                check_among_labels("catch_all", label, labels)
        self.descriptions = check_descriptions(self.descriptions, labels)
        self.calibration = _block("calibration", self.calibration, Calibration)
        self.provenance = _block("provenance", self.provenance, Provenance)
        if self.tagger is not None:
            self.tagger = _block("tagger", self.tagger, TaggerConfig)
            if self.labels is None:
                raise ConfigError("a tagger is for an adapter with labels: give labels, or leave it out")

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> AdapterConfig:
        """The config that a file describes, also one that version 0.1 wrote.

        Args:
            attributes: The file's. Those that are not known are left out: a newer PEFT may have added them.

        Returns:
            The config.

        Raises:
            ConfigError: As the class.

        Warns:
            IntentAdaptersWarning: What was left out.
        """
        known = {entry.name for entry in fields(cls)}
        current = from_version_0_1(dict(attributes))
        unknown = sorted(current.keys() - known)
        if unknown:
            warnings.warn(
                f"adapter_config.json says more than this version knows, which is left out: {', '.join(unknown)}",
                IntentAdaptersWarning,
                stacklevel=2,
            )
        return cls(**{name: value for name, value in current.items() if name in known})

    @property
    def initial_head_scale(self) -> float:
        """`head_scale`, or what stands for None."""
        return DEFAULT_HEAD_SCALE if self.head_scale is None else self.head_scale

    def size_for(self, width: int) -> int:
        """The bottleneck size at a site whose hidden states have `width` elements."""
        if self.reduction_factor is None:
            return self.bottleneck_size or DEFAULT_SIZE
        return max(1, int(width / self.reduction_factor))


def _block(name: str, value: Any, kind: type[Block]) -> Block:
    """A block of the config, which comes as an object from a file."""
    if isinstance(value, kind):
        return value
    if not isinstance(value, dict):
        raise ConfigError(f"{name} must be a {kind.__name__}, got {shorten(value)}")
    unknown = sorted(value.keys() - {entry.name for entry in fields(kind)})
    if unknown:
        raise ConfigError(f"{name} has no setting {shorten(unknown[0])}: it was written by a newer version")
    missing = [entry.name for entry in fields(kind) if _is_required(entry) and entry.name not in value]
    if missing:
        raise ConfigError(f"{name} lacks the setting {missing[0]!r}")
    return kind(**value)


def _is_required(entry: Field[Any]) -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING


def from_version_0_1(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a config with those that version 0.1 had side by side in the blocks they belong to."""
    old = {
        name: attributes[name]
        for name in (*_CALIBRATION_0_1, *_TRAINING_0_1, "base_fingerprint")
        if name in attributes
    }
    if not old:
        return attributes
    calibration = {name: old[name] for name in _CALIBRATION_0_1 if name in old}
    training = {name: old[name] for name in _TRAINING_0_1 if name in old}
    provenance = {"base_fingerprint": old.get("base_fingerprint"), "training": training}
    rest = {name: value for name, value in attributes.items() if name not in old}
    return {"calibration": calibration, "provenance": provenance, **rest}
