-- wrk: POST with a body of its own each time, a bearer token from TOKEN; several, with commas between them, take turns. The last line is JSON
-- for Tools/bench.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  count = 0
  heads = {}
  for token in string.gmatch(os.getenv("TOKEN") or "", "[^,]+") do
    heads[#heads + 1] = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token }
  end
  if #heads == 0 then heads[1] = { ["Content-Type"] = "application/json" } end
  run = os.getenv("RUN") or "0"
end

function request()
  count = count + 1
  local name = "Vendor " .. run .. "-" .. number .. "-" .. count
  local body = '{"name":"' .. name .. '","privacy_url":"https://vendor-' .. count .. '.example/privacy","retention_days":365,'
    .. '"data_categories":["Names and contact details","IP addresses","Device identifiers","Support conversations"]}'
  return wrk.format("POST", nil, heads[count % #heads + 1], body)
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.connect + e.read + e.write + e.status + e.timeout))
end
