-- Counts one rating of a template.
-- KEYS  template
-- ARGV  'good' or 'bad'
-- Returns {good, bad}.
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('PEXPIRE', KEYS[1], @TEMPLATE_TTL_MS@)
local counts = redis.call('HMGET', KEYS[1], 'good', 'bad')
return {counts[1] or '0', counts[2] or '0'}
