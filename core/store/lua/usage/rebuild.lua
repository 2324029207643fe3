-- Writes the totals of a closed day anew, unless a call was counted in it meanwhile.
-- KEYS  day
-- ARGV  calls that the day had when the new totals were begun, when it expires if it is gone, then field, amount ...
-- Returns how many fields were wrong, or -1 when another call came.
if (redis.call('HGET', KEYS[1], 'calls') or '0') ~= ARGV[1] then return -1 end
local wanted, wrong = {}, 0
for i = 3, #ARGV, 2 do wanted[ARGV[i]] = ARGV[i + 1] end
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  if (wanted[stored[i]] or '0') ~= stored[i + 1] then wrong = wrong + 1 end
end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] ~= '0' and redis.call('HEXISTS', KEYS[1], ARGV[i]) == 0 then wrong = wrong + 1 end
end
if wrong > 0 then
  local left = redis.call('PTTL', KEYS[1])
  redis.call('DEL', KEYS[1])
  for i = 3, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  if left > 0 then redis.call('PEXPIRE', KEYS[1], left) else redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
end
return wrong
