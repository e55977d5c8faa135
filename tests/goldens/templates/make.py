"""Writes the goldens: what Jinja2 renders, called as transformers calls it.

make.py OUT TEMPLATES...   each of TEMPLATES is a .jinja file or a folder of them; OUT becomes a JSON file.
make.py --text OUT ...     keeps whole texts instead of their SHA-256.
Made with Python 3.14, jinja2 3.1.6, transformers 5.12.1. The clock stands at 2026-02-03 04:05:06.
"""
import datetime
import hashlib
import json
import pathlib
import sys

import jinja2
from transformers.utils import chat_template_utils


class FrozenClock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 2, 3, 4, 5, 6, tzinfo=tz)


chat_template_utils.datetime = FrozenClock


def render(source, variables):
    """{"text": ...} or {"error": ...}; only raise_exception's own words are kept, they are the template's."""
    try:
        return {"text": chat_template_utils._compile_jinja_template(source).render(**variables)}
    except jinja2.exceptions.TemplateError as error:
        is_raised = type(error) is jinja2.exceptions.TemplateError
        return {"error": error.message if is_raised else None}
    except Exception:
        return {"error": None}


def main():
    arguments = sys.argv[1:]
    keep_text = arguments[0] == "--text"
    out, *sources = arguments[keep_text:]
    here = pathlib.Path(__file__).parent
    conversations = json.loads((here / "conversations.json").read_text("utf-8"))
    files = [f for s in map(pathlib.Path, sources) for f in (sorted(s.glob("*.jinja")) if s.is_dir() else [s])]
    goldens = {}
    for file in files:
        source = file.read_text("utf-8")
        for name, variables in conversations.items():
            result = render(source, variables)
            if "text" in result and not keep_text:
                result = {"sha256": hashlib.sha256(result["text"].encode()).hexdigest()}
            goldens.setdefault(file.name, {})[name] = result
    pathlib.Path(out).write_text(json.dumps(goldens, indent=1, ensure_ascii=False) + "\n", "utf-8")


main()
