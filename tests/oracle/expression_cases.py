"""The same expression made by this package and by the official client, for every builder."""

from typing import Any, NamedTuple

import aerospike
import aerospike_helpers
from aerospike_helpers import cdt_ctx as their_ctx
from aerospike_helpers import expressions as theirs
from aerospike_helpers.expressions import string as theirs_str
from aerospike_helpers.expressions.bitwise import BitB64Encode
from aerospike_helpers.string_helpers import NumericType, RegexFlags, StringPolicy, WriteFlags

from aerospike_py import cdt_ctx, exp
from aerospike_py.types import GeoJSON, HyperLogLog, KeyOrderedDict

INVERTED = 0x10000
GEO = {"type": "Point", "coordinates": [1.5, 2.25]}
# 16 registers, all empty, as the server writes them.
SKETCH = bytes([0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]) + bytes(12)
REGION = {"type": "AeroCircle", "coordinates": [[1.5, 2.25], 100]}


_UNSORTED = {"sku": "a1", b"z": 3, "id": 7, "": 4, 2: 1, -1: 2, 300: 0}


class ExpressionCase(NamedTuple):
    """One expression, twice."""

    name: str
    ours: dict[str, Any]
    theirs: Any


def _constants() -> list[ExpressionCase]:
    a = exp.int_bin("a")
    pairs: list[tuple[str, Any, Any]] = [
        ("int_val", exp.int_val(5), 5),
        ("int_val large", exp.int_val(2**40), 2**40),
        ("int_val negative", exp.int_val(-300), -300),
        ("int_val smallest", exp.int_val(-(2**63)), -(2**63)),
        ("float_val", exp.float_val(1.5), 1.5),
        ("string_val", exp.string_val("é"), "é"),
        ("string_val long", exp.string_val("x" * 300), "x" * 300),
        ("bool_val", exp.bool_val(True), True),
        ("blob_val", exp.blob_val(b"\x00\xff"), b"\x00\xff"),
        ("list_val", exp.list_val([1, "a", [2]]), [1, "a", [2]]),
        ("list_val empty", exp.list_val([]), []),
        (
            "map_val ordered",
            exp.map_val(KeyOrderedDict({"k": [1], 3: 2})),
            aerospike.KeyOrderedDict({"k": [1], 3: 2}),
        ),
        (
            "map_val ordered in a list",
            exp.list_val([KeyOrderedDict(_UNSORTED)]),
            [aerospike.KeyOrderedDict(_UNSORTED)],
        ),
        ("map_val empty", exp.map_val({}), {}),
        ("nil", exp.nil(), None),
        ("infinity", exp.infinity(), aerospike.CDTInfinite()),
        ("wildcard", exp.wildcard(), aerospike.CDTWildcard()),
    ]
    cases = [
        ExpressionCase(name, exp.eq(a, ours), theirs.Eq(theirs.IntBin("a"), their))
        for name, ours, their in pairs
    ]
    cases += [
        ExpressionCase(f"plain {value!r}", exp.eq(a, value), theirs.Eq(theirs.IntBin("a"), value))
        for value in (7, 0.5, "x", b"y", False, None, [1, [2]])
    ]
    return [
        *cases,
        ExpressionCase(
            "geo_val",
            exp.geo_compare(exp.geo_bin("g"), exp.geo_val(GeoJSON(REGION))),
            theirs.CmpGeo(theirs.GeoBin("g"), aerospike.GeoJSON(REGION)),
        ),
        ExpressionCase("unknown", exp.eq(exp.unknown(), 1), theirs.Eq(theirs.Unknown(), 1)),
        ExpressionCase(
            "in_list of a map",
            exp.in_list(exp.map_val(_UNSORTED), exp.list_bin("l")),
            theirs.InList(_UNSORTED, theirs.ListBin("l")),
        ),
        ExpressionCase(
            "list_get_by_value of a map",
            exp.eq(exp.list_get_by_value("l", [1, _UNSORTED], 5), 1),
            theirs.Eq(theirs.ListGetByValue(None, 5, [1, _UNSORTED], "l"), 1),
        ),
        ExpressionCase(
            "map_put of a map",
            exp.eq(exp.map_size(exp.map_put("m", "k", exp.map_val(_UNSORTED))), 1),
            theirs.Eq(theirs.MapSize(None, theirs.MapPut(None, None, "k", _UNSORTED, "m")), 1),
        ),
    ]


def _bins() -> list[ExpressionCase]:
    pairs = [
        ("int_bin", theirs.IntBin),
        ("float_bin", theirs.FloatBin),
        ("string_bin", theirs.StrBin),
        ("bool_bin", theirs.BoolBin),
        ("blob_bin", theirs.BlobBin),
        ("list_bin", theirs.ListBin),
        ("map_bin", theirs.MapBin),
        ("geo_bin", theirs.GeoBin),
        ("hll_bin", theirs.HLLBin),
        ("bin_type", theirs.BinType),
        ("bin_exists", theirs.BinExists),
    ]
    return [
        ExpressionCase(
            name, exp.eq(getattr(exp, name)("some_bin"), 1), theirs.Eq(their("some_bin"), 1)
        )
        for name, their in pairs
    ]


def _metadata() -> list[ExpressionCase]:
    pairs: list[tuple[str, Any, Any]] = [
        ("key int", exp.key(exp.EXP_TYPE_INT), theirs.KeyInt()),
        ("key string", exp.key(exp.EXP_TYPE_STRING), theirs.KeyStr()),
        ("key blob", exp.key(exp.EXP_TYPE_BLOB), theirs.KeyBlob()),
        ("key_exists", exp.key_exists(), theirs.KeyExists()),
        ("set_name", exp.set_name(), theirs.SetName()),
        ("record_size", exp.record_size(), theirs.RecordSize()),
        ("device_size", exp.device_size(), theirs.DeviceSize()),
        ("memory_size", exp.memory_size(), theirs.MemorySize()),
        ("last_update", exp.last_update(), theirs.LastUpdateTime()),
        ("since_update", exp.since_update(), theirs.SinceUpdateTime()),
        ("void_time", exp.void_time(), theirs.VoidTime()),
        ("ttl", exp.ttl(), theirs.TTL()),
        ("is_tombstone", exp.is_tombstone(), theirs.IsTombstone()),
        ("digest_modulo", exp.digest_modulo(3), theirs.DigestMod(3)),
    ]
    return [
        ExpressionCase(name, exp.eq(ours, 1), theirs.Eq(their, 1)) for name, ours, their in pairs
    ]


def _logic() -> list[ExpressionCase]:
    a, b = exp.int_bin("a"), exp.bool_bin("b")
    ta, tb = theirs.IntBin("a"), theirs.BoolBin("b")
    one, their_one = exp.eq(a, 1), theirs.Eq(ta, 1)
    return [
        ExpressionCase("eq", exp.eq(a, 1), theirs.Eq(ta, 1)),
        ExpressionCase("ne", exp.ne(a, 1), theirs.NE(ta, 1)),
        ExpressionCase("gt", exp.gt(a, 1), theirs.GT(ta, 1)),
        ExpressionCase("ge", exp.ge(a, 1), theirs.GE(ta, 1)),
        ExpressionCase("lt", exp.lt(a, 1), theirs.LT(ta, 1)),
        ExpressionCase("le", exp.le(a, 1), theirs.LE(ta, 1)),
        ExpressionCase("and_", exp.and_(one, b, one), theirs.And(their_one, tb, their_one)),
        ExpressionCase("or_", exp.or_(one, b), theirs.Or(their_one, tb)),
        ExpressionCase("xor_", exp.xor_(one, b), theirs.Exclusive(their_one, tb)),
        ExpressionCase("not_", exp.not_(one), theirs.Not(their_one)),
        ExpressionCase(
            "and_ nested",
            exp.and_(exp.or_(one, b), exp.not_(exp.and_(b, one))),
            theirs.And(theirs.Or(their_one, tb), theirs.Not(theirs.And(tb, their_one))),
        ),
        ExpressionCase(
            "regex_compare",
            exp.regex_compare("^user_", exp.REGEX_ICASE, exp.string_bin("s")),
            theirs.CmpRegex(aerospike.REGEX_ICASE, "^user_", theirs.StrBin("s")),
        ),
        ExpressionCase(
            "in_list", exp.in_list(a, exp.list_bin("l")), theirs.InList(ta, theirs.ListBin("l"))
        ),
        ExpressionCase(
            "cond",
            exp.eq(exp.cond(one, 5, b, 6, 7), 5),
            theirs.Eq(theirs.Cond(their_one, 5, tb, 6, 7), 5),
        ),
        ExpressionCase(
            "let_",
            exp.let_(
                exp.def_("x", a),
                exp.def_("y", exp.num_add(exp.var("x"), 1)),
                exp.gt(exp.var("y"), exp.var("x")),
            ),
            theirs.Let(
                theirs.Def("x", ta),
                theirs.Def("y", theirs.Add(theirs.Var("x"), 1)),
                theirs.GT(theirs.Var("y"), theirs.Var("x")),
            ),
        ),
    ]


def _numbers() -> list[ExpressionCase]:
    a, f = exp.int_bin("a"), exp.float_bin("f")
    ta, tf = theirs.IntBin("a"), theirs.FloatBin("f")
    pairs: list[tuple[str, Any, Any]] = [
        ("num_add", exp.num_add(a, 1, a), theirs.Add(ta, 1, ta)),
        ("num_sub", exp.num_sub(a, 1), theirs.Sub(ta, 1)),
        ("num_mul", exp.num_mul(a, 2), theirs.Mul(ta, 2)),
        ("num_div", exp.num_div(a, 2), theirs.Div(ta, 2)),
        ("num_mod", exp.num_mod(a, 2), theirs.Mod(ta, 2)),
        ("num_pow", exp.num_pow(f, 2.0), theirs.Pow(tf, 2.0)),
        ("num_log", exp.num_log(f, 2.0), theirs.Log(tf, 2.0)),
        ("num_abs", exp.num_abs(a), theirs.Abs(ta)),
        ("num_floor", exp.num_floor(f), theirs.Floor(tf)),
        ("num_ceil", exp.num_ceil(f), theirs.Ceil(tf)),
        ("to_int", exp.to_int(f), theirs.ToInt(tf)),
        ("to_float", exp.to_float(a), theirs.ToFloat(ta)),
        ("min_", exp.min_(a, 1, 2), theirs.Min(ta, 1, 2)),
        ("max_", exp.max_(a, 1), theirs.Max(ta, 1)),
        ("int_and", exp.int_and(a, 3), theirs.IntAnd(ta, 3)),
        ("int_or", exp.int_or(a, 3, 4), theirs.IntOr(ta, 3, 4)),
        ("int_xor", exp.int_xor(a, 3), theirs.IntXOr(ta, 3)),
        ("int_not", exp.int_not(a), theirs.IntNot(ta)),
        ("int_lshift", exp.int_lshift(a, 2), theirs.IntLeftShift(ta, 2)),
        ("int_rshift", exp.int_rshift(a, 2), theirs.IntRightShift(ta, 2)),
        ("int_arshift", exp.int_arshift(a, 2), theirs.IntArithmeticRightShift(ta, 2)),
        ("int_count", exp.int_count(a), theirs.IntCount(ta)),
        ("int_lscan", exp.int_lscan(a, True), theirs.IntLeftScan(ta, True)),
        ("int_rscan", exp.int_rscan(a, False), theirs.IntRightScan(ta, False)),
    ]
    return [
        ExpressionCase(name, exp.eq(ours, 1), theirs.Eq(their, 1)) for name, ours, their in pairs
    ]


def _lists() -> list[ExpressionCase]:
    ctx = [cdt_ctx.map_key("k"), cdt_ctx.list_index(-1)]
    their_path = [their_ctx.cdt_ctx_map_key("k"), their_ctx.cdt_ctx_list_index(-1)]
    in_list, their_in_list = [cdt_ctx.list_index(0)], [their_ctx.cdt_ctx_list_index(0)]
    bin_, their_bin = exp.list_bin("l"), theirs.ListBin("l")
    order = {"list_order": 1, "write_flags": 5}
    flags = {"write_flags": 4}
    i = exp.int_bin("i")
    ti = theirs.IntBin("i")
    pairs: list[tuple[str, Any, Any]] = [
        ("list_size", exp.list_size(bin_), theirs.ListSize(None, their_bin)),
        ("list_size by name", exp.list_size("l"), theirs.ListSize(None, "l")),
        ("list_size ctx", exp.list_size(bin_, ctx), theirs.ListSize(their_path, their_bin)),
        (
            "list_get_by_index",
            exp.list_get_by_index(bin_, 0, 7, exp.EXP_TYPE_INT),
            theirs.ListGetByIndex(None, 7, theirs.ResultType.INTEGER, 0, their_bin),
        ),
        (
            "list_get_by_index computed",
            exp.list_get_by_index(bin_, exp.num_add(i, 1), 7, exp.EXP_TYPE_STRING),
            theirs.ListGetByIndex(None, 7, theirs.ResultType.STRING, theirs.Add(ti, 1), their_bin),
        ),
        (
            "list_get_by_index rank",
            exp.list_get_by_index(bin_, 0, 3),
            theirs.ListGetByIndex(None, 3, theirs.ResultType.INTEGER, 0, their_bin),
        ),
        (
            "list_get_by_rank",
            exp.list_get_by_rank(bin_, -1, 7, exp.EXP_TYPE_INT, ctx),
            theirs.ListGetByRank(their_path, 7, theirs.ResultType.INTEGER, -1, their_bin),
        ),
        (
            "list_get_by_index_range",
            exp.list_get_by_index_range(bin_, 1, 7, 2),
            theirs.ListGetByIndexRange(None, 7, 1, 2, their_bin),
        ),
        (
            "list_get_by_index_range to the end",
            exp.list_get_by_index_range(bin_, 1, 7 | INVERTED),
            theirs.ListGetByIndexRangeToEnd(None, 7, 1, their_bin, True),
        ),
        (
            "list_get_by_rank_range",
            exp.list_get_by_rank_range(bin_, 1, 5, 2),
            theirs.ListGetByRankRange(None, 5, 1, 2, their_bin),
        ),
        (
            "list_get_by_rank_range to the end",
            exp.list_get_by_rank_range(bin_, 1, 1),
            theirs.ListGetByRankRangeToEnd(None, 1, 1, their_bin),
        ),
        (
            "list_get_by_value",
            exp.list_get_by_value(bin_, "x", 5),
            theirs.ListGetByValue(None, 5, "x", their_bin),
        ),
        (
            "list_get_by_value exists",
            exp.list_get_by_value(bin_, i, 9),
            theirs.ListGetByValue(None, aerospike.LIST_RETURN_EXISTS, ti, their_bin),
        ),
        (
            "list_get_by_value_list",
            exp.list_get_by_value_list(bin_, [1, 2], 7),
            theirs.ListGetByValueList(None, 7, [1, 2], their_bin),
        ),
        (
            "list_get_by_value_range",
            exp.list_get_by_value_range(bin_, 1, 9, 7 | INVERTED),
            theirs.ListGetByValueRange(None, 7, 1, 9, their_bin, True),
        ),
        (
            "list_get_by_value_rel_rank_range",
            exp.list_get_by_value_rel_rank_range(bin_, 4, -1, 7, 2),
            theirs.ListGetByValueRelRankRange(None, 7, 4, -1, 2, their_bin),
        ),
        (
            "list_get_by_value_rel_rank_range to the end",
            exp.list_get_by_value_rel_rank_range(bin_, 4, -1, 7),
            theirs.ListGetByValueRelRankRangeToEnd(None, 7, 4, -1, their_bin),
        ),
    ]
    changes: list[tuple[str, Any, Any]] = [
        ("list_append", exp.list_append(bin_, 1), theirs.ListAppend(None, None, 1, their_bin)),
        (
            "list_append policy",
            exp.list_append(bin_, i, order),
            theirs.ListAppend(None, order, ti, their_bin),
        ),
        (
            "list_append ctx of a map",
            exp.list_append(exp.map_bin("m"), 1, ctx=ctx),
            theirs.ListAppend(their_path, None, 1, theirs.MapBin("m")),
        ),
        (
            "list_append ctx of a list",
            exp.list_append(bin_, 1, ctx=in_list),
            theirs.ListAppend(their_in_list, None, 1, their_bin),
        ),
        (
            "list_append_items",
            exp.list_append_items(bin_, [1, 2], order),
            theirs.ListAppendItems(None, order, [1, 2], their_bin),
        ),
        (
            "list_insert",
            exp.list_insert(bin_, 1, "x", flags),
            theirs.ListInsert(None, flags, 1, "x", their_bin),
        ),
        (
            "list_insert_items",
            exp.list_insert_items(bin_, 1, [5]),
            theirs.ListInsertItems(None, None, 1, [5], their_bin),
        ),
        (
            "list_increment",
            exp.list_increment(bin_, 1, 5, order),
            theirs.ListIncrement(None, order, 1, 5, their_bin),
        ),
        ("list_set", exp.list_set(bin_, 1, 5, flags), theirs.ListSet(None, flags, 1, 5, their_bin)),
        ("list_clear", exp.list_clear(bin_), theirs.ListClear(None, their_bin)),
        ("list_sort", exp.list_sort(bin_, 2), theirs.ListSort(None, 2, their_bin)),
        (
            "list_remove_by_value",
            exp.list_remove_by_value(bin_, 5),
            theirs.ListRemoveByValue(None, 5, their_bin),
        ),
        (
            "list_remove_by_value_list",
            exp.list_remove_by_value_list(bin_, [5, 6], INVERTED),
            theirs.ListRemoveByValueList(None, [5, 6], their_bin, True),
        ),
        (
            "list_remove_by_value_range",
            exp.list_remove_by_value_range(bin_, 1, 9),
            theirs.ListRemoveByValueRange(None, 1, 9, their_bin),
        ),
        (
            "list_remove_by_value_rel_rank_range",
            exp.list_remove_by_value_rel_rank_range(bin_, 4, 1, 2),
            theirs.ListRemoveByValueRelRankRange(None, 4, 1, 2, their_bin),
        ),
        (
            "list_remove_by_value_rel_rank_range to the end",
            exp.list_remove_by_value_rel_rank_range(bin_, 4, 1),
            theirs.ListRemoveByValueRelRankToEnd(None, 4, 1, their_bin),
        ),
        (
            "list_remove_by_index",
            exp.list_remove_by_index(bin_, 0),
            theirs.ListRemoveByIndex(None, 0, their_bin),
        ),
        (
            "list_remove_by_index_range",
            exp.list_remove_by_index_range(bin_, 0, 2),
            theirs.ListRemoveByIndexRange(None, 0, 2, their_bin),
        ),
        (
            "list_remove_by_index_range to the end",
            exp.list_remove_by_index_range(bin_, 1),
            theirs.ListRemoveByIndexRangeToEnd(None, 1, their_bin),
        ),
        (
            "list_remove_by_rank",
            exp.list_remove_by_rank(bin_, 0),
            theirs.ListRemoveByRank(None, 0, their_bin),
        ),
        (
            "list_remove_by_rank_range",
            exp.list_remove_by_rank_range(bin_, 0, 2),
            theirs.ListRemoveByRankRange(None, 0, 2, their_bin),
        ),
        (
            "list_remove_by_rank_range to the end",
            exp.list_remove_by_rank_range(bin_, 1),
            theirs.ListRemoveByRankRangeToEnd(None, 1, their_bin),
        ),
    ]
    return [
        ExpressionCase(name, exp.eq(ours, 1), theirs.Eq(their, 1))
        for name, ours, their in pairs + changes
    ]


def _maps() -> list[ExpressionCase]:
    ctx = [cdt_ctx.map_key("k")]
    their_path = [their_ctx.cdt_ctx_map_key("k")]
    bin_, their_bin = exp.map_bin("m"), theirs.MapBin("m")
    order = {"map_order": 1}
    flags, their_flags = {"map_order": 1, "write_flags": 4}, {"map_order": 1, "map_write_flags": 4}
    pairs: list[tuple[str, Any, Any]] = [
        ("map_size", exp.map_size(bin_), theirs.MapSize(None, their_bin)),
        ("map_size by name", exp.map_size("m", ctx), theirs.MapSize(their_path, "m")),
        (
            "map_get_by_key",
            exp.map_get_by_key(bin_, "k", 7, exp.EXP_TYPE_INT),
            theirs.MapGetByKey(None, 7, theirs.ResultType.INTEGER, "k", their_bin),
        ),
        (
            "map_get_by_key exists",
            exp.map_get_by_key(bin_, exp.string_bin("s"), 9),
            theirs.MapGetByKey(
                None,
                aerospike.MAP_RETURN_EXISTS,
                theirs.ResultType.BOOLEAN,
                theirs.StrBin("s"),
                their_bin,
            ),
        ),
        (
            "map_get_by_key pair",
            exp.map_get_by_key(bin_, "k", 8),
            theirs.MapGetByKey(None, 8, theirs.ResultType.MAP, "k", their_bin),
        ),
        (
            "map_get_by_index",
            exp.map_get_by_index(bin_, 0, 6, exp.EXP_TYPE_STRING),
            theirs.MapGetByIndex(None, 6, theirs.ResultType.STRING, 0, their_bin),
        ),
        (
            "map_get_by_rank",
            exp.map_get_by_rank(bin_, -1, 7, exp.EXP_TYPE_LIST, ctx),
            theirs.MapGetByRank(their_path, 7, theirs.ResultType.LIST, -1, their_bin),
        ),
        (
            "map_get_by_key_list",
            exp.map_get_by_key_list(bin_, ["a", "b"], 7),
            theirs.MapGetByKeyList(None, 7, ["a", "b"], their_bin),
        ),
        (
            "map_get_by_key_range",
            exp.map_get_by_key_range(bin_, "a", "m", 5),
            theirs.MapGetByKeyRange(None, 5, "a", "m", their_bin),
        ),
        (
            "map_get_by_key_rel_index_range",
            exp.map_get_by_key_rel_index_range(bin_, "k", 1, 7, 2),
            theirs.MapGetByKeyRelIndexRange(None, 7, "k", 1, 2, their_bin),
        ),
        (
            "map_get_by_key_rel_index_range to the end",
            exp.map_get_by_key_rel_index_range(bin_, "k", 1, 7),
            theirs.MapGetByKeyRelIndexRangeToEnd(None, 7, "k", 1, their_bin),
        ),
        (
            "map_get_by_value",
            exp.map_get_by_value(bin_, 5, 6),
            theirs.MapGetByValue(None, 6, 5, their_bin),
        ),
        (
            "map_get_by_value_list",
            exp.map_get_by_value_list(bin_, [5], 8),
            theirs.MapGetByValueList(None, 8, [5], their_bin),
        ),
        (
            "map_get_by_value_range",
            exp.map_get_by_value_range(bin_, 1, 9, 16),
            theirs.MapGetByValueRange(None, 16, 1, 9, their_bin),
        ),
        (
            "map_get_by_value_rel_rank_range",
            exp.map_get_by_value_rel_rank_range(bin_, 5, 1, 17, 2),
            theirs.MapGetByValueRelRankRange(None, 17, 5, 1, 2, their_bin),
        ),
        (
            "map_get_by_value_rel_rank_range to the end",
            exp.map_get_by_value_rel_rank_range(bin_, 5, 1, 7),
            theirs.MapGetByValueRelRankRangeToEnd(None, 7, 5, 1, their_bin),
        ),
        (
            "map_get_by_index_range",
            exp.map_get_by_index_range(bin_, 0, 7, 2),
            theirs.MapGetByIndexRange(None, 7, 0, 2, their_bin),
        ),
        (
            "map_get_by_index_range to the end",
            exp.map_get_by_index_range(bin_, 0, 7 | INVERTED),
            theirs.MapGetByIndexRangeToEnd(None, 7, 0, their_bin, True),
        ),
        (
            "map_get_by_rank_range",
            exp.map_get_by_rank_range(bin_, 0, 7, 2),
            theirs.MapGetByRankRange(None, 7, 0, 2, their_bin),
        ),
        (
            "map_get_by_rank_range to the end",
            exp.map_get_by_rank_range(bin_, 0, 7),
            theirs.MapGetByRankRangeToEnd(None, 7, 0, their_bin),
        ),
    ]
    changes: list[tuple[str, Any, Any]] = [
        ("map_put", exp.map_put(bin_, "k", 1), theirs.MapPut(None, None, "k", 1, their_bin)),
        (
            "map_put policy",
            exp.map_put(bin_, "k", 1, flags),
            theirs.MapPut(None, their_flags, "k", 1, their_bin),
        ),
        (
            "map_put_items",
            exp.map_put_items(bin_, {"k": 1}, order),
            theirs.MapPutItems(None, order, {"k": 1}, their_bin),
        ),
        (
            "map_increment",
            exp.map_increment(bin_, "k", 1),
            theirs.MapIncrement(None, None, "k", 1, their_bin),
        ),
        # With a policy the official client adds write flags, which the server refuses here.
        ("map_clear", exp.map_clear(bin_, ctx), theirs.MapClear(their_path, their_bin)),
        (
            "map_remove_by_key",
            exp.map_remove_by_key(bin_, "k"),
            theirs.MapRemoveByKey(None, "k", their_bin),
        ),
        (
            "map_remove_by_key_list",
            exp.map_remove_by_key_list(bin_, ["k"], INVERTED),
            theirs.MapRemoveByKeyList(None, ["k"], their_bin, True),
        ),
        (
            "map_remove_by_key_range",
            exp.map_remove_by_key_range(bin_, "a", "m"),
            theirs.MapRemoveByKeyRange(None, "a", "m", their_bin),
        ),
        (
            "map_remove_by_key_rel_index_range",
            exp.map_remove_by_key_rel_index_range(bin_, "k", 1, 2),
            theirs.MapRemoveByKeyRelIndexRange(None, "k", 1, 2, their_bin),
        ),
        (
            "map_remove_by_key_rel_index_range to the end",
            exp.map_remove_by_key_rel_index_range(bin_, "k", 1),
            theirs.MapRemoveByKeyRelIndexRangeToEnd(None, "k", 1, their_bin),
        ),
        (
            "map_remove_by_value",
            exp.map_remove_by_value(bin_, 5),
            theirs.MapRemoveByValue(None, 5, their_bin),
        ),
        (
            "map_remove_by_value_list",
            exp.map_remove_by_value_list(bin_, [5]),
            theirs.MapRemoveByValueList(None, [5], their_bin),
        ),
        (
            "map_remove_by_value_range",
            exp.map_remove_by_value_range(bin_, 1, 9),
            theirs.MapRemoveByValueRange(None, 1, 9, their_bin),
        ),
        (
            "map_remove_by_value_rel_rank_range",
            exp.map_remove_by_value_rel_rank_range(bin_, 5, 1, 2),
            theirs.MapRemoveByValueRelRankRange(None, 5, 1, 2, their_bin),
        ),
        (
            "map_remove_by_value_rel_rank_range to the end",
            exp.map_remove_by_value_rel_rank_range(bin_, 5, 1),
            theirs.MapRemoveByValueRelRankRangeToEnd(None, 5, 1, their_bin),
        ),
        (
            "map_remove_by_index",
            exp.map_remove_by_index(bin_, 0),
            theirs.MapRemoveByIndex(None, 0, their_bin),
        ),
        (
            "map_remove_by_index_range",
            exp.map_remove_by_index_range(bin_, 0, 2),
            theirs.MapRemoveByIndexRange(None, 0, 2, their_bin),
        ),
        (
            "map_remove_by_index_range to the end",
            exp.map_remove_by_index_range(bin_, 1),
            theirs.MapRemoveByIndexRangeToEnd(None, 1, their_bin),
        ),
        (
            "map_remove_by_rank",
            exp.map_remove_by_rank(bin_, 0),
            theirs.MapRemoveByRank(None, 0, their_bin),
        ),
        (
            "map_remove_by_rank_range",
            exp.map_remove_by_rank_range(bin_, 0, 2),
            theirs.MapRemoveByRankRange(None, 0, 2, their_bin),
        ),
        (
            "map_remove_by_rank_range to the end",
            exp.map_remove_by_rank_range(bin_, 1),
            theirs.MapRemoveByRankRangeToEnd(None, 1, their_bin),
        ),
        ("map_keys", exp.map_keys(bin_), theirs.MapGetKeys(their_bin)),
        ("map_values", exp.map_values(bin_), theirs.MapGetValues(their_bin)),
    ]
    return [
        ExpressionCase(name, exp.eq(ours, 1), theirs.Eq(their, 1))
        for name, ours, their in pairs + changes
    ]


def _blobs() -> list[ExpressionCase]:
    bin_, their_bin = exp.blob_bin("b"), theirs.BlobBin("b")
    hll, their_hll = exp.hll_bin("h"), theirs.HLLBin("h")
    sketch = HyperLogLog(SKETCH), aerospike_helpers.HyperLogLog(SKETCH)
    flags, their_flags = {"write_flags": 4}, {"bit_write_flags": 4}
    data = b"\x0f\xf0"
    pairs: list[tuple[str, Any, Any]] = [
        (
            "bit_resize",
            exp.bit_resize(bin_, 10, 1, flags),
            theirs.BitResize(their_flags, 10, 1, their_bin),
        ),
        ("bit_insert", exp.bit_insert(bin_, 1, data), theirs.BitInsert(None, 1, data, their_bin)),
        ("bit_remove", exp.bit_remove(bin_, 1, 2), theirs.BitRemove(None, 1, 2, their_bin)),
        ("bit_set", exp.bit_set(bin_, 3, 9, data), theirs.BitSet(None, 3, 9, data, their_bin)),
        ("bit_or", exp.bit_or(bin_, 3, 9, data), theirs.BitOr(None, 3, 9, data, their_bin)),
        ("bit_xor", exp.bit_xor(bin_, 3, 9, data), theirs.BitXor(None, 3, 9, data, their_bin)),
        (
            "bit_and",
            exp.bit_and(bin_, 3, 9, data, flags),
            theirs.BitAnd(their_flags, 3, 9, data, their_bin),
        ),
        ("bit_not", exp.bit_not(bin_, 3, 9), theirs.BitNot(None, 3, 9, their_bin)),
        (
            "bit_lshift",
            exp.bit_lshift(bin_, 3, 9, 2),
            theirs.BitLeftShift(None, 3, 9, 2, their_bin),
        ),
        (
            "bit_rshift",
            exp.bit_rshift(bin_, 3, 9, 2),
            theirs.BitRightShift(None, 3, 9, 2, their_bin),
        ),
        (
            "bit_add",
            exp.bit_add(bin_, 0, 16, 5, action=4),
            theirs.BitAdd(None, 0, 16, 5, 4, their_bin),
        ),
        (
            "bit_subtract",
            exp.bit_subtract(bin_, 0, 16, 5, action=2),
            theirs.BitSubtract(None, 0, 16, 5, 2, their_bin),
        ),
        (
            "bit_set_int",
            exp.bit_set_int(bin_, 0, 16, -5),
            theirs.BitSetInt(None, 0, 16, -5, their_bin),
        ),
        ("bit_get", exp.bit_get(bin_, 0, 16), theirs.BitGet(0, 16, their_bin)),
        ("bit_count", exp.bit_count(bin_, 0, 16), theirs.BitCount(0, 16, their_bin)),
        ("bit_lscan", exp.bit_lscan(bin_, 0, 16, True), theirs.BitLeftScan(0, 16, True, their_bin)),
        (
            "bit_rscan",
            exp.bit_rscan(bin_, 0, 16, False),
            theirs.BitRightScan(0, 16, False, their_bin),
        ),
        (
            "bit_get_int",
            exp.bit_get_int(bin_, 0, 16),
            theirs.BitGetInt(0, 16, False, their_bin),
        ),
        (
            "bit_get_int signed",
            exp.bit_get_int(bin_, 0, 16, True),
            theirs.BitGetInt(0, 16, True, their_bin),
        ),
        (
            "hll_init",
            exp.hll_init(hll, 10, 12),
            theirs.HLLInit(None, 10, 12, their_hll),
        ),
        (
            "hll_add",
            exp.hll_add(hll, ["a", "b"], 10, policy={"write_flags": 1}),
            theirs.HLLAdd({"flags": 1}, ["a", "b"], 10, None, their_hll),
        ),
        ("hll_get_count", exp.hll_get_count(hll), theirs.HLLGetCount(their_hll)),
        (
            "hll_get_union",
            exp.hll_get_union(hll, exp.list_bin("l")),
            theirs.HLLGetUnion(theirs.ListBin("l"), their_hll),
        ),
        (
            "hll_get_union of a constant",
            exp.hll_get_union(hll, exp.list_val([sketch[0]])),
            theirs.HLLGetUnion([sketch[1]], their_hll),
        ),
        (
            "hll_get_union_count",
            exp.hll_get_union_count(hll, exp.list_bin("l")),
            theirs.HLLGetUnionCount(theirs.ListBin("l"), their_hll),
        ),
        (
            "hll_get_intersect_count",
            exp.hll_get_intersect_count(hll, exp.list_bin("l")),
            theirs.HLLGetIntersectCount(theirs.ListBin("l"), their_hll),
        ),
        (
            "hll_get_similarity",
            exp.hll_get_similarity(hll, exp.list_bin("l")),
            theirs.HLLGetSimilarity(theirs.ListBin("l"), their_hll),
        ),
        ("hll_describe", exp.hll_describe(hll), theirs.HLLDescribe(their_hll)),
        (
            "hll_may_contain",
            exp.hll_may_contain(hll, ["a"]),
            theirs.HLLMayContain(["a"], their_hll),
        ),
    ]
    return [
        ExpressionCase(name, exp.eq(ours, 1), theirs.Eq(their, 1)) for name, ours, their in pairs
    ]


def _strings() -> list[ExpressionCase]:
    policy, their_policy = {"write_flags": 4}, StringPolicy(WriteFlags.NO_FAIL)
    bin_ = exp.string_bin("b")
    pairs: list[tuple[str, Any, Any]] = [
        (name, getattr(exp, f"string_{name}")("b"), getattr(theirs_str, their)("b"))
        for name, their in [
            ("strlen", "StrLen"),
            ("to_integer", "ToInteger"),
            ("to_double", "ToDouble"),
            ("byte_length", "ByteLength"),
            ("is_upper", "IsUpper"),
            ("is_lower", "IsLower"),
            ("to_blob", "ToBlob"),
            ("split", "Split"),
            ("base64_decode", "Base64Decode"),
        ]
    ]
    pairs += [
        (
            name,
            getattr(exp, f"string_{name}")(bin_, policy),
            getattr(theirs_str, their)(their_policy, "b"),
        )
        for name, their in [
            ("upper", "Upper"),
            ("lower", "Lower"),
            ("casefold", "CaseFold"),
            ("normalize_nfc", "NormalizeNFC"),
            ("trim_start", "TrimStart"),
            ("trim_end", "TrimEnd"),
            ("trim", "Trim"),
        ]
    ]
    pairs += [
        ("substr", exp.string_substr("b", 1), theirs_str.SubStr(1, "b")),
        ("substr range", exp.string_substr("b", 1, 3), theirs_str.SubStrRange(1, 3, "b")),
        ("char_at", exp.string_char_at("b", 1), theirs_str.CharAt(1, "b")),
        ("find", exp.string_find("b", "x", 2), theirs_str.Find("x", 2, "b")),
        ("contains", exp.string_contains("b", "x"), theirs_str.Contains("x", "b")),
        ("starts_with", exp.string_starts_with("b", "x"), theirs_str.StartsWith("x", "b")),
        ("ends_with", exp.string_ends_with("b", "x"), theirs_str.EndsWith("x", "b")),
        ("is_numeric", exp.string_is_numeric("b", 1), theirs_str.IsNumeric(NumericType.INT, "b")),
        ("split separator", exp.string_split("b", ","), theirs_str.SplitSeparator(",", "b")),
        ("to_string", exp.to_string(exp.int_bin("i")), theirs_str.ToString(theirs.IntBin("i"))),
        (
            "insert",
            exp.string_insert("b", 1, "x", policy),
            theirs_str.Insert(their_policy, 1, "x", "b"),
        ),
        (
            "overwrite",
            exp.string_overwrite("b", 1, "x", policy),
            theirs_str.Overwrite(their_policy, 1, "x", "b"),
        ),
        ("append", exp.string_append("b", "x", policy), theirs_str.Append(their_policy, "x", "b")),
        (
            "prepend",
            exp.string_prepend("b", "x", policy),
            theirs_str.Prepend(their_policy, "x", "b"),
        ),
        (
            "concat",
            exp.string_concat("b", ["x", "y"], policy),
            theirs_str.Concat(their_policy, ["x", "y"], "b"),
        ),
        ("snip", exp.string_snip("b", 1, 3, policy), theirs_str.Snip(their_policy, 1, 3, "b")),
        ("snip start", exp.string_snip("b", 1), theirs_str.Snip(their_policy, 1, None, "b")),
        (
            "replace",
            exp.string_replace("b", "x", "y", policy),
            theirs_str.Replace(their_policy, "x", "y", "b"),
        ),
        (
            "replace_all",
            exp.string_replace_all("b", "x", "y", policy),
            theirs_str.ReplaceAll(their_policy, "x", "y", "b"),
        ),
        (
            "pad_start",
            exp.string_pad_start("b", 5, "x", policy),
            theirs_str.PadStart(their_policy, 5, "x", "b"),
        ),
        (
            "pad_end",
            exp.string_pad_end("b", 5, "x", policy),
            theirs_str.PadEnd(their_policy, 5, "x", "b"),
        ),
        ("repeat", exp.string_repeat("b", 3, policy), theirs_str.Repeat(their_policy, 3, "b")),
        (
            "regex_replace",
            exp.string_regex_replace("b", "a", "b", 16, policy),
            theirs_str.RegexReplace(their_policy, "a", "b", RegexFlags.GLOBAL, "b"),
        ),
        (
            "regex_compare",
            exp.string_regex_compare("b", "a.*", 1),
            theirs_str.RegexCompare("a.*", "b", RegexFlags(1)),
        ),
        (
            "nested",
            exp.string_strlen(exp.string_upper("b")),
            theirs_str.StrLen(theirs_str.Upper(None, "b")),
        ),
        ("list_join", exp.list_join("l", ","), theirs.ListJoin(None, ",", "l")),
        ("bit_b64_encode", exp.bit_b64_encode("b", 1, 3, True), BitB64Encode(1, 3, True, "b")),
        ("bit_b64_encode forward", exp.bit_b64_encode("b", 1, 3), BitB64Encode(1, 3, False, "b")),
    ]
    return [
        ExpressionCase(f"string {name}", exp.eq(ours, "x"), theirs.Eq(their, "x"))
        for name, ours, their in pairs
    ]


def _paths() -> list[ExpressionCase]:
    bin_, their_bin = exp.map_bin("m"), theirs.MapBin("m")
    above = exp.gt(exp.loop_var(exp.EXP_TYPE_INT, exp.LOOP_VAR_VALUE), 5)
    their_above = theirs.GT(theirs.LoopVarInt(aerospike.EXP_LOOPVAR_VALUE), 5)
    ctx = [cdt_ctx.map_key("a"), cdt_ctx.all_children_filter(above)]
    their_path = [
        their_ctx.cdt_ctx_map_key("a"),
        their_ctx.cdt_ctx_all_children_with_filter(their_above.compile()),
    ]
    double = exp.num_mul(exp.loop_var(exp.EXP_TYPE_INT, exp.LOOP_VAR_VALUE), 2)
    their_double = theirs.Mul(theirs.LoopVarInt(aerospike.EXP_LOOPVAR_VALUE), 2)
    return [
        ExpressionCase(
            "select_by_path",
            exp.eq(exp.select_by_path(bin_, ctx, exp.EXP_TYPE_LIST, 1), 1),
            theirs.Eq(
                theirs.SelectByPath(their_path, theirs.ResultType.LIST, 1, their_bin),
                1,
            ),
        ),
        ExpressionCase(
            "select_by_path all children",
            exp.eq(exp.select_by_path(bin_, [cdt_ctx.all_children()], exp.EXP_TYPE_MAP), 1),
            theirs.Eq(
                theirs.SelectByPath(
                    [their_ctx.cdt_ctx_all_children()], theirs.ResultType.MAP, 0, their_bin
                ),
                1,
            ),
        ),
        ExpressionCase(
            "modify_by_path",
            exp.eq(exp.modify_by_path(bin_, ctx, exp.EXP_TYPE_MAP, double), 1),
            theirs.Eq(
                theirs.ModifyByPath(
                    their_path, theirs.ResultType.MAP, their_double.compile(), 0, their_bin
                ),
                1,
            ),
        ),
        ExpressionCase(
            "remove_result",
            exp.eq(exp.modify_by_path(bin_, ctx, exp.EXP_TYPE_MAP, exp.remove_result()), 1),
            theirs.Eq(
                theirs.ModifyByPath(
                    their_path, theirs.ResultType.MAP, theirs.RemoveResult().compile(), 0, their_bin
                ),
                1,
            ),
        ),
    ]


def expression_cases() -> list[ExpressionCase]:
    """All of them; each yields something that can be compiled, not always a filter."""
    return [
        *_constants(),
        *_bins(),
        *_metadata(),
        *_logic(),
        *_numbers(),
        *_lists(),
        *_maps(),
        *_blobs(),
        *_strings(),
        *_paths(),
    ]
