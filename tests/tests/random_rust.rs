//! Random functions, emitted as Rust for every tier when these tests were built, against the
//! interpreter: the same bytes in memory, guards between the buffers included.

use atome_codegen::testing::{Inputs, random_function, random_inputs};
use atome_kernels::dispatch;
use atome_spec::Tier;

/// Inputs that each function is run on.
const INPUTS: u64 = 25;

/// The seed of a function and the function.
type Entry = (u64, unsafe fn(&[u64]));

mod emitted {
    #![allow(
        missing_docs,
        unreachable_pub,
        reason = "generated when the tests are built"
    )]
    use super::Entry;

    include!(concat!(env!("OUT_DIR"), "/random_rust.rs"));
}

fn functions(tier: Tier) -> &'static [Entry] {
    match tier {
        Tier::Portable => emitted::portable::FUNCTIONS,
        #[cfg(target_arch = "x86_64")]
        Tier::X86_64V2 => emitted::x86_64_v2::FUNCTIONS,
        #[cfg(target_arch = "x86_64")]
        Tier::X86_64V3 => emitted::x86_64_v3::FUNCTIONS,
        #[cfg(target_arch = "x86_64")]
        Tier::X86_64V4 => emitted::x86_64_v4::FUNCTIONS,
        #[cfg(target_arch = "aarch64")]
        Tier::Neon => emitted::neon::FUNCTIONS,
        _ => &[],
    }
}

/// Memory after `call`, which starts at an address that is a multiple of 4.
///
/// # Safety
/// `call` is a function of `inputs`' parameters that this CPU runs.
unsafe fn run(call: unsafe fn(&[u64]), inputs: &Inputs) -> Vec<u8> {
    let (words, rest) = inputs.memory.as_chunks();
    assert!(rest.is_empty(), "memory is a whole number of words");
    let mut memory: Vec<u32> = words.iter().map(|w| u32::from_le_bytes(*w)).collect();
    let start = memory.as_mut_ptr().expose_provenance();
    let buffers = inputs.buffers.iter().map(|b| (start + b.start) as u64);
    let scalars = inputs.scalars.iter().map(|s| u64::from(s.to_bits()));
    let arguments: Vec<u64> = buffers
        .chain(inputs.dims.iter().copied())
        .chain(scalars)
        .collect();
    // SAFETY: the arguments are the function's, and the interpreter, which checks every
    // access, has run it on them.
    unsafe { call(&arguments) };
    memory.iter().flat_map(|w| w.to_le_bytes()).collect()
}

fn agree(tier: Tier) {
    if !dispatch::available(tier) {
        println!("skipped: this CPU does not run {tier}");
        return;
    }
    assert!(!functions(tier).is_empty());
    for &(seed, call) in functions(tier) {
        let function = random_function(seed);
        for input in 0..INPUTS {
            let inputs = random_inputs(&function, input);
            let expected = inputs
                .interpret(&function)
                .unwrap_or_else(|trap| panic!("function {seed}, inputs {input}: {trap}"));
            // SAFETY: the CPU runs the tier.
            let found = unsafe { run(call, &inputs) };
            let differs = expected.iter().zip(&found).position(|(a, b)| a != b);
            assert_eq!(
                differs, None,
                "{tier}: function {seed}, inputs {input}: first byte that differs"
            );
        }
    }
}

#[test]
fn portable() {
    agree(Tier::Portable);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn x86_64_v2() {
    agree(Tier::X86_64V2);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn x86_64_v3() {
    agree(Tier::X86_64V3);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn x86_64_v4() {
    agree(Tier::X86_64V4);
}

#[test]
#[cfg(target_arch = "aarch64")]
fn neon() {
    agree(Tier::Neon);
}
