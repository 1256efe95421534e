-- What every line says of itself, whoever wrote it:
--   source    control-plane, instance, database (the PostgreSQL of a server) or server (its journal)
--   host      the machine it was written on
--   level     debug, info, warn, error or critical, where it is known
--   message   the text; a traceback is part of the line it belongs to
--   server, instance, container, service, unit   where they apply; the first two are oCore's ids
--   and of oCore's own lines all their fields: target, operation, status, millis, request, method, path …

local function read(path)
    local file = path and io.open(path, "r")
    if not file then return nil end
    local text = file:read("*a")
    file:close()
    return text
end

local function env(name)
    local value = os.getenv(name)
    return value ~= "" and value or nil
end

local HOST = env("OCORE_LOGS_HOST")
    or (read("/etc/ocore-host") or read("/etc/hostname") or "unknown"):match("%S+")
local PROJECT = env("OCORE_LOGS_PROJECT") or "ocore"

-- Containers by the folder of their log. What a container is never changes, so its description is read once; those that are gone
-- are forgotten with the rest when there are many.
local known, count = {}, 0

-- A label's value, from the description that Docker keeps beside the log. Inside any other text of it quotes bear backslashes,
-- so nothing that a container says can pass for a label.
local function label(text, name)
    return text:match('"' .. name:gsub("%p", "%%%0") .. '":"([^"\\]*)"')
end

local function describe(folder)
    local text = read(folder .. "/config.v2.json")
    if not text then return nil end
    local of = { container = text:match('"Name":"/([^"\\]*)"') }
    if label(text, "sh.ocore.managed") == "true" then
        of.server, of.instance = label(text, "sh.ocore.server"), label(text, "sh.ocore.instance")
        of.source = of.instance and "instance" or "database"
    elseif label(text, "com.docker.compose.project") == PROJECT then
        of.source, of.service = "control-plane", label(text, "com.docker.compose.service")
    else
        of.source = "foreign"
    end
    return of
end

local function container(file)
    local folder = file:match("^(.*)/[^/]*$")
    if not folder then return nil end
    if not known[folder] then
        if count > 1000 then known, count = {}, 0 end
        -- One whose description is not there yet is asked for again at the next line.
        local of = describe(folder)
        if not of then return nil end
        known[folder], count = of, count + 1
    end
    return known[folder]
end

local PRIORITIES = { ["0"] = "critical", ["1"] = "critical", ["2"] = "critical", ["3"] = "error", ["4"] = "warn",
    ["5"] = "info", ["6"] = "info", ["7"] = "debug" }

local ESCAPES = { n = "\n", t = "\t", r = "\r", b = "\b", f = "\f" }

local function utf8(code)
    if code < 0x80 then return string.char(code) end
    if code < 0x800 then return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64) end
    return string.char(0xE0 + math.floor(code / 4096), 0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
end

-- The text of a JSON string. Docker escapes with \u only what is not to be in a page, and what is no UTF-8.
local function unescape(text)
    return (text:gsub("\\(.)(%x?%x?%x?%x?)", function(letter, digits)
        if letter == "u" and #digits == 4 then return utf8(tonumber(digits, 16)) end
        return (ESCAPES[letter] or letter) .. digits
    end))
end

-- The value of a key of Docker's, which writes no spaces between. A quote within it bears a backslash.
local function docker(line, key)
    local _, from = line:find('"' .. key .. '":"', 1, true)
    if not from then return nil end
    local at = from + 1
    while true do
        local quote = line:find('["\\]', at)
        if not quote then return nil end
        if line:sub(quote, quote) == '"' then return unescape(line:sub(from + 1, quote - 1)) end
        at = quote + 2
    end
end

-- Seconds since 1970 of Docker's time, which is UTC.
local function seconds(time)
    local year, month, day, hour, minute, second = time:match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):([%d.]+)Z$")
    if not year then return nil end
    -- Days, counted from March on, so that the day that is sometimes there is the last.
    local y, m = tonumber(year), tonumber(month)
    if m <= 2 then y, m = y - 1, m + 12 end
    local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
        + math.floor((153 * (m - 3) + 2) / 5) + tonumber(day) - 1 - 719468
    return days * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
end

-- What a container wrote, from lines of Docker's JSON: what came by the same stream is one text, and each of oCore's lines is
-- one for itself.
local function texts(lines, apart)
    local all, last = {}, nil
    for line in lines:gmatch("[^\n]+") do
        local text, stream = docker(line, "log"), docker(line, "stream")
        if text then
            -- Docker cuts what is longer than 16 KB: its pieces but the last do not end a line.
            if last and last.stream == stream and not (apart and last.text:sub(-1) == "\n") then
                last.text = last.text .. text
            else
                last = { text = text, stream = stream, time = seconds(docker(line, "time") or "") }
                all[#all + 1] = last
            end
        end
    end
    return all
end

-- First filter: what a line is about. Answers -1 for those that are dropped, 1 with a time, 2 for those that keep theirs.
function origin(tag, timestamp, record)
    if record.file then
        local of = container(record.file)
        if not of or of.source == "foreign" then return -1 end
        local own = of.source == "control-plane"
        local answer, time = {}, nil
        for _, piece in ipairs(texts(record.log or "", own)) do
            local text = piece.text:gsub("%s+$", "")
            -- What oCore says on its standard output is meant for who started it; at the first start that is a token.
            if text ~= "" and not (of.service == "backend" and piece.stream == "stdout") then
                local new = { source = of.source, container = of.container, service = of.service, server = of.server,
                    instance = of.instance }
                if own and text:sub(1, 1) == "{" then new.json = text else new.message = text end
                answer[#answer + 1], time = new, time or piece.time
            end
        end
        if #answer == 0 then return -1 end
        return 1, time or timestamp, #answer == 1 and answer[1] or answer
    end
    local unit, text = record.SYSTEMD_UNIT, record.MESSAGE
    if type(text) ~= "string" or text == "" then return -1 end
    local new = { source = "server", unit = unit or record.SYSLOG_IDENTIFIER or record.TRANSPORT,
        level = PRIORITIES[record.PRIORITY or ""] }
    if unit == "ocore.service" then
        new.source, new.level = "control-plane", nil
        if text:sub(1, 1) == "{" then new.json = text else new.message = text end
    else
        new.message = text
    end
    return 2, timestamp, new
end

-- What no receiver is to see, whoever let it slip: tokens of oCore's, passwords in addresses and in what looks like settings.
local function hide(text)
    text = text:gsub("ocore_[%w_]*%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x*", "ocore_[hidden]")
    text = text:gsub("(%a[%w+.-]*://[^%s/:@]*):[^%s/@]+@", "%1:[hidden]@")
    text = text:gsub("([Bb]earer%s+)[%w%-._~+/]+=*", "%1[hidden]")
    text = text:gsub("([%w_]*[Pp][Aa][Ss][Ss][Ww][Oo]?[Rr]?[Dd]['\"]?%s*[=:]%s*['\"]?)[^%s'\",;&]+", "%1[hidden]")
    text = text:gsub("([%w_]*[Ss][Ee][Cc][Rr][Ee][Tt][%w_]*['\"]?%s*[=:]%s*['\"]?)[^%s'\",;&]+", "%1[hidden]")
    return text
end

local function hide_all(value, depth)
    if type(value) == "string" then return hide(value) end
    if type(value) == "table" and depth < 5 then
        for key, inner in pairs(value) do value[key] = hide_all(inner, depth + 1) end
    end
    return value
end

local LEVELS = { trace = "debug", warning = "warn", fatal = "critical", panic = "critical", log = "info", notice = "info",
    statement = "info", hint = "info", detail = "info", context = "info" }

-- Last filter: one shape.
function shape(tag, timestamp, record)
    local span = record.span
    if type(span) == "table" then
        if span.name == "request" then
            record.request, record.method, record.path = span.id, span.method, span.path
        end
        record.span = nil
    end
    record.json = nil
    -- oCore writes it as a text.
    record.millis = tonumber(record.millis)
    local text = record.message
    if record.source == "instance" and type(text) == "string" then
        local process, level, database, logger =
            text:match("^%d+%-%d+%-%d+ %d+:%d+:%d+,%d+ (%d+) (%u+) (%S+) ([%w_.%-]+): ")
        if process then
            record.level, record.database, record.logger = level, database ~= "?" and database or nil, logger
        end
    elseif record.source == "database" or record.service == "postgres" then
        record.level = type(text) == "string" and text:match("%] [%w@ ]-(%u+):  ") or nil
    end
    if type(record.level) == "string" then
        local level = record.level:lower()
        record.level = LEVELS[level] or level
    end
    record.host = HOST
    hide_all(record, 0)
    return 2, timestamp, record
end
