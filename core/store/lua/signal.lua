-- Puts a signal into a mailbox: the inbox of one agent, or the broadcasts.
-- KEYS  mailbox, expiry, order [, event stream, event types]
-- ARGV  signal id, type, source, payload, ttl in ms, ttl in seconds as text [, event data]
-- Returns the entry's id.
fail_on_wrong_type(KEYS[2], KEYS[1], KEYS[4], KEYS[5])
local time = redis.call('TIME')
local us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(us / 1000)
local expires = digits(now + tonumber(ARGV[5]))

-- One order over all mailboxes, so that an inbox and the broadcasts can be read as one, even when two
-- signals share a microsecond or the clock is set back.
local last = redis.pcall('GET', KEYS[3])
if type(last) == 'string' and #last <= 16 and string.match(last, '^%d+$') then
  us = math.max(us, tonumber(last) + 1)
end
redis.call('SET', KEYS[3], digits(us), 'PX', @ORDER_TTL_MS@)

local function add(id)
  return redis.pcall('XADD', KEYS[1], id, 'signal_id', ARGV[1], 'type', ARGV[2], 'source', ARGV[3],
    'sent_ms', digits(now), 'expires_ms', expires, 'ttl_seconds', ARGV[6], 'payload', ARGV[4])
end
local entry = add(digits(math.floor(us / 1000)) .. '-' .. digits(us % 1000))
-- A strange entry may have a later id; the server then finds one behind it.
if type(entry) == 'table' then entry = add('*') end
if type(entry) == 'table' then return entry end

redis.call('ZADD', KEYS[2], expires, entry)
local over = redis.call('ZRANGE', KEYS[2], '-inf', digits(now), 'BYSCORE', 'LIMIT', 0, @EXPIRED_AT_ONCE@)
if #over > 0 then
  redis.call('XDEL', KEYS[1], unpack(over))
  redis.call('ZREM', KEYS[2], unpack(over))
end
live_until(KEYS[1], expires)
live_until(KEYS[2], expires)
if KEYS[4] then publish(KEYS[4], KEYS[5], 'coordination_signal', ARGV[3], ARGV[7]) end
return entry
