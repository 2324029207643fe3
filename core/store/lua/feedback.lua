-- One rating: the newest of its tier; those beyond the newest 100 or older than a week go.
-- KEYS  ratings, scores, stages, event stream, event types
-- ARGV  score, rating as a JSON object without its opening brace, stage and tier as one member, event data
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
fail_on_wrong_type(KEYS[3], KEYS[4], KEYS[5])
redis.call('LLEN', KEYS[1])
redis.call('LPUSH', KEYS[2], digits(now) .. ':' .. ARGV[1])
redis.call('LPUSH', KEYS[1], '{"at_us":' .. digits(now) .. ',' .. ARGV[2])
redis.call('LTRIM', KEYS[2], 0, @FEEDBACK_RATINGS@ - 1)
redis.call('LTRIM', KEYS[1], 0, @FEEDBACK_RATINGS@ - 1)
local oldest = string.match(redis.call('LINDEX', KEYS[2], -1), '^(%d+):')
while oldest and tonumber(oldest) < now - @FEEDBACK_TTL_MS@ * 1000 do
  redis.call('RPOP', KEYS[2])
  redis.call('RPOP', KEYS[1])
  oldest = string.match(redis.call('LINDEX', KEYS[2], -1), '^(%d+):')
end
redis.call('PEXPIRE', KEYS[1], @FEEDBACK_TTL_MS@)
redis.call('PEXPIRE', KEYS[2], @FEEDBACK_TTL_MS@)
local now_in_ms = math.floor(now / 1000)
redis.call('ZADD', KEYS[3], digits(now_in_ms), ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', digits(now_in_ms - @FEEDBACK_TTL_MS@))
redis.call('PEXPIRE', KEYS[3], @FEEDBACK_TTL_MS@)
publish(KEYS[4], KEYS[5], 'quality_feedback', 'core', ARGV[4])
return 1
