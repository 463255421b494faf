//! `include_model!`: a model inside a program, without heap, `std` or loader: [`include_model!`] says what it
//! takes and makes.
//!
//! | file | concept |
//! |---|---|
//! | `parse` | the macro's arguments |
//! | `expand` | from a model's file to the items of a module |
#![forbid(unsafe_code)]

mod expand;
mod parse;

/// The model of a file, as items of the module that the macro stands in: `Model`, the `Memory` that it works in, and
/// `Error`.
///
/// The file is read when the crate is compiled. Its weights become a static, as kernels read them, which stays in flash;
/// its calls become functions for its shapes; nothing is allocated, nothing panics, and nothing but `core` is needed. The
/// logits are those of the runtime, bit for bit.
///
/// ```ignore
/// mod model {
///     atome_embed::include_model!("water.atomecl", config = "atomecl.json");
/// }
///
/// static mut MEMORY: model::Memory = model::Memory::new();   // or on the stack: model::Model::STATE bytes
///
/// let mut model = model::Model::new(&mut memory);
/// let class = model.classify(b"some text")?;
/// ```
///
/// | argument | value |
/// |---|---|
/// | the first | the model's file, from the folder of the source file; any format that `atome run` reads, but for directories |
/// | `config` | the `.json` with the dimensions of an `ATOME` file; by itself that beside the model |
/// | `block` | tokens that a prompt is read in at once, 1 by itself: more is more memory, and fewer reads of the weights |
/// | `cpu` | one instruction set, such as `"portable"` or `"avx2"`: only its kernels, and portable ones for targets without it; by itself there are `avx512f`, `avx2`, `sse4.1`, `neon` and `portable`, and the first is taken that the target has |
/// | `straight` | names of matrices, as `["head", "blocks.0.*"]`, that become code instead of data: an addition or subtraction for each weight that is not 0 |
/// | `packing` | `"int2"` or `"base3"`, of tables and of matrices that multiply int8 activations |
/// | `activations` | `"f32"` or `"i8"`, where a model leaves it open |
/// | `context` | positions that attention looks back, where a model leaves it open |
///
/// A model with rotary positions is refused: their cosines need more than `core` has.
#[proc_macro]
pub fn include_model(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let folder = expand::folder(input.clone());
    let args = syn::parse_macro_input!(input as parse::Args);
    expand::expand(&args, &folder)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
