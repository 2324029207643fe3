-- What a stream holds, without its contents.
-- KEYS  event stream
-- Returns {length, id of the first entry, of the last, ms to live}; 0-0 where there is no entry.
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return {redis.call('XLEN', KEYS[1]), first and first[1] or '0-0', last and last[1] or '0-0',
  redis.call('PTTL', KEYS[1])}
