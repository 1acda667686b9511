-- Ends a try at settlements: over (delay -1), or due again after a delay.
-- ARGV: delay_ms, then reservations
for index = 2, #ARGV do
  if tonumber(ARGV[1]) < 0 then
    redis.call('ZREM', SETTLEMENTS, ARGV[index])
    redis.call('HDEL', SETTLING, ARGV[index])
  else
    redis.call('ZADD', SETTLEMENTS, now_ms() + tonumber(ARGV[1]), ARGV[index])
  end
end
return 0
