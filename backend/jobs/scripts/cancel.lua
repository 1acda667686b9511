-- Ends a job nobody wants any more. Returns the status it has then.
-- ARGV: id, ttl_ms
local status = redis.call('HGET', job_key(ARGV[1]), 'status')
if is_over(status) then return status end
finish(ARGV[1], 'cancelled', {}, tonumber(ARGV[2]))
return 'cancelled'
