#!/usr/bin/env bash
# Asks a running process all that its own OpenAPI document allows, and more: no answer may be a 500 or
# off its schema. Wants Python 3.9 or later with venv; schemathesis goes into a temporary folder.
#
# Run: tools/fuzz_api.sh http://127.0.0.1:8000 [examples per operation, default 25]
set -euo pipefail
url=${1:?"Usage: tools/fuzz_api.sh URL [EXAMPLES]"}
examples=${2:-25}

venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check schemathesis==4.32.5

# A live stream does not end, and batch runs take long: both have tests of their own.
cd "$venv"
"$venv/bin/schemathesis" run "$url/api/v1/openapi.json" \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance \
  --exclude-operation-id followMetric --exclude-operation-id startBatchRun \
  --max-examples "$examples" --seed 1 --request-timeout 30 --no-color
