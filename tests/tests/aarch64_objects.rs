//! Objects for the Cortex-A76, and products for a CPU with `usdot`, linked with a C harness by the cross
//! compiler and run under `qemu-aarch64 -cpu cortex-a76` and `-cpu max`: the same bits as the interpreter
//! and the reference. Ahead-of-time kernels of NEON and its extensions likewise, by a distribution's
//! `rustc` that has the architecture's library.
//!
//! Skipped, and said so on stderr, without `aarch64-linux-gnu-gcc` and `qemu-aarch64`;
//! `ATOME_REQUIRE_AARCH64=1` makes their absence a failure.

use atome_codegen::emit::{clif, rust};
use atome_codegen::ir::Function;
use atome_codegen::testing::{Inputs, random_function, random_inputs};
use atome_codegen::{KernelSpec, lower, passes, schedule};
use atome_spec::{Isa, Op, Target};
use atome_tests::cases::{self, Binding, Case, Memory};
use atome_tests::edges;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

const GCC: &str = "aarch64-linux-gnu-gcc";
const QEMU: &str = "qemu-aarch64";
const RUSTC: &str = "/usr/bin/rustc";
const TARGET: &str = "aarch64-unknown-linux-gnu";
const RANDOM_FUNCTIONS: u64 = 60;

/// The functions of one object, which the harness knows by number.
#[derive(Default)]
struct Program {
    functions: Vec<Function>,
    /// Their numbers, without their names.
    numbers: HashMap<Function, usize>,
}

/// A call of a function on a memory.
struct Call {
    function: usize,
    memory: Vec<u8>,
    buffers: Vec<Range<usize>>,
    dims: Vec<u64>,
    scalars: Vec<f32>,
}

impl Program {
    /// The number of a function, added if it is new.
    fn add(&mut self, mut function: Function) -> usize {
        // Two specifications may share a name; symbols are numbered instead.
        function.name.clear();
        let number = self.functions.len();
        match self.numbers.entry(function.clone()) {
            Entry::Occupied(known) => return *known.get(),
            Entry::Vacant(new) => new.insert(number),
        };
        function.name = format!("kernel_{number}");
        self.functions.push(function);
        number
    }

    /// C that reads calls from a file, makes them, and writes what they left in memory.
    fn harness(&self) -> String {
        let mut declarations = String::new();
        let mut cases = String::new();
        for (number, function) in self.functions.iter().enumerate() {
            let Function {
                name,
                buffers,
                dims,
                scalars,
                ..
            } = function;
            let types = std::iter::repeat_n("unsigned char *", buffers.len())
                .chain(std::iter::repeat_n("uint64_t", dims.len()))
                .chain(std::iter::repeat_n("float", scalars.len()));
            let types: Vec<&str> = types.collect();
            let args = (0..buffers.len())
                .map(|i| format!("memory + number[{i}]"))
                .chain((0..dims.len()).map(|i| format!("number[{}]", buffers.len() + i)))
                .chain((0..scalars.len()).map(|i| format!("scalar[{i}]")));
            let args: Vec<String> = args.collect();
            let (types, args) = (types.join(", "), args.join(", "));
            let _ = writeln!(declarations, "extern void {name}({types});");
            let _ = writeln!(cases, "        case {number}: {name}({args}); break;");
        }
        HARNESS
            .replace("DECLARATIONS", &declarations)
            .replace("CASES", &cases)
    }
}

/// A call in the file: function, bytes of memory, numbers, scalars, each counted as u64.
const HARNESS: &str = r#"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
DECLARATIONS
static void fetch(void *to, size_t size, size_t count, FILE *from) {
    if (fread(to, size, count, from) != count) exit(3);
}
int main(int argc, char **argv) {
    if (argc != 3) return 2;
    FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[2], "wb");
    if (!in || !out) return 2;
    uint64_t head[4], number[64];
    float scalar[64];
    while (fread(head, 8, 4, in) == 4) {
        if (head[2] > 64 || head[3] > 64) return 3;
        unsigned char *memory = aligned_alloc(64, (head[1] + 64) / 64 * 64);
        if (!memory) return 4;
        fetch(memory, 1, head[1], in);
        fetch(number, 8, head[2], in);
        fetch(scalar, 4, head[3], in);
        switch (head[0]) {
CASES        default: return 3;
        }
        if (fwrite(memory, 1, head[1], out) != head[1]) return 4;
        free(memory);
    }
    return fclose(out) != 0;
}
"#;

impl Call {
    fn encode(&self, bytes: &mut Vec<u8>) {
        let numbers: Vec<u64> = self
            .buffers
            .iter()
            .map(|b| b.start as u64)
            .chain(self.dims.iter().copied())
            .collect();
        let counts = [
            self.function,
            self.memory.len(),
            numbers.len(),
            self.scalars.len(),
        ];
        bytes.extend(counts.iter().flat_map(|n| (*n as u64).to_le_bytes()));
        bytes.extend(&self.memory);
        bytes.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
        bytes.extend(self.scalars.iter().flat_map(|s| s.to_le_bytes()));
    }
}

/// Whether the tools are there.
fn tools() -> bool {
    let found = [GCC, QEMU].into_iter().filter(|tool| {
        let mut command = Command::new(tool);
        command
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    });
    let all = found.count() == 2;
    let required = std::env::var_os("ATOME_REQUIRE_AARCH64").is_some_and(|v| v == "1");
    assert!(all || !required, "{GCC} and {QEMU} are required");
    if !all {
        eprintln!("skipped: {GCC} or {QEMU} is not installed");
    }
    all
}

/// What an instruction set's code is run on.
fn cpu(isa: Isa) -> &'static str {
    match isa {
        Isa::I8mm => "max",
        Isa::Neon => "cortex-a72",
        _ => "cortex-a76",
    }
}

/// What Cranelift makes for an instruction set.
fn made_at_load(isa: Isa, program: &Program) -> Vec<u8> {
    let target = match isa {
        Isa::I8mm => Target::Aarch64,
        _ => Target::CortexA76,
    };
    let isa = clif::isa_with(target, isa).expect("the AArch64 back end is built in");
    clif::object(&program.functions, isa).expect("an object")
}

/// What `rustc` makes of the Rust for an instruction set.
fn made_ahead(isa: Isa, program: &Program) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [source, object] = ["kernels.rs", "kernels.o"].map(|name| folder.path().join(name));
    let mut text = "#![no_std]\n#![crate_type = \"lib\"]\n".to_owned();
    for function in &program.functions {
        let item = rust::emit_file(function, isa).expect("Rust");
        text += &item.replacen("pub unsafe extern", "#[no_mangle]\npub unsafe extern", 1);
    }
    write(&source, text.as_bytes());
    let mut rustc = Command::new(RUSTC);
    rustc.args(["--edition", "2021", "--target", TARGET, "-O"]);
    rustc.args([
        "--emit",
        "obj",
        "-C",
        "codegen-units=1",
        "-C",
        "panic=abort",
        "-o",
    ]);
    succeed(rustc.args([&object, &source]));
    std::fs::read(object).expect("the compiler wrote it")
}

/// Builds the program from its object and gives the memory that each call leaves.
fn run_on(cpu: &str, program: &Program, object: &[u8], calls: &[Call]) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let mut input = Vec::new();
    calls.iter().for_each(|call| call.encode(&mut input));
    write(&path("kernels.o"), object);
    write(&path("harness.c"), program.harness().as_bytes());
    write(&path("calls"), &input);

    let mut gcc = Command::new(GCC);
    gcc.args(["-static", "-O1", "-Wall", "-Werror", "-o"]);
    gcc.args([path("harness"), path("harness.c"), path("kernels.o")]);
    succeed(&mut gcc);
    let mut qemu = Command::new(QEMU);
    qemu.args(["-cpu", cpu])
        .args([path("harness"), path("calls"), path("memories")]);
    succeed(&mut qemu);

    let output = std::fs::read(path("memories")).expect("the harness wrote it");
    let mut rest = &output[..];
    let memories = calls.iter().map(|call| {
        let (memory, after) = rest.split_at(call.memory.len());
        rest = after;
        memory.to_vec()
    });
    let memories = memories.collect();
    assert!(
        rest.is_empty(),
        "the harness wrote more than the calls' memories"
    );
    memories
}

fn run(program: &Program, calls: &[Call]) -> Vec<Vec<u8>> {
    let isa = Isa::Dotprod;
    run_on(cpu(isa), program, &made_at_load(isa, program), calls)
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("the temporary folder is writable");
}

fn succeed(command: &mut Command) {
    let status = command.status().expect("the tool was found before");
    assert!(status.success(), "{command:?}: {status}");
}

fn optimised(mut function: Function) -> Function {
    passes::optimise(&mut function);
    function
}

fn call(function: usize, inputs: &Inputs) -> Call {
    Call {
        function,
        memory: inputs.memory.clone(),
        buffers: inputs.buffers.clone(),
        dims: inputs.dims.clone(),
        scalars: inputs.scalars.clone(),
    }
}

#[test]
fn random_functions_agree_with_the_interpreter() {
    if !tools() {
        return;
    }
    let mut program = Program::default();
    let (mut calls, mut expected) = (Vec::new(), Vec::new());
    for seed in 0..RANDOM_FUNCTIONS {
        let source = random_function(seed);
        let numbers = [source.clone(), optimised(source.clone())].map(|f| program.add(f));
        for again in 0..3 {
            let inputs = random_inputs(&source, 3 * seed + again);
            let memory = inputs
                .interpret(&source)
                .expect("random functions do not trap");
            for function in numbers {
                calls.push(call(function, &inputs));
                expected.push((seed, memory.clone()));
            }
        }
    }
    for (found, (seed, expected)) in run(&program, &calls).iter().zip(&expected) {
        assert!(found == expected, "seed {seed}\n{}", random_function(*seed));
    }
}

#[test]
fn edges_agree_with_the_interpreter() {
    if !tools() {
        return;
    }
    let mut program = Program::default();
    let (mut calls, mut made) = (Vec::new(), Vec::new());
    for edge in edges::all() {
        let both = [edge.function.clone(), optimised(edge.function.clone())];
        for function in both.map(|f| program.add(f)) {
            calls.push(call(function, &edge.inputs));
            made.push(edge.clone());
        }
    }
    for (found, edge) in run(&program, &calls).iter().zip(made) {
        assert!(edge.agrees(found), "{}", edge.function);
    }
}

/// Every case of some ops, with no dimension bound and with the model's.
fn ops_agree(isa: Isa, ops: &[Op]) {
    if tools() {
        let bindings = [Binding::Open, Binding::Model];
        cases_agree(isa, ops, &bindings, |_| true, made_at_load);
    }
}

/// The cases of some ops that are chosen, their dimensions bound so, by what is made of their functions.
fn cases_agree(
    isa: Isa,
    ops: &[Op],
    bindings: &[Binding],
    chosen: impl Fn(&Case) -> bool,
    made_by: impl Fn(Isa, &Program) -> Vec<u8>,
) {
    let mut program = Program::default();
    let mut of_specs: BTreeMap<KernelSpec, usize> = BTreeMap::new();
    let (mut calls, mut made): (Vec<Call>, Vec<(Case, Memory)>) = Default::default();
    for case in ops.iter().flat_map(|op| cases::of(*op)).filter(chosen) {
        for &binding in bindings {
            let spec = case.bound(binding);
            let number = *of_specs.entry(spec).or_insert_with_key(|spec| {
                let schedule = schedule::select_narrow(spec, isa);
                program.add(optimised(lower::lower(spec, &schedule)))
            });
            let mut memory = Memory::new(&case);
            let dims = case.open_dims(&program.functions[number]);
            let (bytes, buffers) = memory.bytes_mut();
            calls.push(Call {
                memory: bytes.to_vec(),
                buffers: buffers.to_vec(),
                dims,
                scalars: case.scalars.clone(),
                function: number,
            });
            made.push((case.clone(), memory));
        }
    }
    assert!(!calls.is_empty());
    let object = made_by(isa, &program);
    let left = run_on(cpu(isa), &program, &object, &calls);
    for (left, (case, mut memory)) in left.iter().zip(made) {
        memory.bytes_mut().0.copy_from_slice(left);
        if let Err(mismatch) = memory.verify(&case) {
            panic!("{case}\n{mismatch}");
        }
    }
}

#[test]
fn ternary_ops_agree_with_the_reference() {
    ops_agree(Isa::Dotprod, &[Op::Embed, Op::Gemv, Op::Gemm, Op::Conv1d]);
}

#[test]
fn products_of_unsigned_bytes_agree_with_the_reference() {
    ops_agree(Isa::I8mm, &[Op::Gemv, Op::GroupGemv]);
}

/// Those of the tier and its extensions that read trits.
#[test]
#[ignore = "a minute of compiling; `.ci/aarch64` runs it"]
fn kernels_ahead_of_time_agree_with_the_reference() {
    if !tools() {
        return;
    }
    if !Path::new("/usr/lib/rustlib").join(TARGET).is_dir() {
        eprintln!("skipped: {RUSTC} has no library for {TARGET}");
        return;
    }
    let ops = [
        Op::Embed,
        Op::Gemv,
        Op::Gemm,
        Op::GroupGemv,
        Op::GroupGemm,
        Op::Conv1d,
    ];
    for isa in [Isa::Neon, Isa::Dotprod, Isa::I8mm] {
        let chosen = |case: &Case| schedule::is_ahead_of_time(case.spec.kind(), isa);
        cases_agree(isa, &ops, &[Binding::Open], chosen, made_ahead);
    }
}

#[test]
fn other_ops_agree_with_the_reference() {
    let ternary = [Op::Embed, Op::Gemv, Op::Gemm, Op::Conv1d];
    let others: Vec<Op> = Op::ALL
        .iter()
        .copied()
        .filter(|op| !ternary.contains(op))
        .collect();
    ops_agree(Isa::Dotprod, &others);
}
