use crate::args::named;
use crate::failure::Failure;
use crate::output;
#[cfg(feature = "jit")]
use atome_codegen::emit::clif;
use atome_codegen::emit::rust;
use atome_codegen::ir::Function;
use atome_codegen::{CodegenError, KernelSpec, compile, schedule, spec};
use atome_kernels::dispatch;
use atome_spec::{Activation, Isa, Method, Op, Packing, Target};
use clap::{Args, ValueEnum};
use std::str::FromStr;

/// Print the code that is generated for one kernel
///
/// Dimensions that --shape does not bind stay parameters of the kernel. The schedule is
/// reported on standard error.
#[derive(Debug, Args)]
pub(crate) struct EmitArgs {
    /// What the kernel computes
    #[arg(long, value_name = "OP", value_parser = named::<Op>(Op::NAMES))]
    op: Op,

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

    /// The machine to generate for
    #[arg(long, value_name = "T", default_value = "native")]
    #[arg(value_parser = named::<Target>(Target::NAMES))]
    target: Target,

    /// What to print
    #[arg(long = "as", value_name = "FORM", value_enum, default_value_t = Form::Ir)]
    form: Form,

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
    /// Cranelift IR, as compiled when a model is loaded
    Clif,
    /// The machine code made from the Cranelift IR
    Asm,
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
    let isa = args.isa();
    let function = compile(&spec, isa)?;
    let text = match args.form {
        Form::Ir => function.to_string(),
        Form::Rust => rust::emit_file(&function, isa)?,
        Form::Clif | Form::Asm => cranelift(args, &function)?,
    };
    let schedule = schedule::select(&spec, isa);
    output::note(
        args.quiet,
        format_args!("{} for {isa}: {schedule}", spec.name()),
    );
    output::print(&format!("{}\n", text.trim_end()))
}

impl EmitArgs {
    fn spec(&self) -> Result<KernelSpec, Failure> {
        let mut spec = KernelSpec::new(self.op).activation(self.activation);
        for Binding { name, value } in &self.shape {
            if spec.shape.contains_key(name) {
                return Err(Failure::RepeatedDim { name: name.clone() });
            }
            spec = spec.bind(name, *value);
        }
        let known = spec::packings(self.op, spec.activation);
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

    /// The instructions whose layout of the work suits the code: Cranelift's vectors have 128
    /// bits.
    fn isa(&self) -> Isa {
        let isa = self.target.isa().unwrap_or_else(best_isa);
        match self.form {
            Form::Clif | Form::Asm if isa.tier().vector_bits() > 128 => Isa::Sse41,
            _ => isa,
        }
    }
}

/// The best instructions of this machine.
fn best_isa() -> Isa {
    let tier = dispatch::detect();
    let known = tier.isas().iter().copied().find(|&isa| dispatch::has(isa));
    known.unwrap_or_else(|| tier.baseline())
}

#[cfg(feature = "jit")]
fn cranelift(args: &EmitArgs, function: &Function) -> Result<String, Failure> {
    let isa = clif::isa(args.target).map_err(|cause| match cause {
        clif::EmitError::NoBackend { .. } => Failure::NoMachine { cause },
        cause => cause.into(),
    })?;
    Ok(match args.form {
        Form::Asm => clif::asm(function, &*isa)?,
        _ => clif::text(&clif::emit(function, &*isa)?),
    })
}

#[cfg(not(feature = "jit"))]
fn cranelift(_args: &EmitArgs, _function: &Function) -> Result<String, Failure> {
    Err(Failure::NoCranelift)
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
