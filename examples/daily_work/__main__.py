"""A day with two customers: a hotel that writes Korean, and a bicycle shop that comes from Rasa.

    python -m examples.daily_work hotel
    python -m examples.daily_work bicycle_shop

Import, look for wrong labels, train, look at the mistakes, correct the data, train again, compare, set the threshold,
look through what users wrote, teach the agent what they missed, and go back to the former version. Each step is one
command of `intent-adapters` too: check, train, evaluate, diff, set-threshold, review, rollback.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

from datasets import Dataset

from intent_adapters import IntentModel, train_agent
from intent_adapters.artifacts.versions import list_versions, rollback
from intent_adapters.data import read_intents, read_texts
from intent_adapters.data.check import DataReport, check
from intent_adapters.evaluation import (
    Difference,
    Evaluation,
    Review,
    choose_threshold,
    diff_agents,
    evaluate,
    review,
    write_mistakes,
)
from intent_adapters.training import Method

HERE = Path(__file__).parent
BASES = HERE.parents[1] / "model_cards"


@dataclass(frozen=True)
class Customer:
    """A customer's files, and what they miss: the word that shows it in the log, and the intent that is made of it."""

    base: str
    data: str
    missed: str
    intent: str


CUSTOMERS = {
    "hotel": Customer("intent-base-ko-en", "train.csv", "강아지", "반려동물"),
    "bicycle_shop": Customer("intent-base-en", "nlu.yml", "voucher", "gift_voucher"),
}


@dataclass(frozen=True)
class Day:
    """What came of it."""

    report: DataReport
    first: Evaluation
    corrected: Difference
    threshold: float
    traffic: Review
    grown: Difference
    versions: tuple[int, int]


def day(name: str, output: Path, method: Method = "adapter") -> Day:
    """Goes through a customer's day, and prints it."""
    customer, files = CUSTOMERS[name], HERE / name
    model = IntentModel.from_pretrained(BASES / customer.base, device="cpu")
    test = read_intents(files / "test.csv", purpose="evaluation")
    agent, folder = name, output / name

    report = check(files / customer.data, model)
    print(f"\n1. {report.rows} utterances of {report.intents} intents were read. Likely wrong labels:")
    for finding in report.of_kind("wrong label"):
        print(f"   {finding.places[0]}: {finding.texts[0]}\n      {finding.reason}")

    train_agent(model, agent, read_intents(files / customer.data), method=method, progress=False).save(folder)
    first = evaluate(model, test, agent)
    print(f"\n2. Trained on them as they are, the agent gets {first.accuracy:.1%} of {first.rows} utterances right.")
    for mistake in first.mistakes:
        print(f"   {mistake.kind}: {mistake.text} (meant {mistake.meant}, said {mistake.said})")
    write_mistakes(output / f"{name}_errors.csv", first.mistakes)

    data = corrected(read_intents(files / customer.data), read_intents(files / "corrections.csv"))
    train_agent(model, agent, data, method=method, progress=False, replace=True).save(folder)
    fixed = compare_versions(model, folder, test, 1, 2)
    print(f"\n3. The labels were corrected. {summary(fixed)}")

    model.load_adapter(folder, name=agent, replace=True)
    validation = read_intents(files / "validation.csv", purpose="evaluation")
    choice = choose_threshold(model, validation, agent, out_of_scope=read_texts(files / "out_of_scope.txt"))
    model.set_threshold(agent, choice.threshold)
    print(f"\n4. Threshold {choice.threshold:.3f}: it rejects {choice.recall:.0%} of some small talk, and of other")
    print(f"   utterances of its own {choice.false_rejection_rate:.1%}.")

    log = read_texts(files / "log.txt")
    traffic = review(model, log, agent)
    to_label = output / f"{name}_to_label.csv"
    traffic.write(to_label)
    print(f"\n5. Of {traffic.messages} messages {traffic.drift.rejected:.0%} were rejected. The largest groups:")
    for group in traffic.groups[:3]:
        print(f"   {group.count} x {group.name}: {', '.join(text.text for text in group.texts)}")

    label_group(to_label, customer.missed, customer.intent)
    more = read_intents(data, add=[to_label])
    train_agent(model, agent, more, method=method, progress=False, replace=True).save(folder)
    grown = compare_versions(model, folder, test, 2, 3)
    asked = next(text.text for group in traffic.groups for text in group.texts if customer.missed in text.text)
    print(f"\n6. The group was labelled {customer.intent}. {summary(grown)}")
    print(f"   {asked} -> {model.predict(asked, agent).label}")

    in_use = number_in_use(folder)
    rollback(folder, 2)
    model.load_adapter(folder, name=agent, replace=True)
    model.set_threshold(agent, choice.threshold)
    back = number_in_use(folder)
    print(f"\n7. Back from version {in_use} to version {back}: {asked} -> {said(model, asked, agent)}")
    return Day(report, first, fixed, choice.threshold, traffic, grown, (in_use, back))


def corrected(rows: Dataset, corrections: Dataset) -> Dataset:
    """The rows with the labels that somebody corrected in a file of their own."""
    labels = dict(zip(corrections["text"], corrections["label"], strict=True))
    pairs = zip(rows["text"], rows["label"], strict=True)
    return Dataset.from_list([{"text": text, "label": labels.get(text, label)} for text, label in pairs])


def compare_versions(model: IntentModel, folder: Path, test: Dataset, old: int, new: int) -> Difference:
    """Lets two versions of an adapter answer the same rows."""
    folders = {version.number: version.folder for version in list_versions(folder)}
    for number in (old, new):
        model.load_adapter(folders[number], name=f"version {number}", replace=True)
    return diff_agents(model, test, f"version {old}", f"version {new}")


def number_in_use(folder: Path) -> int:
    """The version of an adapter that its folder holds."""
    return next(version.number for version in list_versions(folder) if version.in_use)


def summary(difference: Difference) -> str:
    """A difference in a line, with the utterances that changed."""
    scores = difference.labelled
    changes = "".join(f"\n   {one.kind}: {one.text} ({one.old} -> {one.new})" for one in difference.changes)
    return (
        f"Rejections counted, {scores.old_accuracy:.1%} of the answers were right before and "
        f"{scores.new_accuracy:.1%} are now: {difference.verdict} (p = {scores.p_value:.2f}).{changes}"
    )


def label_group(path: Path, word: str, intent: str) -> None:
    """Fills in the label of every message of the groups in which a word occurs, as somebody would in a spreadsheet."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    groups = {line.split(",")[3] for line in lines[1:] if word in line}
    labelled = [
        ",".join([cells[0], intent, *cells[2:]]) if (cells := line.split(","))[3] in groups else line for line in lines
    ]
    path.write_text("\n".join(labelled) + "\n", encoding="utf-8-sig")


def said(model: IntentModel, text: str, agent: str) -> str:
    """What the agent answers, in words."""
    prediction = model.predict(text, agent)
    return prediction.label if prediction.in_scope else "out of scope"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("customer", choices=CUSTOMERS)
    parser.add_argument("--output", type=Path, help="where to keep the agent; by default it is thrown away")
    parser.add_argument("--method", choices=["adapter", "probe"], default="adapter")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        day(options.customer, options.output or Path(temporary), options.method)
