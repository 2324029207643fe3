-- A recorder says that it lives. Whoever recorded something last is the active one, any other stands by.
-- KEYS  recorder
-- ARGV  instance, '1' after it recorded something, what is wrong now or '', '1' when Redis was replaced,
--       entries set aside, an error that was not told yet or '', alarms of the last day,
--       requests that wait and that nobody can approve
local key, instance, now = KEYS[1], ARGV[1], now_ms()
local active, signed = unpack(redis.call('HMGET', key, 'active', 'active_ms'))
local silent = now - (moment(signed) or 0) > @RECORDER_SILENT_MS@
if ARGV[2] == '1' or not active or active == instance or silent then
  redis.call('HSET', key, 'active', instance, 'active_ms', digits(now), 'trouble', ARGV[3],
    'set_aside', ARGV[5], 'alarms', ARGV[7], 'unanswerable', ARGV[8])
  if redis.call('HGET', key, 'standby') == instance then redis.call('HDEL', key, 'standby', 'standby_ms') end
else
  redis.call('HSET', key, 'standby', instance, 'standby_ms', digits(now))
end
if ARGV[6] ~= '' then redis.call('HSET', key, 'error', ARGV[6], 'error_ms', digits(now)) end
if ARGV[4] ~= '' then redis.call('HSET', key, 'replaced_ms', digits(now)) end
redis.call('PEXPIRE', key, @RECORDER_TTL_MS@)
