"""Reads a line with schemas by name, and lines of {"schema":NAME,"value":VALUE}; prints for each of
these the violation that says most, as "PATH: MESSAGE", or nothing."""

import json
import sys

import jsonschema

validators = {}
for name, schema in json.loads(sys.stdin.readline()).items():
    jsonschema.Draft202012Validator.check_schema(schema)
    validators[name] = jsonschema.Draft202012Validator(schema)

for line in sys.stdin:
    case = json.loads(line)
    errors = validators[case["schema"]].iter_errors(case["value"])
    error = jsonschema.exceptions.best_match(errors)
    print("" if error is None else f"{error.json_path}: {error.message}".replace("\n", " "))
