"""Random functions in Lua on lists, maps, bytes and the record, as text that `MODULE` runs.

A function is a sequence of steps; each notes what came out of it, or what went wrong. Left out is
what a real server does not check: memory outside of bytes, indexes beyond all bounds, containers
inside themselves; and booleans in containers, which it frees too early. Calls do not stand alone
after "return", since errors of such ones lose their place in the dev server.
"""

from random import Random

MODULE = """
local function note(notes, ...)
    for i = 1, select("#", ...) do
        local value = (select(i, ...))
        if type(value) == "table" or type(value) == "function" then value = type(value) end
        list.append(notes, value)
    end
    list.append(notes, "/")
end

function left(one)
    return one
end

function key(number)
    local made = bytes()
    bytes.append_byte(made, number)
    return made
end

function run(rec, source)
    local notes = list()
    local step = 0
    local env = setmetatable({ rec = rec }, { __index = _G })
    for text in source:gmatch("[^\\n]+") do
        step = step + 1
        local chunk, problem = load(text, "=s" .. step, "t", env)
        if chunk == nil then
            note(notes, problem)
        else
            note(notes, pcall(chunk))
        end
    end
    if env.fails then error(env.fails, 0) end
    return notes
end
"""

_GEOJSON = """geojson('{"type":"Point","coordinates":[1,2]}')"""
_NAMES = ["i", "s", "n", "o", "a234567890123456"]


def _scalar(random: Random) -> str:
    return random.choice(
        ["0", "1", "-1", "7", "300", "2.5", "1.0", '"a"', '"text"', '""', '"5"', "nil"]
    )


def _value(random: Random, depth: int = 1) -> str:
    match random.randrange(10 if depth > 0 else 4):
        case 4:
            return f"list{{{_values(random, depth)}}}"
        case 5:
            return f"map{{{_pairs(random, depth)}}}"
        case 6:
            copies = ["list.clone(l)", "map.clone(m)", "rec.i", "rec.s", "key(5)", "key(200)"]
            return random.choice(copies)
        case 7:
            return "bytes(3)"
        case 8:
            return random.choice(["{}", "print", _GEOJSON])
        case _:
            return _scalar(random)


def _values(random: Random, depth: int) -> str:
    return ", ".join(_value(random, depth - 1) for _ in range(random.choice([0, 1, 3])))


def _key(random: Random) -> str:
    return random.choice(['"a"', '"b"', "1", "2", "-5", "1.5", "true", "key(5)", "nil", "l", '"1"'])


def _pairs(random: Random, depth: int) -> str:
    keys = random.sample(['"a"', '"b"', "1", "2", "1.5", "true"], random.choice([0, 1, 3]))
    return ", ".join(f"[{key}] = {_value(random, depth - 1)}" for key in keys)


def _index(random: Random) -> str:
    return random.choice(
        ["0", "1", "1", "2", "2", "3", "5", "9", "1.0", "1.5", '"2"', '"x"', "nil"]
    )


def _list_step(random: Random) -> str:
    value, index = _value(random), _index(random)
    return random.choice(
        [
            f"l = list{{{_values(random, 2)}}}",
            "l = rec.l or l",
            f"l = list.create({random.choice(['3', '0, 0', '2, 0', '2, 5', ''])}) or l",
            f"list.append(l, {value})",
            f"list.append(l, {value})",
            f"list.prepend(l, {value})",
            f"list.insert(l, {index}, {value})",
            f"list.remove(l, {index})",
            f"list.trim(l, {index})",
            f"return (list.take(l, {index}))",
            f"return (list.drop(l, {index}))",
            f"list.concat(l, list{{{_values(random, 1)}}})",
            "return list.size(l), #l",
            "return (list.nbytes(l))",
            f"return l[{index}]",
            f"l[{index}] = {value}",
            "return (tostring(l))",
            "local n = 0 for v in list.iterator(l) do n = n + 1 end return n",
            "return (list.clone(l))",
            f"return (list.merge(l, list{{{_values(random, 1)}}}))",
            f"table.insert(l, {value})",
            f"return (list.size({value}))",
            f"list.append({value}, 1)",
        ]
    )


def _map_step(random: Random) -> str:
    value, key = _value(random), _key(random)
    return random.choice(
        [
            f"m = map{{{_pairs(random, 2)}}}",
            "m = rec.m or m",
            f"m = map.create({random.choice(['3', '0', '', '1, 2'])}) or m",
            f"m[{key}] = {value}",
            f"m[{key}] = {value}",
            f"return m[{key}]",
            f"map.remove(m, {key})",
            "return map.size(m), #m",
            "return (map.nbytes(m))",
            "return (tostring(m))",
            "local t = '' for k, v in map.pairs(m) do t = t .. tostring(k) .. '=' end return t",
            "local n = 0 for k in map.keys(m) do n = n + 1 end return n",
            "local n = 0 for v in map.values(m) do n = n + 1 end return n",
            "return (map.clone(m))",
            f"return (map.merge(m, map{{{_pairs(random, 1)}}}))",
            f"return (map.merge(map{{a = 1, b = 2}}, map{{{_pairs(random, 0)}}}, left))",
            f"return (map.diff(m, map{{{_pairs(random, 1)}}}))",
            "return m.a",
            f"return (map.size({value}))",
        ]
    )


def _bytes_step(random: Random) -> str:
    index = random.choice(["0", "1", "2", "3", "5", '"1"', "nil"])
    kind = random.choice(["byte", "int16", "int16_le", "int16_be", "int32", "int64_le", "int32_le"])
    number = random.choice(["0", "5", "-1", "255", "256", "40000", "-40000", "1.5", '"7"', '"x"'])
    return random.choice(
        [
            f"b = bytes({random.choice(['16', '20', '1, 2'])}) or b",
            "b = rec.b or b",
            f"return (bytes.append_{kind}(b, {number}))",
            f"return (bytes.append_{kind}(b, {number}))",
            f"return (bytes.set_{kind}(b, {index}, {number}))",
            f"return (bytes.get_{kind}(b, {index}))",
            f"return (bytes.append_string(b, {_scalar(random)}))",
            f"return (bytes.set_string(b, {index}, {_scalar(random)}))",
            "return (bytes.append_bytes(b, rec.b, 2))",
            "return bytes.size(b), #b",
            f"return (bytes.set_size(b, {number}))",
            "return (tostring(b))",
            f"return b[{index}]",
            f"b[{index}] = {number}",
            "return (bytes.get_type(b))",
            f"return (bytes.set_type(b, {random.choice(['0', '4'])}))",
            "return (bytes.append_var_int(b, 300))",
            f"return (bytes.size({_value(random)}))",
            "return b",
        ]
    )


def _record_step(random: Random) -> str:
    name = random.choice(_NAMES)
    value = _value(random)
    if value == _GEOJSON:
        # In a bin it has a size that the dev server does not know.
        value = "map{}"
    return random.choice(
        [
            f"rec.{name} = {value}",
            f"rec.{name} = {value}",
            f"rec.{random.choice(['l = l', 'm = m', 'c = b', 'l = nil', 'm = nil', 'b = nil'])}",
            f"rec.{name} = {random.choice(['true', 'false'])}",
            "rec.bad = rec" if random.random() < 0.2 else "rec.none = nil",
            f"return rec.{random.choice([name, 'l', 'm', 'b'])}",
            "return rec[5], rec[nil]",
            "return (aerospike:update(rec))",
            "return (aerospike:update(rec))",
            "return (aerospike:create(rec))",
            "return (aerospike:remove(rec))" if random.random() < 0.3 else "return 1",
            "return (aerospike:exists(rec))",
            "return record.numbins(rec), record.gen(rec), record.ttl(rec)",
            "return table.concat(record.bin_names(rec), ' ')",
            "return record.size(rec), record.memory_size(rec), record.device_size(rec)",
            "return record.key(rec), record.setname(rec) ~= nil, record.digest(rec)",
            "record.set_ttl(rec, 1000)",
            "record.drop_key(rec)",
            f"return (record.gen({_value(random)}))",
            f"return type({_value(random)}), type(rec), type(rec.l), type(rec.m), type(rec.{name})",
            f"return rec.{name} + 1",
            f"return rec.{name} .. 'x'",
            "return rec.l < rec.m",
            "return -rec.l" if random.random() < 0.5 else "return rec.m()",
            "for k in pairs(rec.l) do end" if random.random() < 0.5 else "return (next(rec.m))",
        ]
    )


def function(random: Random) -> str:
    """The text of one function."""
    steps = ["l, m, b = list{1, 2, 3}, map{a = 1}, bytes(16)"]
    if random.random() < 0.3:
        steps.append("l, m, b = rec.l or l, rec.m or m, rec.b or b")
    for _ in range(random.choice([3, 8, 20])):
        step = random.choice([_list_step, _map_step, _bytes_step, _record_step, _record_step])
        steps.append(step(random))
    if random.random() < 0.3:
        steps.append("rec.l, rec.m, rec.c = l, m, b return (aerospike:update(rec))")
    if random.random() < 0.05:
        steps.append("fails = " + random.choice(['"on purpose"', "5", "{}", "list()"]))
    return "\n".join(steps)
