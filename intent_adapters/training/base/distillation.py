"""Stage 2: distil a sentence encoder into a small one."""

from __future__ import annotations

from pathlib import Path

from datasets import Dataset
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator

from intent_adapters.choices import StoredDtype
from intent_adapters.losses.distillation.combined import DistillationLoss
from intent_adapters.training.base.pair_training import PairTraining, run_pair_training
from intent_adapters.training.randomness import own_process

# A student has more to learn than an encoder in stage 1 has to change.
STAGE_2 = PairTraining(steps=10_000, learning_rate=4e-4, warmup_steps=500, save_every=2_000, evaluate_every=2_000)


def distill(
    teacher: SentenceTransformer,
    student: SentenceTransformer,
    pairs: Dataset,
    output: str | Path,
    *,
    contrastive_weight: float = 1.0,
    relation_weight: float = 1.0,
    matching_weight: float = 0.0,
    temperature: float = 0.05,
    projection: bool = True,
    num_relation_heads: int = 12,
    teacher_layer: int = -1,
    student_layer: int = -1,
    gather_across_devices: bool = False,
    dtype: StoredDtype = "auto",
    training: PairTraining | None = None,
    evaluator: BaseEvaluator | None = None,
    resume: bool = False,
) -> list[dict[str, float]]:
    """Trains a student to be like its teacher, on pairs that share their meaning, and saves it as a base.

    The loss is `DistillationLoss`; each of its parts is in the log. The matrix W is saved with the checkpoints, and
    not with the student, which does not need it.

    Args:
        teacher: The teacher, which is frozen; of the student's tokenizer.
        student: The student, trained in place; `student_from_layers` and `student_from_shape` make one.
        pairs: As `read_pairs` gives them.
        output: The folder for the student; checkpoints go to `OUTPUT-checkpoints` beside it.
        contrastive_weight: Weight of the contrastive distillation part.
        relation_weight: Weight of the MiniLMv2 part, beta in the paper.
        matching_weight: Weight of the embedding-matching part, which the paper does not have.
        temperature: Temperature of the contrastive part.
        projection: Whether W is learned. Without it, teacher and student have embeddings of one length, and the
            student's lie in the teacher's space.
        num_relation_heads: Relation heads of the MiniLMv2 part; their number divides both hidden sizes.
        teacher_layer: The teacher's layer in the MiniLMv2 part; negative numbers count from the last.
        student_layer: The student's layer there.
        gather_across_devices: Take the positives of all devices as negatives.
        dtype: How the weights are stored: `"float16"` rounds them and halves the folder, `"float32"` keeps every bit,
            `"auto"` stores float16 only if no weight loses anything by it.
        training: Steps, rates and the like; None for `STAGE_2`.
        evaluator: Run during the training.
        resume: Go on from the last checkpoint.

    Returns:
        What was logged: losses by step, and scores.

    Raises:
        ConfigError: A setting is out of range, teacher and student do not fit together, or there are checkpoints and
            `resume` is False.
        BaseError: The folder holds other things, or the student cannot be saved so that it loads again.
        DataError: The pairs cannot be trained on.
    """
    training = STAGE_2 if training is None else training
    with own_process(training.seed):  # PyTorch draws the matrix W before it becomes the identity
        loss = DistillationLoss(
            student,
            teacher,
            contrastive_weight=contrastive_weight,
            relation_weight=relation_weight,
            matching_weight=matching_weight,
            temperature=temperature,
            projection=projection,
            num_relation_heads=num_relation_heads,
            teacher_layer=teacher_layer,
            student_layer=student_layer,
            gather_across_devices=gather_across_devices,
        )
    return run_pair_training(
        student,
        loss,
        pairs,
        output,
        training,
        evaluator=evaluator,
        projection=loss.contrastive.projection,
        dtype=dtype,
        resume=resume,
    )
