-- Ends a try at a webhook: sent or given up (delay -1), or due again after a delay.
-- ARGV: id, delay_ms, state
if tonumber(ARGV[2]) < 0 then
  redis.call('ZREM', WEBHOOKS, ARGV[1])
else
  redis.call('ZADD', WEBHOOKS, now_ms() + tonumber(ARGV[2]), ARGV[1])
end
if redis.call('EXISTS', job_key(ARGV[1])) == 1 then redis.call('HSET', job_key(ARGV[1]), 'webhook_state', ARGV[3]) end
return 0
