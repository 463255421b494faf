//! Generated code at each stage, for people to read: the IR, the Rust, the CLIF and the machine code of AVX2 and AVX-512
//! of kernels over ops, shapes and targets. Other tests run the same kernels and compare their bits.

use atome_codegen::emit::{clif, rust, x86};
use atome_codegen::ir::{Function, parse};
use atome_codegen::{
    CodegenError, KernelSpec, Schedule, compile_for, compile_narrow, op, schedule,
};
use atome_spec::{Activation, Isa, Method, Op, Packing, Target};
use std::collections::BTreeMap;

/// One kernel of which every stage is kept.
struct Case {
    op: Op,
    packing: Option<Packing>,
    activation: Activation,
    method: Option<Method>,
    shape: &'static [(&'static str, u64)],
    target: Target,
    /// What the target's machine has beyond what every one of its class has.
    extension: Option<Isa>,
    stages: Stages,
}

const INT2: Option<Packing> = Some(Packing::Int2);
const BASE3: Option<Packing> = Some(Packing::Base3);

/// The most lines of a kept text, so that a change can be read.
const MOST_LINES: usize = 220;

/// Of which stages the text is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stages {
    /// All that the target has.
    All,
    /// The IR and Rust: 128-bit code for all four parts of a vector is long.
    NotClif,
    /// The IR.
    Ir,
}

const CASES: &[Case] = &[
    case(
        Op::Embed,
        INT2,
        &[("d_model", 64), ("tokens", 1)],
        Target::X86_64V4,
    ),
    case(Op::Embed, INT2, &[("d_model", 20)], Target::CortexA76),
    case(
        Op::Embed,
        BASE3,
        &[("d_model", 48), ("tokens", 1)],
        Target::X86_64V3,
    ),
    // Columns that fill no word; a word of them, as a loop of the IR.
    case(
        Op::Gemv,
        INT2,
        &[("rows", 64), ("cols", 4)],
        Target::X86_64V4,
    ),
    case(
        Op::Gemv,
        INT2,
        &[("rows", 16), ("cols", 3)],
        Target::X86_64V2,
    ),
    case(
        Op::Gemv,
        INT2,
        &[("rows", 20), ("cols", 1)],
        Target::CortexA76,
    ),
    case(
        Op::Gemv,
        INT2,
        &[("rows", 16), ("cols", 32)],
        Target::X86_64V4,
    )
    .only(Stages::Ir),
    case(
        Op::Gemm,
        INT2,
        &[("rows", 16), ("cols", 2), ("tokens", 2)],
        Target::X86_64V3,
    ),
    case(
        Op::Conv1d,
        INT2,
        &[("channels", 16), ("taps", 3), ("tokens", 1)],
        Target::X86_64V4,
    ),
    case(
        Op::Conv1d,
        INT2,
        &[("channels", 16), ("taps", 2)],
        Target::CortexA76,
    ),
    case(
        Op::Scan,
        None,
        &[("channels", 32), ("tokens", 1)],
        Target::X86_64V4,
    ),
    case(Op::Scan, None, &[("channels", 18)], Target::CortexA76),
    case(
        Op::Norm,
        None,
        &[("width", 16), ("rows", 1)],
        Target::X86_64V3,
    ),
    case(
        Op::Softmax,
        None,
        &[("width", 16), ("rows", 1)],
        Target::X86_64V3,
    )
    .only(Stages::NotClif),
    // A group of columns with a scale; heads whose state is a tile; a block of two vectors.
    case(
        Op::GroupGemv,
        INT2,
        &[("rows", 16), ("groups", 2), ("group", 64)],
        Target::X86_64V4,
    )
    .only(Stages::Ir),
    case(
        Op::GatedDelta,
        None,
        &[
            ("repeats", 1),
            ("key_heads", 1),
            ("head_dim", 16),
            ("tokens", 1),
        ],
        Target::X86_64V4,
    )
    .only(Stages::Ir),
    case(
        Op::Hadamard,
        None,
        &[("block", 32), ("blocks", 1)],
        Target::X86_64V3,
    )
    .only(Stages::Ir),
    case(
        Op::AttnScores,
        None,
        &[("d_head", 4), ("capacity", 16)],
        Target::X86_64V4,
    ),
    case(
        Op::AttnMix,
        None,
        &[("d_model", 32), ("capacity", 64)],
        Target::Aarch64,
    ),
    // Every dimension open; `sdot`; `vpdpbusd` of wide vectors; `pmaddubsw`; look-ups.
    int8(Op::Gemv, INT2, &[], Target::Interp),
    int8(
        Op::Gemv,
        INT2,
        &[("rows", 16), ("cols", 16)],
        Target::CortexA76,
    )
    .only(Stages::NotClif),
    Case {
        extension: Some(Isa::Avx512Vnni),
        ..int8(
            Op::Gemm,
            INT2,
            &[("rows", 16), ("cols", 16), ("tokens", 2)],
            Target::X86_64V4,
        )
    }
    .only(Stages::NotClif),
    int8(
        Op::Gemv,
        BASE3,
        &[("rows", 16), ("cols", 4)],
        Target::X86_64V3,
    )
    .only(Stages::NotClif),
    // Sums of 16 bits, widened each eight words.
    int8(
        Op::Gemv,
        INT2,
        &[("rows", 16), ("cols", 128)],
        Target::X86_64V3,
    )
    .only(Stages::NotClif),
    Case {
        method: Some(Method::Lut),
        ..int8(
            Op::Gemv,
            INT2,
            &[("rows", 16), ("cols", 8)],
            Target::X86_64V4,
        )
    }
    .only(Stages::Ir),
    case(Op::Argmax, None, &[("n", 16)], Target::Interp),
    case(Op::Tanh, None, &[("n", 16)], Target::X86_64V3),
];

const fn case(
    op: Op,
    packing: Option<Packing>,
    shape: &'static [(&'static str, u64)],
    target: Target,
) -> Case {
    Case {
        op,
        packing,
        activation: Activation::F32,
        method: None,
        shape,
        target,
        extension: None,
        stages: Stages::All,
    }
}

/// A product of int8 activations.
const fn int8(
    op: Op,
    packing: Option<Packing>,
    shape: &'static [(&'static str, u64)],
    target: Target,
) -> Case {
    Case {
        activation: Activation::I8,
        ..case(op, packing, shape, target)
    }
}

impl Case {
    /// Keeps some stages.
    const fn only(mut self, stages: Stages) -> Case {
        self.stages = stages;
        self
    }

    fn spec(&self) -> KernelSpec {
        let mut spec = KernelSpec::new(self.op).activation(self.activation);
        spec.packing = self.packing;
        spec.method = self.method;
        self.shape
            .iter()
            .fold(spec, |spec, (dim, n)| spec.bind(dim, *n))
    }

    fn isa(&self) -> Isa {
        let isa = self.extension.or(self.target.isa());
        isa.expect("no case is for the machine at hand")
    }

    fn function(&self, isa: Isa) -> Function {
        self.made(compile_for(&self.spec(), isa))
    }

    fn made(&self, function: Result<Function, CodegenError>) -> Function {
        function.unwrap_or_else(|error| panic!("{}: {error}", self.name()))
    }

    fn machine(&self) -> String {
        match self.extension {
            Some(extension) => format!("{}-{extension}", self.target),
            None => self.target.to_string(),
        }
    }

    fn name(&self) -> String {
        format!("{}__{}", self.spec().symbol(), self.machine())
    }

    fn keep(&self, stage: &str, text: &str) {
        let lines = text.lines().count();
        let name = self.name();
        assert!(
            lines <= MOST_LINES,
            "{stage}@{name} has {lines} lines: take a smaller shape"
        );
        let shape: Vec<String> = self.shape.iter().map(|(d, n)| format!("{d}={n}")).collect();
        let about = format!(
            "{} {} for {}",
            self.spec().name(),
            shape.join(","),
            self.machine()
        );
        let mut settings = insta::Settings::clone_current();
        settings.set_description(about);
        settings.set_omit_expression(true);
        settings.set_prepend_module_to_snapshot(false);
        let name = format!("{stage}@{}", self.name());
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

/// Which schedule is selected for every kernel and instruction set; in brackets those that have no
/// ahead-of-time kernel of their own. Kernels without choices are left out.
#[test]
fn schedules() {
    let mut text = String::new();
    for kind in op::kinds() {
        let spec = KernelSpec::from(kind);
        if schedule::select(&spec, Isa::Portable) == Schedule::default() {
            continue;
        }
        let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for &isa in Isa::ALL {
            let isas = rows.entry(schedule::select(&spec, isa).to_string());
            isas.or_default()
                .push(match schedule::is_ahead_of_time(kind, isa) {
                    true => isa.to_string(),
                    false => format!("({isa})"),
                });
        }
        text.push_str(&format!("{}\n", spec.name()));
        for (schedule, isas) in rows {
            text.push_str(&format!("  {schedule}\n    {}\n", isas.join(" ")));
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("schedules", text));
}

#[test]
fn intermediate_representation() {
    for case in CASES {
        let function = case.function(case.isa());
        let text = function.to_string();
        assert_eq!(parse(&text).as_ref(), Ok(&function), "{}", case.name());
        case.keep("ir", &text);
    }
}

#[test]
fn rust_source() {
    for case in CASES.iter().filter(|case| case.stages != Stages::Ir) {
        let isa = case.isa();
        match rust::emit_file(&case.function(isa), isa) {
            Ok(source) => case.keep("rust", &source),
            Err(error) => panic!("{}: {error}", case.name()),
        }
    }
}

#[test]
fn cranelift_ir() {
    let kept = |case: &&Case| case.target != Target::Interp && case.stages == Stages::All;
    for case in CASES.iter().filter(kept) {
        let machine = case.extension.unwrap_or(case.isa());
        let isa = clif::isa_with(case.target, machine).expect("an instruction set Cranelift has");
        let function = case.made(compile_narrow(&case.spec(), machine));
        match clif::emit(&function, &*isa) {
            Ok(function) => case.keep("clif", &clif::text(&function)),
            Err(error) => panic!("{}: {error}", case.name()),
        }
    }
}

#[test]
fn wide_machine_code() {
    let isa = |case: &Case| case.extension.unwrap_or(case.isa());
    let kept = |case: &&Case| x86::serves(isa(case)) && case.stages != Stages::Ir;
    for case in CASES.iter().filter(kept) {
        match x86::asm(&case.function(isa(case)), isa(case)) {
            Ok(text) => case.keep("x86", &text),
            Err(error) => panic!("{}: {error}", case.name()),
        }
    }
}
