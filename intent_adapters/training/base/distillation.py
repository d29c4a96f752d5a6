"""Stage 2: distil a sentence encoder into a small one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets import Dataset
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator
from transformers import TrainerCallback

from intent_adapters.artifacts.fingerprint import fingerprint
from intent_adapters.choices import StoredDtype
from intent_adapters.losses.distillation.combined import DistillationLoss
from intent_adapters.training.base.pair_training import PairTraining, run_pair_training
from intent_adapters.training.base.targets import TargetLookup, Targets
from intent_adapters.training.randomness import own_process

# A student has more to learn than an encoder in stage 1 has to change.
STAGE_2 = PairTraining(steps=10_000, learning_rate=4e-4, warmup_steps=500, save_every=2_000, evaluate_every=2_000)


def distill(
    teacher: SentenceTransformer | None,
    student: SentenceTransformer,
    pairs: Dataset,
    output: str | Path,
    *,
    texts: Dataset | None = None,
    targets: Targets | None = None,
    contrastive_weight: float = 1.0,
    relation_weight: float | tuple[float, float] = 1.0,
    matching_weight: float = 0.0,
    temperature: float = 0.05,
    projection: bool = True,
    num_relation_heads: int = 12,
    teacher_layer: int = -1,
    student_layer: int = -1,
    gather_across_devices: bool = False,
    start_share: float = 0.0,
    dtype: StoredDtype = "auto",
    training: PairTraining | None = None,
    evaluator: BaseEvaluator | None = None,
    resume: bool = False,
) -> list[dict[str, float]]:
    """Trains a student to be like its teacher, on pairs that share their meaning, and saves it as a base.

    The loss is `DistillationLoss`; each of its parts is in the log. The matrix W is saved with the checkpoints, and
    not with the student, which does not need it.

    Args:
        teacher: The teacher, which is frozen; of the student's tokenizer. `None` with `targets`, where there is no
            MiniLMv2 part.
        student: The student, trained in place; `student_from_layers` and `student_from_shape` make one.
        pairs: As `read_pairs` gives them.
        output: The folder for the student; checkpoints go to `OUTPUT-checkpoints` beside it.
        texts: Single texts, in a column `text`: each step has a batch of these, too, for all parts but the contrastive
            one.
        targets: In the contrastive and the matching part, what takes the place of the teacher's embeddings.
        contrastive_weight: Weight of the contrastive distillation part.
        relation_weight: Weight of the MiniLMv2 part, beta in the paper; or its first and last weight, between which it
            changes evenly.
        matching_weight: Weight of the embedding-matching part, which the paper does not have.
        temperature: Temperature of the contrastive part.
        projection: Whether W is learned. Without it, teacher and student have embeddings of one length, and the
            student's lie in the teacher's space.
        num_relation_heads: Relation heads of the MiniLMv2 part; their number divides both hidden sizes.
        teacher_layer: The teacher's layer in the MiniLMv2 part; negative numbers count from the last.
        student_layer: The student's layer there.
        gather_across_devices: Take the positives of all devices as negatives.
        start_share: Which share of the student's weights, in the end, is that of those it started with: half of each
            keeps much of what a good start knew beside what was learned.
        dtype: How the weights are stored: `"float16"` rounds them and halves the folder, `"float32"` keeps every bit,
            `"auto"` stores float16 only if no weight loses anything by it.
        training: Steps, rates and the like; None for `STAGE_2`.
        evaluator: Run during the training.
        resume: Go on from the last checkpoint.

    Returns:
        What was logged: losses by step, and scores.

    Raises:
        ConfigError: A setting is out of range, teacher and student do not fit together, or there are checkpoints, and
            `resume` is False or they are of a run with other settings, data, teacher or targets.
        BaseError: The folder holds other things, or the student cannot be saved so that it loads again.
        DataError: The pairs cannot be trained on, or a text has no target.
    """
    first, last = relation_weight if isinstance(relation_weight, tuple) else (relation_weight, relation_weight)
    training = STAGE_2 if training is None else training
    with own_process(training.seed):  # PyTorch draws the matrix W before it becomes the identity
        loss = DistillationLoss(
            student,
            teacher,
            contrastive_weight=contrastive_weight,
            relation_weight=max(first, last),
            matching_weight=matching_weight,
            temperature=temperature,
            projection=projection,
            teacher_dim=None if targets is None else targets.width,
            num_relation_heads=num_relation_heads,
            teacher_layer=teacher_layer,
            student_layer=student_layer,
            gather_across_devices=gather_across_devices,
        )
    if targets is not None:
        pairs, texts = targets.labelled(pairs), None if texts is None else targets.labelled(texts)
    return run_pair_training(
        student,
        loss if targets is None else TargetLookup(loss, targets),
        pairs,
        output,
        training,
        loss_settings={
            **loss.get_config_dict(),
            "relation_weight": [first, last],
            "teacher": None if teacher is None else fingerprint(teacher),
            "targets": None if targets is None else targets.digest,
        },
        evaluator=evaluator,
        texts=texts,
        projection=loss.contrastive.projection,
        callbacks=[] if first == last else [RelationSchedule(loss, first, last)],
        start_share=start_share,
        dtype=dtype,
        resume=resume,
    )


class RelationSchedule(TrainerCallback):
    """Lets the weight of the MiniLMv2 part go from one value to another; the step alone says where it stands.

    Args:
        loss: Whose part.
        first: The weight in the first step.
        last: The weight in the last one.
    """

    def __init__(self, loss: DistillationLoss, first: float, last: float) -> None:
        self.loss, self.first, self.last = loss, first, last

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Sets the weight."""
        share = state.global_step / max(state.max_steps - 1, 1)
        self.loss.weights["relation"] = self.first + share * (self.last - self.first)
