-- How far recording is, and who does it. Counts what waits up to a limit, so that a long queue costs no more.
-- KEYS  recorder, outbox, installation
-- ARGV  installation and position that SQL holds
-- Returns {now, entries that wait, '1' when there are more, first entry that waits or '', entries in the outbox,
--          installation or '', fields of the recorder}
local installation = redis.call('HGET', KEYS[3], 'id') or ''
local position = installation == ARGV[1] and ARGV[2] or '0'
local count, bytes, first, more, from = 0, 0, '', '0', '(' .. position
repeat
  local entries = redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', 10)
  for _, entry in ipairs(entries) do
    if first == '' then first = entry[1] end
    for _, text in ipairs(entry[2]) do bytes = bytes + #text end
  end
  count = count + #entries
  if #entries > 0 then from = '(' .. entries[#entries][1] end
  if #entries == 10 and (count >= @LAG_COUNTED@ or bytes >= @LAG_COUNTED_BYTES@) then more = '1' end
until #entries < 10 or more == '1'
return {digits(now_ms()), count, more, first, redis.call('XLEN', KEYS[2]), installation,
  redis.call('HGETALL', KEYS[1])}
