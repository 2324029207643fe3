-- What a stream holds: its ends alone.
-- KEYS  event stream
-- Returns {length, the first entry, the last, the id given last, ms to live}; {} for an entry where there is none, and
-- nothing without a stream.
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local newest = '0-0'
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then newest = info[i + 1] end
end
return {redis.call('XLEN', KEYS[1]), first or {}, last or {}, newest, redis.call('PTTL', KEYS[1])}
