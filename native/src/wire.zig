//! The protocol, as bytes ↔ structs: everything that is sent to or received from a server.
//!
//! Pure: no I/O, no clock, no global state. Encoders write into a `Buffer`, decoders return
//! slices of the bytes they were given. Both directions are here, since the client encodes
//! requests and decodes replies, and the development server does the reverse. Whatever the
//! network sends ends as a value or an error, never as a panic. Any thread may call anything,
//! as long as each `Buffer` is used by one thread at a time.

pub const Buffer = @import("wire/Buffer.zig");
pub const admin = @import("wire/admin.zig");
pub const compress = @import("wire/compress.zig");
pub const digest = @import("wire/digest.zig");
pub const field = @import("wire/field.zig");
pub const info = @import("wire/info.zig");
pub const message = @import("wire/message.zig");
pub const msgpack = @import("wire/msgpack.zig");
pub const operation = @import("wire/operation.zig");
pub const particle = @import("wire/particle.zig");
pub const proto = @import("wire/proto.zig");
pub const short = @import("wire/short.zig");

test {
    _ = Buffer;
    _ = admin;
    _ = compress;
    _ = digest;
    _ = field;
    _ = info;
    _ = message;
    _ = msgpack;
    _ = operation;
    _ = particle;
    _ = proto;
    _ = short;
    _ = @import("wire/sorted.zig");
    _ = @import("wire/recorded_test.zig");
    _ = @import("wire/fuzz_test.zig");
}
