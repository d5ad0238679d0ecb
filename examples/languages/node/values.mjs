// Values of JavaScript to the library's, and back, by its own functions: asz_write_..., asz_read.
//
// null and undefined, booleans, numbers, bigints, strings, Uint8Array, arrays, objects and Map. An integer
// is a number where that is exact, and a bigint beyond; a map whose keys are not all strings is a Map.

import koffi from "koffi";

const EXTENSION_HYPER_LOG_LOG = 18;
const EXTENSION_PAIRS = 19;
const EXTENSION_ORDERED = 21;
const EXTENSION_BOTH_ORDERED = 22;
const EXTENSION_GEO_JSON = 23;

const utf8 = new TextDecoder();
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

const writerType = koffi.struct("asz_writer", {
  size: "uint32_t",
  status: "int32_t",
  data: "void *",
  capacity: "uint64_t",
  length: "uint64_t",
  owned: "uint32_t",
  reserved: "uint32_t",
});
const readerType = koffi.struct("asz_reader", {
  data: "uint8_t *",
  length: "uint64_t",
  position: "uint64_t",
});
const valueType = koffi.struct("asz_value", {
  kind: "uint8_t",
  extension: "int8_t",
  reserved: koffi.array("uint8_t", 6),
  integer: "int64_t",
  number: "double",
  data: "void *",
  length: "uint64_t",
});

// The writer, the reader and the value last as long as the library is loaded.
export class Values {
  #abi;
  #kinds;
  #writer = koffi.alloc(writerType, 1);
  #reader = koffi.alloc(readerType, 1);
  #value = koffi.alloc(valueType, 1);

  // The kinds of values are among the header's constants.
  constructor(library, constants) {
    this.#kinds = constants;
    const write = (name, argument) =>
      library.func(`void asz_write_${name}(asz_writer *writer${argument && `, ${argument}`})`);
    this.#abi = {
      nil: write("nil", ""),
      boolean: write("boolean", "int32_t flag"),
      integer: write("integer", "int64_t number"),
      float: write("float", "double number"),
      string: write("string", "uint8_t *text, uint64_t length"),
      bytes: write("bytes", "uint8_t *data, uint64_t length"),
      array: write("array", "uint32_t count"),
      map: write("map", "uint32_t count"),
      clear: library.func("void asz_writer_clear(asz_writer *writer)"),
      read: library.func("int32_t asz_read(asz_reader *reader, asz_value *value)"),
    };
    koffi.encode(this.#writer, writerType, { size: koffi.sizeof(writerType) });
  }

  // Calls `use` with the value as the library reads it: a pointer, which is good for that call, and how
  // many bytes are there.
  with(value, use) {
    this.#abi.clear(this.#writer);
    this.#write(value);
    const { status, data, length } = koffi.decode(this.#writer, writerType);
    if (status !== 0) throw new Error(`the library could not write the request: ${status}`);
    return use(data, Number(length));
  }

  // The value that is in this memory from `begin` up to `end`.
  read(memory, begin, end) {
    koffi.encode(this.#reader, readerType, { data: memory, length: end, position: begin });
    return this.#next(memory);
  }

  #write(value) {
    const [abi, writer] = [this.#abi, this.#writer];
    if (value === null || value === undefined) {
      abi.nil(writer);
    } else if (typeof value === "boolean") {
      abi.boolean(writer, value ? 1 : 0);
    } else if (typeof value === "bigint") {
      if (value < INT64_MIN || value > INT64_MAX) throw new RangeError(`beyond 64 bits: ${value}`);
      abi.integer(writer, value);
    } else if (typeof value === "number") {
      if (Number.isSafeInteger(value)) abi.integer(writer, value);
      else abi.float(writer, value);
    } else if (typeof value === "string") {
      const bytes = Buffer.from(value);
      abi.string(writer, bytes, bytes.length);
    } else if (value instanceof Uint8Array) {
      abi.bytes(writer, value, value.length);
    } else if (Array.isArray(value)) {
      abi.array(writer, value.length);
      for (const member of value) this.#write(member);
    } else if (typeof value === "object") {
      const pairs = value instanceof Map ? [...value] : Object.entries(value);
      abi.map(writer, pairs.length);
      for (const member of pairs.flat(1)) this.#write(member);
    } else {
      throw new TypeError(`no value for Aerospike: ${typeof value}`);
    }
  }

  #next(memory) {
    const kinds = this.#kinds;
    if (this.#abi.read(this.#reader, this.#value) !== 0) throw new Error("a value is cut off");
    const value = koffi.decode(this.#value, valueType);
    const length = Number(value.length);
    switch (value.kind) {
      case kinds.VALUE_NIL:
        return null;
      case kinds.VALUE_BOOLEAN:
        return Number(value.integer) !== 0;
      case kinds.VALUE_INTEGER:
        return narrowed(BigInt(value.integer));
      case kinds.VALUE_UNSIGNED:
        return BigInt.asUintN(64, BigInt(value.integer));
      case kinds.VALUE_FLOAT:
        return value.number;
      case kinds.VALUE_STRING:
        return utf8.decode(this.#passed(memory, length));
      case kinds.VALUE_BYTES:
        return this.#passed(memory, length).slice();
      case kinds.VALUE_ARRAY:
        return Array.from({ length }, () => this.#next(memory));
      case kinds.VALUE_MAP:
        return asMap(Array.from({ length }, () => [this.#next(memory), this.#next(memory)]));
      case kinds.VALUE_EXTENSION:
        return this.#extension(memory, value.extension, length);
      default:
        throw new Error(`a value of kind ${value.kind}, which is not known`);
    }
  }

  // The data of a value that was just read are what the reader stands behind.
  #passed(memory, length) {
    const end = this.#position();
    return memory.subarray(end - length, end);
  }

  // What the value that was just read holds is a value as well.
  #inside(memory, length) {
    const reader = koffi.decode(this.#reader, readerType);
    koffi.encode(this.#reader, readerType, { ...reader, position: Number(reader.position) - length });
    return this.#next(memory);
  }

  #position() {
    return Number(koffi.decode(this.#reader, readerType).position);
  }

  #extension(memory, kind, length) {
    const data = this.#passed(memory, length);
    switch (kind) {
      case EXTENSION_GEO_JSON:
        return utf8.decode(data);
      case EXTENSION_HYPER_LOG_LOG:
        return data.slice();
      case EXTENSION_PAIRS:
      case EXTENSION_ORDERED:
      case EXTENSION_BOTH_ORDERED:
        return this.#inside(memory, length);
      default:
        throw new Error(`an extension of type ${kind}, which is not known`);
    }
  }
}

// Integers that a number holds exactly are numbers, all others stay bigint.
function narrowed(integer) {
  return BigInt.asIntN(54, integer) === integer ? Number(integer) : integer;
}

function asMap(pairs) {
  const isObject = pairs.every(([key]) => typeof key === "string");
  return isObject ? Object.fromEntries(pairs) : new Map(pairs);
}
