//! A model as Rust source that needs nothing: no heap, no `std`, no other crate. Its weights are a static, which stays in
//! flash; its state and all that a step works in are memory that whoever runs it gives; its calls are those of the proved
//! plan, with offsets that the compiler knows. The bits are those of the runtime.
//!
//! | file | concept |
//! |---|---|
//! | `image` | the bytes of the weights and constants that the code reads |
//! | `kernels` | the functions that calls call, for each instruction set |
//! | `entries` | the calls of a step, or of a block, and of the head |
//! | `straight` | matrices as code: an addition or a subtraction for each weight that is not 0 |
//! | `top_k` | the selection of attention, for few positions |
//! | `door` | what is public: the model, its memory, its errors |
//! | `object` | the same for a linker, with the feature `object` |

mod door;
mod entries;
mod image;
mod kernels;
#[cfg(feature = "object")]
mod object;
mod straight;
mod top_k;

#[cfg(feature = "object")]
pub use object::{Object, object};

use crate::checkpoint::Checkpoint;
use crate::model::plan_with;
use crate::plan::{Content, Placing, Plan, Proved, Section, Tensor};
use crate::{LoadError, Options, PrepareError};
use atome_codegen::CodegenError;
use atome_codegen::emit::rust::EmitError;
use atome_spec::{Activation, Isa, Packing};
use proc_macro2::TokenStream;
use quote::quote;

/// What offsets in the weights and in a model's memory are multiples of, in bytes.
pub const ALIGN: usize = 16;

/// Most tokens of [`Settings::block`].
pub const MAX_BLOCK: usize = 4096;

/// How a model becomes source.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Tokens that a prompt is read in at once. With 1 there is code for one token alone; with more, for any number up to
    /// it, which one token runs too.
    pub block: usize,
    /// As in [`Options`].
    pub packing: Option<Packing>,
    /// As in [`Options`].
    pub activations: Option<Activation>,
    /// As in [`Options`].
    pub context: Option<usize>,
    /// The instruction sets there are kernels for, the best first; the compiler takes the first that its target has.
    /// [`Isa::Portable`] is always among them.
    pub isas: Vec<Isa>,
    /// Names of matrices, or of several with a `*` for any letters, that become code: an addition or a subtraction for each
    /// weight that is not 0.
    pub straight: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            block: 1,
            packing: None,
            activations: None,
            context: None,
            isas: vec![Isa::Avx512, Isa::Avx2, Isa::Sse41, Isa::Neon],
            straight: Vec::new(),
        }
    }
}

/// Where the code finds the weights.
#[derive(Clone, Copy, Debug)]
pub enum Weights<'a> {
    /// In a literal of the source.
    Literal,
    /// In a file, by a path that the source can include.
    File(&'a str),
}

/// A model as source.
#[derive(Debug)]
pub struct Embedded {
    /// What the source says, but for the weights.
    items: TokenStream,
    /// The weights and constants, as kernels read them.
    pub weights: Vec<u8>,
    /// Bytes of the memory that a model works in.
    pub memory_bytes: usize,
}

/// Why a model cannot become source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The model cannot be planned.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A kernel cannot be made.
    #[error(transparent)]
    Codegen(#[from] CodegenError),
    /// A kernel has no form in Rust: a fault of the compiler.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The model's rows turn by the position of their token.
    #[error(
        "expected a model without rotary positions, found {pairs} angles a token: their cosines need more than `core` has"
    )]
    Angles {
        /// Angles of a token.
        pairs: usize,
    },
    /// No matrix that could become code has the name.
    #[error(
        "expected a ternary matrix of f32 activations to write as code, found none called `{name}`; there are {known}"
    )]
    Straight {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// There is no code for the target here.
    #[cfg(feature = "object")]
    #[error(transparent)]
    Machine(atome_codegen::emit::clif::EmitError),
    /// A kernel cannot be compiled in wide vectors.
    #[cfg(feature = "object")]
    #[error(transparent)]
    Wide(atome_codegen::emit::x86::EmitError),
    /// A function cannot be compiled.
    #[cfg(feature = "object")]
    #[error(transparent)]
    Object(Box<cranelift_module::ModuleError>),
    /// The object file cannot be written.
    #[cfg(feature = "object")]
    #[error("cannot write the object file: {0}")]
    Write(String),
}

impl EmbedError {
    /// Whether something was asked for that the model or this build does not have.
    #[must_use]
    pub fn is_request(&self) -> bool {
        match self {
            Self::Angles { .. } | Self::Straight { .. } => true,
            #[cfg(feature = "object")]
            Self::Machine(cause) => cause.is_request(),
            _ => false,
        }
    }
}

impl From<PrepareError> for EmbedError {
    fn from(cause: PrepareError) -> Self {
        Self::Load(cause.into())
    }
}

impl Embedded {
    /// The items of a module: `Model`, `Memory`, `Error`, and what they need, which is private.
    pub fn source(&self, weights: Weights<'_>) -> TokenStream {
        let items = &self.items;
        let weights = image::statics(&self.weights, weights);
        quote!(#items #weights)
    }
}

/// Makes source of a model.
///
/// # Errors
/// If the model is refused as [`Model`](crate::Model) would refuse it, or needs what source cannot have.
pub fn embed(model: &Checkpoint, settings: &Settings) -> Result<Embedded, EmbedError> {
    let (plan, contents) = planned(model, settings, ALIGN)?;
    let straight = straight::Straight::find(&plan, &contents, settings)?;
    let entries = entries::Entries::new(&plan, settings.block, &straight);
    let image = image::Image::new(&plan, &contents, entries.shared(), ALIGN)?;
    let kernels = kernels::modules(entries.specs(), settings)?;
    let calls = entries.functions(&image);
    let top_k = top_k::source();
    let straight = straight.functions();
    let door = door(&plan, model, &image, settings.block);
    let memory_bytes = door.memory_bytes();
    let door = door.items();
    let items = quote! {
        #door
        #kernels
        #calls
        #straight
        #top_k
    };
    Ok(Embedded {
        items,
        weights: image.bytes,
        memory_bytes,
    })
}

/// The proved plan of a model, whose offsets are multiples of `align`, and what fills its weights and constants.
fn planned<'m>(
    model: &'m Checkpoint,
    settings: &Settings,
    align: usize,
) -> Result<ProvedPlan<'m>, EmbedError> {
    let options = Options {
        block: settings.block,
        packing: settings.packing,
        activations: settings.activations,
        context: settings.context,
        ..Options::default()
    };
    let placing = Placing {
        align,
        in_file: false,
    };
    // Nothing is looked up, so that one plan is for all instruction sets.
    let (_, planned) = plan_with(model, &options, Isa::Portable, placing)?;
    let proved = Proved::new(planned, model.config().vocab_size()).map_err(PrepareError::from)?;
    match proved.0.ports.angles {
        Some(angles) => Err(EmbedError::Angles {
            pairs: angles.pairs,
        }),
        None => Ok(proved),
    }
}

/// What there is to say of a planned model.
fn door<'p>(
    plan: &'p Plan,
    model: &Checkpoint,
    image: &image::Image,
    block: usize,
) -> door::Door<'p> {
    door::Door {
        plan,
        vocab: model.config().vocab_size(),
        classes: model.classes(),
        window: usize::try_from(plan.window).unwrap_or(usize::MAX),
        weights: image.bytes.len(),
        block,
    }
}

/// A plan that was proved, and its contents.
type ProvedPlan<'m> = (Proved, Vec<(Tensor, Content<'m>)>);

/// Whether a section is read alone.
fn is_shared(section: Section) -> bool {
    section.is_shared()
}
