-- Gives a pending request the end that SQL remembers: Redis was restored from a file older than this end.
-- KEYS  request, ended, pending, outbox, installation, event stream, event types
-- ARGV  id, digest, event type, status, approved (1 or 0), responder, reason, ended_ms, decision_id, channel
-- Returns 'restored', or why nothing was changed: 'unknown', 'ended' or 'changed' (another digest).
local request = redis.call('HMGET', KEYS[1], 'status', 'digest')
if not request[1] then return 'unknown' end
if request[1] ~= 'pending' then return 'ended' end
if request[2] ~= ARGV[2] then return 'changed' end
finish(ARGV[1], tonumber(ARGV[8]), ARGV[3], {status = ARGV[4], approved = ARGV[5], responder = ARGV[6],
  reason = ARGV[7], decision_id = ARGV[9], channel = ARGV[10]})
remember(KEYS[4], KEYS[5], 'type', 'restored', 'request_id', ARGV[1], 'status', ARGV[4],
  'restored_ms', digits(now_ms()))
return 'restored'
