// A small Aerospike client for Node.js on the C ABI of libaerospike_zig, with koffi.
//
// Operations are submitted and do not block Node's event loop. One call of poll(2), on a thread of
// libuv's pool, waits for the library's descriptor; then one call of asz_client_drain collects all
// operations that have ended.

import { readFileSync } from "node:fs";
import koffi from "koffi";
import { Values } from "./values.mjs";

const COMPLETIONS_MAX = 256;
const COMPLETION_BYTES = 32;
const POLLIN = 1;

export class AerospikeError extends Error {
  constructor(code, message, node, inDoubt) {
    super(message);
    this.code = code;
    this.node = node;
    this.inDoubt = inDoubt;
  }
}

// The command numbers and the ABI version come from the header that belongs to the library.
function constants(header) {
  const text = readFileSync(header, "utf8");
  const found = text.matchAll(/^#define ASZ_(\w+) \(?(-?\d+)\)?/gm);
  return Object.fromEntries([...found].map(([, name, value]) => [name, Number(value)]));
}

export function load(libraryPath, headerPath) {
  const library = koffi.load(libraryPath);
  const system = koffi.load(null);
  const error = koffi.struct("asz_error", {
    size: "uint32_t",
    code: "int32_t",
    in_doubt: "uint8_t",
    reserved: "uint8_t",
    node_len: "uint16_t",
    message_len: "uint16_t",
    node: koffi.array("uint8_t", 32),
    message: koffi.array("uint8_t", 480),
  });
  koffi.opaque("asz_client");
  koffi.struct("pollfd", { fd: "int", events: "short", revents: "short" });
  const abi = {
    version: library.func("uint32_t asz_abi_version()"),
    create: library.func(
      "int32_t asz_client_create(void *config, uint64_t length, _Out_ asz_client **client, " +
        "_Inout_ asz_error *error)",
    ),
    connect: library.func("int32_t asz_client_connect(asz_client *, _Inout_ asz_error *error)"),
    close: library.func("void asz_client_close(asz_client *client)"),
    destroy: library.func("void asz_client_destroy(asz_client *client)"),
    wakeDescriptor: library.func(
      "int32_t asz_client_wake_fd(asz_client *client, _Inout_ asz_error *error)",
    ),
    submit: library.func(
      "int32_t asz_client_submit(asz_client *client, uint64_t token, int32_t command, " +
        "void *request, uint64_t length, void *policy, _Inout_ asz_error *error)",
    ),
    drain: library.func(
      "uint32_t asz_client_drain(asz_client *client, _Out_ uint8_t *completions, uint32_t max, " +
        "_Out_ uint8_t *data, uint64_t capacity, _Out_ uint64_t *needed)",
    ),
    poll: system.func("int poll(_Inout_ pollfd *descriptors, unsigned long count, int timeout_ms)"),
    newError: () => ({
      size: koffi.sizeof(error),
      code: 0,
      in_doubt: 0,
      reserved: 0,
      node_len: 0,
      message_len: 0,
      node: new Uint8Array(32),
      message: new Uint8Array(480),
    }),
  };
  const known = constants(headerPath);
  if (abi.version() !== known.ABI_VERSION) {
    throw new Error(`the library has ABI version ${abi.version()}, not ${known.ABI_VERSION}`);
  }
  return { abi, commands: known, values: new Values(library, known) };
}

export class Client {
  #abi;
  #values;
  #handle;
  #descriptor;
  #waiting = new Map();
  #token = 0;
  #isPolling = false;
  #isClosed = false;
  #completions = new Uint8Array(COMPLETIONS_MAX * COMPLETION_BYTES);
  #data = new Uint8Array(256 * 1024);

  constructor({ abi, commands, values }, config) {
    this.#abi = abi;
    this.#values = values;
    this.commands = commands;
    const handle = [null];
    this.#check((error) =>
      values.with(config, (request, length) => abi.create(request, length, handle, error)),
    );
    this.#handle = handle[0];
  }

  async connect() {
    const error = this.#abi.newError();
    const status = await new Promise((resolve, reject) => {
      this.#abi.connect.async(this.#handle, error, (failed, result) =>
        failed ? reject(failed) : resolve(result),
      );
    });
    if (status !== 0) throw failure(error);
    this.#descriptor = this.#abi.wakeDescriptor(this.#handle, error);
    if (this.#descriptor < 0) throw failure(error);
    return this;
  }

  put(key, bins) {
    return this.submit(this.commands.PUT, [key, bins]);
  }

  async get(key) {
    return record(await this.submit(this.commands.GET, [key]));
  }

  remove(key) {
    return this.submit(this.commands.REMOVE, [key]);
  }

  // A record for each key, or null where there is none; other failures of a row are thrown.
  async batchGet(keys) {
    const request = [keys, this.commands.GET, null];
    const rows = await this.submit(this.commands.BATCH, request);
    return rows.map(([, status, inDoubt, found]) => {
      if (status === 0) return record(found);
      if (status === 2) return null;
      throw new AerospikeError(status, "a row of the batch failed", "", inDoubt);
    });
  }

  // Starts a command; the promise is settled when it has ended.
  submit(command, request) {
    if (this.#isClosed) throw new Error("the client is closed");
    const token = ++this.#token;
    this.#check((error) =>
      this.#values.with(request, (bytes, length) =>
        this.#abi.submit(this.#handle, token, command, bytes, length, null, error),
      ),
    );
    return new Promise((resolve, reject) => {
      this.#waiting.set(token, { resolve, reject });
      this.#poll();
    });
  }

  // Ends what is in flight with an error, closes the connections, and frees the client.
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#abi.close(this.#handle);
    while (this.#waiting.size > 0 && this.#drain() > 0);
    if (!this.#isPolling) this.#destroy();
  }

  // The descriptor is the library's: not before poll(2) has returned.
  #destroy() {
    this.#abi.destroy(this.#handle);
    this.#handle = null;
  }

  #poll() {
    if (this.#isPolling) return;
    this.#isPolling = true;
    const descriptor = { fd: this.#descriptor, events: POLLIN, revents: 0 };
    this.#abi.poll.async(descriptor, 1, 1000, () => {
      this.#isPolling = false;
      if (this.#isClosed) return this.#destroy();
      this.#drain();
      if (this.#waiting.size > 0) this.#poll();
    });
  }

  #drain() {
    const needed = [0];
    const count = this.#abi.drain(
      this.#handle,
      this.#completions,
      COMPLETIONS_MAX,
      this.#data,
      this.#data.length,
      needed,
    );
    const view = new DataView(this.#completions.buffer);
    for (let at = 0; at < count * COMPLETION_BYTES; at += COMPLETION_BYTES) {
      const token = Number(view.getBigUint64(at, true));
      const status = Number(view.getBigInt64(at + 8, true));
      const offset = Number(view.getBigUint64(at + 16, true));
      const length = Number(view.getBigUint64(at + 24, true));
      const waiting = this.#waiting.get(token);
      this.#waiting.delete(token);
      const end = offset + length;
      const value = length > 0 ? this.#values.read(this.#data, offset, end) : undefined;
      if (status === 0) {
        waiting.resolve(value);
      } else {
        const [inDoubt, node, message] = value;
        waiting.reject(new AerospikeError(status, message, node, inDoubt));
      }
    }
    if (count === 0 && needed[0] > 0) {
      this.#data = new Uint8Array(Number(needed[0]));
      return this.#drain();
    }
    return count;
  }

  #check(call) {
    const error = this.#abi.newError();
    if (call(error) !== 0) throw failure(error);
  }
}

function record([key, [generation, ttl], bins]) {
  return { key, generation, ttl, bins };
}

function failure(error) {
  const text = (bytes, length) => new TextDecoder().decode(Uint8Array.from(bytes).slice(0, length));
  return new AerospikeError(
    error.code,
    text(error.message, error.message_len),
    text(error.node, error.node_len),
    error.in_doubt !== 0,
  );
}
