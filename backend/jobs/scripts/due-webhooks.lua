-- Takes webhooks that are due and makes them due again later, in case their sender dies. Returns { id, try, … }.
-- ARGV: count, lease_ms
local now = now_ms()
local due = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', WEBHOOKS, 0, now, 'LIMIT', 0, ARGV[1])) do
  if redis.call('EXISTS', job_key(id)) == 0 then
    redis.call('ZREM', WEBHOOKS, id)
  else
    redis.call('ZADD', WEBHOOKS, now + tonumber(ARGV[2]), id)
    table.insert(due, id)
    table.insert(due, redis.call('HINCRBY', job_key(id), 'webhook_tries', 1))
  end
end
return due
