"""What other products export: one JSON document (CLU, LUIS, Rasa's JSON), or a folder or archive of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from intent_adapters.data.problems import Problems, data_error
from intent_adapters.data.readers.exports.botpress import is_botpress, read_botpress
from intent_adapters.data.readers.exports.clu import read_clu
from intent_adapters.data.readers.exports.dialogflow import is_dialogflow, read_dialogflow
from intent_adapters.data.readers.exports.files import ExportFiles
from intent_adapters.data.readers.exports.lex import is_lex, read_lex
from intent_adapters.data.readers.exports.luis import read_luis
from intent_adapters.data.readers.exports.rasa_json import read_rasa_json
from intent_adapters.data.readers.exports.wit import is_wit, read_wit
from intent_adapters.data.table import Table

# By the key that gives a document away.
_DOCUMENTS: dict[str, Callable[[str, Mapping[str, Any], Problems], Table]] = {
    "projectFileVersion": read_clu,
    "luis_schema_version": read_luis,
    "rasa_nlu_data": read_rasa_json,
}
# Botpress last: it has what the others have too.
_FOLDERS: tuple[tuple[Callable[[ExportFiles], bool], Callable[[ExportFiles, Problems], Table]], ...] = (
    (is_dialogflow, read_dialogflow),
    (is_wit, read_wit),
    (is_lex, read_lex),
    (is_botpress, read_botpress),
)

# Where the folder of an export, and for Lex also that of a bot or of a locale, has utterances.
_LEX = "Intents/*/Intent.json"
_INTENTS = ("intents/*.json", "utterances/*.json", _LEX, f"BotLocales/*/{_LEX}", f"*/BotLocales/*/{_LEX}")


def read_document(origin: str, document: Mapping[str, Any], problems: Problems) -> Table | None:
    """The rows of one JSON object; None where it is no export that is known."""
    for key, read in _DOCUMENTS.items():
        if key in document:
            return read(origin, document, problems)
    return None


def read_export_folder(folder: Path, problems: Problems) -> Table | None:
    """The rows of a folder into which an export was unpacked; None where it is none that is known."""
    if not any(path for pattern in _INTENTS for path in folder.glob(pattern)):
        return None
    return _read_files(ExportFiles.of_folder(folder), problems)


def read_archive(path: Path, problems: Problems) -> Table:
    """The rows of an export in an archive, of which nothing is unpacked to the disk."""
    table = _read_files(ExportFiles.of_archive(path), problems)
    if table is None:
        what = "this archive is no export of Dialogflow ES, wit.ai, Amazon Lex V2 or Botpress"
        raise data_error(str(path), what, "unpack it and read its files; a workbook is named .xlsx")
    return table


def _read_files(files: ExportFiles, problems: Problems) -> Table | None:
    for is_export, read in _FOLDERS:
        if is_export(files):
            table = read(files, problems)
            for name in files.unused():
                problems.leave_out("other files of the export", files.place(name))
            return table
    return None
