"""Stage 1: turn a pretrained encoder into a sentence encoder, by contrastive learning on pairs."""

from __future__ import annotations

from pathlib import Path

from datasets import Dataset
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator

from intent_adapters.losses.info_nce import CachedInfoNCELoss, InfoNCELoss
from intent_adapters.training.base.pair_training import PairTraining, run_pair_training


def train_encoder(
    model: SentenceTransformer,
    pairs: Dataset,
    output: str | Path,
    *,
    temperature: float = 0.02,
    symmetric: bool = True,
    mini_batch_size: int | None = None,
    gather_across_devices: bool = False,
    training: PairTraining | None = None,
    evaluator: BaseEvaluator | None = None,
    resume: bool = False,
) -> list[dict[str, float]]:
    """Trains a sentence encoder on pairs that share their meaning, and saves it as a base.

    On loose pairs (the next sentence, the next turn) a good encoder can get worse; a few hundred steps on paraphrases,
    questions with answers and translations made ours better.

    Args:
        model: The encoder; it is trained in place. `load_base(NAME)` makes one of any pretrained language model, with
            mean pooling.
        pairs: As `read_pairs` gives them.
        output: The folder for the trained model; checkpoints go to `OUTPUT-checkpoints` beside it.
        temperature: Temperature of the loss. E5, whose cosines fill a narrow band, wants 0.01 to 0.02; others 0.05.
        symmetric: Average the losses of both directions.
        mini_batch_size: Embed the batch in slices of so many pairs, for batches that do not fit into memory.
        gather_across_devices: Take the positives of all devices as negatives.
        training: Steps, rates and the like; None for the defaults of `PairTraining`.
        evaluator: Run during the training.
        resume: Go on from the last checkpoint.

    Returns:
        What was logged: losses by step, and scores.

    Raises:
        ConfigError: A setting is out of range, or there are checkpoints, and `resume` is False or they are of a run
            with other settings or data.
        BaseError: The folder holds other things, or the model cannot be saved so that it loads again.
        DataError: The pairs cannot be trained on.
    """
    loss = (
        InfoNCELoss(model, temperature, symmetric, gather_across_devices)
        if mini_batch_size is None
        else CachedInfoNCELoss(model, temperature, symmetric, mini_batch_size, gather_across_devices)
    )
    training = PairTraining() if training is None else training
    return run_pair_training(
        model,
        loss,
        pairs,
        output,
        training,
        # In what slices a batch is embedded makes no difference to the loss.
        loss_settings={name: value for name, value in loss.get_config_dict().items() if name != "mini_batch_size"},
        evaluator=evaluator,
        resume=resume,
    )
