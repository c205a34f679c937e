#!/bin/sh
# Writes the table of docs/metrics.md from `mini-monitor -list`.
#
# usage: metrics-table.sh agent
set -eu

page=$(dirname "$0")/../docs/metrics.md
# shellcheck disable=SC2016 # Back quotes are text.
rows=$("$1" -list | sed -E 's/^(\S+) +(\S+) +(\S+) +(\S+) +(\S+) +(.*)$/| `\1` | \2 | \3 | \4 | \5 | \6 |/')
{
    sed '/^| `/,$d' "$page"
    printf '%s\n' "$rows"
    sed '1,/^| `/d' "$page" | sed '/^| `/d'
} >"$page.new"
mv "$page.new" "$page"
