-- Runs the functions of one module (UDF) in Lua 5.4: for a local server, and for a client what is left
-- to do of an aggregation when the servers have done their part.
--
-- Who asks does so with a MessagePack map and is answered with one: what a server asks is in
-- native/src/devserver/core/modules.zig, and a client asks
--
--   {"command": "reduce", "module", "source", "libraries", "timeout_ms", "function", "arguments",
--    "values": [[type, bytes]...]}, answered like "aggregate"
--
-- Values cross as the server keeps them, a particle's type and bytes.
--
-- A function sees what it sees on a real server: its record or the stream of many, lists, maps, bytes
-- and GeoJSON, the tables of their functions, and `aerospike`. They are tables here and look like
-- userdata; what they hold is kept apart, in `contents`, so that they have no fields of their own. Of
-- Lua's libraries only that is left which touches nothing outside.
--
-- The chunk takes a clock (milliseconds since 1970) and what is to be done with log lines (level,
-- place, text), and returns the function that answers. Functions can replace any global, so
-- everything that is needed later is kept in locals.

local clock_ms, log = ...

local error, getmetatable, ipairs, next, pcall = error, getmetatable, ipairs, next, pcall
local rawget, select, setmetatable, tonumber, tostring = rawget, select, setmetatable, tonumber, tostring
local load, raw_type, globals = load, type, _G
local concat, move, table_pack, unpack = table.concat, table.move, table.pack, table.unpack
local find, format, match = string.find, string.format, string.match
local rep, sub = string.rep, string.sub
local byte, char, string_pack, string_unpack = string.byte, string.char, string.pack, string.unpack
local math_type, tointeger, min, max = math.type, math.tointeger, math.min, math.max
local getinfo, sethook, traceback = debug.getinfo, debug.sethook, debug.traceback
local raw_getmetatable = debug.getmetatable

local PARTICLE_INTEGER, PARTICLE_FLOAT, PARTICLE_STRING, PARTICLE_BLOB = 1, 2, 3, 4
local PARTICLE_BOOLEAN, PARTICLE_MAP, PARTICLE_LIST, PARTICLE_GEOJSON = 17, 19, 20, 23

local CODE_INCOMPATIBLE_TYPE, CODE_BIN_NAME = 12, 21

local BINS_MAX = 512
local UPDATES_MAX = 2 * BINS_MAX
local BIN_NAME_BYTES_MAX = 15
local NESTING_MAX = 256
local LIST_FLAG_ORDERED, MAP_FLAG_KEY_ORDERED = 1, 1

---------------------------------------------------------------------------------------------------
-- Objects, and the checks of arguments with the messages of Lua's own.

local contents = setmetatable({}, { __mode = "k" })

local List, Map = { __name = "List" }, { __name = "Map" }
local Bytes, GeoJSON = { __name = "Bytes" }, { __name = "GeoJSON" }
local Record, Iterator = { __name = "Record" }, { __name = "Iterator" }
local Aerospike = { __name = "Aerospike" }

local function new(class, content)
    local object = setmetatable({}, class)
    contents[object] = content
    return object
end

local function type_name(value)
    local metatable = raw_getmetatable(value)
    local name = metatable and rawget(metatable, "__name")
    return raw_type(name) == "string" and name or raw_type(value)
end

-- The names of functions, for those that were called in a way that does not tell.
local names = setmetatable({}, { __mode = "k" })

-- Called by the checks below, which a function has to call itself: frames are counted.
local function argument_error(number, text)
    local info = getinfo(3, "nf")
    if info.namewhat == "method" then
        number = number - 1
        if number == 0 then
            error(format("calling '%s' on bad self (%s)", info.name, text), 4)
        end
    end
    error(format("bad argument #%d to '%s' (%s)", number, info.name or names[info.func], text), 4)
end

local function got(count, number, value)
    return number > count and "no value" or type_name(value)
end

-- What an object of a class holds.
local function content_of(class, count, number, value)
    if getmetatable(value) == class and contents[value] ~= nil then return contents[value] end
    local wanted = contents[value] == nil and "userdata" or class.__name
    argument_error(number, format("%s expected, got %s", wanted, got(count, number, value)))
end

-- The same of a record, for functions that do not look twice.
local function state_of(count, number, value)
    if getmetatable(value) == Record then return contents[value] end
    local kind = number > count and "no value" or raw_type(value)
    argument_error(number, "Record expected, got " .. kind)
end

local function integer(count, number, value, default)
    if value == nil then return default end
    local given = raw_type(value) == "string" and tonumber(value) or value
    if raw_type(given) ~= "number" then
        argument_error(number, "number expected, got " .. got(count, number, value))
    end
    local whole = tointeger(given)
    if whole == nil then argument_error(number, "number has no integer representation") end
    return whole
end

-- Texts end at a byte of zero, as C's do.
local function until_zero(text)
    local zero = find(text, "\0", 1, true)
    return zero and sub(text, 1, zero - 1) or text
end

local function text(count, number, value)
    if value == nil then return nil end
    if raw_type(value) == "number" then value = tostring(value) end
    if raw_type(value) ~= "string" then
        argument_error(number, "string expected, got " .. got(count, number, value))
    end
    return until_zero(value)
end

local function unsigned32(number)
    return number & 0xffffffff
end

-- The value as lists, maps and bins keep it, and whether there is such a one: there is none of
-- tables, functions and what else Lua has of its own.
local function kept(value)
    local kind = raw_type(value)
    if kind == "string" then return until_zero(value), true end
    if kind == "number" or kind == "boolean" or kind == "nil" then return value, true end
    if contents[value] == nil then return nil, false end
    local class = getmetatable(value)
    return value, class ~= Iterator and class ~= Aerospike
end

-- What can be done to tables but not to userdata, unless its class says how.
local function refuse_pairs(self)
    return function()
        local message = "bad argument #1 to 'for iterator' (table expected, got %s)"
        error(format(message, type_name(self)), 2)
    end
end
local function refuse_length(self)
    error(format("attempt to get length of a %s value", type_name(self)), 2)
end
local function refuse_index(self)
    error(format("attempt to index a %s value", type_name(self)), 2)
end
for _, class in ipairs({ List, Map, Bytes, GeoJSON, Record, Iterator, Aerospike }) do
    class.__pairs, class.__len = refuse_pairs, refuse_length
    class.__index, class.__newindex = refuse_index, refuse_index
end

function _G.next(...)
    local count, object, key = select("#", ...), ...
    if raw_type(object) ~= "table" or contents[object] ~= nil then
        local message = "bad argument #1 to 'next' (table expected, got %s)"
        error(format(message, got(count, 1, object)), 2)
    end
    return next(object, key)
end

-- A global that makes objects when it is called.
local function constructor(functions, call)
    return setmetatable(functions, { __call = call })
end

---------------------------------------------------------------------------------------------------
-- The protocol's values, packed.

local function integer_packed(number)
    if number >= 0 then
        if number < 0x80 then return char(number) end
        if number < 0x100 then return string_pack("B>I1", 0xcc, number) end
        if number < 0x10000 then return string_pack("B>I2", 0xcd, number) end
        if number < 0x100000000 then return string_pack("B>I4", 0xce, number) end
        return string_pack("B>I8", 0xcf, number)
    end
    if number >= -32 then return string_pack("b", number) end
    if number >= -0x80 then return string_pack("B>i1", 0xd0, number) end
    if number >= -0x8000 then return string_pack("B>i2", 0xd1, number) end
    if number >= -0x80000000 then return string_pack("B>i4", 0xd2, number) end
    return string_pack("B>i8", 0xd3, number)
end

local function text_header(size)
    if size < 32 then return char(0xa0 | size) end
    if size < 0x100 then return string_pack("B>I1", 0xd9, size) end
    if size < 0x10000 then return string_pack("B>I2", 0xda, size) end
    return string_pack("B>I4", 0xdb, size)
end

local function count_header(short, long, count)
    if count < 16 then return char(short | count) end
    if count < 0x10000 then return string_pack("B>I2", long, count) end
    return string_pack("B>I4", long + 1, count)
end

local function text_packed(kind, data)
    return text_header(#data + 1) .. char(kind) .. data
end

-- Of bytes.
local function data_of(content)
    return sub(content.memory, 1, content.size)
end

-- Appends to `out`; an error, without a place, when the value cannot be kept. Lists in bins keep
-- their order, those that are sent do not know of it.
local function append_packed(out, value, depth, is_bin)
    if depth > NESTING_MAX then error("nested too deep", 0) end
    local kind = raw_type(value)
    if value == nil then
        out[#out + 1] = "\xc0"
    elseif kind == "boolean" then
        out[#out + 1] = value and "\xc3" or "\xc2"
    elseif kind == "number" then
        local is_integer = math_type(value) == "integer"
        out[#out + 1] = is_integer and integer_packed(value) or string_pack("B>d", 0xcb, value)
    elseif kind == "string" then
        out[#out + 1] = text_packed(PARTICLE_STRING, value)
    else
        local class, content = getmetatable(value), contents[value]
        if class == List then
            local is_ordered = is_bin and content.is_ordered
            out[#out + 1] = count_header(0x90, 0xdc, content.n + (is_ordered and 1 or 0))
            if is_ordered then out[#out + 1] = "\xc7\0" .. char(LIST_FLAG_ORDERED) end
            for index = 1, content.n do append_packed(out, content[index], depth + 1, is_bin) end
        elseif class == Map then
            local is_ordered = content.flags & MAP_FLAG_KEY_ORDERED ~= 0
            local count = #content.keys + (is_ordered and 1 or 0)
            out[#out + 1] = count_header(0x80, 0xde, count)
            if is_ordered then out[#out + 1] = "\xc7\0" .. char(content.flags) .. "\xc0" end
            for _, key in ipairs(content.keys) do
                if raw_type(key) == "string" and byte(key) == 0 then
                    out[#out + 1] = text_packed(PARTICLE_BLOB, sub(key, 2))
                else
                    append_packed(out, key, depth + 1)
                end
                append_packed(out, content.values[key], depth + 1, is_bin)
            end
        elseif class == Bytes then
            out[#out + 1] = text_packed(content.kind & 0xff, data_of(content))
        elseif class == GeoJSON then
            out[#out + 1] = text_packed(PARTICLE_GEOJSON, content.text)
        else
            error("no value to keep", 0)
        end
    end
end

local function packed(value, is_bin)
    local out = {}
    append_packed(out, value, 1, is_bin)
    return concat(out)
end

-- Keys of maps: integers, strings, and blobs, which are kept as a zero and their bytes.
local function key_of(value)
    local kind = raw_type(value)
    if kind == "string" then return until_zero(value) end
    if math_type(value) == "integer" then return value end
    local content = contents[value]
    if kind == "table" and getmetatable(value) == Bytes and content.kind == PARTICLE_BLOB then
        return "\0" .. data_of(content)
    end
    return nil
end

local function key_class(key)
    if raw_type(key) == "number" then return 1 end
    return byte(key) == 0 and 3 or 2
end

local function is_key_before(left, right)
    local left_class, right_class = key_class(left), key_class(right)
    if left_class ~= right_class then return left_class < right_class end
    return left < right
end

-- Where a key is, or would be.
local function key_position(keys, key)
    local low, high = 1, #keys
    while low <= high do
        local middle = (low + high) // 2
        if is_key_before(keys[middle], key) then low = middle + 1 else high = middle - 1 end
    end
    return low
end

-- Keys have to be told apart from those without a value, which is any.
local function map_set(content, key, value)
    local position = key_position(content.keys, key)
    if content.keys[position] ~= key then
        move(content.keys, position, #content.keys, position + 1)
        content.keys[position] = key
    end
    content.values[key] = value
end

local function map_remove(content, key)
    local position = key_position(content.keys, key)
    if content.keys[position] ~= key then return end
    move(content.keys, position + 1, #content.keys + 1, position)
    content.values[key] = nil
end

local function new_list(items, count)
    items.n = count
    return new(List, items)
end

local function new_map(flags)
    return new(Map, { keys = {}, values = {}, flags = flags or 0 })
end

-- Bytes know memory beyond their size, which some functions write to and read.
local function new_bytes(data, kind)
    local content = { memory = data, size = #data, capacity = #data, kind = kind or PARTICLE_BLOB }
    return new(Bytes, content)
end

local FIXED = {
    [0xca] = ">f", [0xcb] = ">d", [0xcc] = ">I1", [0xcd] = ">I2", [0xce] = ">I4", [0xcf] = ">I8",
    [0xd0] = ">i1", [0xd1] = ">i2", [0xd2] = ">i4", [0xd3] = ">i8",
}
local SIZED = {
    [0xc4] = ">s1", [0xc5] = ">s2", [0xc6] = ">s4", [0xd9] = ">s1", [0xda] = ">s2", [0xdb] = ">s4",
}
local COUNTED = {
    [0xdc] = { "array", ">I2" }, [0xdd] = { "array", ">I4" },
    [0xde] = { "map", ">I2" }, [0xdf] = { "map", ">I4" },
}
local EXTENSIONS = { [0xd4] = 1, [0xd5] = 2, [0xd6] = 4, [0xd7] = 8, [0xd8] = 16 }
local EXTENSION_SIZES = { [0xc7] = ">I1", [0xc8] = ">I2", [0xc9] = ">I4" }

-- The kind of what is packed at a position, its value or count, and the position after that.
local function token(data, position)
    local tag = byte(data, position)
    local after = position + 1
    if tag < 0x80 then return "plain", tag, after end
    if tag < 0x90 then return "map", tag & 0x0f, after end
    if tag < 0xa0 then return "array", tag & 0x0f, after end
    if tag < 0xc0 then
        local size = tag & 0x1f
        return "text", sub(data, after, after + size - 1), after + size
    end
    if tag >= 0xe0 then return "plain", tag - 0x100, after end
    if tag == 0xc0 then return "plain", nil, after end
    if tag == 0xc2 or tag == 0xc3 then return "plain", tag == 0xc3, after end
    if FIXED[tag] then return "plain", string_unpack(FIXED[tag], data, after) end
    if SIZED[tag] then return "text", string_unpack(SIZED[tag], data, after) end
    if COUNTED[tag] then
        local count, following = string_unpack(COUNTED[tag][2], data, after)
        return COUNTED[tag][1], count, following
    end
    local size = EXTENSIONS[tag]
    if EXTENSION_SIZES[tag] then size, after = string_unpack(EXTENSION_SIZES[tag], data, after) end
    if size == nil then error("not MessagePack", 0) end
    return "extension", byte(data, after), after + 1 + size
end

-- A value that a text of the protocol stands for, which begins with its type.
local function of_text(data)
    local kind = byte(data) or PARTICLE_STRING
    local content = sub(data, 2)
    if kind == PARTICLE_STRING then return until_zero(content) end
    if kind == PARTICLE_GEOJSON then return new(GeoJSON, { text = until_zero(content) }) end
    return new_bytes(content, kind)
end

local function unpacked(data, position)
    local kind, value, after = token(data, position)
    if kind == "text" then return of_text(value), after end
    if kind == "plain" then return value, after end
    if kind == "extension" then return nil, after end
    local flags = 0
    if value > 0 and token(data, after) == "extension" then
        local _
        _, flags, after = token(data, after)
        if kind == "map" then _, after = unpacked(data, after) end
        value = value - 1
    end
    if kind == "array" then
        local items = {}
        for index = 1, value do items[index], after = unpacked(data, after) end
        items.is_ordered = flags & LIST_FLAG_ORDERED ~= 0
        return new_list(items, value), after
    end
    local map = new_map(flags)
    for _ = 1, value do
        local key, item
        key, after = unpacked(data, after)
        item, after = unpacked(data, after)
        key = key_of(key)
        if key == nil then error("no key of a map", 0) end
        map_set(contents[map], key, item)
    end
    return map, after
end

local function of_particle(kind, data)
    if kind == PARTICLE_INTEGER then return (string_unpack(">i8", data)) end
    if kind == PARTICLE_FLOAT then return (string_unpack(">d", data)) end
    if kind == PARTICLE_STRING then return until_zero(data) end
    if kind == PARTICLE_BOOLEAN then return data ~= "\0" end
    if kind == PARTICLE_LIST or kind == PARTICLE_MAP then return (unpacked(data, 1)) end
    if kind == PARTICLE_GEOJSON then
        -- Flags, and the cells that the region was found to be in.
        local cells = string_unpack(">I2", data, 2)
        return new(GeoJSON, { text = until_zero(sub(data, 4 + 8 * cells)) })
    end
    return new_bytes(data)
end

-- The particle's type and bytes; none of what no bin can have.
local function particle(value, is_bin)
    local kind = raw_type(value)
    if kind == "boolean" then return PARTICLE_BOOLEAN, value and "\1" or "\0" end
    if kind == "string" then return PARTICLE_STRING, value end
    if kind == "number" then
        if math_type(value) == "integer" then return PARTICLE_INTEGER, string_pack(">i8", value) end
        return PARTICLE_FLOAT, string_pack(">d", value)
    end
    local class = getmetatable(value)
    if class == Bytes then return PARTICLE_BLOB, data_of(contents[value]) end
    if class == GeoJSON then
        return PARTICLE_GEOJSON, string_pack(">I1I2", 0, 0) .. contents[value].text
    end
    if class ~= List and class ~= Map then return nil end
    local succeeded, data = pcall(packed, value, is_bin)
    if not succeeded then return nil end
    return class == List and PARTICLE_LIST or PARTICLE_MAP, data
end

-- As a real server writes values down; nothing for bytes of no size, where maps end.
local function described(value)
    local kind = raw_type(value)
    if value == nil then return "NIL" end
    if kind == "string" then return '"' .. value .. '"' end
    if kind == "number" then
        return format(math_type(value) == "integer" and "%d" or "%.16g", value)
    end
    if kind == "boolean" then return tostring(value) end
    local class, content = getmetatable(value), contents[value]
    if class == Record then return "[ REC ]" end
    if class == GeoJSON then return '"' .. content.text .. '"' end
    local parts = {}
    if class == Bytes then
        for index = 1, content.size do
            parts[index] = format("%02X", byte(content.memory, index))
        end
        return #parts > 0 and concat(parts, " ") or nil
    end
    if class == List then
        for index = 1, content.n do parts[index] = described(content[index]) or "<NULL>" end
        return "[" .. concat(parts, ", ") .. "]"
    end
    for index, key in ipairs(content.keys) do
        local is_blob = raw_type(key) == "string" and byte(key) == 0
        local name = described(is_blob and new_bytes(sub(key, 2)) or key)
        local value_described = described(content.values[key])
        if not name or not value_described then break end
        parts[index] = name .. ":" .. value_described
    end
    return "{" .. concat(parts, ", ") .. "}"
end

---------------------------------------------------------------------------------------------------
-- Iterators.

iterator = constructor({}, function(self, ...)
    local content = content_of(Iterator, select("#", ...), 1, (...))
    return content.following()
end)
function iterator.has_next(...)
    return content_of(Iterator, select("#", ...), 1, (...)).has_next()
end
function iterator.next(...)
    return (content_of(Iterator, select("#", ...), 1, (...)).following())
end
Iterator.__index = iterator

local function advance(object)
    local content = contents[object]
    if content and content.has_next() then return content.following() end
end

-- What a "for" takes: the values that `at` gives for the positions up to a count.
local function new_iterator(count, at)
    local position = 0
    return advance, new(Iterator, {
        has_next = function() return position < count() end,
        following = function()
            if position >= count() then return nil end
            position = position + 1
            return at(position)
        end,
    })
end

---------------------------------------------------------------------------------------------------
-- Lists.

local function list_grow(items, count)
    if items.capacity and count > items.capacity then return false end
    items.n = max(items.n, count)
    return true
end

local function list_insert(items, index, value)
    local count = items.n
    if not list_grow(items, max(count + 1, index)) then return end
    if index <= count then move(items, index, count, index + 1) end
    items[index] = value
end

-- The argument, if there is one that lists take.
local function item_of(count, number, value)
    if number > count then return nil, false end
    local item, is_kept = kept(value)
    return item, is_kept and getmetatable(item) ~= Record
end

local function sublist(items, first, last)
    local capacity = items.capacity and last - first + 1 or nil
    local part = move(items, first, last, 1, { capacity = capacity })
    return new_list(part, last - first + 1)
end

list = constructor({}, function(...)
    local _, values = ...
    local items, count = {}, 0
    if select("#", ...) == 2 and raw_type(values) == "table" and contents[values] == nil then
        for key, value in next, values do
            if raw_type(key) == "number" then
                count = count + 1
                items[count] = kept(value)
            end
        end
    end
    return new_list(items, count)
end)

function list.create(...)
    local count = select("#", ...)
    if count < 1 or count > 2 then return end
    local capacity, step = ...
    capacity = integer(count, 1, capacity, -1)
    if capacity < 0 then return end
    step = integer(count, 2, step, 10)
    if step < 0 then return end
    return new_list({ capacity = unsigned32(step) == 0 and unsigned32(capacity) or nil }, 0)
end
list.new = list.create

function list.insert(...)
    local count, self, index, value = select("#", ...), ...
    local items = content_of(List, count, 1, self)
    index = integer(count, 2, index, 0)
    local item, is_kept = item_of(count, 3, value)
    if index > 0 and is_kept then list_insert(items, unsigned32(index - 1) + 1, item) end
end

function list.append(...)
    local count, self, value = select("#", ...), ...
    local items = content_of(List, count, 1, self)
    local item, is_kept = item_of(count, 2, value)
    if is_kept then list_insert(items, items.n + 1, item) end
end

function list.prepend(...)
    local count, self, value = select("#", ...), ...
    local items = content_of(List, count, 1, self)
    local item, is_kept = item_of(count, 2, value)
    if is_kept then list_insert(items, 1, item) end
end

function list.remove(...)
    local count, self, index = select("#", ...), ...
    local items = content_of(List, count, 1, self)
    index = integer(count, 2, index, 0)
    if index < 1 or index > items.n then return end
    move(items, index + 1, items.n + 1, index)
    items.n = items.n - 1
end

function list.concat(...)
    local count, self, other = select("#", ...), ...
    local items = content_of(List, count, 1, self)
    local added = content_of(List, count, 2, other)
    local start, more = items.n, added.n
    if list_grow(items, start + more) then move(added, 1, more, start + 1, items) end
end

function list.trim(...)
    local count, self, index = select("#", ...), ...
    local items = content_of(List, count, 1, self)
    index = integer(count, 2, index, 0)
    if index < 1 or index > items.n then return end
    for position = index, items.n do items[position] = nil end
    items.n = index - 1
end

function list.drop(...)
    local count, self, wanted = select("#", ...), ...
    local items = content_of(List, count, 1, self)
    wanted = integer(count, 2, wanted, 0)
    if wanted < 1 then return nil end
    return (sublist(items, min(wanted, items.n) + 1, items.n))
end

function list.take(...)
    local count, self, wanted = select("#", ...), ...
    local items = content_of(List, count, 1, self)
    wanted = integer(count, 2, wanted, 0)
    if wanted < 1 then return nil end
    return (sublist(items, 1, min(wanted, items.n)))
end

function list.size(...)
    return content_of(List, select("#", ...), 1, (...)).n
end

function list.nbytes(...)
    content_of(List, select("#", ...), 1, (...))
    return #packed((...))
end

function list.tostring(...)
    content_of(List, select("#", ...), 1, (...))
    return (described((...)))
end

function list.iterator(...)
    local items = content_of(List, select("#", ...), 1, (...))
    return new_iterator(function() return items.n end, function(index) return items[index] end)
end

function list.clone(self)
    local values = {}
    for value in list.iterator(self) do values[#values + 1] = value end
    return list(values)
end

function list.merge(left, right)
    local values = {}
    for value in list.iterator(left) do values[#values + 1] = value end
    for value in list.iterator(right) do values[#values + 1] = value end
    return list(values)
end

function List.__index(...)
    local count, self, index = select("#", ...), ...
    local items = content_of(List, count, 1, self)
    index = unsigned32(integer(count, 2, index, 0))
    if index > 0 and index <= items.n then return items[index] end
    return nil
end

function List.__newindex(...)
    local count, self, index, value = select("#", ...), ...
    local items = content_of(List, count, 1, self)
    index = unsigned32(integer(count, 2, index, 0))
    local item, is_kept = item_of(count, 3, value)
    if index > 0 and is_kept and list_grow(items, index) then items[index] = item end
end

function List.__len(self)
    return contents[self].n
end

List.__tostring = described

---------------------------------------------------------------------------------------------------
-- Maps.

map = constructor({}, function(...)
    local count, _, values, capacity = select("#", ...), ...
    integer(count, 3, capacity, 0)
    local made = new_map()
    local is_table = raw_type(values) == "table" and contents[values] == nil
    if (count == 2 or count == 3) and is_table then
        for key, value in next, values do
            local item, is_kept = kept(value)
            key = key_of(key)
            if key ~= nil and is_kept then map_set(contents[made], key, item) end
        end
    end
    return made
end)

function map.create(...)
    local count = select("#", ...)
    if count ~= 1 or integer(count, 1, (...), 0) < 1 then return end
    return new_map()
end
map.new = map.create

function map.size(...)
    return #content_of(Map, select("#", ...), 1, (...)).keys
end

function map.nbytes(...)
    content_of(Map, select("#", ...), 1, (...))
    return #packed((...))
end

function map.tostring(...)
    content_of(Map, select("#", ...), 1, (...))
    return (described((...)))
end

function map.remove(...)
    local count, self, key = select("#", ...), ...
    local content = content_of(Map, count, 1, self)
    key = key_of(key)
    if key ~= nil then map_remove(content, key) end
end

local function key_value(key)
    if raw_type(key) == "string" and byte(key) == 0 then return new_bytes(sub(key, 2)) end
    return key
end

function map.pairs(...)
    local content = content_of(Map, select("#", ...), 1, (...))
    return new_iterator(function() return #content.keys end, function(position)
        local key = content.keys[position]
        return key_value(key), content.values[key]
    end)
end
map.iterator = map.pairs

function map.keys(...)
    local content = content_of(Map, select("#", ...), 1, (...))
    return new_iterator(function() return #content.keys end, function(position)
        return key_value(content.keys[position])
    end)
end

function map.values(...)
    local content = content_of(Map, select("#", ...), 1, (...))
    return new_iterator(function() return #content.keys end, function(position)
        return content.values[content.keys[position]]
    end)
end

function map.clone(self)
    local values = {}
    for key, value in map.pairs(self) do values[key] = value end
    return map(values, map.size(self))
end

function map.merge(left, right, join)
    local values = {}
    for key, value in map.pairs(left) do values[key] = value end
    for key, value in map.pairs(right) do
        local joined = values[key] and raw_type(join) == "function" and join(left[key], right[key])
        values[key] = joined or value
    end
    return map(values, map.size(left) + map.size(right))
end

function map.diff(left, right)
    local values = {}
    for key, value in map.pairs(left) do if not right[key] then values[key] = value end end
    for key, value in map.pairs(right) do if not left[key] then values[key] = value end end
    return map(values, map.size(left) + map.size(right))
end

function Map.__index(...)
    local count, self, key = select("#", ...), ...
    local content = content_of(Map, count, 1, self)
    key = key_of(key)
    if key == nil then return nil end
    return content.values[key]
end

function Map.__newindex(...)
    local count, self, key, value = select("#", ...), ...
    local content = content_of(Map, count, 1, self)
    local item, is_kept = kept(value)
    key = key_of(key)
    if key == nil or (is_kept and getmetatable(item) == Record) then return end
    if is_kept then map_set(content, key, item) else map_remove(content, key) end
end

function Map.__len(self)
    return #contents[self].keys
end

Map.__tostring = described

---------------------------------------------------------------------------------------------------
-- Bytes. Their functions do nothing, and say so, unless called with as many arguments as they have.

local INDEX_MAX = 0xffffffff

local function memory_write(content, index, data)
    local old = content.memory
    if index - 1 > #old then old = old .. rep("\0", index - 1 - #old) end
    content.memory = sub(old, 1, index - 1) .. data .. sub(old, index + #data)
    content.capacity = max(content.capacity, #content.memory)
end

local function bytes_write(content, index, data)
    memory_write(content, index, data)
    content.size = max(content.size, index - 1 + #data)
    return true
end

bytes = constructor({}, function(...)
    local count, _, capacity = select("#", ...), ...
    if count > 2 then return end
    local made = new_bytes("")
    contents[made].capacity = unsigned32(integer(count, 2, capacity, 0))
    return made
end)

function bytes.size(...)
    if select("#", ...) ~= 1 then return 0 end
    return content_of(Bytes, 1, 1, (...)).size
end

function bytes.set_size(...)
    local count, self, size = select("#", ...), ...
    if count ~= 2 then return false end
    local content = content_of(Bytes, count, 1, self)
    size = integer(count, 2, size, 0)
    return size >= 0 and size <= content.capacity
end

function bytes.get_type(...)
    if select("#", ...) < 1 then return end
    return content_of(Bytes, select("#", ...), 1, (...)).kind
end

function bytes.set_type(...)
    local count, self, kind = select("#", ...), ...
    if count ~= 2 then return false end
    local content = content_of(Bytes, count, 1, self)
    kind = integer(count, 2, kind, 0)
    if kind == 0 then return false end
    content.kind = unsigned32(kind)
    return true
end

local function is_index(index)
    return index >= 1 and index <= INDEX_MAX
end

-- Numbers of each size and byte order; the shorter names are those of the greater end first.
local NUMBERS = {
    byte = { "B", 0, 0xff },
    int16 = { ">i2", -0x8000, 0x7fff },
    int16_le = { "<i2", -0x8000, 0x7fff },
    int32 = { ">i4", -0x80000000, 0x7fffffff },
    int32_le = { "<i4", -0x80000000, 0x7fffffff },
    int64 = { ">i8", math.mininteger, math.maxinteger },
    int64_le = { "<i8", math.mininteger, math.maxinteger },
}
for name, number in next, NUMBERS do
    local layout, lowest, highest = unpack(number)
    local size = string.packsize(layout)

    bytes["get_" .. name] = function(...)
        local count, self, index = select("#", ...), ...
        if count ~= 2 then return end
        local content = content_of(Bytes, count, 1, self)
        index = integer(count, 2, index, 0)
        if not is_index(index) or index - 1 + size > content.size then return end
        return (string_unpack(layout, content.memory, index))
    end

    bytes["set_" .. name] = function(...)
        local count, self, index, value = select("#", ...), ...
        if count ~= 3 then return false end
        local content = content_of(Bytes, count, 1, self)
        index = integer(count, 2, index, 0)
        value = integer(count, 3, value, 0)
        if not is_index(index) or value < lowest or value > highest then return false end
        return bytes_write(content, index, string_pack(layout, value))
    end

    bytes["append_" .. name] = function(...)
        local count, self, value = select("#", ...), ...
        if count ~= 2 then return false end
        local content = content_of(Bytes, count, 1, self)
        value = integer(count, 2, value, 0)
        if value < lowest or value > highest then return false end
        return bytes_write(content, content.size + 1, string_pack(layout, value))
    end
end
for _, size in ipairs({ "16", "32", "64" }) do
    for _, verb in ipairs({ "get_int", "set_int", "append_int" }) do
        bytes[verb .. size .. "_be"] = bytes[verb .. size]
    end
end

-- Seven bits a byte, the lowest first; the highest bit says that there are more.
local function variable_length(number)
    number = unsigned32(number)
    local out = {}
    while number >= 0x80 do
        out[#out + 1] = char(number & 0x7f | 0x80)
        number = number >> 7
    end
    out[#out + 1] = char(number)
    return concat(out)
end

local function is_int32(number)
    return number >= -0x80000000 and number <= 0x7fffffff
end

function bytes.get_var_int(...)
    local count, self, index = select("#", ...), ...
    if count ~= 2 then return end
    local content = content_of(Bytes, count, 1, self)
    index = integer(count, 2, index, 0)
    if not is_index(index) then return end
    local number, shift, position = 0, 0, index
    repeat
        local one = byte(content.memory, position) or 0
        number = number | (one & 0x7f) << shift
        shift = shift + 7
        position = position + 1
    until one < 0x80
    return unsigned32(number), position - index
end

-- Numbers of variable length do not count for the size.
local function var_int_write(content, index, number)
    local encoded = variable_length(number)
    content.capacity = max(content.capacity, index + 4)
    memory_write(content, index, encoded)
    return #encoded
end

function bytes.set_var_int(...)
    local count, self, index, value = select("#", ...), ...
    if count ~= 3 then return 0 end
    local content = content_of(Bytes, count, 1, self)
    index = integer(count, 2, index, 0)
    value = integer(count, 3, value, 0)
    if not is_index(index) or not is_int32(value) then return 0 end
    return (var_int_write(content, index, value))
end

function bytes.append_var_int(...)
    local count, self, value = select("#", ...), ...
    if count ~= 2 then return 0 end
    local content = content_of(Bytes, count, 1, self)
    value = integer(count, 2, value, 0)
    if not is_int32(value) then return 0 end
    return (var_int_write(content, content.size + 1, value))
end

-- As many bytes as were asked for, whether they are there or not.
local function bytes_part(content, index, size)
    local part = sub(content.memory, index, index + size - 1)
    return part .. rep("\0", size - #part)
end

local function is_range(index, size)
    return is_index(index) and size >= 0 and size <= INDEX_MAX
end

function bytes.get_string(...)
    local count, self, index, size = select("#", ...), ...
    if count ~= 3 then return end
    local content = content_of(Bytes, count, 1, self)
    index = integer(count, 2, index, 0)
    size = integer(count, 3, size, 0)
    if is_range(index, size) then return (bytes_part(content, index, size)) end
end

function bytes.get_bytes(...)
    local count, self, index, size = select("#", ...), ...
    if count ~= 3 then return end
    local content = content_of(Bytes, count, 1, self)
    index = integer(count, 2, index, 0)
    size = integer(count, 3, size, 0)
    if is_range(index, size) then return (new_bytes(bytes_part(content, index, size))) end
end

-- A string with all of its bytes.
local function whole_text(count, number, value)
    if value == nil then return nil end
    if raw_type(value) == "number" then return tostring(value) end
    if raw_type(value) == "string" then return value end
    argument_error(number, "string expected, got " .. got(count, number, value))
end

function bytes.set_string(...)
    local count, self, index, value = select("#", ...), ...
    if count ~= 3 then return false end
    local content = content_of(Bytes, count, 1, self)
    index = integer(count, 2, index, 0)
    value = whole_text(count, 3, value)
    if not is_index(index) or value == nil then return false end
    return bytes_write(content, index, value)
end

function bytes.append_string(...)
    local count, self, value = select("#", ...), ...
    if count ~= 2 then return false end
    local content = content_of(Bytes, count, 1, self)
    value = whole_text(count, 2, value)
    if value == nil or value == "" then return false end
    return bytes_write(content, content.size + 1, value)
end

function bytes.set_bytes(...)
    local count, self, index, other, size = select("#", ...), ...
    if count ~= 4 then return false end
    local content = content_of(Bytes, count, 1, self)
    index = integer(count, 2, index, 0)
    local source = content_of(Bytes, count, 3, other)
    size = integer(count, 4, size, 0)
    if not is_range(index, size) then return false end
    content.capacity = max(content.capacity, index - 1 + min(size, source.size))
    if index - 1 + size > content.capacity then return false end
    return bytes_write(content, index, (bytes_part(source, 1, size)))
end

function bytes.append_bytes(...)
    local count, self, other, size = select("#", ...), ...
    if count ~= 3 then return false end
    local content = content_of(Bytes, count, 1, self)
    local source = content_of(Bytes, count, 2, other)
    size = integer(count, 3, size, 0)
    if size < 0 or size > INDEX_MAX then return false end
    return bytes_write(content, content.size + 1, sub(data_of(source), 1, size))
end

Bytes.__index = bytes.get_byte
Bytes.__newindex = bytes.set_byte
Bytes.__len = bytes.size

function Bytes.__tostring(self)
    return described(self) or "Bytes()"
end

---------------------------------------------------------------------------------------------------
-- GeoJSON.

geojson = constructor({}, function(...)
    local count, _, value = select("#", ...), ...
    if count ~= 2 then return end
    value = text(count, 2, value)
    if value ~= nil then return (new(GeoJSON, { text = value })) end
end)

GeoJSON.__tostring = described

---------------------------------------------------------------------------------------------------
-- Records. What a function sets is kept aside until it says that the record is to be made or
-- updated; what it then has is what is written when it is done.

-- Sets a value that is kept aside; `is_new` says that it has to be written.
local function cache_set(state, name, value, is_new)
    if state.has_too_many_bins then return end
    for _, update in ipairs(state.updates) do
        if update.name == name then
            if update.value ~= nil then state.inserts = state.inserts - 1 end
            if value ~= nil then state.inserts = state.inserts + 1 end
            update.value, update.is_new = value, is_new
            return
        end
    end
    local is_full = #state.updates >= UPDATES_MAX
        or (value ~= nil and state.inserts >= BINS_MAX)
    if is_full then
        state.has_too_many_bins = true
        return
    end
    state.updates[#state.updates + 1] = { name = name, value = value, is_new = is_new }
    if value ~= nil then state.inserts = state.inserts + 1 end
end

local function cache_clear(state)
    state.updates, state.inserts, state.has_too_many_bins = {}, 0, false
end

local function bin_position(bins, name)
    for position, bin in ipairs(bins) do
        if bin.name == name then return position end
    end
    return nil
end

local function bin_get(state, name)
    for _, update in ipairs(state.updates) do
        if update.name == name then return update.value end
    end
    local position = bin_position(state.bins, name)
    if position == nil then return nil end
    local bin = state.bins[position]
    local succeeded, value = pcall(of_particle, bin.kind, bin.data)
    if not succeeded or value == nil then return nil end
    cache_set(state, name, value, false)
    return value
end

-- The last bin takes the place of one that goes, as on the server.
local function bin_remove(bins, name)
    local position = bin_position(bins, name)
    if position == nil then return end
    bins[position] = bins[#bins]
    bins[#bins] = nil
end

local function fail(state, code)
    state.code, state.is_changed = code, false
    state.bins, state.journal = move(state.old, 1, #state.old, 1, {}), {}
    cache_clear(state)
    return -1
end

local function write_bin(state, name, value)
    local kind, data = particle(value, true)
    if kind == nil then return CODE_INCOMPATIBLE_TYPE end
    local position = bin_position(state.bins, name)
    if position == nil and #state.bins == BINS_MAX then return CODE_BIN_NAME end
    state.bins[position or #state.bins + 1] = { name = name, kind = kind, data = data }
    state.journal[#state.journal + 1] = { name, kind, data }
    return 0
end

local function execute_updates(state)
    if not state.is_changed then
        state.old, state.journal = move(state.bins, 1, #state.bins, 1, {}), {}
    end
    if state.has_too_many_bins then return fail(state, CODE_BIN_NAME) end
    local position = 1
    while position <= #state.updates do
        local update = state.updates[position]
        if update.is_new and update.value == nil then
            bin_remove(state.bins, update.name)
            state.journal[#state.journal + 1] = { update.name, 0, "" }
            state.updates[position] = state.updates[#state.updates]
            state.updates[#state.updates] = nil
        else
            local code = update.is_new and write_bin(state, update.name, update.value) or 0
            if code ~= 0 then return fail(state, code) end
            update.is_new = false
            position = position + 1
        end
    end
    state.code, state.is_changed = 0, true
    return 0
end

record = {}

function record.ttl(...)
    local state = content_of(Record, select("#", ...), 1, (...))
    return state.is_open and state.ttl_s or 0
end

function record.gen(...)
    local state = content_of(Record, select("#", ...), 1, (...))
    return state.is_open and state.generation or 0
end

function record.last_update_time(...)
    local state = content_of(Record, select("#", ...), 1, (...))
    return state.is_open and state.last_update_ms or 0
end

function record.size(...)
    local state = content_of(Record, select("#", ...), 1, (...))
    return state.is_open and state.size or 0
end
record.memory_size = record.size

function record.device_size(...)
    content_of(Record, select("#", ...), 1, (...))
    return 0
end

function record.key(...)
    local state = content_of(Record, select("#", ...), 1, (...))
    if not state.is_open or state.key == nil then return nil end
    return (of_particle(byte(state.key), sub(state.key, 2)))
end

function record.setname(...)
    local state = content_of(Record, select("#", ...), 1, (...))
    if not state.is_open or state.set == "" then return nil end
    return state.set
end

function record.digest(...)
    return (new_bytes(content_of(Record, select("#", ...), 1, (...)).digest))
end

function record.numbins(...)
    local state = content_of(Record, select("#", ...), 1, (...))
    return state.is_open and #state.bins or 0
end

function record.bin_names(...)
    local state = content_of(Record, select("#", ...), 1, (...))
    if not state.is_open then error("can't get bin names", 2) end
    local names = {}
    for position, bin in ipairs(state.bins) do names[position] = bin.name end
    return names
end

function record.set_ttl(...)
    local count, self, ttl_s = select("#", ...), ...
    local state = content_of(Record, count, 1, self)
    state.ttl_new_s = unsigned32(integer(count, 2, ttl_s, 0))
end

function record.drop_key(...)
    local state = content_of(Record, select("#", ...), 1, (...))
    if not state.is_open then return end
    state.key, state.drops_key = nil, true
end

function Record.__index(...)
    local count, self, name = select("#", ...), ...
    local state = content_of(Record, count, 1, self)
    name = text(count, 2, name)
    if name == nil or #name > BIN_NAME_BYTES_MAX then return nil end
    return (bin_get(state, name))
end

function Record.__newindex(...)
    local count, self, name, value = select("#", ...), ...
    local state = content_of(Record, count, 1, self)
    name = text(count, 2, name)
    if name == nil then return end
    local item, is_kept = kept(value)
    if not is_kept then error(format("can't set bin %s to unsupported type", name), 2) end
    if #name <= BIN_NAME_BYTES_MAX then cache_set(state, name, item, true) end
end

---------------------------------------------------------------------------------------------------
-- What functions do to the record, and the log.

Aerospike.__index = {}
local class = Aerospike.__index

function class.exists(...)
    local count, self, rec = select("#", ...), ...
    content_of(Aerospike, count, 1, self)
    return state_of(count, 2, rec).is_open
end

function class.create(...)
    local count, self, rec = select("#", ...), ...
    content_of(Aerospike, count, 1, self)
    local state = state_of(count, 2, rec)
    if state.is_open and #state.bins > 0 then return 1 end
    local outcome = execute_updates(state)
    if outcome == 0 then state.is_open = true end
    return outcome
end

function class.update(...)
    local count, self, rec = select("#", ...), ...
    content_of(Aerospike, count, 1, self)
    local state = state_of(count, 2, rec)
    if not state.is_open then return -2 end
    return (execute_updates(state))
end

function class.remove(...)
    local count, self, rec = select("#", ...), ...
    content_of(Aerospike, count, 1, self)
    local state = state_of(count, 2, rec)
    if not state.is_open then return 1 end
    cache_clear(state)
    for _, bin in ipairs(state.bins) do cache_set(state, bin.name, nil, true) end
    return (execute_updates(state))
end

local LEVEL_INFO = 2

-- Called by functions that a module calls, whose place is told.
local function log_line(level, message)
    local info = getinfo(3, "Sl")
    log(level, info and format("%s:%d", info.short_src, info.currentline) or "", message)
end

function class.log(...)
    local count, self, level, message = select("#", ...), ...
    content_of(Aerospike, count, 1, self)
    level = unsigned32(integer(count, 2, level, 0))
    log_line(level, text(count, 3, message) or "")
end

function class.get_current_time(...)
    content_of(Aerospike, select("#", ...), 1, (...))
    return clock_ms()
end

for _, functions in ipairs({ list, map, bytes, record, iterator, class }) do
    for name, value in next, functions do names[value] = name end
end
for name, functions in next, { list = list, map = map, bytes = bytes, geojson = geojson } do
    names[getmetatable(functions).__call] = name
end
_G.Aerospike, _G.List, _G.Map, _G.Bytes, _G.Iterator = class, List, Map, Bytes, iterator
aerospike = new(Aerospike, {})

for level, name in ipairs({ "warn", "info", "debug", "trace" }) do
    _G[name] = function(message, ...) log_line(level, format(message, ...)) end
end

function print(...)
    local parts = table_pack(...)
    for index = 1, parts.n do parts[index] = tostring(parts[index]) end
    log_line(LEVEL_INFO, concat(parts, "\t"))
end

function math.sum(left, right) return left + right end
function math.product(left, right) return left * right end

---------------------------------------------------------------------------------------------------
-- Streams: what a function says is to be done with all records of a query. Nothing is done until it
-- has returned. Servers do it up to the first `reduce`, that included; the client goes on with what
-- comes of it on all nodes, beginning with the same `reduce`.

local clone_list, clone_map = list.clone, map.clone
-- The steps of each stream.
local steps_of = setmetatable({}, { __mode = "k" })

-- An accumulated number as large as this is handed on, and another one begun.
local HANDED_ON_MIN = 1000

local function copied(value)
    if contents[value] == nil then
        if raw_type(value) ~= "table" then return value end
        local copy = {}
        for key, member in next, value do copy[key] = member end
        return copy
    end
    local class = getmetatable(value)
    if class == List then return clone_list(value) end
    if class == Map then return clone_map(value) end
    return nil
end

-- Each takes what gives the next value, nil at the end, and is such a function for what comes of it.
local function mapped(following, change)
    local is_over = false
    return function()
        local value
        if not is_over then value = following() end
        is_over = value == nil
        if is_over then return nil end
        return change(value)
    end
end

local function filtered(following, passes)
    return function()
        local value = following()
        while value ~= nil and not passes(value) do value = following() end
        return value
    end
end

local function aggregated(following, initial, add)
    local is_over = false
    return function()
        if is_over then return nil end
        local total = copied(initial)
        while true do
            local value = following()
            is_over = value == nil
            if is_over then return total end
            total = add(total, value)
            if raw_type(total) == "number" and total >= HANDED_ON_MIN then return total end
        end
    end
end

local function reduced(following, join)
    local is_over = false
    return function()
        if is_over then return nil end
        is_over = true
        local total = following()
        if total == nil then return nil end
        for value in following do total = join(total, value) end
        return total
    end
end

local stream = {}
local Stream = { __index = stream, __name = "Stream" }

local function step(begin, is_reduce)
    return function(self, ...)
        local steps = steps_of[self]
        if steps == nil then error("this is called of a stream", 2) end
        steps[#steps + 1] = { begin = begin, is_reduce = is_reduce, ... }
        return self
    end
end
stream.map, stream.filter = step(mapped), step(filtered)
stream.aggregate, stream.reduce = step(aggregated), step(reduced, true)

local function join_lists(left, right)
    local joined = clone_list(left)
    list.concat(joined, right)
    return joined
end

function stream.groupby(self, key_of_value)
    local function add(groups, value)
        local key = key_of_value and key_of_value(value)
        local group = groups[key] or list()
        list.append(group, value)
        groups[key] = group
        return groups
    end
    return self
        :aggregate(map(), add)
        :reduce(function(left, right) return map.merge(left, right, join_lists) end)
end

-- What the steps of a part make of values.
local function carried_out(steps, is_of_client, following)
    local is_here = not is_of_client
    for _, each in ipairs(steps) do
        if is_of_client and each.is_reduce then is_here = true end
        if is_here then following = each.begin(following, unpack(each)) end
        if not is_of_client and each.is_reduce then break end
    end
    return following
end

---------------------------------------------------------------------------------------------------
-- The world that functions live in: Lua's, without files, processes, and what would let them reach
-- into this chunk.

-- When the function that runs has to be done, and whether it was told so.
local deadline_ms
local is_expired = false
local EXPIRED = "UDF Execution Timeout"
local INSTRUCTIONS_BETWEEN_LOOKS = 10000

local function look_at_clock()
    if clock_ms() < deadline_ms then return end
    is_expired = true
    error(EXPIRED, 3)
end

local function watch(thread)
    if thread then
        sethook(thread, look_at_clock, "", INSTRUCTIONS_BETWEEN_LOOKS)
    else
        sethook(look_at_clock, "", INSTRUCTIONS_BETWEEN_LOOKS)
    end
end

-- The end of time is not to be caught.
local function passed_on(succeeded, ...)
    if not succeeded and is_expired then error((...), 0) end
    return succeeded, ...
end

local raw_xpcall = xpcall
_G.pcall = function(...) return passed_on(pcall(...)) end
xpcall = function(...) return passed_on(raw_xpcall(...)) end

local create, resume = coroutine.create, coroutine.resume
function coroutine.create(...)
    local thread = create(...)
    watch(thread)
    return thread
end
function coroutine.resume(...) return passed_on(resume(...)) end
function coroutine.wrap(...)
    local thread = coroutine.create(...)
    local function results(succeeded, ...)
        if not succeeded then error((...), 0) end
        return ...
    end
    return function(...) return results(resume(thread, ...)) end
end

function type(...)
    if select("#", ...) == 0 then
        error("bad argument #1 to 'type' (value expected)", 2)
    end
    return contents[(...)] ~= nil and "userdata" or raw_type((...))
end

-- Compiled code could do anything.
_G.load = function(chunk, name, _, ...)
    return load(chunk, name, "t", ...)
end

-- The sources of other modules, by name; false for what the server does not have.
local libraries = {}
local missing_library

local loaded = { _G = _G }
for _, name in ipairs({ "coroutine", "math", "string", "table", "utf8" }) do
    loaded[name] = _G[name]
end
os = { clock = os.clock, date = os.date, difftime = os.difftime, time = os.time }
loaded.os, loaded.debug = os, { traceback = traceback }
package = { loaded = loaded, preload = {}, path = "", cpath = "", config = package.config }
loaded.package = package
io, dofile, loadfile, python = nil, nil, nil, nil

function require(name)
    name = tostring(name)
    if loaded[name] ~= nil then return loaded[name] end
    local loader = package.preload[name]
    if loader == nil then
        local source = libraries[name]
        if source == nil then
            missing_library = name
            error(format("module '%s' is looked for", name), 0)
        end
        if source == false then error(format("module '%s' not found", name), 2) end
        local problem
        loader, problem = load(source, "@" .. name .. ".lua", "t")
        if loader == nil then
            error(format("error loading module '%s':\n\t%s", name, problem), 2)
        end
    end
    local value = loader(name)
    if loaded[name] == nil then loaded[name] = value == nil or value end
    return loaded[name]
end

---------------------------------------------------------------------------------------------------
-- Questions and answers.

local function decode(data, position)
    local kind, value, after = token(data, position)
    if kind == "array" then
        local items = {}
        for index = 1, value do items[index], after = decode(data, after) end
        return items, after
    end
    if kind ~= "map" then return value, after end
    local items = {}
    for _ = 1, value do
        local key
        key, after = decode(data, after)
        items[key], after = decode(data, after)
    end
    return items, after
end

local function encode_text(data)
    return text_header(#data) .. data
end

local function encode_binary(data)
    return string_pack("B>s4", 0xc6, data)
end

local function encode_operations(operations)
    local out = { string_pack("B>I4", 0xdd, #operations) }
    for _, operation in ipairs(operations) do
        local name, kind, data = unpack(operation)
        out[#out + 1] = "\x93" .. encode_text(name) .. integer_packed(kind) .. encode_binary(data)
    end
    return concat(out)
end

local function encode_map(...)
    local count = select("#", ...)
    local out = { char(0x80 | count // 2) }
    for index = 1, count, 2 do
        local key, value = select(index, ...)
        out[#out + 1] = encode_text(key) .. value
    end
    return concat(out)
end

local is_loaded = false
local NOT_LOADED = "UDF: Execution Error 1"

-- An error's text; null of what is no text.
local function load_module(question)
    local name = question.module
    local chunk, problem = load(question.source, "@" .. name, "t")
    if chunk == nil then return false, problem end
    local succeeded, raised = pcall(chunk, (match(name, "^(.*)%.")))
    if not succeeded then return false, raised end
    is_loaded = missing_library == nil
    return is_loaded
end

local function check(question)
    local succeeded, problem = load_module(question)
    if succeeded then return encode_map("ok", "\xc3") end
    problem = raw_type(problem) == "string" and problem or "(error object is not a string)"
    local line, message = match(problem, "^[^\n:]*:(%d+): (.*)$")
    return encode_map(
        "ok", "\xc2",
        "error", encode_text(message or problem),
        "line", integer_packed(tointeger(line) or 0)
    )
end

local function new_state(given)
    local bins = {}
    for position, bin in ipairs(given.bins) do
        bins[position] = { name = bin[1], kind = bin[2], data = bin[3] }
    end
    return {
        is_open = given.exists,
        bins = bins,
        old = bins,
        journal = {},
        updates = {},
        inserts = 0,
        has_too_many_bins = false,
        is_changed = false,
        code = 0,
        digest = given.digest,
        key = given.key,
        set = given.set,
        generation = given.generation,
        ttl_s = given.ttl,
        last_update_ms = given.last_update_ms,
        size = given.size,
    }
end

-- Arguments that make no sense count as none.
local function arguments_of(data)
    local succeeded, value = pcall(unpacked, data, 1)
    if not succeeded or getmetatable(value) ~= List then return { n = 0 } end
    return contents[value]
end

local function failure(message)
    return encode_map("ok", "\xc2", "error", encode_text(message))
end

local function change_of(state)
    if not state.is_changed then return "\xc0" end
    local ttl = state.ttl_new_s and integer_packed(state.ttl_new_s) or "\xc0"
    return encode_map(
        "empty", #state.bins == 0 and "\xc3" or "\xc2",
        "operations", encode_operations(state.journal),
        "ttl", ttl,
        "drops_key", state.drops_key and "\xc3" or "\xc2"
    )
end

-- The steps that a function says, or nil and what went wrong.
local function steps_said(question)
    if not is_loaded and not load_module(question) then return nil, NOT_LOADED end
    local applied = globals[question["function"]]
    if applied == nil then return nil, "function not found" end
    local arguments = arguments_of(question.arguments)
    local said = setmetatable({}, Stream)
    steps_of[said] = {}
    local succeeded, returned = pcall(applied, said, unpack(arguments, 1, arguments.n))
    if not succeeded then return nil, returned end
    local steps = steps_of[returned]
    if steps == nil then return nil, "the function has not returned its stream" end
    return steps
end

-- A source is what gives one value after the other.
local function stream_answer(question, is_of_client, source)
    local values = {}
    local steps, problem = steps_said(question)
    if steps ~= nil then
        local succeeded, raised = pcall(function()
            for value in carried_out(steps, is_of_client, source) do
                local kind, data = particle((kept(value)))
                if kind == nil then error("result value type unexpected", 0) end
                values[#values + 1] = "\x92" .. integer_packed(kind) .. encode_binary(data)
            end
        end)
        if not succeeded then problem = raised end
    end
    local packed_values = count_header(0x90, 0xdc, #values) .. concat(values)
    if problem == nil then return encode_map("ok", "\xc3", "values", packed_values) end
    local is_text = raw_type(problem) == "string"
    problem = is_text and until_zero(problem) or "result value type unexpected"
    if problem ~= NOT_LOADED then problem = "UDF: Execution Error 2 : " .. problem end
    return encode_map("ok", "\xc2", "error", encode_text(problem), "values", packed_values)
end

local function aggregate(question)
    local position = 0
    return stream_answer(question, false, function()
        position = position + 1
        local given = question.records[position]
        return given and new(Record, new_state(given))
    end)
end

local function reduce(question)
    local position = 0
    return stream_answer(question, true, function()
        position = position + 1
        local given = question.values[position]
        if given then return of_particle(given[1], given[2]) end
    end)
end

local function run(question)
    if not is_loaded and not load_module(question) then return failure(NOT_LOADED) end
    local state = new_state(question.record)
    local arguments = arguments_of(question.arguments)
    local applied = globals[question["function"]]
    if applied == nil then return failure("function not found") end
    local succeeded, value =
        pcall(applied, new(Record, state), unpack(arguments, 1, arguments.n))
    if not succeeded then
        local is_text = raw_type(value) == "string"
        return failure(is_text and until_zero(value) or "result value type unexpected")
    end
    if state.code ~= 0 then
        return encode_map("ok", "\xc2", "code", integer_packed(state.code))
    end
    local kind, data = particle((kept(value)))
    return encode_map(
        "ok", "\xc3",
        "kind", integer_packed(kind or 0),
        "value", encode_binary(data or ""),
        "change", change_of(state)
    )
end

local commands = { check = check, run = run, aggregate = aggregate, reduce = reduce }

collectgarbage("generational")

return function(request)
    local question = decode(request, 1)
    for name, source in next, question.libraries do libraries[name] = source end
    missing_library, is_expired = nil, false
    deadline_ms = clock_ms() + question.timeout_ms
    watch()
    local answer = commands[question.command](question)
    sethook()
    if missing_library then
        -- Whatever came out, the question is asked again with it.
        answer = encode_map("ok", "\xc2", "needs", encode_text(missing_library))
    end
    return answer
end
