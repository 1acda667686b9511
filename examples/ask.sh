#!/usr/bin/env bash
# Asks about a picture and prints the answer as it is written. Needs curl and jq.
#
#     bash examples/ask.sh examples/receipt.png 列出所有金额
set -euo pipefail

url=${GLM_URL:-http://127.0.0.1:8080}
timeout_s=${GLM_TIMEOUT:-300} # for the whole answer, the queue included
attempts=5
max_wait_s=60

image=$1 prompt=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A picture is longer than an argument may be: everything large goes through files.
base64 -w0 "$image" >"$work/base64"
jq -n --rawfile data "$work/base64" --arg prompt "$prompt" \
  '{image: ("data:image/png;base64," + $data), prompt: $prompt, stream: true}' >"$work/body"

# Each line is an event of the stream, or the one line of an error.
show='
  def fail: .error | "\(.code)\(if .param then " (\(.param))" else "" end): \(.message)\n" | halt_error(1);
  if . == "data: [DONE]" then empty
  elif startswith("data: ") then .[6:] | fromjson | if .error then fail else .choices[0].delta.content // empty end
  elif startswith("{") then fromjson | fail
  else empty end'

ask() {
  curl -sSN --connect-timeout 5 --max-time "$timeout_s" -D "$work/headers" \
    ${GLM_API_KEY:+-H "authorization: Bearer $GLM_API_KEY"} \
    -H 'content-type: application/json' --data-binary @"$work/body" \
    "$url/v1/multimodal/completions" 2>"$work/curl" |
    jq --unbuffered -Rrj "$show" 2>"$work/error"
}

for attempt in $(seq "$attempts"); do
  : >"$work/headers"
  if ask; then
    echo
    exit 0
  fi
  status=$(awk 'NR == 1 { print $2 }' "$work/headers")
  told_s=$(tr -d '\r' <"$work/headers" | awk 'tolower($1) == "retry-after:" { print $2 }')
  # Refused for now, or nobody listened: nothing else is sent twice.
  case $status in
    429 | 503) ;;
    '') grep -q 'Failed to connect' "$work/curl" || break ;;
    *) break ;;
  esac
  [ "$attempt" -eq "$attempts" ] && break
  wait_s=${told_s:-$attempt}
  sleep "$((wait_s < max_wait_s ? wait_s : max_wait_s))"
done
cat "$work/error" "$work/curl" >&2
exit 1
