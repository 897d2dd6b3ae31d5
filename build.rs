//! Compiles the ONNX schema in `proto/` to Rust, without an external `protoc`.

use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto/onnx.proto");
    println!("cargo:rustc-check-cfg=cfg(plain_loops)");
    if env::var_os("CARGO_FEATURE_FALLBACK").is_some() || !has_vectors() {
        println!("cargo:rustc-cfg=plain_loops");
    }

    let descriptors = protox::compile(["onnx.proto"], ["proto"])?;
    prost_build::Config::new()
        .bytes(["."])
        .compile_fds(descriptors)?;
    Ok(())
}

/// Whether the target has vectors that need not be looked for when the program runs. Elsewhere fearless_simd has plain loops,
/// which are then among the instruction sets without being asked for.
fn has_vectors() -> bool {
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let has = |feature: &str| features.split(',').any(|other| other == feature);
    match arch.as_str() {
        "aarch64" => has("neon"),
        "x86" | "x86_64" => has("sse2") && has("fxsr"),
        "wasm32" => has("simd128"),
        _ => false,
    }
}
