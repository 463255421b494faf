//! The command line of a training.

use crate::args::{real, threads, whole};
use crate::input;
use atome::classify::Encoding;
use atome_train::{Cadence, MAX_STEPS, Paths, Settings};
use clap::Args;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// What samples continue, if nobody says.
const PROMPT: &str = "And ";
const SAMPLE_BYTES: usize = 200;

/// Train a ternary model of the Atome family on a text, or a classifier on labelled texts
///
/// Tokens are bytes. The end of the text is held out and never trained on; the model with the
/// lowest loss on it is kept, packed and ready for `atome run`. Of labelled texts some are held out, by a hash of
/// the text: by one half of them the model, its temperature and the threshold of sure answers are chosen, on the other
/// it is reported how good it is; the model is ready for `atome classify`. Beside it go a checkpoint, to go
/// on with after an interruption, and the loss curve as SVG. Ctrl-C stops after the current step
/// and saves, a second one stops at once and does not (exit code 130). The same text, settings and seed give the same model, whatever the
/// interruptions and the number of threads.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The text; `-` reads it from standard input
    #[arg(long, value_name = "FILE", required_unless_present = "labels")]
    text: Option<PathBuf>,

    /// Labelled texts: lines of {"label": "..", "text": ".."}, or of a label, a tab and a text; `-` reads them from
    /// standard input. Texts labelled `?` are of none of the other classes
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    labels: Option<PathBuf>,

    /// The texts of --labels are bytes, in two hexadecimal digits each
    #[arg(long, requires = "labels", conflicts_with = "text")]
    hex: bool,

    /// Where the model goes; beside it go NAME.checkpoint and NAME.svg, of a classifier NAME.report.svg too. Files of these names that
    /// `atome train` wrote are replaced, others only with --force, the text never
    #[arg(long, value_name = "MODEL")]
    pub(super) out: PathBuf,

    /// Go on from the checkpoint; what is not given is taken from it. The steps, and what is under
    /// "Watching", may change
    #[arg(long, conflicts_with = "restart")]
    pub(super) resume: bool,

    /// Begin anew although there is a checkpoint
    #[arg(long)]
    pub(super) restart: bool,

    /// Replace files that `atome train` did not write
    #[arg(long)]
    pub(super) force: bool,

    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    pub(super) threads: Option<usize>,

    /// Print one JSON object at the end
    #[arg(long)]
    pub(super) json: bool,

    /// Say nothing on standard error unless something fails
    #[arg(long, short)]
    pub(super) quiet: bool,

    #[command(flatten)]
    shape: ShapeArgs,

    #[command(flatten)]
    course: CourseArgs,

    #[command(flatten)]
    pub(super) watching: WatchingArgs,
}

/// Dimensions of the model.
#[derive(Debug, Args)]
#[command(next_help_heading = "Shape")]
struct ShapeArgs {
    /// Width of the residual stream [default: 128; of a classifier 32]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    d_model: Option<usize>,

    /// Blocks [default: 4; of a classifier 2]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    n_layers: Option<usize>,

    /// Width of a query and of a key [default: 32; of a classifier 8]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    d_head: Option<usize>,

    /// Positions that attention keeps [default: 4]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    top_k: Option<usize>,

    /// Taps of the convolution [default: 5]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    kernel_size: Option<usize>,

    /// Bytes of a training sequence, or of a labelled text that are looked at, and positions of the model's attention cache
    /// [default: 128; of a classifier 32]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    sequence: Option<usize>,
}

/// The course of the training.
#[derive(Debug, Args)]
#[command(next_help_heading = "Course")]
struct CourseArgs {
    /// Steps of the whole training [default: 1000; of a classifier 3000]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = steps, allow_negative_numbers = true)]
    steps: Option<u64>,

    /// Sequences of a step, or labelled texts [default: 16; of a classifier 64]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = whole::<usize>, allow_negative_numbers = true)]
    batch: Option<usize>,

    /// Learning rate of AdamW, which moves everything else, at its highest [default: 0.006]
    #[arg(long, value_name = "X")]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    learning_rate: Option<f64>,

    /// Learning rate of Muon, which moves the projections, at its highest [default: 0.004]
    #[arg(long, value_name = "X")]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    matrix_rate: Option<f64>,

    /// What Muon's running mean keeps of itself in a step [default: 0.85]
    #[arg(long, value_name = "X")]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    momentum: Option<f64>,

    /// Learning rates at the end, as a part of the highest [default: 0.02]
    #[arg(long, value_name = "X")]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    final_rate: Option<f64>,

    /// Steps over which the learning rate rises from 0 [default: 100]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = whole::<u64>, allow_negative_numbers = true)]
    warmup: Option<u64>,

    /// Weight decay of the latent ternary weights [default: 0.02]
    #[arg(long, value_name = "X")]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    weight_decay: Option<f64>,

    /// Greatest norm of the gradient [default: 1]
    #[arg(long, value_name = "X")]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    clip: Option<f64>,

    /// Part of the text, at its end, or of the labelled texts that is held out [default: 0.05; of a classifier 0.2]
    #[arg(long, value_name = "X")]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    held_out: Option<f64>,

    /// The power of how rare a class is that its texts weigh by: 0 for all the same, 1 for as much as those of any other class
    /// together [default: 1]
    #[arg(long, value_name = "X", requires = "labels", conflicts_with = "text")]
    #[arg(value_parser = real, allow_negative_numbers = true)]
    balance: Option<f64>,

    /// Seed of the initial weights and the batches [default: 1]
    #[arg(long, value_name = "S")]
    #[arg(value_parser = whole::<u64>, allow_negative_numbers = true)]
    seed: Option<u64>,
}

/// When the training looks at itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Watching")]
pub(super) struct WatchingArgs {
    /// Steps between evaluations on the held-out text, each followed by a checkpoint
    /// [default: a twentieth of all, but 500 at most]
    #[arg(long, value_name = "N", value_parser = steps, allow_negative_numbers = true)]
    evaluate_every: Option<u64>,

    /// Steps between samples of what the model writes; 0 for none [default: at every fourth
    /// evaluation]
    #[arg(long, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
    pub(super) sample_every: Option<u64>,

    /// What samples continue [default: "And "]
    #[arg(long, value_name = "TEXT")]
    pub(super) prompt: Option<String>,

    /// Share of the texts of a classifier that are to have a sure answer, from 0 to 1 [default: 0.9]
    #[arg(long, value_name = "X", requires = "labels", conflicts_with = "text")]
    #[arg(value_parser = share, allow_negative_numbers = true)]
    coverage: Option<f64>,
}

/// Share of texts with a sure answer, if nobody says.
const COVERAGE: f64 = 0.9;

/// Parses a share.
fn share(text: &str) -> Result<f64, &'static str> {
    let share = text.parse().ok().filter(|x| (0.0..=1.0).contains(x));
    share.ok_or("expected a number from 0 to 1, such as 0.9")
}

/// Parses a number of steps.
fn steps(text: &str) -> Result<u64, String> {
    let steps = text.parse().ok().filter(|n| (1..=MAX_STEPS).contains(n));
    steps.ok_or_else(|| format!("expected a whole number from 1 to {MAX_STEPS}"))
}

impl TrainArgs {
    /// The file that is learned from.
    pub(super) fn source(&self) -> &Path {
        // The command line has one of both.
        let given = self.labels.as_deref().or(self.text.as_deref());
        given.unwrap_or(Path::new("-"))
    }

    /// How the file spells labelled texts, if it has such.
    pub(super) fn encoding(&self) -> Option<Encoding> {
        self.labels.as_ref().map(|_| match self.hex {
            true => Encoding::Hex,
            false => Encoding::Text,
        })
    }

    /// The settings where nobody asks for others.
    pub(super) fn defaults(&self) -> Settings {
        match self.labels {
            Some(_) => Settings::classifier(),
            None => Settings::default(),
        }
    }

    /// Where the training leaves its files.
    pub(super) fn paths(&self) -> Paths {
        match self.labels {
            Some(_) => Paths::beside_classifier(&self.out),
            None => Paths::beside(&self.out),
        }
    }

    /// The settings that were asked for; what was not is as in `rest`.
    pub(super) fn settings(&self, rest: &Settings) -> Settings {
        let (shape, course) = (&self.shape, &self.course);
        Settings {
            d_model: shape.d_model.unwrap_or(rest.d_model),
            n_layers: shape.n_layers.unwrap_or(rest.n_layers),
            d_head: shape.d_head.unwrap_or(rest.d_head),
            top_k: shape.top_k.unwrap_or(rest.top_k),
            kernel_size: shape.kernel_size.unwrap_or(rest.kernel_size),
            sequence: shape.sequence.unwrap_or(rest.sequence),
            steps: course.steps.unwrap_or(rest.steps),
            batch: course.batch.unwrap_or(rest.batch),
            learning_rate: course.learning_rate.unwrap_or(rest.learning_rate),
            matrix_rate: course.matrix_rate.unwrap_or(rest.matrix_rate),
            momentum: course.momentum.unwrap_or(rest.momentum),
            final_rate: course.final_rate.unwrap_or(rest.final_rate),
            warmup: course.warmup.unwrap_or(rest.warmup),
            weight_decay: course.weight_decay.unwrap_or(rest.weight_decay),
            clip: course.clip.unwrap_or(rest.clip),
            held_out: course.held_out.unwrap_or(rest.held_out),
            balance: course.balance.unwrap_or(rest.balance),
            seed: course.seed.unwrap_or(rest.seed),
        }
    }

    /// When to evaluate and to write samples; what was not asked for is as in `rest`.
    pub(super) fn cadence(
        &self,
        settings: &Settings,
        rest: Option<&Cadence>,
        bytes: usize,
    ) -> Cadence {
        let watching = &self.watching;
        let twentieth = (settings.steps / 20).clamp(1, 500);
        let evaluate = rest.map_or(twentieth, |rest| rest.evaluate);
        let evaluate = watching.evaluate_every.unwrap_or(evaluate);
        let sample = rest.map_or(4 * evaluate, |rest| rest.sample);
        let (sample, unit) = match self.labels {
            Some(_) => (0, "texts"),
            None => (watching.sample_every.unwrap_or(sample), "bytes"),
        };
        let coverage = rest.map_or(COVERAGE, |rest| rest.coverage);
        let prompt = || rest.map_or(PROMPT.into(), |rest| rest.prompt.clone());
        let given = watching.prompt.as_ref();
        Cadence {
            evaluate,
            sample,
            prompt: given.map_or_else(prompt, |prompt| prompt.clone().into_bytes()),
            sample_bytes: SAMPLE_BYTES,
            coverage: watching.coverage.unwrap_or(coverage),
            provenance: Some(format!(
                "trained by `atome train` on {} ({bytes} bytes), {} steps of {}{unit}, seed {}",
                self.text_name(),
                settings.steps,
                match self.labels {
                    Some(_) => format!("{} ", settings.batch),
                    None => format!("{} x {} ", settings.batch, settings.sequence),
                },
                settings.seed,
            )),
        }
    }

    fn text_name(&self) -> Cow<'_, str> {
        if input::is_standard(self.source()) {
            return "standard input".into();
        }
        self.source()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[derive(clap::Parser)]
    struct Train {
        #[command(flatten)]
        args: TrainArgs,
    }

    #[test]
    fn the_defaults_are_those_that_help_tells() {
        let command = Train::command();
        let values = |settings| serde_json::to_value(settings).expect("JSON");
        let (settings, others) = (values(Settings::default()), values(Settings::classifier()));
        for (name, value) in settings.as_object().expect("an object") {
            let arg = command.get_arguments().find(|arg| arg.get_id() == name);
            let help = arg
                .expect("an option")
                .get_help()
                .expect("help")
                .to_string();
            let number = |value: &serde_json::Value| value.as_f64().expect("a number");
            let (value, other) = (number(value), number(&others[name]));
            let expected = match value == other {
                true => format!("[default: {value}]"),
                false => format!("[default: {value}; of a classifier {other}]"),
            };
            assert!(help.ends_with(&expected), "{name}: {help}");
        }
        let Train { args } = clap::Parser::parse_from(["train", "--text", "x", "--out", "y"]);
        assert_eq!(args.settings(&args.defaults()), Settings::default());
        let Train { args } = clap::Parser::parse_from(["train", "--labels", "x", "--out", "y"]);
        assert_eq!(args.settings(&args.defaults()), Settings::classifier());
    }
}
