#!/bin/sh
# The manual pages have no fault that mandoc finds, down to the style, and refer to pages that exist.
set -eu

cd "$(dirname "$0")/../../docs/man"
# mandoc looks for the pages that are referred to among those that are installed; below they are looked for here.
faults=$(mandoc -Tlint ./*.[0-9] 2>&1 | grep -v 'STYLE: referenced manual not found' || :)
for page in *.[0-9]; do
	for reference in $(sed -n 's/^\.Xr \([^ ]*\) \([0-9]\).*/\1.\2/p' "$page"); do
		[ -e "$reference" ] || faults="$faults
$page: there is no page $reference"
	done
	[ "$(mandoc -Tascii "$page" | wc -l)" -gt 100 ] || faults="$faults
$page: too short"
done
[ -z "$faults" ] || {
	echo "$faults"
	exit 1
}
echo "manual: no fault"
