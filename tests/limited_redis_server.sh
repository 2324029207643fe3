#!/bin/sh
# The server of tests: whoever gives no name is limited by the rule of the site, `tests` may do everything.
# What came with `requirepass` stays the password of the nameless.
password=nopass
if [ -f "$1" ] && grep -q '^requirepass ' "$1"; then
    password=$(sed -n 's/^requirepass "\(.*\)"$/>\1/p' "$1")
fi
[ -n "$TEST_REDIS_RULE" ] || { echo "tests/accounts.py sets TEST_REDIS_RULE" >&2; exit 1; }
set -f # patterns of keys are not names of files
exec "$TEST_REDIS_PROGRAM" "$@" \
    --user default on "$password" $TEST_REDIS_RULE \
    --user tests on nopass '~*' '&*' +@all
