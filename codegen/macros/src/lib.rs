//! `#[ternary_kernel]`: specialised ternary kernels from one attribute, whose page says what
//! it takes: [`macro@ternary_kernel`]. `atome-kernels` has it too, with what its kernels need.
//!
//! | file | concept |
//! |---|---|
//! | `parse` | the attribute and the function, as written |
//! | `check`, `suggest` | what the attribute's arguments mean |
//! | `signature`, `dims` | the function's arguments; where open dimensions come from |
//! | `expand`, `lengths`, `call` | the wrapper and the kernels in it |
//! | `reference_test` | the scalar body and its test |
//! | `aot`, `safe` | the tables of `atome-kernels`, and safe functions over them |
//! | `errors` | all mistakes of one use, together |
#![forbid(unsafe_code)]

mod aot;
mod call;
mod check;
mod dims;
mod errors;
mod expand;
mod lengths;
mod parse;
mod reference_test;
mod safe;
mod signature;
mod suggest;

use errors::Errors;
use proc_macro2::TokenStream;
use quote::quote;

/// Generates a kernel of fixed shape behind a safe function.
///
/// ```
/// use atome_kernels::{KernelError, packing, ternary_kernel};
///
/// /// Four outputs of three inputs.
/// #[ternary_kernel(op = "gemv", rows = 4, cols = 3, packing = "int2")]
/// fn project(w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) -> Result<(), KernelError>;
///
/// let trits = [1, 0, -1, 0, 0, 0, 1, 1, 1, -1, 0, 0];
/// let mut w = [0; packing::gemv::words(4, 3)];
/// packing::gemv::pack_into(&trits, 4, 3, &mut w)?;
/// let mut out = [0.0; 4];
/// project(&w, &[1.0, 2.0, 4.0], 0.5, &mut out)?;
/// assert_eq!(out, [-1.5, 0.0, 3.5, -0.5]);
/// assert!(project(&w, &[1.0, 2.0], 0.5, &mut out).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Keys
/// | key | value |
/// |---|---|
/// | `op` | `embed`, `gemv`, `gemm`, `conv1d`, `scan`, `quantize`, `rms_quantize` or `map` |
/// | `expr` | a row-wise expression, see below; the op is `map` then |
/// | a dimension of the op | a whole number: the kernel is unrolled and folded for it; or a constant, see below |
/// | `packing` | `int2`; `base3` for `embed`, and for `gemv` and `gemm` with `i8` activations; `sorted` for these two, which are then looked up |
/// | `activation` | `f32` (default); `i8` for `gemv` and `gemm` too |
/// | `method` | with f32 activations `select`: add, subtract or skip; with `i8` `dot` (default), `lut` or `select` |
/// | `cpu` | `dispatch` (default): kernels for every tier of the architecture, the best one called; or one tier or target |
/// | `crate` | path of `atome-kernels`, if it is not `::atome_kernels`: `crate = ::kernels` where `Cargo.toml` says `kernels = { package = "atome-kernels", .. }` |
///
/// # Arguments
/// The function takes the op's buffers and scalars by name, in any order, and returns
/// `Result<(), KernelError>`. Packed weights and int8 activations are `[u32]`, ids and sums
/// `[i32]`, all else `f32`.
///
/// | op | dimensions | arguments |
/// |---|---|---|
/// | `embed` | `vocab`, `d_model`, `tokens` | `ids`, `table`, `out`, `scale` |
/// | `gemv` | `rows`, `cols` | `w`, `x`, `out`, `scale` |
/// | `gemm` | `rows`, `cols`, `tokens`, `out_stride` | `w`, `x`, `out`, `scale` |
/// | `gemv`, `gemm` with `i8` | the same | `w`, `x`, `x_scale`, `x_sum`, `out`, `scale` |
/// | `conv1d` | `channels`, `taps`, `tokens` | `w`, `x`, `history`, `out`, `scale` |
/// | `scan` | `channels`, `tokens` | `decay`, `b`, `c`, `x`, `state`, `out` |
/// | `quantize` | `width`, `rows` | `x`, `q`, `q_scale`, `q_sum` |
/// | `rms_quantize` | `width`, `rows` | `x`, `gamma`, `q`, `q_scale`, `q_sum`, `eps` |
/// | `map` | `tokens`; `channels`, or `heads` and `head_dim`; `NAME_stride` of each row | the operands of the expression |
///
/// A dimension that the attribute leaves open is found from the length of a slice, or is an
/// argument `name: usize`. Ranges and lengths are checked before anything is written; nothing that
/// safe code passes is undefined behaviour or a panic.
///
/// # Expressions
/// `expr` makes one kernel of a chain of elementwise functions, or of a recurrence of them, in one pass
/// over memory. Its operands come first: a `row` has a value for each token and channel, a `gain` one for each
/// channel, a `state` one for each channel that a token leaves to the next; `per head` the channels
/// of a head share it. The statements use `+ - * /`, `min`, `max`, `abs`, `sqrt`, `exp`, `tanh`, `sigmoid`, `silu`,
/// `softplus`, `squared_relu` and `select(a < b, x, y)`; names that are no operands are values in between.
///
/// ```
/// # use atome_kernels::{KernelError, ternary_kernel};
/// /// A gated recurrence of 64 channels.
/// #[ternary_kernel(
///     expr = "(f: row, i: row, g: row, h: state, y: row) {
///         k = sigmoid(f)
///         h = k * h + silu(i) * (1 - k)
///         y = h * silu(g)
///     }",
///     channels = 64
/// )]
/// fn mix(
///     tokens: usize,
///     f: &[f32],
///     i: &[f32],
///     g: &[f32],
///     h: &mut [f32],
///     y: &mut [f32],
/// ) -> Result<(), KernelError>;
///
/// let (mut h, mut y) = ([0.0; 64], [0.0; 128]);
/// mix(2, &[0.0; 128], &[40.0; 128], &[40.0; 128], &mut h, &mut y)?;
/// assert_eq!((y[0], y[64]), (20.0 * 40.0, 30.0 * 40.0));
/// # Ok::<(), KernelError>(())
/// ```
///
/// The `q`, `q_scale` and `q_sum` that `quantize` writes are the `x`, `x_scale` and `x_sum` of
/// `gemv` and `gemm` with `activation = "i8"`:
///
/// ```
/// # use atome_kernels::{KernelError, packing, ternary_kernel};
/// const WIDTH: usize = 20;
///
/// #[ternary_kernel(op = "quantize", rows = 1, width = WIDTH)]
/// fn quantize(
///     x: &[f32],
///     q: &mut [u32],
///     q_scale: &mut [f32],
///     q_sum: &mut [i32],
/// ) -> Result<(), KernelError>;
///
/// #[ternary_kernel(op = "gemv", rows = 2, cols = WIDTH, packing = "int2", activation = "i8")]
/// fn project(
///     w: &[u32],
///     x: &[u32],
///     x_scale: &[f32],
///     x_sum: &[i32],
///     scale: f32,
///     out: &mut [f32],
/// ) -> Result<(), KernelError>;
///
/// let mut w = [0; packing::gemv::words(2, WIDTH)];
/// packing::gemv::pack_into(&[1; 2 * WIDTH], 2, WIDTH, &mut w)?;
/// let (mut q, mut q_scale, mut q_sum) = ([0; packing::int8::words(1, WIDTH)], [0.0], [0]);
/// quantize(&[0.5; WIDTH], &mut q, &mut q_scale, &mut q_sum)?;
/// let mut out = [0.0; 2];
/// project(&w, &q, &q_scale, &q_sum, 1.0, &mut out)?;
/// assert!((out[0] - 10.0).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Constants
/// An attribute is expanded before constants have values, so what depends on one, as in
/// `cols = WIDTH`, is a parameter of the generated code: its value is held to the dimension's range
/// when the crate is compiled, and lengths are checked against it, but loops are not unrolled
/// for it. Write the number where that matters.
///
/// # Where it works
/// In crates of every edition, `no_std` and `no_implicit_prelude` ones too, with `warnings` and
/// clippy's `pedantic` and `nursery` lints denied. The generated functions contain `unsafe` code
/// behind checked arguments. `#![forbid(unsafe_code)]` accepts them nevertheless, because rustc does not
/// apply that lint to what the attribute of another crate expands to: it says that *your* code has none.
/// Clippy's lints are not so: the generated code allows the usual groups, so `deny` them, but do not
/// `forbid` them. The function is a free one, without `self` and generics.
///
/// # A function with a body
/// The body is kept as `NAME_reference`, and a test, `NAME_agrees_with_its_reference`, holds
/// the kernel to it bit for bit.
#[proc_macro_attribute]
pub fn ternary_kernel(
    attribute: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    attribute_kernel(attribute.into(), item.into()).into()
}

/// The kernels of one tier with every dimension open, for `atome-kernels` itself.
#[doc(hidden)]
#[proc_macro]
pub fn aot_kernels(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as aot::Input);
    aot::expand(&input)
        .unwrap_or_else(|e| e.to_compile_error())
        .into()
}

/// A safe function for each kernel of those tables, for `atome-kernels` itself.
#[doc(hidden)]
#[proc_macro]
pub fn safe_functions(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    safe::expand()
        .unwrap_or_else(|e| e.to_compile_error())
        .into()
}

/// Parse, check, expand; on any mistake all of them, and the item as it was.
fn attribute_kernel(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = parse::args(attribute, &mut errors);
    let item: parse::Item = match syn::parse2(item.clone()) {
        Ok(parsed) => parsed,
        Err(e) => {
            let error = e.into_compile_error();
            return quote!(#error #item);
        }
    };
    let expanded = checked(&args, &item, &mut errors);
    match expanded {
        Some(tokens) if errors.is_empty() => tokens,
        _ => {
            let (errors, item) = (errors.into_tokens(), item.placeholder());
            quote!(#errors #item)
        }
    }
}

fn checked(args: &[parse::Arg], item: &parse::Item, errors: &mut Errors) -> Option<TokenStream> {
    let checked = check::check(args, errors);
    let spec = checked.spec.as_ref()?;
    let kernel = spec.signature();
    let arguments = signature::check(&item.sig, &checked, spec, &kernel, errors);
    let dims = dims::sources(&checked, &item.sig, &kernel, &arguments, args, errors);
    if !errors.is_empty() {
        return None;
    }
    let kernel = expand::Kernel {
        item,
        spec,
        cpu: checked.cpu,
        krate: &checked.krate,
        signature: &kernel,
        arguments: &arguments,
        dims: &dims,
    };
    expand::expand(&kernel).map_err(|e| errors.push(e)).ok()
}
