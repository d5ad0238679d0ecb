"""Runs the functions of the dev server's modules, in Lua, if lupa is installed.

The server asks with one MessagePack map and is answered with one (native/src/devserver/udf.zig);
`Runner.answer` is called on the server's threads. Each version of a module has a Lua state of its
own, which one call uses at a time. Functions see what they see on a real server: records, lists,
maps, bytes, `aerospike`, `record` and the loggers; of Lua's libraries those that touch nothing
outside.
"""

import re
import threading
from collections import OrderedDict
from importlib.util import find_spec
from typing import Any

import msgspec

_EXTENSION_GEOJSON = 23
_DEPTH_MAX = 64
_STATES_MAX = 32
_BIN_NAME_BYTES_MAX = 15

_decode = msgspec.msgpack.Decoder().decode
_encode = msgspec.msgpack.Encoder().encode

_PLACE = re.compile(rb"^[^\n:]*:(\d+): (.*)$", re.DOTALL)

# Lists and maps keep nil as any other value, so that both know their size.
_PRELUDE = rb"""
local pack, unpack, concat = table.pack, table.unpack, table.concat

local List, Map, Bytes, Geo = {}, {}, {}, {}
local NIL = {}

local function keep(value) if value == nil then return NIL end return value end
local function give(value) if value == NIL then return nil end return value end

local function is_kind(value, kind) return getmetatable(value) == kind end
local function expect(value, kind, name)
    if not is_kind(value, kind) then error(name .. " expected, got " .. type(value), 3) end
    return value
end

-- Lists.
list = setmetatable({}, { __call = function(_, values)
    local new = setmetatable({ items = {}, n = 0 }, List)
    if type(values) == "table" then
        for index, value in ipairs(values) do
            new.items[index] = value
            new.n = index
        end
    end
    return new
end })
List.__index = function(self, index)
    if type(index) == "number" then return give(rawget(self, "items")[index]) end
end
List.__newindex = function(self, index, value)
    local n = rawget(self, "n")
    for between = n + 1, index - 1 do rawget(self, "items")[between] = NIL end
    rawget(self, "items")[index] = keep(value)
    if index > n then rawset(self, "n", index) end
end
List.__len = function(self) return rawget(self, "n") end
List.__tostring = function(self)
    local texts = {}
    for index = 1, #self do texts[index] = tostring(self[index]) end
    return "List(" .. concat(texts, ", ") .. ")"
end
function list.size(l) return #expect(l, List, "list") end
function list.append(l, value) expect(l, List, "list")[#l + 1] = value end
function list.insert(l, index, value)
    for at = #expect(l, List, "list"), index, -1 do l[at + 1] = l[at] end
    l[index] = value
end
function list.prepend(l, value) list.insert(l, 1, value) end
function list.remove(l, index)
    local n = #expect(l, List, "list")
    if index < 1 or index > n then return end
    table.remove(rawget(l, "items"), index)
    rawset(l, "n", n - 1)
end
function list.take(l, count)
    local new = list()
    for index = 1, math.min(count, #expect(l, List, "list")) do list.append(new, l[index]) end
    return new
end
function list.drop(l, count)
    local new = list()
    for index = count + 1, #expect(l, List, "list") do list.append(new, l[index]) end
    return new
end
function list.trim(l, index) while #expect(l, List, "list") >= index do list.remove(l, #l) end end
function list.clone(l) return list.drop(l, 0) end
function list.concat(l, other)
    for index = 1, #expect(other, List, "list") do list.append(l, other[index]) end
end
function list.merge(l, other)
    local new = list.clone(l)
    list.concat(new, other)
    return new
end
function list.iterator(l)
    local index = 0
    return function()
        index = index + 1
        if index <= #l then return l[index] end
    end
end
function list.new() return list() end
function list.tostring(l) return tostring(expect(l, List, "list")) end

-- Maps.
map = setmetatable({}, { __call = function(_, values)
    local new = setmetatable({ entries = {}, n = 0 }, Map)
    if type(values) == "table" then
        for key, value in pairs(values) do new[key] = value end
    end
    return new
end })
Map.__index = function(self, key) return give(rawget(self, "entries")[key]) end
Map.__newindex = function(self, key, value)
    local entries = rawget(self, "entries")
    if entries[key] == nil then rawset(self, "n", rawget(self, "n") + 1) end
    entries[key] = keep(value)
end
Map.__len = function(self) return rawget(self, "n") end
Map.__tostring = function(self)
    local texts = {}
    for key, value in map.pairs(self) do
        texts[#texts + 1] = tostring(key) .. "->" .. tostring(value)
    end
    return "Map(" .. concat(texts, ", ") .. ")"
end
function map.size(m) return #expect(m, Map, "map") end
function map.remove(m, key)
    local entries = rawget(expect(m, Map, "map"), "entries")
    if entries[key] ~= nil then rawset(m, "n", rawget(m, "n") - 1) end
    entries[key] = nil
end
function map.pairs(m)
    local key, value
    return function()
        key, value = next(rawget(m, "entries"), key)
        if key ~= nil then return key, give(value) end
    end
end
function map.keys(m)
    local following = map.pairs(expect(m, Map, "map"))
    return function() return (following()) end
end
function map.values(m)
    local following = map.pairs(expect(m, Map, "map"))
    return function() local _, value = following() return value end
end
function map.clone(m)
    local new = map()
    for key, value in map.pairs(expect(m, Map, "map")) do new[key] = value end
    return new
end
function map.merge(m, other, join)
    local new = map.clone(m)
    for key, value in map.pairs(expect(other, Map, "map")) do
        local own = new[key]
        if own ~= nil and join then new[key] = join(own, value) else new[key] = value end
    end
    return new
end
function map.diff(m, other)
    local new = map()
    for key, value in map.pairs(m) do if other[key] == nil then new[key] = value end end
    for key, value in map.pairs(other) do if m[key] == nil then new[key] = value end end
    return new
end
function map.new() return map() end
function map.tostring(m) return tostring(expect(m, Map, "map")) end

-- Bytes.
bytes = setmetatable({}, { __call = function(_, size)
    return setmetatable({ data = string.rep("\0", size or 0) }, Bytes)
end })
local function data_of(b) return rawget(expect(b, Bytes, "bytes"), "data") end
local function overwrite(b, index, text)
    local data = data_of(b)
    if index < 1 or index - 1 + #text > #data then return false end
    rawset(b, "data", data:sub(1, index - 1) .. text .. data:sub(index + #text))
    return true
end
Bytes.__index = function(self, index)
    if type(index) == "number" then return (data_of(self):byte(index)) end
end
Bytes.__newindex = function(self, index, value) overwrite(self, index, string.char(value & 255)) end
Bytes.__len = function(self) return #data_of(self) end
Bytes.__tostring = function(self)
    return (data_of(self):gsub(".", function(c) return string.format("%02X ", c:byte()) end))
end
function bytes.size(b) return #data_of(b) end
function bytes.set_size(b, size)
    local data = data_of(b)
    rawset(b, "data", data:sub(1, size) .. string.rep("\0", size - #data))
    return true
end
function bytes.get_string(b, index, size) return data_of(b):sub(index, index + size - 1) end
function bytes.set_string(b, index, text) return overwrite(b, index, text) end
function bytes.append_string(b, text) rawset(b, "data", data_of(b) .. text) return true end
function bytes.get_bytes(b, index, size)
    return setmetatable({ data = bytes.get_string(b, index, size) }, Bytes)
end
function bytes.set_bytes(b, index, other, size)
    return overwrite(b, index, data_of(other):sub(1, size))
end
function bytes.append_bytes(b, other, size)
    return bytes.append_string(b, data_of(other):sub(1, size))
end
function bytes.get_type(b) return rawget(b, "kind") or 4 end
function bytes.set_type(b, kind) rawset(b, "kind", kind) end
local formats = {
    byte = "B", int16 = ">i2", int16_be = ">i2", int16_le = "<i2", int32 = ">i4",
    int32_be = ">i4", int32_le = "<i4", int64 = ">i8", int64_be = ">i8", int64_le = "<i8",
}
for name, format in pairs(formats) do
    bytes["get_" .. name] = function(b, index)
        local data = data_of(b)
        if index < 1 or index - 1 + string.packsize(format) > #data then return 0 end
        return (string.unpack(format, data, index))
    end
    bytes["set_" .. name] = function(b, index, value)
        return overwrite(b, index, string.pack(format, value))
    end
    bytes["append_" .. name] = function(b, value)
        return bytes.append_string(b, string.pack(format, value))
    end
end

-- GeoJSON is a text of its own kind.
function geojson(text) return setmetatable({ text = text }, Geo) end
Geo.__tostring = function(self) return self.text end

-- Records.
local Record = {}
Record.__index = function(self, bin) return rawget(self, "state").bins[bin] end
Record.__newindex = function(self, bin, value) rawget(self, "state").bins[bin] = value end
local function state_of(rec) return rawget(expect(rec, Record, "record"), "state") end
record = {
    key = function(rec) return state_of(rec).key end,
    digest = function(rec) return state_of(rec).digest end,
    gen = function(rec) return state_of(rec).generation end,
    ttl = function(rec) return state_of(rec).ttl end,
    setname = function(rec) return state_of(rec).set end,
    set_ttl = function(rec, ttl) state_of(rec).ttl_new = ttl end,
    drop_key = function() end,
    numbins = function(rec)
        local count = 0
        for _ in pairs(state_of(rec).bins) do count = count + 1 end
        return count
    end,
    bin_names = function(rec)
        local names = {}
        for name in pairs(state_of(rec).bins) do names[#names + 1] = name end
        return names
    end,
    size = function() return 0 end,
    device_size = function() return 0 end,
    memory_size = function() return 0 end,
    last_update_time = function() return 0 end,
}

local function commit(state)
    state.committed = {}
    for name, value in pairs(state.bins) do state.committed[name] = value end
    state.removed = false
end
aerospike = {
    exists = function(_, rec) return state_of(rec).exists end,
    create = function(_, rec)
        local state = state_of(rec)
        if state.exists then return 1 end
        state.exists = true
        commit(state)
        return 0
    end,
    update = function(_, rec)
        local state = state_of(rec)
        if not state.exists then return -2 end
        commit(state)
        return 0
    end,
    remove = function(_, rec)
        local state = state_of(rec)
        if not state.exists then return 1 end
        state.exists, state.removed, state.committed, state.bins = false, true, nil, {}
        return 0
    end,
    log = function() return 0 end,
    get_current_time = function() return os.time() * 1000 end,
}
aerospike.rec_exists, aerospike.rec_create = aerospike.exists, aerospike.create
aerospike.rec_update, aerospike.rec_remove = aerospike.update, aerospike.remove

local function nothing() end

local function environment()
    local env = {
        _VERSION = _VERSION, assert = assert, error = error, ipairs = ipairs, next = next,
        pairs = pairs, pcall = pcall, print = nothing, rawequal = rawequal, rawget = rawget,
        rawlen = rawlen, rawset = rawset, select = select, setmetatable = setmetatable,
        getmetatable = getmetatable, tonumber = tonumber, tostring = tostring, type = type,
        xpcall = xpcall, math = math, string = string, table = table, utf8 = utf8,
        coroutine = coroutine,
        os = { clock = os.clock, date = os.date, difftime = os.difftime, time = os.time },
        list = list, map = map, bytes = bytes, record = record, aerospike = aerospike,
        geojson = geojson, info = nothing, debug = nothing, warn = nothing, trace = nothing,
        require = function(name) error("module '" .. name .. "' is not available", 2) end,
    }
    env._G = env
    return env
end

-- For the host.
local host = {}
function host.compile(source, name)
    local env = environment()
    local chunk, message = load(source, "@" .. name, "t", env)
    if not chunk then return nil, message end
    return chunk, env
end
function host.new_list(items, n) return setmetatable({ items = items, n = n }, List) end
function host.new_bytes(data) return setmetatable({ data = data }, Bytes) end
function host.append(l, value) l[#l + 1] = value end
function host.set(container, key, value) container[key] = value end
function host.kind(value)
    local metatable = getmetatable(value)
    if metatable == List then return "list" end
    if metatable == Map then return "map" end
    if metatable == Bytes then return "bytes" end
    if metatable == Geo then return "geojson" end
    return type(value)
end
function host.data(b) return data_of(b) end
function host.text(g) return g.text end
function host.new_record(state)
    return setmetatable({ state = state }, Record)
end
function host.new_state(exists, key, digest, generation, ttl, set)
    return { bins = {}, exists = exists, key = key, digest = digest, generation = generation,
        ttl = ttl, set = set, removed = false }
end
function host.outcome(state) return state.removed, state.committed, state.ttl_new end
local seconds_max = 10
function host.call(env, name, arguments)
    local callee = rawget(env, name)
    if type(callee) ~= "function" then return false, "function not found" end
    local started = os.clock()
    debug.sethook(function()
        if os.clock() - started > seconds_max then error("the function takes too long", 2) end
    end, "", 10000000)
    local results = pack(pcall(callee, unpack(arguments, 1, arguments.n)))
    debug.sethook()
    if results[1] then return true, results[2] end
    return false, tostring(results[2])
end
function host.arguments() return { n = 0 } end
function host.push(arguments, value)
    arguments.n = arguments.n + 1
    arguments[arguments.n] = value
end
return host
"""


class _State:
    """A Lua state that has loaded a module."""

    def __init__(self, name: bytes, source: bytes) -> None:
        from lupa import lua54

        self.lock = threading.Lock()
        self.lua = lua54.LuaRuntime(
            encoding=None,
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
        )
        self.host: Any = self.lua.execute(_PRELUDE)
        self.environment: Any = None
        self.error: bytes | None = None
        chunk, result = self.host[b"compile"](source, name)
        if chunk is None:
            self.error = result
            return
        try:
            chunk()
        except lua54.LuaError as error:
            self.error = str(error).encode("utf-8", "replace")
            return
        self.environment = result

    def to_lua(self, value: Any, depth: int = 0) -> Any:
        """The Lua form of a decoded MessagePack value."""
        if depth > _DEPTH_MAX:
            return None
        if isinstance(value, str):
            return value.encode("utf-8", "surrogateescape")
        if isinstance(value, bytes):
            return self.host[b"new_bytes"](value)
        if isinstance(value, list):
            new = self.host[b"new_list"](self.lua.table(), 0)
            for item in value:
                self.host[b"append"](new, self.to_lua(item, depth + 1))
            return new
        if isinstance(value, dict):
            new = self.lua.globals()[b"map"]()
            for key, item in value.items():
                name = key if isinstance(key, bytes) else self.to_lua(key, depth + 1)
                self.host[b"set"](new, name, self.to_lua(item, depth + 1))
            return new
        if isinstance(value, msgspec.msgpack.Ext):
            if value.code == _EXTENSION_GEOJSON:
                return self.lua.globals()[b"geojson"](bytes(value.data))
            return self.host[b"new_bytes"](bytes(value.data))
        return value

    def from_lua(self, value: Any, depth: int = 0) -> Any:
        """What a Lua value is as MessagePack; None for what a record cannot have."""
        if value is None or isinstance(value, bool | int | float) or depth > _DEPTH_MAX:
            return value
        if isinstance(value, bytes):
            return _text(value)
        kind = self.host[b"kind"](value)
        if kind == b"list":
            size = self.lua.globals()[b"list"][b"size"](value)
            return [self.from_lua(value[index], depth + 1) for index in range(1, size + 1)]
        if kind == b"map":
            pairs = self.lua.globals()[b"map"][b"pairs"](value)
            return {
                self.from_lua(key, depth + 1): self.from_lua(item, depth + 1)
                for key, item in iter(pairs, None)
            }
        if kind == b"bytes":
            return self.host[b"data"](value)
        if kind == b"geojson":
            return msgspec.msgpack.Ext(_EXTENSION_GEOJSON, self.host[b"text"](value))
        return None


class Runner:
    """Answers the dev server's requests about functions; any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: OrderedDict[tuple[str, bytes], _State] = OrderedDict()

    @staticmethod
    def is_available() -> bool:
        """Whether lupa is installed."""
        return find_spec("lupa") is not None

    def answer(self, request: bytes) -> bytes:
        """The reply to one request, both MessagePack maps."""
        question = _decode(request)
        try:
            if question["command"] == "check":
                return _encode(self._check(question))
            return _encode(self._run(question))
        except Exception as error:
            # The server is to answer whatever happens here.
            return _encode({"ok": False, "error": f"UDF: {error}"})

    def _state(self, name: str, source: bytes) -> _State:
        with self._lock:
            state = self._states.get((name, source))
            if state is None:
                state = _State(name.encode(), source)
                self._states[name, source] = state
                while len(self._states) > _STATES_MAX:
                    self._states.popitem(last=False)
            self._states.move_to_end((name, source))
            return state

    def _check(self, question: dict[str, Any]) -> dict[str, Any]:
        state = _State(question["module"].encode(), question["source"])
        if state.error is None:
            return {"ok": True}
        place = _PLACE.match(state.error)
        line, message = (int(place[1]), place[2]) if place else (0, state.error)
        return {"ok": False, "error": message.decode("utf-8", "replace"), "line": line}

    def _run(self, question: dict[str, Any]) -> dict[str, Any]:
        state = self._state(question["module"], question["source"])
        if state.error is not None:
            return {"ok": False, "error": "UDF: Execution Error 1"}
        with state.lock:
            return _apply(state, question)


def _apply(state: _State, question: dict[str, Any]) -> dict[str, Any]:
    host = state.host
    given = question["record"]
    record_state = host[b"new_state"](
        given["exists"],
        state.to_lua(given["key"]),
        state.to_lua(given["digest"]),
        given["generation"],
        given["ttl"],
        state.to_lua(given["set"]),
    )
    for name, value in given["bins"].items():
        record_state[b"bins"][state.to_lua(name)] = state.to_lua(value)
    arguments = host[b"arguments"]()
    host[b"push"](arguments, host[b"new_record"](record_state))
    for value in question["arguments"]:
        host[b"push"](arguments, state.to_lua(value))
    name = question["function"].encode()
    succeeded, result = host[b"call"](state.environment, name, arguments)
    if not succeeded:
        return {"ok": False, "error": result.decode("utf-8", "replace")}
    removed, committed, ttl = host[b"outcome"](record_state)
    reply: dict[str, Any] = {"ok": True, "value": state.from_lua(result)}
    if committed is not None:
        bins = {_text(key): state.from_lua(item) for key, item in committed.items()}
        kept = {
            key: item
            for key, item in bins.items()
            if item is not None and isinstance(key, str) and _is_bin_name(key)
        }
        change: dict[str, Any] = {"bins": kept} if kept else {"removed": True}
        reply["change"] = {**change, "ttl": None if ttl is None else int(ttl)}
    elif removed:
        reply["change"] = {"removed": True}
    return reply


def _is_bin_name(name: str) -> bool:
    """Others are passed over, as by the server."""
    return 0 < len(name.encode("utf-8", "surrogateescape")) <= _BIN_NAME_BYTES_MAX


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data
