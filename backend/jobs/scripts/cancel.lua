-- Ends a job nobody wants any more. Returns the status it has then.
-- ARGV: id, ttl_ms, lease_ms
local status = redis.call('HGET', job_key(ARGV[1]), 'status')
if is_over(status) then return status end
-- Who runs it says within its lease what it took (report.lua).
local used = { 0, 0, status == 'running' and tonumber(ARGV[3]) or 0 }
finish(ARGV[1], 'cancelled', {}, tonumber(ARGV[2]), used)
return 'cancelled'
