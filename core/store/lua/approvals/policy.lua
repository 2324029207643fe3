-- What the site says of who can approve, in the place of what it said before.
-- KEYS  policy, rights
-- ARGV  the version of rights before people and policy were read, then fields and values
-- Returns 1; 0 where rights are others since then: whoever changed them says it.
if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
for place = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1]) end
return 1
