//! What the processor can do beyond what every one of its architecture can.

const std = @import("std");
const builtin = @import("builtin");

const Answer = enum(u8) { unknown, no, yes };
var avx2: std.atomic.Value(Answer) = .init(.unknown);

/// Whether it has AVX2, and the system keeps the registers. Asked once: the instruction is slow, the
/// more so in a virtual machine.
pub fn hasAvx2() bool {
    if (builtin.cpu.arch != .x86_64) return false;
    const known = avx2.load(.monotonic);
    if (known != .unknown) return known == .yes;
    const found = askForAvx2();
    avx2.store(if (found) .yes else .no, .monotonic);
    return found;
}

fn askForAvx2() bool {
    if (cpuid(0, 0).a < 7) return false;
    const osxsave = 1 << 27;
    const avx = 1 << 28;
    const basic = cpuid(1, 0).c;
    if (basic & osxsave == 0 or basic & avx == 0) return false;
    const kept_registers = 0b110; // XMM and YMM.
    if (enabledRegisters() & kept_registers != kept_registers) return false;
    return cpuid(7, 0).b & 1 << 5 != 0;
}

const Leaf = struct { a: u32, b: u32, c: u32, d: u32 };

fn cpuid(leaf: u32, subleaf: u32) Leaf {
    var a: u32 = undefined;
    var b: u32 = undefined;
    var c: u32 = undefined;
    var d: u32 = undefined;
    asm volatile ("cpuid"
        : [_] "={eax}" (a),
          [_] "={ebx}" (b),
          [_] "={ecx}" (c),
          [_] "={edx}" (d),
        : [_] "{eax}" (leaf),
          [_] "{ecx}" (subleaf),
    );
    return .{ .a = a, .b = b, .c = c, .d = d };
}

fn enabledRegisters() u32 {
    return asm volatile ("xgetbv"
        : [_] "={eax}" (-> u32),
        : [_] "{ecx}" (@as(u32, 0)),
        : .{ .edx = true });
}
