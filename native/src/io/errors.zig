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
    /// The process or the machine is out of descriptors or memory.
    SystemResources,
    /// Anything else: no route, no such address family, …
    Network,
};

/// Errors of looking up a host name.
pub const ResolveError = error{
    HostNotFound,
    SystemResources,
};
