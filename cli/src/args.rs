//! Flags that commands share, and the values of flags.

use crate::failure::Failure;
use crate::{config, output, progress};
use atome::tune::Tuning;
use atome::{BackendKind, Model, Options, Tier};
use atome_codegen::Schedule;
use atome_codegen::schedule::ParseError;
use atome_kernels::dispatch;
use atome_spec::{Activation, CacheType, Feature};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Most threads that may be asked for.
const MAX_THREADS: usize = 1024;

/// Bytes of a model from which its loading is shown.
const WORTH_A_BAR: usize = 64 << 20;

/// Flags of every command that loads a model.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadArgs {
    /// The model's dimensions; if not given, the `.json` file beside the model with the same stem
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) machine: MachineArgs,
}

/// How a model is run. The answer does not depend on any of these but the activations, the type of caches, and the context where
/// it is full.
#[derive(Clone, Debug, Args)]
pub(crate) struct MachineArgs {
    /// What runs the model: machine code made at load, kernels compiled ahead of time, or the
    /// interpreter
    #[arg(long, value_name = "KIND", default_value = "auto")]
    #[arg(value_parser = named::<BackendKind>(BackendKind::NAMES))]
    pub(crate) backend: BackendKind,

    /// Threads that share the work [default: chosen by the model's size; for `eval` all cores, for
    /// `bench` one]
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    pub(crate) threads: Option<usize>,

    /// CPU tier to use [default: the best that this machine has]
    #[arg(long, value_name = "TIER", value_parser = named::<Tier>(Tier::NAMES))]
    pub(crate) cpu: Option<Tier>,

    /// Run as on a CPU that lacks these features, to compare kinds of CPU: avxvnni, avx512vbmi,avx512vnni
    #[arg(long, value_name = "FEATURE,..", value_delimiter = ',', value_parser = named::<Feature>(Feature::NAMES))]
    #[arg(hide_possible_values = true)]
    pub(crate) without: Vec<Feature>,

    /// Use no kernel that multiplies by a weight
    #[arg(long)]
    pub(crate) no_multiply: bool,

    /// Run maps that follow each other one by one, not as one pass: the answer is the same
    #[arg(long)]
    pub(crate) no_fuse: bool,

    /// What products multiply, of a model that leaves it open: the answer depends on it
    #[arg(long, value_name = "TYPE", value_parser = activations())]
    pub(crate) activations: Option<Activation>,

    /// Positions that attention looks back, of a model that leaves it open [default: what its file says, at most 4096]
    #[arg(long, value_name = "N")]
    pub(crate) context: Option<usize>,

    /// What attention keeps keys and values in, of a model that does so in f32: f16 takes half the memory, and rounds them: the
    /// answer depends on it
    #[arg(long, value_name = "TYPE", value_parser = named::<CacheType>(CacheType::NAMES))]
    pub(crate) cache_type: Option<CacheType>,

    /// Run by the default kernels and threads, whatever `atome tune` has found
    #[arg(long)]
    pub(crate) no_tune: bool,

    /// Ask for no pages of 2 MB, for weights and what steps work in
    #[arg(long)]
    pub(crate) no_huge_pages: bool,

    /// Say nothing on standard error unless something fails
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl MachineArgs {
    /// The options for the library; the features to do without are forgone.
    pub(crate) fn options(&self) -> Options {
        self.without.iter().copied().for_each(dispatch::forgo);
        Options {
            backend: self.backend,
            tier: self.cpu,
            threads: self.threads,
            no_multiply: self.no_multiply,
            fuse: !self.no_fuse,
            activations: self.activations,
            context: self.context,
            cache_type: self.cache_type,
            tuning: match self.no_tune {
                true => Tuning::Off,
                false => Tuning::Find,
            },
            huge_pages: !self.no_huge_pages,
            ..Options::default()
        }
    }
}

impl LoadArgs {
    /// Loads a model, or the one inside this command, for one conversation.
    pub(crate) fn load(&self, model: Option<&Path>) -> Result<Model, Failure> {
        self.load_with(model, &self.machine.options())
    }

    /// Loads a model, or the one inside this command.
    pub(crate) fn load_with(
        &self,
        model: Option<&Path>,
        options: &Options,
    ) -> Result<Model, Failure> {
        let config = config::needed(self.config.as_deref(), model, self.machine.quiet)?;
        let loaded = match model {
            Some(model) => self.load_file(model, config, options)?,
            #[cfg(feature = "default-model")]
            None => Model::default_model(options)?,
            #[cfg(not(feature = "default-model"))]
            None => return Err(Failure::NoModel),
        };
        if let Some(why) = &loaded.info().tune_ignored {
            output::note(self.machine.quiet, why);
        }
        Ok(loaded)
    }

    /// Loads a model file, with a bar if it is large.
    fn load_file(
        &self,
        model: &Path,
        config: Option<&Path>,
        options: &Options,
    ) -> Result<Model, Failure> {
        let mut bar = None;
        let mut progress = |done, of| {
            if of >= WORTH_A_BAR {
                let new = || progress::bar(self.machine.quiet, of as u64, "load", "bytes");
                bar.get_or_insert_with(new).set(done);
            }
        };
        Ok(Model::load_with(model, config, options, &mut progress)?)
    }
}

/// Parses a name of the workspace's vocabulary; `--help` and errors list the names.
pub(crate) fn named<T>(names: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: FromStr + Clone + Send + Sync + 'static,
    T::Err: std::error::Error + Send + Sync,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

/// Parses what products multiply: `int8` is what kernels' names have as `i8`.
pub(crate) fn activations() -> impl TypedValueParser<Value = Activation> {
    let names = [
        PossibleValue::new("f32"),
        PossibleValue::new("int8").alias("i8"),
    ];
    PossibleValuesParser::new(names).map(|name| match name.as_str() {
        "f32" => Activation::F32,
        _ => Activation::I8,
    })
}

/// Parses a whole number of 0 or more that its type, one without a sign, has room for.
pub(crate) fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    let most = u64::MAX >> (u64::BITS as usize - 8 * size_of::<T>());
    text.parse()
        .map_err(|_| format!("expected a whole number from 0 to {most}"))
}

/// Parses a decimal number.
pub(crate) fn decimal(text: &str) -> Result<f32, &'static str> {
    text.parse().map_err(|_| "expected a number, such as 0.8")
}

/// Parses a decimal number.
#[cfg(feature = "train")]
pub(crate) fn real(text: &str) -> Result<f64, &'static str> {
    text.parse().map_err(|_| "expected a number, such as 0.004")
}

pub(crate) fn threads(text: &str) -> Result<usize, String> {
    let threads = text.parse().ok().filter(|n| (1..=MAX_THREADS).contains(n));
    threads.ok_or_else(|| format!("expected a whole number from 1 to {MAX_THREADS}"))
}

/// Parses a schedule that chooses something.
pub(crate) fn layout(text: &str) -> Result<Schedule, String> {
    if text.split([' ', ',']).all(str::is_empty) {
        return Err("expected FIELD=VALUE, such as mr=32".to_owned());
    }
    text.parse().map_err(|error| match error {
        // Which of the numbers suit the op is checked later.
        ParseError::Value { field, found } if found.parse::<i128>().is_ok() => format!(
            "`{field}` is {found}, expected a whole number from 0 to {}",
            u32::MAX
        ),
        error => error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_have_the_names_of_number_types() {
        #[derive(clap::Parser)]
        struct Flags {
            #[arg(value_parser = activations())]
            of: Activation,
        }
        let parsed = |name| <Flags as clap::Parser>::try_parse_from(["atome", name]);
        for (name, expected) in [
            ("f32", Activation::F32),
            ("int8", Activation::I8),
            ("i8", Activation::I8),
        ] {
            assert_eq!(parsed(name).ok().map(|flags| flags.of), Some(expected));
        }
        let refused = parsed("f16").err().map(|error| error.to_string());
        assert!(refused.is_some_and(|text| text.contains("f32, int8")));
    }

    #[test]
    fn ranges_are_said() {
        assert_eq!(whole::<u64>("18446744073709551615"), Ok(u64::MAX));
        let message = whole::<u64>("18446744073709551616").unwrap_err();
        assert_eq!(
            message,
            "expected a whole number from 0 to 18446744073709551615"
        );
        assert!(whole::<u8>("256").unwrap_err().ends_with(" to 255"));
    }
}
