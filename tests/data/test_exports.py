"""Files as other products export them, of our own making: what is marked in them is what is read."""

from __future__ import annotations

import io
import json
import tarfile
import unicodedata
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intent_adapters.data import Definition, convert, read_annotated, read_intents
from intent_adapters.data.readers.exports import files as export_files
from intent_adapters.entities import EntityFinder
from intent_adapters.errors import DataError, DataWarning

NFD = unicodedata.normalize("NFD", "서울에서 만나요")
SEOUL = unicodedata.normalize("NFD", "서울")


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def clu(utterances: list[dict[str, Any]], entities: list[dict[str, Any]], unit: str = "Utf16CodeUnit") -> Any:
    return {
        "projectFileVersion": "2022-10-01-preview",
        "stringIndexType": unit,
        "metadata": {"projectKind": "Conversation", "projectName": "p", "language": "ko"},
        "assets": {
            "projectKind": "Conversation",
            "intents": [{"category": "travel"}],
            "entities": entities,
            "utterances": utterances,
        },
    }


def clu_utterance(text: str, *spans: str, unit: Any = units, **more: Any) -> dict[str, Any]:
    found = [{"category": "city", "offset": unit(text[: text.index(span)]), "length": unit(span)} for span in spans]
    return {"text": text, "intent": "travel", "language": "ko", "entities": found, **more}


def luis(utterances: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"luis_schema_version": "7.0.0", "intents": [{"name": "travel"}], "utterances": utterances, **more}


def luis_utterance(text: str, span: str, **more: Any) -> dict[str, Any]:
    start = units(text[: text.index(span)])
    entity = {"entity": "city", "startPos": start, "endPos": start + units(span) - 1, "children": [], **more}
    return {"text": text, "intent": "travel", "entities": [entity]}


def rasa(examples: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"rasa_nlu_data": {"common_examples": examples, **more}}


def rasa_example(text: str, span: str, **more: Any) -> dict[str, Any]:
    start = text.index(span)
    entity = {"start": start, "end": start + len(span), "value": span, "entity": "city", **more}
    return {"text": text, "intent": "travel", "entities": [entity]}


# What is in the file, and the words that are marked in each utterance.
DOCUMENTS: dict[str, tuple[dict[str, Any], list[list[str]]]] = {
    "CLU, plain": (clu([clu_utterance("to Busan", "Busan"), clu_utterance("hello")], []), [["Busan"], []]),
    "CLU, emoji and CRLF": (
        clu([clu_utterance("✈️🇰🇷 😀\r\n부산 😀 서울", "부산", "서울")], []),
        [["부산", "서울"]],
    ),
    "CLU, code points": (
        clu([clu_utterance("😀 부산", "부산", unit=len)], [], unit="UnicodeCodePoint"),
        [["부산"]],
    ),
    "CLU, decomposed": (clu([clu_utterance(NFD, SEOUL)], []), [[SEOUL]]),
    "LUIS, plain": (luis([luis_utterance("fly to Busan now", "Busan")]), [["Busan"]]),
    "LUIS, emoji and CRLF": (luis([luis_utterance("😀\r\n부산", "부산")]), [["부산"]]),
    "LUIS, decomposed, a role": (luis([luis_utterance(NFD, SEOUL, role="from")]), [[SEOUL]]),
    "Rasa's JSON, plain": (rasa([rasa_example("to Busan", "Busan")]), [["Busan"]]),
    "Rasa's JSON, emoji and CRLF": (rasa([rasa_example("😀\r\n부산 가자", "부산")]), [["부산"]]),
    "Rasa's JSON, space around": (rasa([rasa_example("  to Busan ", " Busan ")]), [["Busan"]]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_marked_in_a_document_is_read(tmp_path: Path, name: str):
    document, marked = DOCUMENTS[name]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(document, ensure_ascii="plain" in name, indent=2), encoding="utf-8")
    rows, _ = read_annotated(path, purpose="evaluation")
    assert [[row.text[entity.start : entity.end] for entity in row.entities] for row in rows] == marked
    assert {row.label for row in rows} == {"travel"}
    assert {entity.entity for row in rows for entity in row.entities} == {"city"}


def said(caught: list[warnings.WarningMessage]) -> str:
    return " ".join(str(warning.message) for warning in caught)


def test_components_of_clu_are_definitions_and_data_sets_splits(tmp_path: Path):
    entities = [
        {
            "category": "city",
            "list": {"sublists": [{"listKey": "Seoul", "synonyms": [{"language": "ko", "values": ["서울", "SEL"]}]}]},
            "regex": {"expressions": [{"regexKey": "r", "language": "ko", "regexPattern": "[A-Z]{3}"}]},
        },
        {"category": "when", "prebuilts": [{"category": "DateTime"}, {"category": "Quantity.Age"}]},
    ]
    utterances = [clu_utterance("to Seoul", "Seoul", dataset="Train"), clu_utterance("go to Busan", dataset="Test")]
    path = tmp_path / "project.json"
    path.write_text(json.dumps(clu(utterances, entities)))
    with pytest.raises(DataError, match="several splits: train, test"):
        read_intents(path)
    with pytest.warns(DataWarning, match="prebuilt components without a counterpart"):
        rows, definitions = read_annotated(path, split="test", purpose="evaluation")
    assert [row.text for row in rows] == ["go to Busan"]
    assert definitions.entities == {
        "city": Definition({"Seoul": ("서울", "SEL")}, ("[A-Z]{3}",)),
        "when": Definition(system=("date", "time")),
    }


def test_lists_patterns_and_parts_of_luis(tmp_path: Path):
    part = {"entity": "code", "startPos": 3, "endPos": 5}
    document = luis(
        [luis_utterance("to SEL airport", "SEL airport", role="to", children=[part])],
        entities=[{"name": "city", "children": [{"name": "code"}], "features": []}, {"name": "code"}],
        closedLists=[{"name": "size", "subLists": [{"canonicalForm": "small", "list": ["s", "tiny"]}]}],
        regex_entities=[{"name": "order", "regexPattern": "[0-9]{5}"}],
        prebuiltEntities=[{"name": "money"}, {"name": "age"}],
        patterns=[{"pattern": "to {city}", "intent": "travel"}],
    )
    path = tmp_path / "app.json"
    path.write_text(json.dumps(document))
    with pytest.warns(DataWarning) as caught:
        rows, definitions = read_annotated(path, purpose="evaluation")
    assert "patterns (1: " in said(list(caught))
    assert "prebuilt entities without a counterpart (1: " in said(list(caught))
    assert "which parts entities have (1: " in said(list(caught))
    assert "features of entities" not in said(list(caught))
    assert [(entity.entity, entity.value, entity.role) for entity in rows[0].entities] == [
        ("code", "SEL", None),
        ("city", "SEL airport", "to"),
    ]
    assert definitions.entities == {
        "city": Definition(),
        "code": Definition(),
        "size": Definition({"small": ("s", "tiny")}),
        "order": Definition(patterns=("[0-9]{5}",)),
        "money": Definition(system=("amount",)),
    }


def dialogflow_phrase(*parts: str | tuple[str, str, str], **more: Any) -> dict[str, Any]:
    data = [
        {"text": part, "userDefined": False}
        if isinstance(part, str)
        else {"text": part[0], "meta": part[1], "alias": part[2], "userDefined": True}
        for part in parts
    ]
    return {"id": "x", "data": data, "isTemplate": False, "count": 0, "lang": "ko", **more}


DIALOGFLOW = {
    "agent.json": {"language": "ko"},
    "package.json": {"version": "1.0.0"},
    "intents/Book a room.json": {"name": "book.room", "responses": [{"messages": [{"speech": "ok"}]}], "contexts": []},
    "intents/Book a room_usersays_ko.json": [
        dialogflow_phrase(("내일", "@sys.date", "date"), " 😀 ", ("큰 방", "@room", "room"), "으로"),
        dialogflow_phrase(
            NFD[: len(SEOUL)], "에서\r\n", ("Busan", "@city", "to"), "까지 ", ("둘", "@sys.ignore", "x")
        ),
        dialogflow_phrase("@sys.date:date 예약", isTemplate=True),
    ],
    "intents/Book a room_usersays_en.json": [dialogflow_phrase("a room for ", ("two", "@sys.age", "age"))],
    "intents/Bye.json": {"name": "Bye", "events": []},
    "intents/Bye_usersays_en.json": [dialogflow_phrase("bye")],
    "entities/room.json": {"name": "room", "isEnum": False, "isRegexp": False, "allowFuzzyExtraction": True},
    "entities/room_entries_ko.json": [{"value": "large", "synonyms": ["large", "큰 방"]}],
    "entities/code.json": {"name": "code", "isRegexp": True},
    "entities/code_entries_en.json": [{"value": "[A-Z]{3}", "synonyms": ["[A-Z]{3}"]}],
    "entities/both_entries_en.json": [{"value": "@room:room", "synonyms": ["@room:room"]}],
    "knowledge/x.txt": None,
}
WIT = {
    "app/app.json": {"version": "20200513", "zip-command": "zip"},
    "app/intents/travel.json": {"name": "travel"},
    "app/entities/city.json": {
        "name": "city",
        "roles": ["city", "to"],
        "lookups": ["free-text", "keywords"],
        "keywords": [{"keyword": "Busan", "synonyms": ["Busan", "부산"]}],
    },
    "app/entities/wit$datetime.json": {"name": "wit$datetime", "roles": ["datetime"]},
    "app/utterances/utterances-1.json": {
        "utterances": [
            {
                "text": "😀 부산 내일",
                "intent": "travel",
                "entities": [
                    {"entity": "city:to", "start": 2, "end": 4, "body": "부산", "entities": []},
                    {"entity": "wit$datetime:datetime", "start": 6, "end": 8, "body": "내일", "entities": []},
                ],
                "traits": [],
            },
            {"text": NFD, "intent": "travel", "entities": [], "traits": [{"trait": "t", "value": "v"}]},
            {"text": "aha", "entities": [], "traits": []},
        ]
    },
}
BOTPRESS = {
    "bot/intents/travel.json": {
        "name": "travel",
        "contexts": ["global"],
        "slots": [
            {"name": "to", "entities": ["city", "code"]},
            {"name": "who", "entities": ["any"]},
            {"name": "when", "entities": ["system.time"]},
        ],
        "utterances": {"en": ["😀 fly to [Busan](to) with [Kim](who)"], "ko": [f"[{SEOUL}](to) [내일](when)"]},
    },
    "bot/entities/city.json": {
        "name": "city",
        "type": "list",
        "occurrences": [{"name": "Busan", "synonyms": ["부산"]}],
        "fuzzy": 0.8,
    },
    "bot/entities/code.json": {"name": "code", "type": "pattern", "pattern": "[A-Z]{3}", "matchCase": False},
}


def lex_type(*values: str | tuple[str, ...], strategy: str = "TOP_RESOLUTION", **more: Any) -> dict[str, Any]:
    words = [(value,) if isinstance(value, str) else value for value in values]
    entries = [
        {"sampleValue": {"value": value}, "synonyms": [{"value": synonym} for synonym in synonyms] or None}
        for value, *synonyms in words
    ]
    setting = {"resolutionStrategy": strategy, "advancedRecognitionSetting": None, "regexFilter": None}
    return {"slotTypeValues": entries, "parentSlotTypeSignature": None, "valueSelectionSetting": setting, **more}


def lex_intent(name: str, *utterances: str, **more: Any) -> dict[str, Any]:
    spoken = [{"utterance": utterance} for utterance in utterances] or None
    return {"name": name, "parentIntentSignature": None, "sampleUtterances": spoken, "inputContexts": None, **more}


def lex_slot(name: str, kind: str, **more: Any) -> dict[str, Any]:
    elicitation = {"slotConstraint": "Required", "sampleUtterances": None, **more}
    return {"name": name, "slotTypeName": kind, "valueElicitationSetting": elicitation, "obfuscationSetting": None}


LEX = {
    "Manifest.json": {"metaData": {"schemaVersion": "1", "fileFormat": "LexJson", "resourceType": "BOT"}},
    "Hotel/Bot.json": {"name": "Hotel", "version": "DRAFT"},
    "Hotel/BotLocales/en_US/BotLocale.json": {"name": "English (US)", "identifier": "en_US"},
    "Hotel/BotLocales/en_US/Intents/BookRoom/Intent.json": lex_intent(
        "BookRoom",
        "I want a {Room} from {Arrival}",
        "a {Room} for {Guests} please",
        "a {Room} in {Town}",
        outputContexts=[{"name": "booked"}],
    ),
    "Hotel/BotLocales/en_US/Intents/BookRoom/Slots/Arrival/Slot.json": lex_slot("Arrival", "AMAZON.Date"),
    "Hotel/BotLocales/en_US/Intents/BookRoom/Slots/Guests/Slot.json": lex_slot("Guests", "AMAZON.Number"),
    "Hotel/BotLocales/en_US/Intents/BookRoom/Slots/Room/Slot.json": lex_slot(
        "Room", "RoomType", sampleUtterances=[{"utterance": "the {Room}"}]
    ),
    "Hotel/BotLocales/en_US/Intents/BookRoom/Slots/Town/Slot.json": lex_slot("Town", "AMAZON.City"),
    "Hotel/BotLocales/en_US/Intents/FallbackIntent/Intent.json": lex_intent(
        "FallbackIntent", parentIntentSignature="AMAZON.FallbackIntent"
    ),
    "Hotel/BotLocales/en_US/SlotTypes/RoomType/SlotType.json": lex_type(
        ("suite", "big one"), "single", name="RoomType", strategy="ORIGINAL_VALUE"
    ),
    "Hotel/BotLocales/en_US/CustomVocabulary/CustomVocabulary.json": {"customVocabularyItems": [{"phrase": "suite"}]},
    "Hotel/BotLocales/ko_KR/BotLocale.json": {"name": "Korean (KR)", "identifier": "ko_KR"},
    "Hotel/BotLocales/ko_KR/Intents/BookRoom/Intent.json": lex_intent("BookRoom", "😀 {Room}에서\r\n{Room}로"),
    "Hotel/BotLocales/ko_KR/Intents/BookRoom/Slots/Room/Slot.json": lex_slot("Room", "RoomType"),
    "Hotel/BotLocales/ko_KR/SlotTypes/RoomType/SlotType.json": lex_type(("suite", "큰 방"), name="RoomType"),
}
FOLDERS: dict[str, tuple[dict[str, Any], list[list[tuple[str, str, str | None]]], list[str]]] = {
    "dialogflow": (
        DIALOGFLOW,
        [
            [("two", "sys.age", None)],
            [("내일", "sys.date", None), ("큰 방", "room", None)],
            [("Busan", "city", "to")],
            [],
        ],
        [
            "responses of intents (1",
            "templates (1",
            "fuzzy matching of entities (1",
            "entries of composite entities (1",
            "what system entities without a counterpart look like (1",
            "other files of the export (1",
        ],
    ),
    "wit": (
        WIT,
        [[("부산", "city", "to"), ("내일", "wit$datetime", None)], []],
        ["traits (1", "utterances without an intent (1"],
    ),
    "botpress": (
        BOTPRESS,
        [
            [("Busan", "city", "to"), ("Kim", "who", None)],
            [(SEOUL, "city", "to"), ("내일", "system.time", "when")],
        ],
        ["further kinds of slots (1", "fuzzy matching of entities (1"],
    ),
    "lex": (
        LEX,
        [
            [("suite", "RoomType", "Room"), ("2027-03-02", "AMAZON.Date", "Arrival")],
            [("single", "RoomType", "Room"), ("2", "AMAZON.Number", "Guests")],
            [("suite", "RoomType", "Room"), ("큰 방", "RoomType", "Room")],
        ],
        [
            "utterances with slots of which there are no values (1",
            "what system entities without a counterpart look like (1",
            "utterances of slots (1",
            "contexts of intents (1",
            "expansion of slot types by other values (1",
            "other files of the export (1",
        ],
    ),
}
DEFINED = {
    "dialogflow": {"room": {"values": {"large": ["큰 방"]}}, "code": {"patterns": ["[A-Z]{3}"]}},
    "wit": {"city": {"values": {"Busan": ["부산"]}}, "wit$datetime": {"system": ["date", "time"]}},
    "botpress": {"city": {"values": {"Busan": ["부산"]}}, "code": {"patterns": ["(?i)[A-Z]{3}"]}},
    "lex": {
        "RoomType": {"values": {"suite": ["big one", "큰 방"], "single": []}},
        "AMAZON.Date": {"system": ["date"]},
        "AMAZON.Number": {"system": ["number"]},
        "AMAZON.City": {},
    },
}


def write_folder(folder: Path, contents: dict[str, Any]) -> Path:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if content is None else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return folder


def write_zip(path: Path, contents: dict[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, "" if content is None else json.dumps(content))
    return path


def write_tgz(path: Path, contents: dict[str, Any]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            data = b"" if content is None else json.dumps(content).encode()
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


WRITERS = {"zip": write_zip, "tgz": write_tgz}


@pytest.mark.parametrize("packed", [None, *WRITERS])
@pytest.mark.parametrize("product", FOLDERS)
def test_what_is_marked_in_a_folder_or_its_archive_is_read(tmp_path: Path, product: str, packed: str | None):
    contents, marked, left_out = FOLDERS[product]
    if packed:
        source = WRITERS[packed](tmp_path / f"agent.{packed}", contents)
    else:
        source = write_folder(tmp_path / "agent", contents)
        # of wit.ai and Botpress all is in one folder more
        source = next((path.parent for path in source.rglob("*") if path.name == "intents"), source)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows, definitions = read_annotated(source, purpose="evaluation")
    found = [[(row.text[e.start : e.end], e.entity, e.role) for e in row.entities] for row in rows]
    assert sorted(map(str, found)) == sorted(map(str, marked))
    for kind in left_out:
        assert kind in said(caught)
    defined = definitions.to_dict()["entities"]
    assert {name: defined[name] for name in DEFINED[product]} == DEFINED[product]


def test_a_file_of_utterances_of_clu_is_read_as_a_project_is(tmp_path: Path):
    utterances = [
        clu_utterance("😀 to Busan", "Busan", dataset="Train"),
        {"text": "hello", "language": "en-us", "intent": "greet", "dataset": "Test"},
    ]
    path = tmp_path / "utterances.json"
    path.write_text(json.dumps(utterances), encoding="utf-8")
    ((row,), _) = read_annotated(path, split="train", purpose="evaluation")
    assert [(entity.entity, entity.value) for entity in row.entities] == [("city", "Busan")]
    assert read_intents(path, split="test", purpose="evaluation")["text"][:] == ["hello"]


def test_a_project_of_another_kind_than_conversations_is_refused(tmp_path: Path):
    assets = {"projectKind": "CustomSingleLabelClassification", "classes": [], "documents": []}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({**clu([], []), "assets": assets}))
    with pytest.raises(DataError, match="no utterances; its kind is 'CustomSingleLabelClassification'"):
        read_intents(path)


def test_offsets_of_luis_that_count_words_are_left_out(tmp_path: Path):
    marked = {"entity": "city", "startPos": 1, "endPos": 1}
    document = {
        "luis_schema_version": "1.3.1",
        "utterances": [{"text": "to busan please", "intent": "travel", "entities": [marked]}],
        "entities": [{"name": "city"}],
        "bing_entities": ["datetimeV2", "age"],
    }
    path = tmp_path / "app.json"
    path.write_text(json.dumps(document))
    with pytest.warns(DataWarning) as caught:
        ((row,), definitions) = read_annotated(path, purpose="evaluation")
    assert (row.text, row.label, row.annotated) == ("to busan please", "travel", False)
    assert "entities with offsets in words (1: " in said(list(caught))
    assert "prebuilt entities without a counterpart (1: " in said(list(caught))
    assert definitions.entities == {"city": Definition(), "datetimeV2": Definition(system=("date", "time"))}


def test_a_list_of_luis_may_have_a_value_twice(tmp_path: Path):
    lists = [{"canonicalForm": "small", "list": ["s", "s"]}, {"canonicalForm": "small", "list": ["tiny"]}]
    path = tmp_path / "app.json"
    path.write_text(json.dumps(luis([luis_utterance("a b", "b")], closedLists=[{"name": "size", "subLists": lists}])))
    _, definitions = read_annotated(path, purpose="evaluation")
    assert definitions.entities["size"] == Definition({"small": ("s", "tiny")})


@pytest.mark.parametrize(
    ("start", "end", "body", "found"),
    [
        (3, 9, "Busan", [(3, 8)]),  # space at the end of the text was cut off
        (5, 10, "Busan", [(3, 8)]),
        (2, 8, " Busan", [(3, 8)]),
        (1, 2, "o", [(1, 2)]),
        (3, 8, "Seoul", []),
    ],
)
def test_an_entity_of_wit_is_where_its_words_are(
    tmp_path: Path, start: int, end: int, body: str, found: list[tuple[int, int]]
):
    marked = {"entity": "city:city", "start": start, "end": end, "body": body, "entities": []}
    utterance = {"text": "to Busan", "intent": "travel", "entities": [marked], "traits": []}
    contents = {"app.json": {}, "utterances/utterances-1.json": {"utterances": [utterance]}}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ((row,), _) = read_annotated(write_zip(tmp_path / "app.zip", contents), purpose="evaluation")
    assert [(entity.start, entity.end) for entity in row.entities] == found
    assert ("entities whose `body` is not in the utterance (1: " in said(caught)) == (not found)


def test_entities_of_dialogflow_as_older_agents_and_system_entities_have_them(tmp_path: Path):
    contents = {
        "agent.json": {},
        "intents/buy.json": {"name": "buy", "userSays": [dialogflow_phrase("a ", ("flat white", "@Drink", "drink"))]},
        "entities/Drink.json": {"name": "Drink", "entries": [{"value": "flat white", "synonyms": ["antipodean"]}]},
        "entities/shop.json": {"name": "shop"},
        "entities/shop_entries_es-419.json": [{"value": "ours", "synonyms": ["us@example.org", "@home"]}],
        "entities/sys.number.json": {"name": "sys.number"},
        "entities/sys.number_entries_en.json": [{"value": "12", "synonyms": ["a dozen"]}],
    }
    ((row,), definitions) = read_annotated(write_zip(tmp_path / "agent.zip", contents), purpose="evaluation")
    assert [(entity.entity, entity.value, entity.role) for entity in row.entities] == [("Drink", "flat white", None)]
    assert definitions.entities == {
        "Drink": Definition({"flat white": ("antipodean",)}),
        "shop": Definition({"ours": ("us@example.org", "@home")}),
        "sys.number": Definition({"12": ("a dozen",)}, system=("number",)),
    }


def test_times_of_botpress_are_dates_too_and_older_names_lack_their_prefix(tmp_path: Path):
    slots = [{"name": name, "entities": [name]} for name in ("system.time", "time", "number", "email")]
    contents = {
        "intents/a.json": {"name": "a", "utterances": {"en": ["[tomorrow](time)"]}, "slots": slots},
        "entities/number.json": {"name": "number", "type": "list", "occurrences": [{"name": "seat", "synonyms": []}]},
    }
    _, definitions = read_annotated(write_zip(tmp_path / "bot.zip", contents), purpose="evaluation")
    assert definitions.entities == {
        "number": Definition({"seat": ()}),
        "system.time": Definition(system=("date", "time")),
        "time": Definition(system=("date", "time")),
        "email": Definition(system=("email",)),
    }


def test_a_lookup_table_of_rasa_in_another_file_is_left_out(tmp_path: Path):
    tables = [{"name": "plates", "file_path": "plates.txt"}, {"name": "drinks", "elements": "drinks.txt"}]
    path = tmp_path / "data.json"
    path.write_text(json.dumps(rasa([rasa_example("to Busan", "Busan")], lookup_tables=tables)))
    with pytest.warns(DataWarning, match=r"lookup tables in other files \(2: "):
        _, definitions = read_annotated(path, purpose="evaluation")
    assert definitions.entities == {}


TAXI = {
    "Intents/OrderTaxi/Intent.json": lex_intent(
        "OrderTaxi", "to {Place}", "{Place} at {When}", "to {Place} now", "a taxi to {Place}", "from {Place}"
    ),
    "Intents/OrderTaxi/Slots/Place/Slot.json": lex_slot("Place", "Place"),
    "Intents/OrderTaxi/Slots/When/Slot.json": lex_slot("When", "AMAZON.Time"),
    "Intents/TrackTaxi/Intent.json": lex_intent("TrackTaxi", "where is {Code}?", "{Mail} is mine", "call {Phone}"),
    "Intents/TrackTaxi/Slots/Code/Slot.json": lex_slot("Code", "Code"),
    "Intents/TrackTaxi/Slots/Mail/Slot.json": lex_slot("Mail", "AMAZON.EmailAddress"),
    "Intents/TrackTaxi/Slots/Phone/Slot.json": lex_slot("Phone", "AMAZON.PhoneNumber"),
    "SlotTypes/Place/SlotType.json": lex_type(("airport", "ICN", "Incheon"), ("station", "KTX"), name="Place"),
    "SlotTypes/Code/SlotType.json": lex_type(
        name="Code",
        parentSlotTypeSignature="AMAZON.AlphaNumeric",
        valueSelectionSetting={"resolutionStrategy": "ORIGINAL_VALUE", "regexFilter": {"pattern": "[A-Z]{2}[0-9]{3}"}},
    ),
}


def test_slots_of_lex_take_one_word_of_their_type_after_the_other(tmp_path: Path):
    bot = {f"Taxi/BotLocales/en_GB/{name}": content for name, content in TAXI.items()}
    folder = write_folder(tmp_path / "export", {"Manifest.json": {}, "Taxi/Bot.json": {}, **bot})
    read = []
    for place in (folder, folder / "Taxi", folder / "Taxi" / "BotLocales" / "en_GB"):
        with pytest.warns(DataWarning, match=r"which there are no values \(1: .*TrackTaxi/Intent\.json\[0\]\)"):
            read.append(read_annotated(place, purpose="evaluation"))
    assert read[0] == read[1] == read[2]
    rows, definitions = read[0]
    assert [(row.label, row.text, [entity.value for entity in row.entities]) for row in rows] == [
        ("OrderTaxi", "to airport", ["airport"]),
        ("OrderTaxi", "station at 10:30", ["station", "10:30"]),
        ("OrderTaxi", "to ICN now", ["airport"]),
        ("OrderTaxi", "a taxi to Incheon", ["airport"]),
        ("OrderTaxi", "from KTX", ["station"]),
        ("TrackTaxi", "kim@example.com is mine", ["kim@example.com"]),
        ("TrackTaxi", "call 02-555-0142", ["02-555-0142"]),
    ]
    assert rows[0].entities[0].role is None  # the slot is named as its type
    assert definitions.entities["Code"] == Definition(patterns=("[A-Z]{2}[0-9]{3}",))
    finder = EntityFinder(definitions)
    for row in rows:
        found = {(entity.start, entity.end, entity.entity) for entity in finder.find(row.text)}
        assert {(entity.start, entity.end, entity.entity) for entity in row.entities} <= found


PIZZA = {
    "manifest.json": {"metadata": {"schemaVersion": "1.0", "fileFormat": "LexJson", "resourceType": "BotLocale"}},
    "BotLocale.json": {"identifier": "ko_KR"},
    "Intents/주문/Intent.json": lex_intent(
        "주문", "{크기} 피자 주세요", "{피자.종류} 하나", "{없음} 피자", "{아무거나"
    ),
    "Intents/주문/Slots/크기/Slot.json": {
        "name": "크기",
        "slotTypeName": "크기",
        "slotValueElicitationSetting": {"sampleValueElicitingUtterances": ["큰 걸로"]},
    },
    "Intents/주문/Slots/피자/Slot.json": lex_slot("피자", "피자"),
    "SlotTypes/크기/SlotType.json": lex_type(("큰", "라지"), name="크기"),
    "SlotTypes/피자/SlotType.json": {
        "name": "피자",
        "slotTypeValues": None,
        "valueSelectionSetting": None,
        "compositeSlotTypeSetting": {"subSlots": [{"name": "종류", "slotTypeId": "X"}]},
    },
}


def test_what_lex_has_and_is_not_read_is_said(tmp_path: Path):
    with pytest.warns(DataWarning) as caught:
        rows, definitions = read_annotated(write_zip(tmp_path / "pizza.zip", PIZZA), purpose="evaluation")
    assert [row.text for row in rows] == ["큰 피자 주세요", "{아무거나"]
    assert definitions.entities == {"크기": Definition({"큰": ("라지",)}), "피자": Definition()}
    for kind in (
        "utterances of slots (1",
        "parts of composite slot types (1",
        "utterances with slots of which there are no values (2",
    ):
        assert kind in said(list(caught))


@pytest.mark.parametrize("packed", WRITERS)
def test_a_name_that_leads_out_of_an_archive_is_refused(tmp_path: Path, packed: str):
    names = ["../agent.json", "a/../../b.json", *(["/agent.json", "C:\\agent.json"] if packed == "zip" else [])]
    for name in names:
        with pytest.raises(DataError, match="leads out of it"):
            read_intents(WRITERS[packed](tmp_path / f"a.{packed}", {**DIALOGFLOW, name: {}}))


@pytest.mark.parametrize("packed", WRITERS)
def test_an_archive_is_read_within_bounds(tmp_path: Path, packed: str, monkeypatch: pytest.MonkeyPatch):
    path = WRITERS[packed](tmp_path / f"a.{packed}", {**DIALOGFLOW, "intents/big.json": "x" * 100_000})
    monkeypatch.setattr(export_files, "MAX_UNPACKED_BYTES", 50_000)
    with pytest.raises(DataError, match="unpacked"):
        read_intents(path)
    monkeypatch.setattr(export_files, "MAX_FILES", 3)
    with pytest.raises(DataError, match="over 3 files"):
        read_intents(WRITERS[packed](tmp_path / f"b.{packed}", DIALOGFLOW))


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"PK\x03\x04 not really", "not a readable zip"), (b"", "not a readable zip"), (None, "no export of")],
)
def test_what_is_no_export_is_refused(tmp_path: Path, content: bytes | None, what: str):
    path = tmp_path / "a.zip"
    if content is None:
        write_zip(path, {"rows.json": []})
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=what):
        read_intents(path)


@pytest.mark.parametrize(
    "wrong",
    [
        clu([{"text": "hi there", "intent": "a", "entities": [{"category": "city", "offset": 5, "length": 9}]}], []),
        clu(
            [
                clu_utterance("😀 hi", "hi"),
                {**clu_utterance("😀 hi"), "entities": [{"category": "c", "offset": 1, "length": 2}]},
            ],
            [],
        ),
        clu([{"text": "hi there", "intent": "a", "entities": "city"}], []),
        clu([], [{"category": "city", "list": []}]),
        luis([luis_utterance("hi there", "hi", startPos="0")]),
        luis(["hi"]),
        rasa([rasa_example("hi there", "hi", entity=None)]),
        rasa([], entity_synonyms=[{"value": "x", "synonyms": "y"}]),
    ],
)
def test_what_does_not_fit_is_a_problem_with_its_place(tmp_path: Path, wrong: dict[str, Any]):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(wrong))
    with pytest.raises(DataError, match=r"export\.json: .*\["):
        read_annotated(path, purpose="evaluation")


# What stands before an entity, the entity, and what stands behind it.
SAMPLES = {
    "plain": ("fly to ", "Busan", " now"),
    "emoji, marks and CRLF": ("👩‍👩‍👧 e\u0301\r\n", "부산 🏖️", " 😀가자"),
    "decomposed": (unicodedata.normalize("NFD", "내일 "), SEOUL, unicodedata.normalize("NFD", "에서 봐요")),
}


def of_dialogflow(before: str, span: str, behind: str) -> dict[str, Any]:
    phrase = dialogflow_phrase(before, (span, "@city", "city"), behind)
    return {"agent.json": {}, "intents/a.json": {"name": "a"}, "intents/a_usersays_ko.json": [phrase]}


def of_wit(before: str, span: str, behind: str) -> dict[str, Any]:
    entity = {"entity": "city:city", "start": len(before), "end": len(before + span), "body": span, "entities": []}
    utterance = {"text": before + span + behind, "intent": "a", "entities": [entity], "traits": []}
    return {"app.json": {}, "utterances/utterances-1.json": {"utterances": [utterance]}}


def of_wit_in_units(before: str, span: str, behind: str) -> dict[str, Any]:
    contents = of_wit(before, span, behind)
    (entity,) = contents["utterances/utterances-1.json"]["utterances"][0]["entities"]
    entity.update(start=units(before), end=units(before + span))
    return contents


def of_botpress(before: str, span: str, behind: str) -> dict[str, Any]:
    slots = [{"name": "city", "entities": ["city"]}]
    return {"intents/a.json": {"name": "a", "utterances": {"ko": [f"{before}[{span}](city){behind}"]}, "slots": slots}}


def of_clu(before: str, span: str, behind: str) -> dict[str, Any]:
    return clu([clu_utterance(before + span + behind, span)], [])


def of_luis(before: str, span: str, behind: str) -> dict[str, Any]:
    return luis([luis_utterance(before + span + behind, span)])


def of_rasa_json(before: str, span: str, behind: str) -> dict[str, Any]:
    return rasa([rasa_example(before + span + behind, span)])


def of_lex(before: str, span: str, behind: str) -> dict[str, Any]:
    return {
        "Intents/a/Intent.json": lex_intent("a", f"{before}{{city}}{behind}"),
        "Intents/a/Slots/city/Slot.json": lex_slot("city", "city"),
        "SlotTypes/city/SlotType.json": lex_type(span),
    }


DOCUMENT_BUILDERS = (of_clu, of_luis, of_rasa_json)


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("build", [of_dialogflow, of_wit, of_wit_in_units, of_botpress, of_lex, *DOCUMENT_BUILDERS])
def test_what_is_marked_survives_every_product_and_format(tmp_path: Path, build: Any, sample: str):
    before, span, behind = SAMPLES[sample]
    contents = build(before, span, behind)
    if build in DOCUMENT_BUILDERS:
        source = tmp_path / "export.json"
        source.write_text(json.dumps(contents), encoding="utf-8")
    else:
        source = write_zip(tmp_path / "export.zip", contents)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is lost
        for target in ("a.jsonl", "b.yml", "c.json", "d.csv"):
            convert(source, tmp_path / target)
            source = tmp_path / target
            (row,), _ = read_annotated(source, purpose="evaluation")
            (entity,) = row.entities
            assert row.text == before + span + behind
            assert (row.text[entity.start : entity.end], entity.entity, entity.value) == (span, "city", span)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where everything stands in a JSON value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(below for key, entry in entries for below in paths(entry, (*path, key)))]


def with_junk(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    copy = value.copy()
    copy[path[0]] = with_junk(value[path[0]], path[1:], junk)
    return copy


junk = st.sampled_from([None, True, -1, 3, 2**70, 0.5, "", "x", "\ud800", "@", [], ["x"], [[]], {}, {"x": 1}, [{}]])
wild = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("product", [*FOLDERS, *DOCUMENTS])
@wild
@given(data=st.data())
def test_an_export_with_junk_in_it_is_read_or_refused(tmp_path: Path, product: str, data: st.DataObject):
    contents = FOLDERS[product][0] if product in FOLDERS else DOCUMENTS[product][0]
    contents = with_junk(contents, data.draw(st.sampled_from(paths(contents)[1:])), data.draw(junk))
    path = tmp_path / "export.json"
    if product in FOLDERS:
        path = write_zip(tmp_path / "export.zip", contents)
    else:
        path.write_text(json.dumps(contents))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            rows, _ = read_annotated(path, purpose="evaluation")
        except DataError as error:
            assert str(path) in str(error)
            return
    assert all(0 <= entity.start < entity.end <= len(row.text) for row in rows for entity in row.entities)


@pytest.mark.parametrize("packed", WRITERS)
@wild
@given(data=st.data())
def test_a_damaged_archive_is_read_or_refused(tmp_path: Path, packed: str, data: st.DataObject):
    path = WRITERS[packed](tmp_path / f"export.{packed}", WIT)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read_annotated(path, purpose="evaluation")
        except DataError as error:
            assert str(path) in str(error)
