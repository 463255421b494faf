#!/usr/bin/env python3
"""Checksums of conversations as Jinja renders them, set up as `transformers` does: the table of tests.rs.

    checksums.py FOLDER..    each with a tokenizer_config.json; needs jinja2
"""
import json
import sys
import zlib
from datetime import datetime, timezone
from pathlib import Path

from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime(2026, 3, 5, 7, 8, 9, tzinfo=timezone.utc)
TALK = [
    ("system", "Be brief."),
    ("user", " Hi "),
    ("assistant", "<think>so</think>\n\nHello"),
    ("user", "Bye"),
]


def refuse(why):
    raise ValueError(why)


def main():
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = lambda x, **options: json.dumps(x, ensure_ascii=False, **options)
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = NOW.strftime
    for folder in sys.argv[1:]:
        config = json.loads((Path(folder) / "tokenizer_config.json").read_text())
        token = lambda key: config[key]["content"] if isinstance(config.get(key), dict) else config.get(key) or ""
        for first in (0, 1, 3):
            messages = [{"role": role, "content": content} for role, content in TALK[first:]]
            text = environment.from_string(config["chat_template"]).render(
                messages=messages,
                add_generation_prompt=True,
                bos_token=token("bos_token"),
                eos_token=token("eos_token"),
            )
            print(f'("{Path(folder).name}", {first}, 0x{zlib.crc32(text.encode()):08x}, {len(text)}),')


main()
