//! The errors that every network, real or simulated, may answer with.

/// Errors of connecting, sending and receiving.
pub const Error = error{
    /// The deadline passed.
    Timeout,
    /// Nobody listens at the address.
    ConnectionRefused,
    /// The peer closed or reset the connection.
    ConnectionClosed,
    /// The interrupt hook or the stop flag ended the wait.
    Interrupted,
    /// The process or its machine is out of descriptors, local ports or threads.
    SystemResources,
    /// The process or its machine is out of memory, buffers of the network included.
    OutOfMemory,
    /// Anything else: no route, no such address family, …
    Network,
    /// TLS refuses the peer, or the peer this side; `tls.problemText` has the reason.
    Tls,
};

/// Errors of looking up a host name.
pub const ResolveError = error{
    HostNotFound,
    SystemResources,
    OutOfMemory,
    /// As of a wait; only for names that the system's resolver is asked for.
    Timeout,
    Interrupted,
};

/// Whether this side lacks something: that says nothing about the node, is never counted against
/// it, and another node will not help.
pub fn isOwnLack(err: anyerror) bool {
    return err == error.SystemResources or err == error.OutOfMemory;
}
