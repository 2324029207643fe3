-- Moves the deadline of a request that waits, where its asker said that it hears of that.
-- KEYS  request, pending, outbox, installation, asked by its agent[, key]
-- ARGV  id, digest, new deadline in ms, id of the extension
-- Returns 'extended', also when it comes again; 'unknown'; 'changed' (another digest, a deadline that is not later, or
-- an asker that does not hear of it); or how the request has ended.
redis.call('ZCARD', KEYS[2]); redis.call('XLEN', KEYS[3]); redis.call('ZCARD', KEYS[5])
local request = redis.call('HMGET', KEYS[1], 'status', 'deadline_ms', 'digest', 'understands', 'requested_ms', 'extension')
if not request[1] then return '@UNKNOWN@' end
if request[6] == ARGV[4] then return '@EXTENDED@' end
if request[1] ~= '@PENDING@' then return request[1] end
local now, deadline, wanted = now_ms(), moment(request[2]) or 0, tonumber(ARGV[3])
if now >= deadline then return '@TIMEOUT@' end
if not string.find(',' .. (request[4] or '') .. ',', ',@EXTENDED@,', 1, true) then return '@CHANGED@' end
if request[3] ~= ARGV[2] or wanted <= deadline then return '@CHANGED@' end
local seconds = string.format('%.3f', (wanted - (moment(request[5]) or now)) / 1000)
redis.call('HSET', KEYS[1], 'deadline_ms', digits(wanted), 'timeout_seconds', seconds, 'extension', ARGV[4])
redis.call('PEXPIREAT', KEYS[1], digits(wanted + @ENDED_TTL_MS@))
redis.call('ZADD', KEYS[2], digits(wanted), ARGV[1])
redis.call('PEXPIRE', KEYS[5], digits(math.max(redis.call('PTTL', KEYS[5]),
  math.min(wanted - now + @ENDED_TTL_MS@, @ASKED_TTL_MS@))))
if KEYS[6] then redis.call('PEXPIREAT', KEYS[6], digits(wanted + @ENDED_TTL_MS@)) end
remember(KEYS[3], KEYS[4], 'type', 'more_time', 'request_id', ARGV[1], 'extension_id', ARGV[4],
  'deadline_ms', digits(wanted), 'extended_ms', digits(now))
return '@EXTENDED@'
