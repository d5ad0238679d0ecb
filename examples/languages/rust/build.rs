// The folder of libaerospike_zig.so, for example that of the Python package.
fn main() {
    println!("cargo:rerun-if-env-changed=AEROSPIKE_ZIG_LIB");
    let folder = std::env::var("AEROSPIKE_ZIG_LIB").expect("AEROSPIKE_ZIG_LIB is not set");
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:rustc-link-lib=dylib=aerospike_zig");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
}
