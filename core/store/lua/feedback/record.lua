-- One rating: the newest of its tier; those beyond the newest 100 go. Readers leave out what is older than a week.
-- KEYS  ratings, scores, stages, event stream, event types
-- ARGV  score, rating as a JSON object without its opening brace, stage and tier as one member, event data
local time = redis.call('TIME')
local now = time[1] .. string.rep('0', 6 - #time[2]) .. time[2]

-- What could fail comes before the rating: reads, then a member of the index that alone means nothing.
if redis.call('XLEN', KEYS[4]) == 0 then redis.call('XLEN', KEYS[5]) end
if redis.call('ZADD', KEYS[3], string.sub(now, 1, -4), ARGV[3]) == 1 then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', digits(now_ms() - @FEEDBACK_TTL_MS@))
end
redis.call('PEXPIRE', KEYS[3], @FEEDBACK_TTL_MS@)

local count = redis.call('LPUSH', KEYS[1], '{"at_us":' .. now .. ',' .. ARGV[2])
local pushed = redis.pcall('LPUSH', KEYS[2], now .. ':' .. ARGV[1])
if type(pushed) ~= 'number' then
  redis.call('LPOP', KEYS[1])
  return pushed
end
if count > @FEEDBACK_RATINGS@ then redis.call('LTRIM', KEYS[1], 0, @FEEDBACK_RATINGS@ - 1) end
if pushed > @FEEDBACK_RATINGS@ then redis.call('LTRIM', KEYS[2], 0, @FEEDBACK_RATINGS@ - 1) end
redis.call('PEXPIRE', KEYS[1], @FEEDBACK_TTL_MS@)
redis.call('PEXPIRE', KEYS[2], @FEEDBACK_TTL_MS@)
publish(KEYS[4], KEYS[5], 'quality_feedback', 'core', ARGV[4])
return 1
