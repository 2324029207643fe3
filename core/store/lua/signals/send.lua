-- Puts a signal into a mailbox: the inbox of one agent, or the broadcasts.
-- KEYS  mailbox, expiry, order [, event stream, event types]
-- ARGV  signal id, type, source, payload, ttl in ms, ttl in seconds as text [, event data]
-- Returns the id of the entry.
local time = redis.call('TIME')
local us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(us / 1000)
local now_text, expires = digits(now), digits(now + tonumber(ARGV[5]))
-- Asked first, also because it fails on a key of a wrong type before anything is written.
local over = redis.call('ZRANGE', KEYS[2], '-inf', now_text, 'BYSCORE', 'LIMIT', 0, @EXPIRED_AT_ONCE@)
if KEYS[4] then fail_on_wrong_type(KEYS[2], KEYS[4], KEYS[5]) end

-- One order over all mailboxes, so that an inbox and the broadcasts can be read as one, even when two
-- signals share a microsecond or the clock is set back.
local last = redis.pcall('SET', KEYS[3], digits(us), 'PX', @ORDER_TTL_MS@, 'GET')
if type(last) == 'table' then
  if string.find(last.err, 'WRONGTYPE', 1, true) == nil then return last end
  redis.call('SET', KEYS[3], digits(us), 'PX', @ORDER_TTL_MS@)
elseif last and #last <= 16 and string.match(last, '^%d+$') and tonumber(last) >= us then
  us = tonumber(last) + 1
  redis.call('SET', KEYS[3], digits(us), 'PX', @ORDER_TTL_MS@)
end

local function add(id)
  return redis.pcall('XADD', KEYS[1], id, 'signal_id', ARGV[1], 'type', ARGV[2], 'source', ARGV[3],
    'sent_ms', now_text, 'expires_ms', expires, 'ttl_seconds', ARGV[6], 'payload', ARGV[4])
end
local entry = add(digits(math.floor(us / 1000)) .. '-' .. digits(us % 1000))
-- A strange entry may have a later id; the server then finds one behind it.
if type(entry) == 'table' then entry = add('*') end
if type(entry) == 'table' then return entry end

redis.call('ZADD', KEYS[2], expires, entry)
if #over > 0 then
  redis.call('XDEL', KEYS[1], unpack(over))
  redis.call('ZREM', KEYS[2], unpack(over))
end
local latest = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2]
latest = moment(latest) and latest or expires
redis.call('PEXPIREAT', KEYS[1], latest)
redis.call('PEXPIREAT', KEYS[2], latest)
if KEYS[4] then publish(KEYS[4], KEYS[5], 'coordination_signal', ARGV[3], ARGV[7]) end
return entry
