-- wrk: reads of a register. MODE is id, list or search; IDS is a file with one id per line; TOKEN a bearer token. The last line is JSON.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  mode, ids = os.getenv("MODE"), {}
  for line in io.lines(os.getenv("IDS")) do ids[#ids + 1] = line end
  headers = {}
  local token = os.getenv("TOKEN")
  if token and token ~= "" then headers["Authorization"] = "Bearer " .. token end
  math.randomseed(4711 + number)
end

function request()
  local path = "/v1/vendors?limit=20"
  if mode == "id" then path = "/v1/vendors/" .. ids[math.random(#ids)] end
  -- A number that stands in the name of one vendor in a hundred thousand.
  if mode == "search" then path = path .. "&q=" .. math.random(10000, 99999) end
  return wrk.format("GET", path, headers)
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    e.connect + e.read + e.write + e.status + e.timeout))
end
