//! The assembly of a kernel: which code runs, and its text.

use super::{EmitArgs, Maker};
use crate::failure::Failure;
use atome::jit::calls_ahead_of_time;
use atome_codegen::emit::{clif, x86 as wide};
use atome_codegen::{KernelSpec, compile};
use atome_kernels::{Kernel, kernels};
use atome_spec::{Isa, Target, Tier};

/// Why machine code has no text that an assembler takes. Places are bytes from its start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AsmError {
    #[error("this command has no such kernel for the target")]
    NotHere,
    #[error("only on Linux, on x86-64, is a program's own code read and disassembled")]
    Unreadable,
    #[error("code of this architecture is not disassembled, --as object has it")]
    Unlisted,
    #[error("there is no instruction {at} bytes from its start")]
    NoCode { at: i64 },
    #[error("{at} bytes from its start it goes to an address that it computes")]
    Indirect { at: i64 },
    #[error("{at} bytes from its start it takes the address of what may have any length")]
    Address { at: i64 },
    #[error("a constant cannot be read")]
    NoData,
    #[error("the constant of `{0}` is not in the code")]
    Constant(String),
    #[error(
        "it has scratch memory, as `fields=panel` and `fields=pairs` ask for, and its listing does not say how the stack is reached"
    )]
    Scratch,
}

/// Text, and what there is to say about it.
pub(super) struct Assembly {
    pub(super) note: String,
    pub(super) text: String,
}

/// The code that was asked for; where none was, that which a model runs on the target.
pub(super) fn assembly(args: &EmitArgs, spec: &KernelSpec) -> Result<Assembly, Failure> {
    let code = Code::new(args, spec);
    match args.backend {
        Some(Maker::Aot) if args.schedule.is_some() => Err(Failure::PinnedAheadOfTime),
        _ if args.schedule.is_some() => code.at_load(args),
        Some(Maker::Jit) => code.at_load(args),
        Some(Maker::Aot) => code.ahead_of_time(),
        // What cannot be shown is named in the header of what Cranelift makes.
        None if code.aot.is_some() && code.is_called => {
            code.ahead_of_time().or_else(|_| code.at_load(args))
        }
        None => code.at_load(args),
    }
}

/// The codes that there are for a kernel on a target.
struct Code<'s> {
    spec: &'s KernelSpec,
    target: Target,
    tier: Tier,
    /// What this command has, compiled ahead of time.
    aot: Option<&'static Kernel>,
    /// Whether compiled plans call that.
    is_called: bool,
}

impl Code<'_> {
    fn new<'s>(args: &EmitArgs, spec: &'s KernelSpec) -> Code<'s> {
        let isa = args.target_isa();
        let tier = isa.tier();
        Code {
            spec,
            target: args.target,
            tier,
            aot: compiled(spec, isa),
            is_called: calls_ahead_of_time(tier, spec),
        }
    }

    /// The kernel that was compiled for this command.
    fn ahead_of_time(&self) -> Result<Assembly, Failure> {
        let failed = |cause| Failure::Assembly {
            kernel: self
                .aot
                .map_or(self.spec.name(), |kernel| kernel.name.to_owned()),
            cause,
        };
        let kernel = self.aot.ok_or_else(|| failed(AsmError::NotHere))?;
        let symbol = kernel.name.replace(['-', '.'], "_");
        let code = own_code(kernel, &symbol).map_err(failed)?;
        let runs = if self.is_called {
            "It runs by jit and by aot alike"
        } else {
            "It runs by aot; what runs by jit is made when a model is loaded (--backend jit)"
        };
        let mut header = vec![
            format!(
                "{}, on {}: compiled ahead of time by rustc, from what",
                kernel.name, self.tier
            ),
            format!("`--as rust` prints, and taken from this command. {runs}."),
        ];
        if !self.spec.shape.is_empty() {
            let open = "Its dimensions are open, whatever --shape binds: a model passes its own.";
            header.push(open.to_owned());
        }
        Ok(Assembly {
            note: format!("{}, compiled ahead of time", kernel.name),
            text: file("#", &header, None, &symbol, &code),
        })
    }

    /// What is made of the kernel when a model is loaded.
    fn at_load(&self, args: &EmitArgs) -> Result<Assembly, Failure> {
        let isa = args.isa();
        let function = compile(self.spec, &args.schedule(self.spec))?;
        let name = &function.name;
        if wide::serves(isa) {
            let bytes = wide::machine_code(&function, isa)?;
            return self.listing(args, name, ("#", x86_text(name, &bytes)));
        }
        let machine = clif::isa(args.target).map_err(Failure::machine)?;
        let bytes = clif::machine_code(&function, &*machine)?;
        let listing = match machine.name() {
            "aarch64" => {
                let listing = clif::asm(&function, &*machine)?;
                ("//", arm_text(name, &listing, &bytes))
            }
            "x64" => ("#", x86_text(name, &bytes)),
            _ => ("#", Err(AsmError::Unlisted)),
        };
        self.listing(args, name, listing)
    }

    /// A file of a listing.
    fn listing(
        &self,
        args: &EmitArgs,
        name: &str,
        (comment, code): (&str, Result<String, AsmError>),
    ) -> Result<Assembly, Failure> {
        let isa = args.isa();
        let code = code.map_err(|cause| Failure::Assembly {
            kernel: format!("{}, made at load", self.spec.name()),
            cause,
        })?;
        Ok(Assembly {
            note: args.note(self.spec),
            text: file(comment, &self.header(name), isa.arch(), name, &code),
        })
    }

    fn header(&self, name: &str) -> Vec<String> {
        let baseline = self.tier.baseline();
        let kernel = format!("{}-{baseline}", self.spec.name());
        let kernel = self.aot.map_or(&*kernel, |kernel| kernel.name);
        if self.is_called {
            let see = match self.aot {
                Some(_) => "`--backend aot`; its source: `--as rust`",
                None => "its source: `--as rust`",
            };
            return vec![
                format!(
                    "{name}, for {}: what Cranelift makes of it, in vectors of 128 bits.",
                    self.tier
                ),
                "No model runs it: where vectors are wider, jit and aot alike call".to_owned(),
                format!("{kernel}, compiled ahead of time ({see})."),
            ];
        }
        let maker = match wide::serves(self.tier.baseline()) {
            true => "this compiler",
            false => "Cranelift",
        };
        vec![
            format!(
                "{name}, for {}: what runs by jit, made by {maker} when a model",
                self.target
            ),
            format!("is loaded. By aot runs {kernel}, compiled ahead of time (`--as rust`)."),
        ]
    }
}

/// The kernel of this command for an instruction set, or for what its whole tier has.
fn compiled(spec: &KernelSpec, isa: Isa) -> Option<&'static Kernel> {
    let kind = spec.kind();
    let of = |isa: Isa| {
        let mut kernels = kernels(isa.tier()).iter();
        kernels.find(|kernel| kernel.kind == kind && kernel.isa == isa)
    };
    of(isa).or_else(|| of(isa.tier().baseline()))
}

/// A whole file for the assembler.
fn file(comment: &str, header: &[String], arch: Option<&str>, name: &str, code: &str) -> String {
    let arch = arch.map_or_else(String::new, |arch| format!("\t.arch {arch}\n"));
    let header: String = header
        .iter()
        .map(|line| format!("{comment} {line}\n"))
        .collect();
    format!(
        "{header}\n{arch}\t.text\n\t.globl {name}\n\t.type {name}, @function\n{code}\n\
         \t.section .note.GNU-stack,\"\",@progbits\n"
    )
}

fn arm_text(name: &str, listing: &str, code: &[u8]) -> Result<String, AsmError> {
    Ok(format!(
        "{name}:\n{}",
        super::aarch64::assembler(listing, code)?
    ))
}

fn x86_text(name: &str, code: &[u8]) -> Result<String, AsmError> {
    // Where no number of an instruction is taken for an address.
    const BASE: u64 = 1 << 46;
    let read = |at: u64, len: usize| {
        let start = usize::try_from(at.checked_sub(BASE)?).ok()?;
        let rest = code.get(start..)?;
        Some(rest[..len.min(rest.len())].to_vec())
    };
    super::x86::assembler(name, BASE, &read)
}

/// The text of a kernel in this very program.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn own_code(kernel: &Kernel, symbol: &str) -> Result<String, AsmError> {
    use std::os::unix::fs::FileExt;
    let memory = std::fs::File::open("/proc/self/mem").map_err(|_| AsmError::Unreadable)?;
    let read = |at: u64, len: usize| {
        let mut bytes = vec![0; len];
        let read = memory.read_at(&mut bytes, at).ok()?;
        bytes.truncate(read);
        Some(bytes)
    };
    super::x86::assembler(symbol, kernel.entry().addr() as u64, &read)
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn own_code(_kernel: &Kernel, _symbol: &str) -> Result<String, AsmError> {
    Err(AsmError::Unreadable)
}
