//! Waits for an operation that was submitted: what `await` is given. It is awaited once, at once, and
//! gives the result of the operation's future.
//!
//! A wait that ends before the operation does, as it is cancelled, closed or forgotten, ends the
//! operation early.

const std = @import("std");
const api = @import("api.zig");
const State = @import("State.zig");
const Submitter = @import("Submitter.zig");

const Object = api.Object;

state: *State,
submitter: ?*Object,
future: ?*Object,
token: u64,
phase: enum(u64) { begun, waiting, over },

const Operation = @This();

/// What `module.c` has room for.
pub const body_size = 40;

comptime {
    std.debug.assert(@sizeOf(Operation) == body_size);
}

pub inline fn bodyOf(object: *Object) *Operation {
    return api.bodyOf(Operation, object);
}

/// Takes the reference to the future over.
pub fn make(state: *State, submitter: *Object, future: *Object, token: u64) api.Error!*Object {
    const object = try api.made(api.PyType_GenericAlloc(state.operation_type, 0));
    bodyOf(object).* = .{
        .state = state,
        .submitter = api.share(submitter),
        .future = future,
        .token = token,
        .phase = .begun,
    };
    return object;
}

pub fn traverse(operation: *Operation, visit: api.Visit, argument: ?*anyopaque) c_int {
    return api.visitAll(&.{ &operation.submitter, &operation.future }, visit, argument);
}

pub fn clear(operation: *Operation) void {
    operation.abandon();
    api.let(&operation.submitter, null);
    api.let(&operation.future, null);
}

/// What its wait goes on with: the future, as long as that has no result.
pub const Step = union(enum) { waits: *Object, ends: *Object };

/// Both are new references.
pub fn next(operation: *Operation) api.Error!Step {
    const completions = &(operation.state.completions orelse return over());
    const future = operation.future orelse return over();
    switch (operation.phase) {
        .begun => {
            // By this, a task knows a future that is awaited from one that is merely yielded.
            const blocking = completions.future_blocking;
            try api.done(api.PyObject_SetAttr(future, blocking, api.headers.true));
            operation.phase = .waiting;
            return .{ .waits = api.share(future) };
        },
        .waiting => {
            const made = completions.resultOf(future) orelse {
                // Whoever comes while another waits has nothing of it, and takes nothing away.
                if (api.PyErr_ExceptionMatches(completions.invalid_state) != 0) return over();
                operation.phase = .over;
                return error.Raised;
            };
            operation.phase = .over;
            return .{ .ends = made };
        },
        .over => return over(),
    }
}

fn over() api.Error {
    return api.raise(api.headers.runtime_error, "an operation is awaited once");
}

/// Nobody waits any more. An exception that is on its way goes on.
pub fn abandon(operation: *Operation) void {
    const submitter = operation.submitter orelse return;
    if (operation.phase == .over) return;
    operation.phase = .over;
    const raised: api.Raised = .takeAsIs();
    Submitter.bodyOf(submitter).abandon(operation.token);
    raised.raise();
}
