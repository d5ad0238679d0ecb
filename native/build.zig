//! Steps for developers (users and wheels build with `setup.py`, which needs no build runner):
//!
//!   zig build                the shared libraries, in zig-out/
//!   zig build test           all tests of the core, the simulated network included
//!   zig build test --fuzz    the same, with the fuzz targets running until stopped

const std = @import("std");
const builtin = @import("builtin");

comptime {
    const wanted = "0.17.1";
    if (!std.mem.eql(u8, builtin.zig_version_string, wanted)) {
        @compileError("Zig " ++ wanted ++ " is needed, not " ++ builtin.zig_version_string);
    }
}

pub fn build(b: *std.Build) void {
    // A baseline processor: a library that was tuned to this machine may not start on another.
    const target = b.standardTargetOptions(.{ .default_target = .{ .cpu_model = .baseline } });
    const optimize = b.standardOptimizeOption(.{});

    const library = b.addLibrary(.{
        .name = "aerospike_zig",
        .linkage = .dynamic,
        .root_module = b.createModule(.{
            .root_source_file = b.path("src/root.zig"),
            .target = target,
            .optimize = optimize,
            .link_libc = true,
        }),
    });
    if (target.result.cpu.arch == .x86_64) {
        var with_avx2 = target.query;
        with_avx2.cpu_features_add.addFeature(@backingInt(std.Target.x86.Feature.avx2));
        const digests = b.addObject(.{
            .name = "digest_avx2",
            .root_module = b.createModule(.{
                .root_source_file = b.path("src/digest_avx2.zig"),
                .target = b.resolveTargetQuery(with_avx2),
                .optimize = optimize,
                .pic = true,
            }),
        });
        library.root_module.addObject(digests);
    }
    library.installHeader(b.path("include/aerospike_zig.h"), "aerospike_zig.h");
    b.installArtifact(library);

    const devserver = b.addLibrary(.{
        .name = "aerospike_devserver",
        .linkage = .dynamic,
        .root_module = b.createModule(.{
            .root_source_file = b.path("src/devserver_root.zig"),
            .target = target,
            .optimize = optimize,
            .link_libc = true,
        }),
    });
    devserver.installHeader(b.path("include/aerospike_devserver.h"), "aerospike_devserver.h");
    b.installArtifact(devserver);

    const test_module = b.createModule(.{
        .root_source_file = b.path("src/tests.zig"),
        .target = target,
        .optimize = optimize,
        .link_libc = true,
        .sanitize_thread = b.option(bool, "tsan", "Run the tests under ThreadSanitizer"),
    });
    test_module.addIncludePath(b.path("include"));
    test_module.addCSourceFile(.{ .file = b.path("src/abi_layout.c") });
    const filters = b.option([]const []const u8, "filter", "Only tests with this in their name");
    const tests = b.addTest(.{ .root_module = test_module, .filters = filters orelse &.{} });
    b.step("test", "Run the tests of the core").dependOn(&b.addRunArtifact(tests).step);
}
