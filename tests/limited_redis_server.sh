#!/bin/sh
# The server of tests: whoever gives no name is limited by the rule of the site, `tests` may do everything.
# What came with `requirepass` stays the password of the nameless.
password=nopass
if [ -f "$1" ] && grep -q '^requirepass ' "$1"; then
    password=$(sed -n 's/^requirepass "\(.*\)"$/>\1/p' "$1")
fi
set -f # patterns of keys are not names of files
exec "$TEST_REDIS_PROGRAM" "$@" \
    --user default on "$password" $TEST_REDIS_RULE \
    --user tests on nopass '~*' '&*' +@all
