#[cfg(feature = "asm")]
mod aarch64;
#[cfg(feature = "asm")]
mod asm;
mod header;
#[cfg(feature = "asm")]
mod x86;

#[cfg(feature = "asm")]
pub(crate) use asm::AsmError;

use crate::args::{layout, named};
use crate::failure::Failure;
use crate::{output, place};
#[cfg(feature = "jit")]
use atome_codegen::emit::clif;
use atome_codegen::emit::rust;
#[cfg(feature = "asm")]
use atome_codegen::emit::x86 as wide;
use atome_codegen::expr::Expr;
use atome_codegen::ir::Function;
use atome_codegen::{CodegenError, KernelSpec, Schedule, compile, op, schedule};
use atome_kernels::dispatch;
use atome_spec::{Activation, Isa, Method, Op, Packing, Target};
use clap::{Args, ValueEnum};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// Print the code that is generated for one kernel
///
/// Dimensions that --shape does not bind stay parameters of the kernel. Rust is what ahead-of-time
/// kernels are compiled from. Assembly is what is made when a model is loaded; Cranelift's IR and objects have vectors of 128 bits.
/// Assembly is the code that a model runs on the target, and says in its first lines which that is.
/// The schedule is reported on standard error.
#[derive(Debug, Args)]
pub(crate) struct EmitArgs {
    /// What the kernel computes
    #[arg(long, value_name = "OP", value_parser = named::<Op>(Op::NAMES))]
    #[arg(required_unless_present = "expr")]
    op: Option<Op>,

    /// A row-wise expression, such as "(x: row, g: row, y: row) { y = x * silu(g) }": the op is map then
    #[arg(long, value_name = "TEXT")]
    expr: Option<Expr>,

    /// Dimensions to bind, such as rows=4096,cols=1024
    #[arg(long, value_name = "K=V,..", value_delimiter = ',')]
    shape: Vec<Binding>,

    /// Packing of the ternary weights [default: int2 for the ops that have some]
    #[arg(long, value_name = "P", value_parser = named::<Packing>(Packing::NAMES))]
    packing: Option<Packing>,

    /// Activations of a matrix product
    #[arg(long, value_name = "A", default_value = "f32")]
    #[arg(value_parser = named::<Activation>(Activation::NAMES))]
    activation: Activation,

    /// Method of the ternary product [default: chosen by the schedule]
    #[arg(long, value_name = "M", value_parser = named::<Method>(Method::NAMES))]
    method: Option<Method>,

    /// How the kernel is laid out, such as mr=32 of a gemv or mr=32,nr=2 of a gemm; fields that are not
    /// given are as selected for the target
    #[arg(long, value_name = "FIELD=VALUE,..", value_parser = layout)]
    schedule: Option<Schedule>,

    /// The machine to generate for; Cranelift's IR, assembly and objects for one of the other
    /// architecture need a build with the feature `arm64` or `x86`
    #[arg(long, value_name = "T", default_value = "native")]
    #[arg(value_parser = named::<Target>(Target::NAMES))]
    target: Target,

    /// What to print
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t = Form::Ir)]
    form: Form,

    /// Whose assembly: made when a model is loaded, or compiled ahead of time [default: what a model
    /// runs on the target]
    #[arg(long, value_name = "KIND", value_enum)]
    backend: Option<Maker>,

    /// Write it to a file, as a whole or not at all; one that is there already is replaced only with
    /// --force, since code does not say who wrote it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the file that --output names
    #[arg(long, requires = "output")]
    force: bool,

    /// Say nothing on standard error unless something fails
    #[arg(long, short)]
    quiet: bool,
}

/// A stage of the compiler whose result can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The compiler's own IR
    Ir,
    /// Rust with the target's intrinsics, as compiled ahead of time
    Rust,
    /// Cranelift IR, as compiled when a model is loaded where vectors are 128 bits
    Clif,
    /// Assembly, in the GNU assembler's syntax
    Asm,
    /// An object file with the function, for a linker; a C header is written beside the file that --output names
    #[value(alias = "obj")]
    Object,
    /// A C header for the object and the assembly
    Header,
}

/// Who makes machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Maker {
    /// The emitter of AVX2 and AVX-512, or Cranelift, when a model is loaded
    Jit,
    /// Rust's compiler, for this command
    Aot,
}

/// A dimension and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Binding {
    name: String,
    value: u64,
}

impl FromStr for Binding {
    type Err = String;

    fn from_str(s: &str) -> Result<Binding, String> {
        let expected = || "expected NAME=NUMBER, such as rows=4096".to_owned();
        let (name, value) = s.split_once('=').ok_or_else(expected)?;
        let (name, value) = (name.trim(), value.trim());
        let value = value.parse().map_err(|_| expected())?;
        Ok(Binding {
            name: name.to_owned(),
            value,
        })
    }
}

pub(crate) fn run(args: &EmitArgs) -> Result<(), Failure> {
    let spec = args.spec()?;
    if args.backend.is_some() && args.form != Form::Asm {
        return Err(Failure::OnlyAssembly);
    }
    let isa = args.isa();
    let function = compile(&spec, &args.schedule(&spec))?;
    let mut note = args.note(&spec);
    let declared = (args.form == Form::Object).then(|| header::header(&spec, &function));
    let code = match args.form {
        Form::Ir => function.to_string().into_bytes(),
        Form::Rust => exported(&rust::emit_file(&function, isa)?).into_bytes(),
        Form::Header => header::header(&spec, &function).into_bytes(),
        Form::Clif => cranelift(args, &function)?.into_bytes(),
        Form::Object => object(args, function)?,
        Form::Asm => {
            let (text, of_text) = assembly(args, &spec)?;
            note = of_text;
            text.into_bytes()
        }
    };
    let header = args
        .output
        .as_ref()
        .map(|object| object.with_extension("h"));
    let header = declared
        .zip(header)
        .filter(|(_, path)| args.output.as_ref() != Some(path));
    match &args.output {
        Some(path) => {
            let header = header.map(|(text, path)| (path, text.into_bytes()));
            let files: Vec<_> = [(path.clone(), code)].into_iter().chain(header).collect();
            place::write(&files, args.force, |path| Failure::Taken { path })?;
        }
        None => args.print(&code)?,
    }
    output::note(args.quiet, note);
    Ok(())
}

/// A function of Rust that linkers find under its name.
fn exported(function: &str) -> String {
    function.replacen(
        "pub unsafe extern",
        "#[unsafe(no_mangle)]\npub unsafe extern",
        1,
    )
}

impl EmitArgs {
    fn spec(&self) -> Result<KernelSpec, Failure> {
        let op = self.op.unwrap_or(Op::Map);
        let mut spec = KernelSpec::new(op).activation(self.activation);
        spec.expr = self.expr.clone().map(Arc::new);
        for Binding { name, value } in &self.shape {
            if spec.shape.contains_key(name) {
                return Err(Failure::RepeatedDim { name: name.clone() });
            }
            spec = spec.bind(name, *value);
        }
        let known = op::packings(op, spec.activation);
        spec.packing = self.packing.or(known.first().copied());
        spec.method = self.method;
        match spec.check() {
            Ok(()) => Ok(spec),
            Err(cause @ CodegenError::UnsupportedPacking { .. }) => {
                Err(Failure::Packing { cause, known })
            }
            Err(cause) => Err(cause.into()),
        }
    }

    /// Whether the code has vectors of 128 bits, as Cranelift makes it.
    fn is_narrow(&self) -> bool {
        match self.form {
            Form::Clif | Form::Object => true,
            #[cfg(feature = "asm")]
            Form::Asm => !wide::serves(self.target_isa()),
            // It is not made.
            #[cfg(not(feature = "asm"))]
            Form::Asm => true,
            Form::Ir | Form::Rust | Form::Header => false,
        }
    }

    /// The instructions whose vectors the code has.
    fn isa(&self) -> Isa {
        let isa = self.target_isa();
        match self.is_narrow() {
            true => isa.in_128_bits(),
            false => isa,
        }
    }

    /// What was asked for, and what is selected where nothing was.
    fn schedule(&self, spec: &KernelSpec) -> Schedule {
        let selected = match self.is_narrow() {
            true => schedule::select_narrow(spec, self.target_isa()),
            false => schedule::select(spec, self.target_isa()),
        };
        self.schedule.map_or(selected, |pinned| pinned.or(selected))
    }

    /// The best instructions of the target.
    fn target_isa(&self) -> Isa {
        self.target.isa().unwrap_or_else(dispatch::best_isa)
    }

    /// Which kernel it is and how it is laid out.
    fn note(&self, spec: &KernelSpec) -> String {
        let (isa, best) = (self.isa(), self.target_isa());
        let schedule = self.schedule(spec);
        let name = spec.name();
        if isa == best {
            format!("{name} for {isa}: {schedule}")
        } else {
            format!(
                "{name} for {} in vectors of 128 bits: {schedule}",
                best.tier()
            )
        }
    }

    /// To standard output.
    fn print(&self, code: &[u8]) -> Result<(), Failure> {
        if self.form == Form::Object {
            if io::stdout().is_terminal() {
                return Err(Failure::ObjectOnTerminal);
            }
            return output::print_bytes(code);
        }
        let end = code.trim_ascii_end().len();
        output::print_bytes(&[&code[..end], b"\n"].concat())
    }
}

#[cfg(feature = "jit")]
fn cranelift(args: &EmitArgs, function: &Function) -> Result<String, Failure> {
    let machine = clif::isa(args.target).map_err(Failure::machine)?;
    Ok(clif::text(&clif::emit(function, &*machine)?))
}

#[cfg(not(feature = "jit"))]
fn cranelift(_args: &EmitArgs, _function: &Function) -> Result<String, Failure> {
    Err(Failure::NoCranelift)
}

#[cfg(feature = "asm")]
fn object(args: &EmitArgs, function: Function) -> Result<Vec<u8>, Failure> {
    let machine = clif::isa(args.target).map_err(Failure::machine)?;
    Ok(clif::object(&[function], machine)?)
}

#[cfg(not(feature = "asm"))]
fn object(_args: &EmitArgs, _function: Function) -> Result<Vec<u8>, Failure> {
    Err(Failure::NoMachineCode)
}

/// Assembly, and what there is to say about it.
#[cfg(feature = "asm")]
fn assembly(args: &EmitArgs, spec: &KernelSpec) -> Result<(String, String), Failure> {
    let asm::Assembly { text, note } = asm::assembly(args, spec)?;
    Ok((text, note))
}

#[cfg(not(feature = "asm"))]
fn assembly(_args: &EmitArgs, _spec: &KernelSpec) -> Result<(String, String), Failure> {
    Err(Failure::NoMachineCode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_is_a_name_and_a_number() {
        let binding: Binding = " rows = 4096".parse().unwrap();
        assert_eq!(
            binding,
            Binding {
                name: "rows".to_owned(),
                value: 4096
            }
        );
        for wrong in ["", "rows", "rows=", "rows=x", "rows=-1", "=", "rows:1"] {
            let message = wrong.parse::<Binding>().unwrap_err();
            assert_eq!(
                message, "expected NAME=NUMBER, such as rows=4096",
                "{wrong:?}"
            );
        }
    }
}
