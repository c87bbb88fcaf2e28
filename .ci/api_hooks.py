"""Hooks of schemathesis for .ci/api.

Requests name folders of the machine, and torrents that random text does not hit. Absolute paths get a prefix, so that
they are below the folder API_FILES; of the names and contents of torrents, every second one is replaced by a good one.
"""

import base64
import itertools
import os

import schemathesis

FILES = os.environ["API_FILES"]
calls = itertools.count()


def is_path(value):
    return isinstance(value, str) and value.startswith(("/", "~")) and not value.startswith(FILES)


def below(value):
    """Returns the value with all paths in it below the folder."""
    if is_path(value):
        return f"{FILES}/{value.lstrip('/~')}"
    if isinstance(value, dict):
        return {key: below(part) for key, part in value.items()}
    if isinstance(value, list):
        return [below(part) for part in value]
    return value


def torrent(number):
    """Returns a torrent file of one piece, in base64."""
    name = f"file {number}"
    info = f"d6:lengthi{number + 1}e4:name{len(name)}:{name}12:piece lengthi16384e6:pieces20:{'x' * 20}e"
    return base64.b64encode(f"d4:info{info}e".encode()).decode()


def source(value, number):
    """Returns a source of a torrent that the daemon can use, in place of a text."""
    good = {"torrent": torrent(number), "magnet": f"magnet:?xt=urn:btih:{number:040x}"}
    if isinstance(value, dict) and len(value) == 1:
        return {
            key: good[key] if key in good and isinstance(text, str) else text for key, text in value.items()
        }
    return value


@schemathesis.hook
def before_call(context, case, kwargs):
    number = next(calls)
    if case.query:
        case.query = below(dict(case.query))
    if isinstance(case.body, (dict, list, str)):
        case.body = below(case.body)
    if number % 2:
        return
    if case.path_parameters and case.path_parameters.get("torrent"):
        case.path_parameters = {**case.path_parameters, "torrent": str(1 + number // 2 % 5)}
    if isinstance(case.body, dict):
        body = dict(case.body)
        terms, sources = body.get("torrents"), body.get("sources")
        if isinstance(terms, list) and terms and all(isinstance(term, str) for term in terms):
            body["torrents"] = ["all"]
        if isinstance(sources, list):
            body["sources"] = [source(value, number) for value in sources]
        case.body = body
