-- Publishes one event.
-- KEYS  event stream, event types, born of this source, limits
-- ARGV  event type, source, data as a JSON object
-- Returns {id, length of the stream of types when this type was born, else 0}; {'over', most} where its source would
-- make a type more than it may within 7 days.
if redis.call('EXISTS', KEYS[1]) == 0 then
  -- An account of before these keys may not read them: then nothing is bounded.
  local now, most = now_ms(), redis.pcall('HGET', KEYS[4], 'event_types')
  most = type(most) == 'string' and tonumber(most) or 0
  if most > 0 and type(redis.pcall('ZREMRANGEBYSCORE', KEYS[3], '-inf', digits(now - @EVENT_TTL_MS@))) == 'number' then
    if not redis.call('ZSCORE', KEYS[3], ARGV[1]) and redis.call('ZCARD', KEYS[3]) >= most then
      return {'over', digits(most)}
    end
    redis.call('ZADD', KEYS[3], digits(now), ARGV[1])
    redis.call('PEXPIRE', KEYS[3], @EVENT_TTL_MS@)
  end
end
return {publish(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])}
