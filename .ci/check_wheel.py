"""Builds the release and uses it as a stranger would: the wheel alone, in a clean environment, outside of the clone.

Run by `make wheel`. Arguments are handed on to pip when it installs the wheel, such as `--constraint FILE`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASE = "intent-base-ko-en"
TRAIN_AND_PREDICT = """
from pathlib import Path
import intent_adapters
from intent_adapters import IntentModel, train_agent
from intent_adapters.data import read_intents

assert Path(intent_adapters.__file__).is_relative_to(Path({environment!r})), intent_adapters.__file__
model = IntentModel.from_pretrained("model_cards/intent-base-ko-en")
train_agent(model, "shop", read_intents("shop.csv"), epochs=3, progress=False)
model.save_adapter("shop", "agents/shop")
loaded = IntentModel.from_pretrained("model_cards/intent-base-ko-en", adapter="agents/shop")
assert loaded.predict("배송비는 얼마예요?") == model.predict("배송비는 얼마예요?")
print(loaded.predict("배송비는 얼마예요?"))
"""
SHOP = """text,label
배송비 얼마인가요,ask_shipping
배송 요금이 궁금해요,ask_shipping
환불해 주세요,refund
돈을 돌려받고 싶어요,refund
"""


def main(pip_arguments: list[str]) -> None:
    """Build, look inside, install, use.

    Raises:
        SystemExit: Something is not as it should be; the message says what.
        CalledProcessError: A command failed; its output is above.
    """
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", dist, ROOT)
    [wheel], [source] = dist.glob("*.whl"), dist.glob("*.tar.gz")
    check_contents(wheel, source)
    with tempfile.TemporaryDirectory() as folder:
        use(wheel, Path(folder), pip_arguments)
    print(f"{wheel.name} ({wheel.stat().st_size / 1e6:.2f} MB) and {source.name} are fit to be released.")


def check_contents(wheel: Path, source: Path) -> None:
    """See that the wheel holds the package and its licence, all of it and nothing else, and the sdist no weights."""
    version = re.search(r'__version__ = "(.+)"', read(ROOT / "intent_adapters" / "__init__.py"))
    if version is None or f"-{version[1]}-" not in wheel.name:
        sys.exit(f"{wheel.name} is not of the version in intent_adapters/__init__.py")
    if f"\n## [{version[1]}] - " not in read(ROOT / "CHANGELOG.md"):
        sys.exit(f"CHANGELOG.md has no section for {version[1]}")
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "intent_adapters").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        if not any(name.endswith("/LICENSE") for name in archive.namelist()):
            sys.exit(f"{wheel.name} has no licence")
    if held != expected:
        sys.exit(f"{wheel.name} differs from the package in {sorted(held ^ expected)}")
    with tarfile.open(source) as archive:
        weights = [name for name in archive.getnames() if name.endswith(".safetensors")]
    if weights:
        sys.exit(f"{source.name} holds weights: {weights}")


def use(wheel: Path, folder: Path, pip_arguments: list[str]) -> None:
    """Install the wheel in an environment of its own and run what the README shows, the library and the command."""
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    scripts = environment / ("Scripts" if sys.platform == "win32" else "bin")
    run(scripts / "python", "-m", "pip", "install", "--quiet", *pip_arguments, f"{wheel}[cli,train]")
    (folder / "shop.csv").write_text(SHOP, encoding="utf-8")
    shutil.copytree(ROOT / "model_cards" / BASE, folder / "model_cards" / BASE)
    # What README's first block asks of the Hub, as a folder in its place: the check needs no network.
    shutil.copytree(ROOT / "model_cards" / "intent-base-en", folder / "sentence-transformers" / "all-MiniLM-L6-v2")
    shutil.copytree(ROOT / "model_cards" / "en-it_helpdesk", folder / "agents" / "it-helpdesk")
    snippet = re.search(r"^```python\n(.*?)^```", read(ROOT / "README.md"), re.MULTILINE | re.DOTALL)
    if snippet is None:
        sys.exit("README.md shows no Python")
    for code in (textwrap.dedent(snippet[1]), TRAIN_AND_PREDICT.format(environment=str(environment))):
        run(scripts / "python", "-c", code, cwd=folder)
    command = scripts / "intent-adapters"
    run(command, "train", "shop.csv", "--base", f"model_cards/{BASE}", "--output", "agents/two", cwd=folder)
    run(command, "predict", "환불 부탁드려요", "--adapter", "agents/two", cwd=folder)
    run(command, "info", "--environment", cwd=folder)


def read(path: Path) -> str:
    """The text of a file of the project."""
    return path.read_text(encoding="utf-8")


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command, its output on the screen."""
    print("$", *(str(part)[:80] for part in command), flush=True)
    subprocess.run(list(map(str, command)), cwd=cwd, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
